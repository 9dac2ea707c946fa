"""Freezes the distribution of each column, small enough to ship."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Matrix, Vector
from models.ecdf import FrozenEcdf

TAIL: Final = 256
"""Values kept exactly at each end of a column."""
KNOTS: Final = 1024
"""Ranks kept between each tail and the median, in geometric steps."""


def fit_ecdf(x: Matrix, *, seed: int = 0) -> FrozenEcdf:  # noqa: ARG001  (nothing is random here)
    """Knots and counts of the columns of `x`."""
    columns = [knots_of(column) for column in x.T]
    sizes = [knots.size for knots, _, _ in columns]
    return FrozenEcdf(
        n_rows=x.shape[0],
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        knots=np.concatenate([knots for knots, _, _ in columns]),
        le=np.concatenate([le for _, le, _ in columns]).astype(np.int32),
        lt=np.concatenate([lt for _, _, lt in columns]).astype(np.int32),
    )


def knots_of(column: Vector) -> tuple[Vector, NDArray[np.intp], NDArray[np.intp]]:
    """Kept values of one column, with how many rows are at or below and strictly below each."""
    values, counts = np.unique(column, return_counts=True)
    le = np.cumsum(counts)
    kept = _kept_ranks(column.size)
    chosen = np.unique(le.searchsorted(kept, side="left"))
    return values[chosen], le[chosen], (le - counts)[chosen]


def _kept_ranks(n_rows: int) -> NDArray[np.intp]:
    """Ranks (1 is the smallest value) that get a knot: dense at both ends, thinner inwards."""
    half = (n_rows + 1) // 2
    inner = np.geomspace(TAIL, half, KNOTS) if half > TAIL else np.empty(0)
    low = np.concatenate([np.arange(1, min(TAIL, half) + 1), np.round(inner)]).astype(np.intp)
    return np.concatenate([low, n_rows + 1 - low])
