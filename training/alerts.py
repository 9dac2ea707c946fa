"""Which of a stretch of rows the two live rules select: the line drawn once, the one that moves.

Rows are in time order, as the service would have met them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Vector
from models.calibrate import Calibration
from models.rolling import RollingWindow, size_for

Mask = NDArray[np.bool_]
LiveRule = Callable[[Vector, Vector, float], Mask]
"""Scores in time order, held-out scores, budget: which rows are alerts."""


def fixed(score: Vector, held_out: Vector, budget: float) -> Mask:
    """Rows above the line that the held-out scores draw.

    >>> fixed(np.array([1.0, 99.0]), np.arange(99.0), 0.01).tolist()
    [False, True]
    """
    return np.asarray(score > Calibration.fit(held_out).threshold(budget))


def rolling(score: Vector, held_out: Vector, budget: float) -> Mask:
    """Rows above the line of the latest scores before them, beginning with the held-out ones.

    >>> rolling(np.array([100.0, 100.0, 101.0]), np.arange(99.0), 0.01).tolist()
    [True, False, True]
    """
    window = RollingWindow.seeded(held_out, size_for(budget))
    found = np.zeros(len(score), dtype=bool)
    for place, value in enumerate(score.tolist()):
        found[place] = value > window.threshold(budget)
        window.observe(place, value)
    return found
