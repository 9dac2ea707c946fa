"""A detector as a plug-in author would write it: squared distance from the median, per column.

`lianjing conformance tests/unit/plug_in.py:SUBJECT` runs every check on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, rows, take
from models.checks import Subject


@dataclass(frozen=True, eq=False)
class MedianDistance:
    """Sum over columns of ((x - median) / spread)^2."""

    name: ClassVar[str] = "median_distance"
    center: Vector
    spread: Vector

    @property
    def n_features(self) -> int:
        return int(self.center.size)

    @property
    def parameters(self) -> Mapping[str, int]:
        return {"n_features": self.n_features}

    def score(self, x: Matrix) -> Vector:
        total = np.zeros(len(x))
        for part in self.contributions(x)[1].T:
            total += part
        return total

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        return 0.0, ((rows(x, self.n_features) - self.center) / self.spread) ** 2

    def arrays(self) -> dict[str, Array]:
        return {"center": self.center, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        center = take(arrays, "center", np.float64, (None,))
        spread = take(arrays, "spread", np.float64, center.shape)
        if center.size == 0 or not (spread > 0.0).all():
            raise CorruptBundleError("array 'spread' must be positive, one a column")
        return cls(center, spread)


def fit_median_distance(x: Matrix, *, seed: int) -> MedianDistance:  # noqa: ARG001  (not random)
    """Median and standard deviation of each column, 1 where it is constant."""
    spread = x.std(axis=0)
    return MedianDistance(np.median(x, axis=0), np.where(spread > 0.0, spread, 1.0))


SUBJECT = Subject(
    MedianDistance.name,
    lambda x, seed: fit_median_distance(x, seed=seed),
    MedianDistance.from_arrays,
)
