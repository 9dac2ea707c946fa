"""The model of one period: whoever screens what has happened fits on the very events he judges.

No label and no truth has a part in it. Each kind of event (the scenario's peer group) is held
against events of its own kind where there are enough of them, the rest against all: a payment
without a permit is unusual among payments, and nothing among filings. Families of features speak
together (`models.families`), and so do declared patterns (`models.panel`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.errors import InputError
from features.contracts.vectors import Integers, Matrix, Vector
from features.table import FeatureTable
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from models.fitting.families import Columns
from training.coverage import cover
from training.units import tail_p

LEAST: Final = 5_000
"""Events that a kind must have to be a reference by itself."""
REST: Final = ""
"""What the kinds with fewer are called together."""


@dataclass(frozen=True, eq=False)
class PeriodModel:
    """One ensemble a kind of event, and the scores and p-values of the rows it was fitted on."""

    names: tuple[str, ...]
    ensembles: Mapping[str, Ensemble]
    kind: NDArray[np.str_]
    """Which ensemble is for each row."""
    score: Vector
    p: Vector
    values: Matrix

    @classmethod
    def fit(
        cls,
        table: FeatureTable,
        *,
        left_out: Collection[str] = (),
        seed: int = 0,
        peers_apart: bool = True,
    ) -> Self:
        """Fit on the rows of `table` and score them; features in `left_out` are not for the model.

        Without `peers_apart` all rows are held against each other.

        Raises
        ------
        InputError
            No feature is known often enough and varies.
        """
        groups = table.peer_group if peers_apart else np.full(len(table), REST)
        kind = kinds_of(groups)
        ensembles: dict[str, Ensemble] = {}
        score, p = np.zeros(len(table)), np.ones(len(table))
        for name in np.unique(kind).tolist():
            rows = np.flatnonzero(kind == name)
            like = rows if name != REST or len(rows) >= LEAST else np.arange(len(table))
            ensemble = _fitted(table.rows(like), left_out, seed)
            ensembles[name] = ensemble
            held = ensemble.score(ensemble.arrange(table.values[like], table.names))
            score[rows] = held if like is rows else held[rows]
            p[rows] = tail_p(score[rows], np.sort(held))
        return cls(table.names, ensembles, kind, score, p, table.values)

    def contributions(self, at: Integers) -> Matrix:
        """What each feature added to the scores of the rows at some positions, 0 if not used."""
        out = np.zeros((len(at), len(self.names)))
        for name, ensemble in self.ensembles.items():
            mine = np.flatnonzero(self.kind[at] == name)
            if len(mine):
                x = ensemble.arrange(self.values[at[mine]], self.names)
                used = [self.names.index(each) for each in ensemble.feature_names]
                out[mine[:, np.newaxis], used] = ensemble.contributions(x)[1]
        return out


def kinds_of(peer_group: NDArray[np.str_]) -> NDArray[np.str_]:
    """Each row's peer group where it has enough rows to be a reference, else `REST`.

    >>> kinds_of(np.array(["paid"] * 5000 + ["filed"])).tolist()[-2:]
    ['paid', '']
    """
    groups, of_row, count = np.unique(peer_group, return_inverse=True, return_counts=True)
    kinds: NDArray[np.str_] = np.where(count >= LEAST, groups, REST)[of_row]
    return kinds


def _fitted(table: FeatureTable, left_out: Collection[str], seed: int) -> Ensemble:
    used = cover(table, left_out=left_out).used
    if not used:
        message = f"{table.scenario}: no feature is known often enough and varies; ingest more"
        raise InputError(message)
    at = [table.names.index(name) for name in used]
    return fit_ensemble(
        np.ascontiguousarray(table.values[:, at]),
        used,
        seed=seed,
        detectors=("families",),
        columns=Columns.of([table.infos[j] for j in at]),
        patterns=[pattern for each in table.patterns if (pattern := each.within(used))],
    )
