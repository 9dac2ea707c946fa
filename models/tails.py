"""Patterns of tails: how surprising a few columns are together, each on the side that counts."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, take
from models.curves import check_runs, within_runs
from models.ecdf import term
from models.logarithm import log

Counts = NDArray[np.int32]
Sides = NDArray[np.int8]

BOTH, HIGH, LOW = 0, 1, 2
SIDES: Final = {"both": BOTH, "high": HIGH, "low": LOW}
"""Which side of a column is unusual, by the word that a declaration uses."""


class Places(NamedTuple):
    """Which column each part reads, with its surprises, and which parts a pattern has."""

    columns: Counts
    knots: Vector
    table: Matrix
    starts: Counts
    parts: Counts


@njit(cache=True, nogil=True)
def _tail(le: float, lt: float, n: float, side: int) -> float:
    """-log of the tail share on one side, or of twice the smaller of both."""
    low, high = (le + 1.0) / (n + 1.0), (n - lt + 1.0) / (n + 1.0)
    if side == HIGH:
        share = high
    elif side == LOW:
        share = low
    else:
        share = 2.0 * min(low, high)
    return -log(min(1.0, share))


@njit(cache=True, nogil=True)
def _tabulate(le: Counts, lt: Counts, n: int, starts: Counts, sides: Sides, out: Matrix) -> None:
    """Surprise below, at and above each knot of each part."""
    for part in range(sides.shape[0]):
        for k in range(starts[part], starts[part + 1]):
            out[k, 0] = _tail(lt[k], lt[k], n, sides[part])
            out[k, 1] = _tail(le[k], lt[k], n, sides[part])
            out[k, 2] = _tail(le[k], le[k], n, sides[part])


@njit(cache=True, nogil=True)
def surprise(row: Vector, places: Places, out: Vector) -> None:
    """Write the surprise of each part of a row."""
    starts = places.starts
    for part in range(places.columns.shape[0]):
        value = row[places.columns[part]]
        out[part] = term(value, places.knots, places.table, starts[part], starts[part + 1])


@njit(cache=True, nogil=True)
def total(seen: Vector, pattern: int, places: Places) -> float:
    """The sum of a pattern's surprises."""
    out = 0.0
    for part in range(places.parts[pattern], places.parts[pattern + 1]):
        out += seen[part]
    return out


@njit(cache=True, nogil=True)
def _sum(x: Matrix, places: Places, out: Matrix) -> None:
    seen = np.empty(places.columns.shape[0])
    for i in range(x.shape[0]):
        surprise(x[i], places, seen)
        for pattern in range(out.shape[1]):
            out[i, pattern] = total(seen, pattern, places)


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """For each pattern, the sum over its parts of -log of a value's tail share.

    A part is a column and its side: high, low, or both (then twice the smaller share counts). As in
    ECOD the distribution is the training rows', here frozen; unlike there the side is declared, not
    guessed from skewness, and few columns are summed. Unit: nats, 0 and up. Assumes nothing of the
    columns' shapes; where they hang together the sum is no probability, which is why
    `models.curves` weighs it by its own distribution.

    References
    ----------
    Li et al., "ECOD: Unsupervised Outlier Detection Using Empirical Cumulative Distribution
    Functions", TKDE 2022, arXiv:2201.00382.

    >>> tails = Tails(columns=np.zeros(1, np.int32), sides=np.array([HIGH], np.int8),
    ...     parts=np.array([0, 1], np.int32), n_rows=3, starts=np.array([0, 3], np.int32),
    ...     knots=np.array([1.0, 2.0, 3.0]), le=np.array([1, 2, 3], np.int32),
    ...     lt=np.array([0, 1, 2], np.int32))
    >>> np.exp(-tails.sums(np.array([[1.0], [3.0], [9.0]]))).round(6).tolist()
    [[1.0], [0.5], [0.25]]
    """

    columns: Counts
    """The column that each part reads."""
    sides: Sides
    """The side of it that is unusual."""
    parts: Counts
    """Where each pattern's parts begin; one more at the end."""
    n_rows: int
    starts: Counts
    """Where each part's knots begin; one more at the end."""
    knots: Vector
    le: Counts
    """Training rows at or below each knot."""
    lt: Counts
    """Training rows strictly below each knot."""
    table: Matrix = field(init=False)

    def __post_init__(self) -> None:
        table = np.empty((self.knots.size, 3))
        _tabulate(self.le, self.lt, self.n_rows, self.starts, self.sides, table)
        object.__setattr__(self, "table", table)

    @property
    def n_patterns(self) -> int:
        """How many patterns there are."""
        return int(self.parts.size - 1)

    @property
    def places(self) -> Places:
        """The arrays as the kernels take them."""
        return Places(self.columns, self.knots, self.table, self.starts, self.parts)

    def sums(self, x: Matrix) -> Matrix:
        """Each row's surprise in each pattern: (rows, patterns)."""
        out = np.empty((x.shape[0], self.n_patterns))
        _sum(x, self.places, out)
        return out

    def knots_of(self, column: int) -> Vector:
        """Sorted training values that parts keep of one column."""
        found = [
            self.knots[self.starts[part] : self.starts[part + 1]]
            for part in np.flatnonzero(self.columns == column).tolist()
        ]
        return np.unique(np.concatenate(found)) if found else np.empty(0)

    def arrays(self) -> dict[str, Array]:
        """Parts, knots and counts."""
        n_rows = np.array([self.n_rows], dtype=np.int64)
        own: dict[str, Array] = {"columns": self.columns, "sides": self.sides, "parts": self.parts}
        own |= {"n_rows": n_rows, "starts": self.starts, "knots": self.knots}
        return own | {"le": self.le, "lt": self.lt}

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, n_features: int, n_patterns: int) -> Self:
        """Build from `arrays()`; knots rise within a part, and counts fit the rows."""
        parts = take(arrays, "parts", np.int32, (n_patterns + 1,))
        columns = take(arrays, "columns", np.int32, (None,))
        sides = take(arrays, "sides", np.int8, columns.shape)
        starts = take(arrays, "starts", np.int32, (columns.size + 1,))
        knots = take(arrays, "knots", np.float64, (None,))
        le, lt = (take(arrays, name, np.int32, knots.shape) for name in ("le", "lt"))
        n_rows = int(take(arrays, "n_rows", np.int64, (1,))[0])
        check_runs("parts", parts, columns.size)
        check_runs("starts", starts, knots.size)
        if not (np.diff(knots)[within_runs(starts, knots.size)] > 0.0).all():
            raise CorruptBundleError("array 'knots' must rise within each part")
        inside = ((columns >= 0) & (columns < n_features)).all()
        if not inside or not np.isin(sides, list(SIDES.values())).all():
            raise CorruptBundleError("arrays 'columns' and 'sides' must name columns and sides")
        if not ((lt >= 0) & (lt < le) & (le <= n_rows)).all():
            raise CorruptBundleError("arrays 'le' and 'lt' must count the training rows in order")
        return cls(columns, sides, parts, n_rows, starts, knots, le, lt)
