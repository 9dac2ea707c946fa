"""Robust shrunk Mahalanobis distance: how far a combination of values is from the usual ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numba import njit

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, rows, section, take
from models.scale import RobustScale, scale_row


class _Cloud(NamedTuple):
    """What the kernels need."""

    center: Vector
    spread: Vector
    location: Vector
    precision: Matrix


@njit(cache=True, nogil=True)
def _contribute_row(row: Vector, cloud: _Cloud, z: Vector, out: Vector) -> None:
    """Write z_j (P z)_j of the scaled, centred row into `out`; `z` is scratch."""
    scale_row(row, cloud.center, cloud.spread, z)
    location, precision = cloud.location, cloud.precision
    for j in range(z.shape[0]):
        z[j] -= location[j]
        out[j] = 0.0
    for k in range(z.shape[0]):
        for j in range(z.shape[0]):
            out[j] += precision[k, j] * z[k]
    for j in range(z.shape[0]):
        out[j] *= z[j]


@njit(cache=True, nogil=True)
def _contribute(x: Matrix, cloud: _Cloud, out: Matrix) -> None:
    z = np.empty(x.shape[1])
    for i in range(x.shape[0]):
        _contribute_row(x[i], cloud, z, out[i])


@njit(cache=True, nogil=True)
def _score(x: Matrix, cloud: _Cloud, out: Vector) -> None:
    z, parts = np.empty(x.shape[1]), np.empty(x.shape[1])
    for i in range(x.shape[0]):
        _contribute_row(x[i], cloud, z, parts)
        total = 0.0
        for j in range(parts.shape[0]):
            total += parts[j]
        out[i] = total


@dataclass(frozen=True, slots=True, eq=False)
class RobustMahalanobis:
    """Squared Mahalanobis distance z' P z of the scaled row from the bulk of the training rows.

    It sees what single columns cannot: values each ordinary, together rare. The bulk's mean and the
    inverse P of its shrunk covariance come from `models.fitting.mahalanobis`. A column's part
    z_j (P z)_j is negative where the column makes the combination less surprising. Unit: squared
    standard deviations, 0 and up. Assumes that the bulk is one cloud.

    >>> scale = RobustScale(np.zeros(2), np.ones(2))
    >>> cloud = RobustMahalanobis(scale, np.zeros(2), np.array([[2.0, -1.0], [-1.0, 2.0]]))
    >>> e = np.expm1(1.0)
    >>> cloud.score(np.array([[e, e], [e, -e]])).round(6).tolist()
    [2.0, 6.0]

    References
    ----------
    Boudt et al., "The minimum regularized covariance determinant estimator", Statistics and
    Computing 30, 2020, doi:10.1007/s11222-019-09869-x.
    """

    name: ClassVar[str] = "mahalanobis"
    scale: RobustScale
    location: Vector
    precision: Matrix

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return int(self.location.size)

    @property
    def parameters(self) -> Mapping[str, int]:
        """Nothing but the columns has a size here."""
        return {"n_features": self.n_features}

    @property
    def _cloud(self) -> _Cloud:
        return _Cloud(self.scale.center, self.scale.spread, self.location, self.precision)

    def score(self, x: Matrix) -> Vector:
        """Squared distance of each row from the bulk."""
        out = np.empty(x.shape[0])
        _score(rows(x, self.n_features), self._cloud, out)
        return out

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Zero, and z_j (P z)_j of each column."""
        out = np.empty(x.shape)
        _contribute(rows(x, self.n_features), self._cloud, out)
        return 0.0, out

    def arrays(self) -> dict[str, Array]:
        """The scale, the bulk's mean, the inverse of its covariance."""
        own: dict[str, Array] = {"location": self.location, "precision": self.precision}
        return own | prefixed(self.scale.arrays(), "scale")

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; the inverse covariance must be symmetric."""
        scale = RobustScale.from_arrays(section(arrays, "scale"))
        d = scale.center.size
        location = take(arrays, "location", np.float64, (d,))
        precision = take(arrays, "precision", np.float64, (d, d))
        if not np.array_equal(precision, precision.T):
            raise CorruptBundleError("array 'precision' must be symmetric")
        return cls(scale, location, precision)
