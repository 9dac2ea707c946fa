"""Finds the bulk of the rows and the inverse of its shrunk covariance."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from features.contracts.vectors import Matrix, Vector
from models.mahalanobis import RobustMahalanobis
from models.scale import RobustScale

MAX_ROWS: Final = 20_000
BULK: Final = 0.75
"""Share of the rows that is taken to be ordinary; up to a quarter may be anything."""
STEPS: Final = 10
_FLOOR: Final = 1e-3
"""Least variance of any direction, as a share of the mean variance."""


def fit_mahalanobis(x: Matrix, *, seed: int) -> RobustMahalanobis:
    """Concentration steps: shrunk covariance of the bulk, then the bulk under that covariance.

    Shrinking (Ledoit and Wolf) keeps the covariance invertible with constant or repeated columns.
    """
    scale = RobustScale.fit(x)
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(x.shape[0], min(MAX_ROWS, x.shape[0]), replace=False))
    z = scale.apply(x[drawn])
    bulk = _closest(np.einsum("ij,ij->i", z, z))
    location, precision = _invert(z[bulk])
    for _ in range(STEPS):
        centred = z - location
        closest = _closest(np.einsum("ij,jk,ik->i", centred, precision, centred, optimize=True))
        if np.array_equal(closest, bulk):
            break
        bulk = closest
        location, precision = _invert(z[bulk])
    return RobustMahalanobis(scale, location, precision)


def _closest(distance: Vector) -> NDArray[np.intp]:
    """Indices of the bulk: the rows at the smallest distances."""
    size = max(1, int(np.ceil(BULK * distance.size)))
    return np.sort(np.argsort(distance, kind="stable")[:size])


def _invert(z: Matrix) -> tuple[Vector, Matrix]:
    """Mean and inverse shrunk covariance; no direction is narrower than the floor."""
    fitted = LedoitWolf().fit(z)
    values, vectors = np.linalg.eigh(fitted.covariance_)
    floor = max(_FLOOR * float(values.mean()), np.finfo(np.float64).eps)
    precision = (vectors / np.maximum(values, floor)) @ vectors.T
    return fitted.location_, (precision + precision.T) / 2.0
