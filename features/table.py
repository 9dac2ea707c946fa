"""A table of feature vectors: what batch computes and training reads."""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import FeatureInfo, Integers, Matrix, PatternInfo


@dataclass(frozen=True)
class FeatureTable:
    """One row a scored event, in the ledger's time order `(effective_us, ordinal, seq)`.

    `values` is (n, d) float64 with NaN where missing; `status` holds positions in
    `features.contracts.vectors.STATUS_CODES`; `rules` holds 0 clear, 1 hit, 2 not applicable,
    3 insufficient a row and rule. `unit` labels what a review budget is spent on
    (`features.unit.unit_labels`).
    """

    scenario: str
    spec_hash: str
    kernel_version: str
    currency: str
    infos: tuple[FeatureInfo, ...]
    values: Matrix
    status: NDArray[np.int8]
    effective_us: Integers
    seq: Integers
    kind: NDArray[np.str_]
    event_id: NDArray[np.str_]
    version: Integers
    subject: NDArray[np.str_]
    peer_group: NDArray[np.str_]
    unit: NDArray[np.str_]
    amount_minor: Integers
    rules: dict[str, NDArray[np.int8]]
    patterns: tuple[PatternInfo, ...] = ()
    """What the scenario declares of features that tell one story together."""

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return tuple(info.name for info in self.infos)

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def digest(self) -> str:
        """SHA-256 of ids, values and statuses: the full content that a model was trained on."""
        sha = hashlib.sha256(self.spec_hash.encode())
        for text in (self.kind, self.event_id):
            sha.update("\x1f".join(text.tolist()).encode())
        for column in (self.version, self.values, self.status):
            sha.update(np.ascontiguousarray(column).tobytes())
        return sha.hexdigest()

    def rows(self, where: NDArray[np.bool_] | Integers) -> Self:
        """The table of the chosen rows."""
        return type(self)(
            scenario=self.scenario,
            spec_hash=self.spec_hash,
            kernel_version=self.kernel_version,
            currency=self.currency,
            infos=self.infos,
            values=self.values[where],
            status=self.status[where],
            effective_us=self.effective_us[where],
            seq=self.seq[where],
            kind=self.kind[where],
            event_id=self.event_id[where],
            version=self.version[where],
            subject=self.subject[where],
            peer_group=self.peer_group[where],
            unit=self.unit[where],
            amount_minor=self.amount_minor[where],
            rules={name: column[where] for name, column in self.rules.items()},
            patterns=self.patterns,
        )
