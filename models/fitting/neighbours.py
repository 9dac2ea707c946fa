"""Draws the subsamples whose nearest rows are asked for."""

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.contracts.vectors import Matrix
from models.neighbours import NearestSubsample
from models.scale import RobustScale

WIDE: Final = (64, 8)
"""Number and size of the subsamples that see the whole: a row is far from all that is common."""
NARROW: Final = (32, 64)
"""Those that see what lies near: a row is far from the closest of many."""
SUSPECT: Final = 0.1
"""Share of the rows, those farthest in the wide view, that the narrow one does not draw from."""
_SMALLEST_SHARE: Final = 4
_JUDGED: Final = 20_000
"""Training rows whose distances say which are far, and what a distance usually is."""


def fit_neighbours(x: Matrix, *, seed: int) -> NearestSubsample:
    """Many small subsamples and a few large ones, which count alike over the training rows.

    A small subsample seldom holds two rows of one ring, however large the ring's share of the rows
    up to an eighth; a large one would, so it is drawn from the rows that the small ones find near.
    No subsample holds more than a quarter of the rows it is drawn from.
    """
    scale, rng = RobustScale.fit(x), np.random.default_rng(seed)
    judged = x[np.sort(rng.choice(len(x), min(_JUDGED, len(x)), replace=False))]
    wide = _drawn(scale, judged, *WIDE, rng)
    far = wide.score(judged)
    near = judged[
        np.sort(np.argsort(far, kind="stable")[: max(1, round(len(far) * (1 - SUSPECT)))])
    ]
    narrow = _drawn(scale, near, *NARROW, rng)
    parts = [(part, part.weights / _usual(part.score(judged))) for part in (wide, narrow)]
    return NearestSubsample(
        scale,
        np.ascontiguousarray(np.concatenate([part.points for part, _ in parts], axis=1)),
        np.concatenate([wide.starts, wide.starts[-1] + narrow.starts[1:]]),
        np.concatenate([weights for _, weights in parts]),
    )


def _drawn(scale: RobustScale, x: Matrix, n: int, size: int, rng: Generator) -> NearestSubsample:
    """`n` subsamples of `size` rows of `x`, or fewer where there are few, which weigh alike."""
    size = max(1, min(size, len(x) // _SMALLEST_SHARE))
    chosen = np.concatenate([rng.choice(len(x), size, replace=False) for _ in range(n)])
    starts = np.arange(0, n * size + 1, size, dtype=np.int32)
    points = np.ascontiguousarray(scale.apply(x[chosen]).T)
    return NearestSubsample(scale, points, starts, np.full(n, 1.0 / n))


def _usual(distance: NDArray[np.float64]) -> float:
    """Mean distance, 1 where all rows are alike."""
    mean = float(distance.mean())
    return mean if mean > 0.0 else 1.0
