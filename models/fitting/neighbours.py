"""Draws the subsamples whose nearest rows are asked for."""

from typing import Final

import numpy as np

from features.contracts.vectors import Matrix
from models.neighbours import NearestSubsample
from models.scale import RobustScale

N_SUBSAMPLES: Final = 10
SUBSAMPLE: Final = 256
_SMALLEST_SHARE: Final = 4


def fit_neighbours(x: Matrix, *, seed: int) -> NearestSubsample:
    """Ten subsamples of 256 rows, or of a quarter of the rows where there are few.

    A row is at no distance from itself; with a quarter at most, three subsamples in four do not
    hold a given training row, and its own score still says something.
    """
    scale = RobustScale.fit(x)
    size = max(1, min(SUBSAMPLE, x.shape[0] // _SMALLEST_SHARE))
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(x.shape[0], size, replace=False) for _ in range(N_SUBSAMPLES)]
    points = np.stack([scale.apply(x[rows]).T for rows in drawn])
    return NearestSubsample(scale, np.ascontiguousarray(points))
