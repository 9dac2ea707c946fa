"""Tails by family: one measure far out, a few of one kind together, or all together.

A sum over many columns drowns what shows in one or two of them; here the least likely part decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, rows, section, take
from models.ecdf import Counts, FrozenEcdf
from models.logarithm import log

LOW, BOTH, HIGH = -1, 0, 1
Sides = NDArray[np.int8]
_COLUMNS, _FAMILIES, _ALL = 0.5, 0.5, 0.25
_SUMS: Final = "sums"


@njit(cache=True, nogil=True)
def _share(le: float, lt: float, n: float, side: int) -> float:
    """Share of the training rows as far out, the row itself counted among them."""
    low, high = (le + 1.0) / (n + 1.0), (n - lt + 1.0) / (n + 1.0)
    if side == LOW:
        return min(1.0, low)
    if side == HIGH:
        return min(1.0, high)
    return min(1.0, 2.0 * min(low, high))


@njit(cache=True, nogil=True)
def _tabulate(le: Counts, lt: Counts, starts: Counts, n: int, sides: Sides, out: Matrix) -> None:
    """Tail share below, at and above each knot."""
    for j in range(sides.shape[0]):
        for k in range(starts[j], starts[j + 1]):
            out[k, 0] = _share(lt[k], lt[k], n, sides[j])
            out[k, 1] = _share(le[k], lt[k], n, sides[j])
            out[k, 2] = _share(le[k], le[k], n, sides[j])


@njit(cache=True, nogil=True)
def _p(value: float, knots: Vector, table: Matrix, begin: int, end: int) -> float:
    """Tail share of one value: exact at the knots, linear between them."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if knots[middle] <= value:
            low = middle + 1
        else:
            high = middle
    last = low - 1
    if low == begin:
        p = table[begin, 0]
    elif knots[last] == value:
        p = table[last, 1]
    elif low == end:
        p = table[last, 2]
    else:
        share = (value - knots[last]) / (knots[low] - knots[last])
        p = table[last, 2] + share * (table[low, 0] - table[last, 2])
    return float(p)


@njit(cache=True, nogil=True)
def surprises(
    x: Matrix, knots: Vector, table: Matrix, starts: Counts, family: Counts, out: Matrix
) -> None:
    """Sum of -log p over the columns of each family, for each row."""
    out[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, family[j]] -= log(_p(x[i, j], knots, table, starts[j], starts[j + 1]))


@njit(cache=True, nogil=True)
def _parts(
    row: Vector,
    first: tuple[Vector, Matrix, Counts],
    second: tuple[Vector, Matrix, Counts],
    family: Counts,
    out: Vector,
) -> float:
    """Write each column's part of the score of `row` into `out`, and give the score."""
    knots, table, starts = first
    sum_knots, sum_table, sum_starts = second
    d, g = row.shape[0], sum_starts.shape[0] - 2
    p, u = np.empty(d), np.empty(d)
    sums, q = np.zeros(g), np.empty(g)
    size = np.zeros(g)
    for j in range(d):
        p[j] = _p(row[j], knots, table, starts[j], starts[j + 1])
        u[j] = -log(p[j])
        sums[family[j]] += u[j]
        size[family[j]] += 1.0
    total = 0.0
    for f in range(g):
        q[f] = _p(sums[f], sum_knots, sum_table, sum_starts[f], sum_starts[f + 1])
        total -= log(q[f])
    r = _p(total, sum_knots, sum_table, sum_starts[g], sum_starts[g + 1])
    weight = 0.0
    for j in range(d):
        weight += _COLUMNS / (d * p[j])
    for f in range(g):
        weight += _FAMILIES / (g * q[f])
    weight += _ALL / r
    score = log(weight)
    for j in range(d):
        f = family[j]
        inside = u[j] / sums[f] if sums[f] > 0.0 else 1.0 / size[f]
        among = -log(q[f]) / total if total > 0.0 else 1.0 / g
        part = _COLUMNS / (d * p[j]) + _FAMILIES / (g * q[f]) * inside + _ALL / r * among * inside
        out[j] = score * part / weight
    return score


@njit(cache=True, nogil=True)
def _explain(
    x: Matrix,
    first: tuple[Vector, Matrix, Counts],
    second: tuple[Vector, Matrix, Counts],
    family: Counts,
    scores: Vector,
    out: Matrix,
) -> None:
    for i in range(x.shape[0]):
        scores[i] = _parts(x[i], first, second, family, out[i])


@dataclass(frozen=True, slots=True, eq=False)
class FamilyTails:
    """log of a weighted mean of 1 / p: of each column, of each family of columns, and of all.

    p_j is the share of the training rows as far out as the row in column j, on the side that
    matters: high, low, or both (twice the smaller). q_f says the same of the sum of -log p_j over a
    family of columns, and r of the sum of -log q_f over all families, each against the training
    rows' own sums, so that columns which go together are not counted twice. Columns weigh 1/2
    together, families 1/2, the whole 1/4. The mean of 1 / p is led by its largest terms: what is
    one in a thousand in one family is seen among any number of ordinary ones, and dependence
    between the parts changes little.

    Each part of the score goes to its columns: a family's by -log p_j, the whole's by -log q_f
    first. Unit: nats. Assumes nothing of the shape; blind to odd combinations of ordinary values.

    References
    ----------
    Wilson, "The harmonic mean p-value for combining dependent tests", PNAS 116, 2019,
    doi:10.1073/pnas.1814092116.
    """

    name: ClassVar[str] = "families"
    columns: FrozenEcdf
    sums: FrozenEcdf
    """Distributions of the families' sums, and last of the sum over families."""
    side: Sides
    family: Counts
    tables: tuple[Matrix, Matrix] = field(init=False)

    def __post_init__(self) -> None:
        upper = np.full(self.sums.n_features, HIGH, dtype=np.int8)
        tables = tabulated(self.columns, self.side), tabulated(self.sums, upper)
        object.__setattr__(self, "tables", tables)

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return self.columns.n_features

    @property
    def parameters(self) -> Mapping[str, int]:
        """Training rows, families and knots."""
        n_knots = int(self.columns.knots.size + self.sums.knots.size)
        n_families = self.sums.n_features - 1
        return {"n_rows": self.columns.n_rows, "n_families": n_families, "n_knots": n_knots}

    def score(self, x: Matrix) -> Vector:
        """Log of the weighted mean of 1 / p."""
        return self._explained(x)[0]

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Zero, and each column's part."""
        return 0.0, self._explained(x)[1]

    def _explained(self, x: Matrix) -> tuple[Vector, Matrix]:
        scores, out = np.empty(x.shape[0]), np.empty(x.shape)
        first = self.columns.knots, self.tables[0], self.columns.starts
        second = self.sums.knots, self.tables[1], self.sums.starts
        _explain(rows(x, self.n_features), first, second, self.family, scores, out)
        return scores, out

    def arrays(self) -> dict[str, Array]:
        """Knots and counts of columns and of sums, sides and families."""
        own: dict[str, Array] = {"side": self.side, "family": self.family}
        return own | self.columns.arrays() | prefixed(self.sums.arrays(), _SUMS)

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; every family has a column, and its sum a distribution."""
        columns = FrozenEcdf.from_arrays(arrays)
        sums = FrozenEcdf.from_arrays(section(arrays, _SUMS))
        side = take(arrays, "side", np.int8, (columns.n_features,))
        family = take(arrays, "family", np.int32, (columns.n_features,))
        if not np.isin(side, (LOW, BOTH, HIGH)).all():
            raise CorruptBundleError("array 'side' must hold -1, 0 or 1 a column")
        if not np.array_equal(np.unique(family), np.arange(sums.n_features - 1)):
            raise CorruptBundleError("array 'family' must number the families whose sums are kept")
        if sums.n_rows != columns.n_rows:
            raise CorruptBundleError("arrays of sums must count the same training rows")
        return cls(columns, sums, side, family)


def tabulated(ecdf: FrozenEcdf, side: Sides) -> Matrix:
    """Tail shares below, at and above each knot of a frozen distribution, on the sides given."""
    table = np.empty((ecdf.knots.size, 3))
    _tabulate(ecdf.le, ecdf.lt, ecdf.starts, ecdf.n_rows, side, table)
    return table
