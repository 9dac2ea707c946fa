"""Counts just below and just above a limit, against what a smooth density would give.

Where a density falls as a power of the value, as those of sums do in their tails, a band below the
limit holds a little more than one of equal width above it. How much more is told by the values
further out on both sides, where nobody has a reason to keep to either.
"""

from math import comb, log
from typing import Final

import numpy as np

from features.contracts.vectors import Vector

BAND: Final = 0.05
"""Width of the bands beside the limit, as a share of it."""
OUTER: Final = (0.80, 1.25)
"""Where the values end that tell the slope."""
_STEEPEST: Final = 8.0
_LEAST_OUTER: Final = 10
_STEPS: Final = 40
_PRIOR: Final = 20.0
"""Values whose weight an even share has beside what the outer values tell."""


def mid_p(k: int, n: int, share: float) -> float:
    """Chance of more than `k` of `n`, and half that of exactly `k`, each with chance `share`.

    The mid-p value: on average it is as small as its level says, where an exact one is larger
    (Lancaster 1961, doi:10.1080/01621459.1961.10482105).

    >>> mid_p(5, 5, 0.5), mid_p(0, 0, 0.5)
    (0.015625, 0.5)
    """
    chance = [comb(n, j) * share**j * (1.0 - share) ** (n - j) for j in range(k, n + 1)]
    return sum(chance) - 0.5 * chance[0]


def share_below(ratio: Vector) -> float:
    """Share of the values within 5 % of 1 that lie below 1 where the density is smooth.

    `ratio` holds values over their limit, shape (n,). The slope is the likeliest power of the
    values between 0.80 and 1.25 that lie outside the bands; a half where there are too few.

    >>> share_below(np.array([0.9, 1.1])), round(share_below(np.geomspace(0.5, 2.0, 4001)), 2)
    (0.5, 0.51)
    """
    low, high = OUTER
    outer = (ratio >= low) & (ratio < high) & ~((ratio >= 1 - BAND) & (ratio < 1 + BAND))
    n = int(outer.sum())
    if n < _LEAST_OUTER:
        return 0.5
    mean = float(np.log(ratio[outer]).mean())
    slope = _slope(mean) * n / (n + _PRIOR)
    return _mass(slope, 1 - BAND, 1.0) / _mass(slope, 1 - BAND, 1 + BAND)


def _slope(mean: float) -> float:
    """The power whose mean logarithm in the outer bands is `mean`, found by halving."""
    flat, steep = -_STEEPEST, _STEEPEST
    for _ in range(_STEPS):
        middle = 0.5 * (flat + steep)
        flat, steep = (middle, steep) if _mean_log(middle) > mean else (flat, middle)
    return 0.5 * (flat + steep)


def _mean_log(slope: float) -> float:
    (low, high), step = OUTER, 400
    logs = np.concatenate(
        [
            np.linspace(log(low), log(1 - BAND), step),
            np.linspace(log(1 + BAND), log(high), step),
        ]
    )
    weight = np.exp((1.0 - slope) * logs)
    weight[:step] *= log((1 - BAND) / low)
    weight[step:] *= log(high / (1 + BAND))
    return float(weight @ logs / weight.sum())


def _mass(slope: float, low: float, high: float) -> float:
    """Integral of x to the power of -slope."""
    if abs(slope - 1.0) < 1e-9:  # noqa: PLR2004  (where the integral is a logarithm)
        return log(high / low)
    return float((high ** (1.0 - slope) - low ** (1.0 - slope)) / (1.0 - slope))
