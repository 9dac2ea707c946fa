"""What is ordinary: quantiles of each feature in each peer group of the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from features.contracts.verdicts import Peers
from models.arrays import Array, Arrays, take, take_gaps

EVERYONE: Final = "*"
"""The group of all training rows, which stands in where a group is too small."""
MIN_GROUP: Final = 30
_QUANTILES: Final = (0.05, 0.5, 0.95)


class Ordinary(NamedTuple):
    """The ordinary range of one feature among some peers, and who they are."""

    lo: float
    middle: float
    hi: float
    peers: Peers


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """5th, 50th and 95th percentile per peer group and feature; all rows are the group `*`.

    Quantiles are values that occurred (no interpolation), so that counts stay whole. A group has at
    least 30 rows with a value of the feature, or `*` stands in.

    >>> x = np.arange(100.0).reshape(-1, 1)
    >>> typical = Typical.fit(x, ["P12"] * 60 + ["P13"] * 40)
    >>> typical.groups, typical.lookup("P12", 0).middle, typical.lookup("P99", 0).peers.n
    (('*', 'P12', 'P13'), 29.0, 100)
    """

    groups: tuple[str, ...]
    quantiles: NDArray[np.float64]
    """(groups, features, 3); NaN where no row has a value."""
    counts: NDArray[np.int64]
    """(groups, features): rows that have a value."""

    @classmethod
    def fit(cls, x: Matrix, groups: Sequence[str]) -> Self:
        """Quantiles of the rows of `x`, whose peer groups are `groups`; NaN is no value."""
        labels, sizes = np.unique(np.asarray(groups, dtype=object), return_counts=True)
        kept = [
            str(label)
            for label, size in zip(labels, sizes, strict=True)
            if size >= MIN_GROUP and label != EVERYONE
        ]
        members = np.asarray(groups, dtype=object)
        parts = [x, *(x[members == label] for label in kept)]
        quantiles = np.array([[_quantiles(column) for column in part.T] for part in parts])
        counts = np.array([np.count_nonzero(~np.isnan(part), axis=0) for part in parts])
        return cls((EVERYONE, *kept), quantiles, counts.astype(np.int64))

    def lookup(self, group: str, feature: int) -> Ordinary | None:
        """The ordinary range in `group`, or among all rows; None where no row has a value."""
        level = 0
        row = self.groups.index(group) if group in self.groups else 0
        if row == 0 or self.counts[row, feature] < MIN_GROUP:
            row, level = 0, int(group != EVERYONE)
        if self.counts[row, feature] == 0:
            return None
        lo, middle, hi = (float(value) for value in self.quantiles[row, feature])
        n = int(self.counts[row, feature])
        return Ordinary(lo, middle, hi, Peers(key=self.groups[row], level=level, n=n))

    def arrays(self) -> dict[str, Array]:
        """Quantiles and counts; the groups' names are kept in the manifest."""
        return {"quantiles": self.quantiles, "counts": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, groups: Sequence[str], n_features: int) -> Self:
        """Build from `arrays()` and the manifest's group names."""
        if not groups or groups[0] != EVERYONE or len(set(groups)) < len(groups):
            raise CorruptBundleError(f"peer groups must be distinct and start with {EVERYONE!r}")
        shape = (len(groups), n_features)
        counts = take(arrays, "counts", np.int64, shape)
        quantiles = take_gaps(arrays, "quantiles", np.float64, (*shape, len(_QUANTILES)))
        known = np.isfinite(quantiles.sum(axis=2))
        rising = (np.diff(quantiles[known], axis=1) >= 0.0).all()
        if not (counts >= 0).all() or not np.array_equal(known, counts > 0) or not rising:
            raise CorruptBundleError(
                "array 'quantiles' must rise, and exist where 'counts' says so"
            )
        return cls(tuple(groups), quantiles, counts)


def _quantiles(column: Vector) -> Vector:
    """The three quantiles of what is not missing, as values that occurred."""
    present = column[~np.isnan(column)]
    if present.size == 0:
        return np.full(len(_QUANTILES), np.nan)
    return np.quantile(present, _QUANTILES, method="inverted_cdf")
