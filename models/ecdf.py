"""ECOD with a frozen distribution: how deep in a tail each value lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, rows, take
from models.logarithm import log

Counts = NDArray[np.int32]


@njit(cache=True, nogil=True)
def _surprise(le: float, lt: float, n: float) -> float:
    """-log of the smaller tail share, with the row itself counted among the n training rows."""
    return -log(min(le + 1.0, n - lt + 1.0) / (n + 1.0))


@njit(cache=True, nogil=True)
def _tabulate(le: Counts, lt: Counts, n: int, out: Matrix) -> None:
    """Surprise below, at and above each knot."""
    for k in range(le.shape[0]):
        out[k, 0] = _surprise(lt[k], lt[k], n)
        out[k, 1] = _surprise(le[k], lt[k], n)
        out[k, 2] = _surprise(le[k], le[k], n)


@njit(cache=True, nogil=True)
def term(value: float, knots: Vector, table: Matrix, begin: int, end: int) -> float:
    """Surprise of one value: exact at the knots, linear between them."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if knots[middle] <= value:
            low = middle + 1
        else:
            high = middle
    last = low - 1
    if low == begin:
        surprise = table[begin, 0]
    elif knots[last] == value:
        surprise = table[last, 1]
    elif low == end:
        surprise = table[last, 2]
    else:
        share = (value - knots[last]) / (knots[low] - knots[last])
        surprise = table[last, 2] + share * (table[low, 0] - table[last, 2])
    return float(surprise)


@njit(cache=True, nogil=True)
def _contribute(x: Matrix, knots: Vector, table: Matrix, starts: Counts, out: Matrix) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = term(x[i, j], knots, table, starts[j], starts[j + 1])


@njit(cache=True, nogil=True)
def _score(x: Matrix, knots: Vector, table: Matrix, starts: Counts, out: Vector) -> None:
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += term(x[i, j], knots, table, starts[j], starts[j + 1])
        out[i] = total


@dataclass(frozen=True, slots=True, eq=False)
class FrozenEcdf:
    """Sum over columns of -log of the smaller tail share of the value among the training rows.

    A value in a tail is unusual by itself, whatever its unit or distribution. For a value with `le`
    training values at or below it and `lt` strictly below, of n:
    max(-log((le + 1) / (n + 1)), -log((n - lt + 1) / (n + 1))). Values of the training rows are
    kept as knots: all of them where they are few, else the outermost of each tail exactly and ranks
    in geometric steps between, where the surprise is linear from knot to knot. Unit: nats,
    0 to d log(n + 1). Assumes nothing of the shape; blind to combinations.

    Unlike the original, the training rows alone make the distribution, so that a row scores the
    same in any company.

    >>> counts = np.array([[1, 2, 3], [0, 1, 2]], dtype=np.int32)
    >>> ecdf = FrozenEcdf(3, np.array([0, 3], dtype=np.int32), np.array([1.0, 2.0, 3.0]), *counts)
    >>> np.exp(-ecdf.score(np.array([[2.0], [2.5], [9.0]]))).round(6).tolist()
    [0.75, 0.5, 0.25]

    References
    ----------
    Li et al., "ECOD: Unsupervised Outlier Detection Using Empirical Cumulative Distribution
    Functions", TKDE 2022, arXiv:2201.00382.
    """

    name: ClassVar[str] = "ecdf"
    n_rows: int
    starts: Counts
    """Where each column's knots begin; one more at the end."""
    knots: Vector
    le: Counts
    """Training rows at or below each knot."""
    lt: Counts
    """Training rows strictly below each knot."""
    table: Matrix = field(init=False)

    def __post_init__(self) -> None:
        table = np.empty((self.knots.size, 3))
        _tabulate(self.le, self.lt, self.n_rows, table)
        object.__setattr__(self, "table", table)

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return int(self.starts.size - 1)

    @property
    def parameters(self) -> Mapping[str, int]:
        """Training rows and knots."""
        return {"n_rows": self.n_rows, "n_knots": int(self.knots.size)}

    def score(self, x: Matrix) -> Vector:
        """Sum of the columns' surprises."""
        out = np.empty(x.shape[0])
        _score(rows(x, self.n_features), self.knots, self.table, self.starts, out)
        return out

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Zero, and each column's surprise."""
        out = np.empty(x.shape)
        _contribute(rows(x, self.n_features), self.knots, self.table, self.starts, out)
        return 0.0, out

    def arrays(self) -> dict[str, Array]:
        """Knots and counts."""
        n_rows = np.array([self.n_rows], dtype=np.int64)
        own: dict[str, Array] = {"n_rows": n_rows, "starts": self.starts, "knots": self.knots}
        return own | {"le": self.le, "lt": self.lt}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; knots must rise within a column and counts fit the rows."""
        n_rows = int(take(arrays, "n_rows", np.int64, (1,))[0])
        starts = take(arrays, "starts", np.int32, (None,))
        knots = take(arrays, "knots", np.float64, (None,))
        le, lt = (take(arrays, name, np.int32, knots.shape) for name in ("le", "lt"))
        _check_starts(starts, knots.size)
        inside = np.ones(knots.size, dtype=bool)
        inside[starts[:-1]] = False
        later = inside[1:]
        if not (np.diff(knots)[later] > 0.0).all():
            raise CorruptBundleError("array 'knots' must rise within each column")
        if (
            not ((lt >= 0) & (lt < le) & (le <= n_rows)).all()
            or not (lt[1:][later] >= le[:-1][later]).all()
        ):
            raise CorruptBundleError("arrays 'le' and 'lt' must count the training rows in order")
        return cls(n_rows, starts, knots, le, lt)


def _check_starts(starts: Counts, n_knots: int) -> None:
    """Refuse columns that do not part the knots into non-empty runs."""
    sound = starts.size > 1 and starts[0] == 0 and starts[-1] == n_knots
    if not sound or not (np.diff(starts) > 0).all():
        raise CorruptBundleError("array 'starts' must part the knots into one run a column")
