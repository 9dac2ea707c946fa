"""Units: what a review budget is spent on, scored and ranked by the events that belong to them.

A unit is as unusual as its most unusual event, less what many events make likely by chance: the
multiplicity-corrected minimum p. Events of one unit are alike, so that many count as fewer: how
many, the units themselves say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable

_TAIL_ROWS: Final = 200
"""Held-out scores whose mean excess says how the tail goes on."""
_TAIL_SHARE: Final = 0.05
"""Share of the held-out scores that the tail takes at most."""
_FEWEST_UNITS: Final = 100
"""Units of several events that it takes to say how alike these are."""


def sidak(p_min: Vector, n: NDArray[Any]) -> Vector:
    """The chance that the least of `n` independent p-values is at most `p_min`: 1 - (1 - p)^n.

    >>> sidak(np.array([0.01, 0.01]), np.array([1, 10])).round(4).tolist()
    [0.01, 0.0956]

    References
    ----------
    Sidak, "Rectangular confidence regions for the means of multivariate normal distributions",
    Journal of the American Statistical Association 62, 1967, doi:10.1080/01621459.1967.10482935.
    """
    return np.asarray(-np.expm1(n * np.log1p(-np.minimum(p_min, 1 - 1e-12))), np.float64)


def independence(p_min: Vector, n: Integers) -> float:
    """The power a between 0 and 1 for which `n` events are as good as n^a independent ones.

    Of m independent events -log(1 - p_min) is exponential with rate m: a is the likeliest under the
    least p-values of all units. The few units that are unusual indeed hardly move it, and only
    towards 1, where nothing is taken for alike; so do fewer than a hundred units of several events.

    >>> rng = np.random.default_rng(0)
    >>> n = rng.integers(2, 100, 2_000)
    >>> alone = rng.beta(1, n)
    >>> together = rng.beta(1, np.sqrt(n))
    >>> round(independence(alone, n), 1), round(independence(together, n), 1)
    (1.0, 0.5)

    References
    ----------
    Nyholt, "A simple correction for multiple testing for single-nucleotide polymorphisms in linkage
    disequilibrium with each other", American Journal of Human Genetics 74, 2004,
    doi:10.1086/383251: the effective number of independent tests.
    """
    is_several = n > 1
    if is_several.sum() < _FEWEST_UNITS:
        return 1.0
    n, seen = n[is_several], -np.log1p(-np.minimum(p_min[is_several], 1 - 1e-12))
    log_n = np.log(n)

    def slope(a: float) -> float:
        return float((log_n * (1.0 - n**a * seen)).sum())

    if slope(1.0) >= 0.0:
        return 1.0
    return 0.0 if slope(0.0) <= 0.0 else float(brentq(slope, 0.0, 1.0))


def tail_p(score: Vector, held_out: Vector) -> Vector:
    """The share of events scored as high, told beyond the highest of the sorted `held_out` too.

    Up to the tail it is the conformal (1 + #{held-out >= s}) / (n + 1). In the tail, which has a
    place for at most 200 held-out scores, it falls exponentially with their mean excess, so that
    what lies beyond every held-out score still has an order.

    >>> p = tail_p(np.array([10.0, 999.0, 2000.0]), np.arange(1000.0))
    >>> bool(p[0] > 0.9), bool(p[1] > p[2] > 0)
    (True, True)

    References
    ----------
    Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 3, 1975,
    doi:10.1214/aos/1176343003 (an exponential excess is the case of shape 0).
    """
    n = len(held_out)
    p = np.asarray((1.0 + n - held_out.searchsorted(score, side="left")) / (n + 1.0), np.float64)
    m = min(_TAIL_ROWS, int(n * _TAIL_SHARE))
    if m == 0:
        return p
    edge = held_out[n - m]
    excess = float((held_out[n - m :] - edge).mean())
    if excess < np.finfo(np.float64).tiny:
        return p
    beyond = score > edge
    with np.errstate(over="ignore"):  # so far out that the least number stands in
        p[beyond] = (m + 1.0) / (n + 1.0) * np.exp(-(score[beyond] - edge) / excess)
    return np.maximum(p, np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a table's rows; `of_row` gives each row the position of its unit.

    >>> units = Units.of(np.array(["X", "Y", "X"]))
    >>> units.labels.tolist(), units.size.tolist()
    (['X', 'Y'], [2, 1])
    >>> units.largest(np.array([5, 7, 6])).tolist(), units.any(np.array([0, 1, 0]) > 0).tolist()
    ([6, 7], [False, True])
    """

    labels: NDArray[np.str_]
    of_row: Integers
    size: Integers

    @classmethod
    def of(cls, labels: NDArray[np.str_]) -> Self:
        """The units that a label a row makes."""
        found, of_row, size = np.unique(labels, return_inverse=True, return_counts=True)
        return cls(found, of_row.astype(np.int64), size.astype(np.int64))

    @classmethod
    def of_table(cls, table: FeatureTable) -> Self:
        """The units of a feature table."""
        return cls.of(table.unit)

    def __len__(self) -> int:
        return len(self.labels)

    def largest(self, values: Integers) -> Integers:
        """The largest value among the rows of each unit."""
        found = np.full(len(self), np.iinfo(np.int64).min)
        np.maximum.at(found, self.of_row, values)
        return found

    def any(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which units have a row in `mask`."""
        found = np.zeros(len(self), dtype=np.bool_)
        found[self.of_row[mask]] = True
        return found

    def first(self, order: Integers) -> Integers:
        """The row of each unit that stands first in an order of all rows."""
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        least = np.full(len(self), len(order))
        np.minimum.at(least, self.of_row, place)
        found: Integers = order[least]
        return found

    def chosen(self, at: Sequence[int] | Integers) -> NDArray[np.bool_]:
        """Which rows belong to the units at the positions given."""
        wanted = np.zeros(len(self), dtype=np.bool_)
        wanted[np.asarray(at, dtype=np.int64)] = True
        return wanted[self.of_row]


@dataclass(frozen=True, eq=False)
class UnitScores:
    """How unusual each unit is: its corrected p, its leading row, and the units by p, least first.

    Ties go to the higher score, then to the earlier row.
    """

    p: Vector
    lead: Integers
    order: Integers

    @classmethod
    def of(cls, units: Units, score: Vector, p: Vector) -> Self:
        """Score units by the p-values of their rows; `score` breaks ties between rows."""
        rows = np.lexsort((np.arange(len(p)), -score, p))
        lead = units.first(rows)
        alike = independence(p[lead], units.size)
        corrected = sidak(p[lead], units.size**alike)
        order = np.lexsort((lead, -score[lead], corrected))
        return cls(corrected, lead, order.astype(np.int64))
