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

Starts = NDArray[np.int32]


@njit(cache=True, nogil=True)
def _distances(z: Vector, points: Matrix, distance: Vector) -> None:
    """Squared distances of a scaled row to all points; infinity to those that are like it."""
    distance[:] = 0.0
    for j in range(points.shape[0]):
        for k in range(points.shape[1]):
            gap = z[j] - points[j, k]
            distance[k] += gap * gap
    for k in range(points.shape[1]):
        if distance[k] == 0.0:
            distance[k] = np.inf


@njit(cache=True, nogil=True)
def _nearest(distance: Vector, begin: int, end: int) -> int:
    """The nearest of a subsample's points, -1 where all of them are like the row."""
    nearest, least = -1, np.inf
    for k in range(begin, end):
        if distance[k] < least:
            nearest, least = k, distance[k]
    return nearest


@njit(cache=True, nogil=True)
def _score(
    x: Matrix,
    center: Vector,
    spread: Vector,
    points: Matrix,
    starts: Starts,
    weights: Vector,
    out: Vector,
) -> None:
    z, distance = np.empty(x.shape[1]), np.empty(points.shape[1])
    for i in range(x.shape[0]):
        scale_row(x[i], center, spread, z)
        _distances(z, points, distance)
        total = 0.0
        for s in range(weights.shape[0]):
            k = _nearest(distance, starts[s], starts[s + 1])
            if k >= 0:
                total += weights[s] * distance[k]
        out[i] = total


@njit(cache=True, nogil=True)
def _contribute(
    x: Matrix,
    center: Vector,
    spread: Vector,
    points: Matrix,
    starts: Starts,
    weights: Vector,
    out: Matrix,
) -> None:
    z, distance = np.empty(x.shape[1]), np.empty(points.shape[1])
    for i in range(x.shape[0]):
        scale_row(x[i], center, spread, z)
        _distances(z, points, distance)
        out[i] = 0.0
        for s in range(weights.shape[0]):
            k = _nearest(distance, starts[s], starts[s + 1])
            if k < 0:
                continue
            for j in range(x.shape[1]):
                gap = z[j] - points[j, k]
                out[i, j] += weights[s] * gap * gap


@dataclass(frozen=True, slots=True, eq=False)
class NearestSubsample:
    """Weighted sum, over small random subsamples, of the squared distance to the nearest row.

    A large distance means that no ordinary row combines its values like this one. Because each
    subsample is small, a ring of similar rows is rarely in it and cannot vouch for itself, which is
    where plain nearest neighbours fail; a row that equals the one asked about in every value is not
    its neighbour, so that copies cannot either. Squared distance is a sum over columns, hence
    additive. Unit: squared scaled distance, 0 and up. Assumes columns scaled alike
    (`models.scale`).

    >>> scale, starts = RobustScale(np.zeros(2), np.ones(2)), np.array([0, 3], dtype=np.int32)
    >>> near = NearestSubsample(scale, np.zeros((2, 3)), starts, np.ones(1))
    >>> near.score(np.array([[0.0, 0.0], [0.0, 9.0]])).round(2).tolist()
    [0.0, 5.3]

    References
    ----------
    Pang, Ting, Albrecht, "LeSiNN: Detecting Anomalies by Identifying Least Similar Nearest
    Neighbours", ICDM Workshops 2015, doi:10.1109/ICDMW.2015.62.
    """

    name: ClassVar[str] = "neighbours"
    scale: RobustScale
    points: Matrix
    """Scaled rows: (columns, rows of all subsamples)."""
    starts: Starts
    """Where each subsample's rows begin; one more at the end."""
    weights: Vector
    """Weight of each subsample."""

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return int(self.points.shape[0])

    @property
    def parameters(self) -> Mapping[str, int]:
        """Number of the subsamples and of their rows."""
        return {"n_subsamples": int(self.weights.size), "n_points": int(self.points.shape[1])}

    @property
    def _held(self) -> tuple[Vector, Vector, Matrix, Starts, Vector]:
        return self.scale.center, self.scale.spread, self.points, self.starts, self.weights

    def score(self, x: Matrix) -> Vector:
        """Weighted squared distances to the nearest row of each subsample."""
        out = np.empty(x.shape[0])
        _score(rows(x, self.n_features), *self._held, out)
        return out

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Zero, and each column's part of the squared distances."""
        out = np.empty(x.shape)
        _contribute(rows(x, self.n_features), *self._held, out)
        return 0.0, out

    def arrays(self) -> dict[str, Array]:
        """The scale and the subsamples."""
        own: dict[str, Array] = {"points": self.points, "starts": self.starts}
        return own | {"weights": self.weights} | prefixed(self.scale.arrays(), "scale")

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; every subsample has a row and no weight is negative."""
        scale = RobustScale.from_arrays(section(arrays, "scale"))
        points = take(arrays, "points", np.float64, (scale.center.size, None))
        weights = take(arrays, "weights", np.float64, (None,))
        starts = take(arrays, "starts", np.int32, (weights.size + 1,))
        whole = starts[0] == 0 and starts[-1] == points.shape[1]
        if weights.size == 0 or not whole or not (np.diff(starts) > 0).all():
            raise CorruptBundleError("array 'starts' must part the points into subsamples of rows")
        if not (weights >= 0.0).all():
            raise CorruptBundleError("array 'weights' must not be negative")
        return cls(scale, points, starts, weights)
