"""Rows for the detectors' benchmark, and the time of calls that take turns."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

import numpy as np

from features.contracts.vectors import Matrix

COLUMNS: Final = 40
ASKED: Final = 200
"""Rows that single calls go round, so that no answer is in the processor's cache."""


def made(n: int) -> Matrix:
    """Correlated, skewed, whole-numbered and half-empty columns, as features have (n, 40)."""
    rng = np.random.default_rng(20_260_101)
    common = rng.normal(size=(n, 4))
    x = common @ rng.normal(size=(4, COLUMNS)) + rng.normal(size=(n, COLUMNS))
    x[:, 10:20] = np.exp(0.5 * x[:, 10:20])
    x[:, 20:30] = np.round(x[:, 20:30])
    x[:, 30:35] = np.maximum(x[:, 30:35], 0.0)
    return np.ascontiguousarray(x)


def in_turns(calls: Sequence[Callable[[int], object]], times: Sequence[int]) -> list[float]:
    """Median microseconds of each call, given how often; a round of one after a round of another.

    A call is handed the number of its turn; its first is not timed.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call(0)
    for turn in range(max(times)):
        for call, often, mine in zip(calls, times, taken, strict=True):
            if turn < often:
                began = time.perf_counter()
                call(turn)
                mine.append(1e6 * (time.perf_counter() - began))
    return [median(mine) for mine in taken]
