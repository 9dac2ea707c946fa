"""A panel of views: the ensemble's score and declared patterns, each in nats; the strongest counts.

A pattern is a handful of columns that tell one story together (a new firm, without staff, at the
cap): each common by itself, rare side by side. An average over all columns drowns it.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, section
from models.curves import Curves, Held, nats_at
from models.tails import Places, Tails, surprise, total

Counts = NDArray[np.int32]
_APART: Final = 1e-12


@njit(cache=True, nogil=True)
def _look(
    row: Vector, plain: float, places: Places, curves: Held, seen: Vector
) -> tuple[int, float]:
    """The strongest view of a row and its nats; the parts' surprises go to `seen`."""
    surprise(row, places, seen)
    best, most = 0, nats_at(plain, 0, curves)
    for pattern in range(places.parts.shape[0] - 1):
        nats = nats_at(total(seen, pattern, places), pattern + 1, curves)
        if nats > most:
            best, most = pattern + 1, nats
    return best, most


@njit(cache=True, nogil=True)
def _score(
    x: Matrix, plain: Vector, places: Places, curves: Held, best: Counts, out: Vector
) -> None:
    seen = np.empty(places.columns.shape[0])
    for i in range(x.shape[0]):
        best[i], out[i] = _look(x[i], plain[i], places, curves, seen)


@njit(cache=True, nogil=True)
def _contribute(
    x: Matrix, start: float, parts: Matrix, places: Places, curves: Held, out: Matrix
) -> None:
    """Share the nats above those of `start`: by the ensemble's parts, or by the surprises."""
    base, seen = nats_at(start, 0, curves), np.empty(places.columns.shape[0])
    for i in range(x.shape[0]):
        plain = start
        for j in range(x.shape[1]):
            plain += parts[i, j]
        best, most = _look(x[i], plain, places, curves, seen)
        if best == 0:
            apart = plain - start
            factor = (most - base) / apart if abs(apart) > _APART else 0.0
            for j in range(x.shape[1]):
                out[i, j] = parts[i, j] * factor
        else:
            factor = (most - base) / total(seen, best - 1, places)
            for part in range(places.parts[best - 1], places.parts[best]):
                out[i, places.columns[part]] += factor * seen[part]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The strongest of several views of a row, in nats: -log of the share of rows as far out.

    View 0 is the ensemble's own score, view k the k-th pattern of `tails`. What a view says is
    brought to nats by its own distribution among the training rows, so that each view has the same
    say. A row's nats are shared among the columns of its strongest view, hence exactly additive.
    Declared patterns are what reviewers look for; what nobody declared is left to view 0.

    References
    ----------
    Tippett, "The Methods of Statistics", 1931: the smallest of several p-values.

    >>> tails = Tails(columns=np.zeros(1, np.int32), sides=np.ones(1, np.int8),
    ...     parts=np.array([0, 1], np.int32), n_rows=3, starts=np.array([0, 3], np.int32),
    ...     knots=np.array([1.0, 2.0, 3.0]), le=np.array([1, 2, 3], np.int32),
    ...     lt=np.array([0, 1, 2], np.int32))
    >>> starts, zeros = np.arange(3, dtype=np.int32), np.zeros(2)
    >>> curves = Curves(starts, zeros, zeros, np.array([0.5, 1.0]))
    >>> panel, x = Panel(tails, curves), np.array([[1.0], [3.0], [9.0]])
    >>> panel.score(x, np.array([4.0, 0.0, 0.0])).round(3).tolist()
    [2.0, 0.693, 1.386]
    >>> panel.strongest(x, np.array([4.0, 0.0, 0.0])).tolist()
    [0, 1, 1]
    """

    tails: Tails
    curves: Curves

    def score(self, x: Matrix, plain: Vector) -> Vector:
        """Nats of each row's strongest view; `plain` is the ensemble's own score of each row."""
        return self._look(x, plain)[1]

    def strongest(self, x: Matrix, plain: Vector) -> Counts:
        """Which view is the strongest of each row: 0 the ensemble, k the k-th pattern."""
        return self._look(x, plain)[0]

    def contributions(self, x: Matrix, base: float, parts: Matrix) -> tuple[float, Matrix]:
        """In nats, what the ensemble's base and parts, or the strongest pattern's, amount to."""
        out = np.zeros(x.shape)
        _contribute(x, base, parts, self.tails.places, self.curves.held, out)
        return float(nats_at(base, 0, self.curves.held)), out

    def arrays(self) -> dict[str, Array]:
        """Tails and curves, each under its name."""
        return prefixed(self.tails.arrays(), "tails") | prefixed(self.curves.arrays(), "curves")

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, n_features: int, n_patterns: int) -> Self:
        """Build from `arrays()`, one curve a pattern and one for the ensemble."""
        tails = Tails.from_arrays(
            section(arrays, "tails"), n_features=n_features, n_patterns=n_patterns
        )
        return cls(tails, Curves.from_arrays(section(arrays, "curves"), n_curves=n_patterns + 1))

    def _look(self, x: Matrix, plain: Vector) -> tuple[Counts, Vector]:
        best, out = np.empty(x.shape[0], dtype=np.int32), np.empty(x.shape[0])
        _score(x, plain, self.tails.places, self.curves.held, best, out)
        return best, out
