"""Signed log of robustly scaled columns: one place, two detectors.

Amounts and counts have long tails; unscaled, the tail of one column drowns all others.
`z = (x - median) / spread`, then `sign(z) ln(1 + |z|)`: linear near the median, logarithmic far
out.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, rows, take
from models.logarithm import log

_MAD_TO_SIGMA = 1.4826


@njit(cache=True, nogil=True)
def scale_row(row: Vector, center: Vector, spread: Vector, out: Vector) -> None:
    """Write the scaled row into `out`."""
    for j in range(row.shape[0]):
        z = (row[j] - center[j]) / spread[j]
        out[j] = math.copysign(log(1.0 + abs(z)), z)


@njit(cache=True, nogil=True)
def _scale_rows(x: Matrix, center: Vector, spread: Vector, out: Matrix) -> None:
    for i in range(x.shape[0]):
        scale_row(x[i], center, spread, out[i])


@dataclass(frozen=True, slots=True, eq=False)
class RobustScale:
    """Median and robust spread of each column.

    The spread is 1.4826 times the median absolute deviation; where that is 0 (most rows share one
    value) the standard deviation; where that is 0 too (a constant column) 1.

    >>> scale = RobustScale.fit(np.array([[1.0], [2.0], [3.0], [1000.0]]))
    >>> scale.apply(np.array([[2.5], [1000.0]])).round(2).tolist()
    [[0.0], [6.51]]
    """

    center: Vector
    spread: Vector

    @classmethod
    def fit(cls, x: Matrix) -> Self:
        """Median and spread of the columns of `x`."""
        center = np.median(x, axis=0)
        spread = _MAD_TO_SIGMA * np.median(np.abs(x - center), axis=0)
        spread = np.where(spread > 0.0, spread, x.std(axis=0))
        return cls(center, np.where(spread > 0.0, spread, 1.0))

    def apply(self, x: Matrix) -> Matrix:
        """The scaled rows."""
        out = np.empty(x.shape)
        _scale_rows(rows(x, self.center.size), self.center, self.spread, out)
        return out

    def arrays(self) -> dict[str, Array]:
        """Median and spread."""
        return {"center": self.center, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; a spread must be positive."""
        center = take(arrays, "center", np.float64, (None,))
        spread = take(arrays, "spread", np.float64, center.shape)
        if not (spread > 0.0).all():
            raise CorruptBundleError("array 'spread' must be positive")
        return cls(center, spread)
