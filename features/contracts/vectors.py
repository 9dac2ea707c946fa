"""Feature vectors as they pass from the engine to a model: cells with a status and a meaning."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from features.contracts.events import Name
from features.contracts.verdicts import Peers, Status

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int8]
"""Positions in `STATUS_CODES`."""

STATUS_CODES: Final = (
    Status.OK,
    Status.NOT_APPLICABLE,
    Status.INSUFFICIENT,
    Status.ERROR,
    Status.IMPUTED,
)
"""Statuses by the small integer that stands for them in feature tables."""


class FeatureInfo(BaseModel):
    """What a reader must know of one feature; it travels inside every bundle.

    `unit` is the unit of `actual`, `typical`, `lo` and `hi` as shown (`CNY` style money units are
    written `money`: shown in the event's currency, minor units divided by 100). `family` groups
    features that tell one story. `tail` says which side is unusual.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title_zh: str
    title_en: str
    unit: str
    unit_zh: str
    family: str
    tail: str
    window_days: int | None
    why_zh: str
    why_en: str
    false_alarm_zh: str
    false_alarm_en: str
    source: str


class PatternPart(BaseModel):
    """One feature of a pattern, and the side of it that the pattern is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: Name
    side: Literal["high", "low", "both"]


class PatternInfo(BaseModel):
    """Features that tell one story together; each may be common by itself.

    It travels inside every bundle whose scenario declares it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title_zh: str
    title_en: str
    parts: Annotated[tuple[PatternPart, ...], Field(min_length=1)]
    source: str = ""

    def within(self, names: Collection[str]) -> "PatternInfo | None":
        """The pattern with those of its parts that are among `names`.

        None where fewer than two of several are left: what stands alone tells no story.
        """
        kept = tuple(part for part in self.parts if part.feature in names)
        enough = len(kept) >= min(2, len(self.parts))
        return self.model_copy(update={"parts": kept}) if enough else None


@dataclass(frozen=True, slots=True)
class Cell:
    """One feature's value for one event, with what it was compared with where that is known.

    `value` is what the model sees (NaN when missing). `actual`, `typical`, `lo`, `hi` are set by
    features that compare with peers themselves, in the feature's shown unit; for the others the
    bundle's own table of ordinary values stands in.
    """

    value: float
    status: Status
    actual: float | None = None
    typical: float | None = None
    lo: float | None = None
    hi: float | None = None
    peers: Peers | None = None


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """All cells of one event, in the order of the spec, as of a ledger watermark."""

    scenario: str
    spec_hash: str
    kernel_version: str
    as_of_seq: int
    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    peer_group: str
    """The event's coarse peer group, by which a bundle looks up ordinary values."""

    @property
    def values(self) -> Vector:
        """The values as a row of float64, NaN where missing."""
        return np.array([cell.value for cell in self.cells], dtype=np.float64)

    @property
    def digest(self) -> str:
        """SHA-256 of the ordered values, bit for bit."""
        return hashlib.sha256(self.values.tobytes()).hexdigest()
