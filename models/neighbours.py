"""Nearest neighbours in small random subsamples (LeSiNN): how far the closest ordinary row is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, rows, section, take
from models.scale import RobustScale, scale_row


@njit(cache=True, nogil=True)
def _nearest(z: Vector, points: Matrix, distance: Vector) -> int:
    """Index of the nearest column of `points`; leaves its squared distances in `distance`."""
    distance[:] = 0.0
    for j in range(points.shape[0]):
        for k in range(points.shape[1]):
            gap = z[j] - points[j, k]
            distance[k] += gap * gap
    return int(np.argmin(distance))


@njit(cache=True, nogil=True)
def _score(
    x: Matrix, center: Vector, spread: Vector, points: NDArray[np.float64], out: Vector
) -> None:
    z = np.empty(x.shape[1])
    distance = np.empty(points.shape[2])
    for i in range(x.shape[0]):
        scale_row(x[i], center, spread, z)
        total = 0.0
        for s in range(points.shape[0]):
            total += distance[_nearest(z, points[s], distance)]
        out[i] = total / points.shape[0]


@njit(cache=True, nogil=True)
def _contribute(
    x: Matrix, center: Vector, spread: Vector, points: NDArray[np.float64], out: Matrix
) -> None:
    z = np.empty(x.shape[1])
    distance = np.empty(points.shape[2])
    for i in range(x.shape[0]):
        scale_row(x[i], center, spread, z)
        out[i] = 0.0
        for s in range(points.shape[0]):
            k = _nearest(z, points[s], distance)
            for j in range(x.shape[1]):
                gap = z[j] - points[s, j, k]
                out[i, j] += gap * gap / points.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class NearestSubsample:
    """Mean, over small random subsamples, of the squared distance to the nearest row in each.

    A large distance means that no ordinary row combines its values like this one. Because each
    subsample is small, a ring of similar rows is rarely in it and cannot vouch for itself, which is
    where plain nearest neighbours fail. Squared distance is a sum over columns, hence additive.
    Unit: squared scaled distance, 0 and up. Assumes columns scaled alike (`models.scale`).

    >>> scale = RobustScale(np.zeros(2), np.ones(2))
    >>> near = NearestSubsample(scale, np.zeros((1, 2, 3)))
    >>> near.score(np.array([[0.0, 0.0], [0.0, 9.0]])).round(2).tolist()
    [0.0, 5.3]

    References
    ----------
    Pang, Ting, Albrecht, "LeSiNN: Detecting Anomalies by Identifying Least Similar Nearest
    Neighbours", ICDM Workshops 2015, doi:10.1109/ICDMW.2015.62.
    """

    name: ClassVar[str] = "neighbours"
    scale: RobustScale
    points: NDArray[np.float64]
    """Scaled rows: (subsamples, columns, rows of a subsample)."""

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return int(self.points.shape[1])

    @property
    def parameters(self) -> Mapping[str, int]:
        """Number and size of the subsamples."""
        return {"n_subsamples": self.points.shape[0], "subsample": self.points.shape[2]}

    def score(self, x: Matrix) -> Vector:
        """Mean squared distance to the nearest row of each subsample."""
        out = np.empty(x.shape[0])
        x = rows(x, self.n_features)
        _score(x, self.scale.center, self.scale.spread, self.points, out)
        return out

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Zero, and each column's part of the squared distances."""
        out = np.empty(x.shape)
        x = rows(x, self.n_features)
        _contribute(x, self.scale.center, self.scale.spread, self.points, out)
        return 0.0, out

    def arrays(self) -> dict[str, Array]:
        """The scale and the subsamples."""
        return {"points": self.points, **prefixed(self.scale.arrays(), "scale")}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; there must be at least one subsample of at least one row."""
        scale = RobustScale.from_arrays(section(arrays, "scale"))
        points = take(arrays, "points", np.float64, (None, scale.center.size, None))
        if points.size == 0:
            raise CorruptBundleError("array 'points' is empty")
        return cls(scale, points)
