"""A jump of the density at a point: local polynomials on the empirical distribution function.

Cattaneo, Jansson & Ma 2020, doi:10.1080/01621459.2019.1635480: on each side of the point the
empirical distribution function is fitted by a polynomial with triangular weights; its slope at the
point is the density there, without bins and without a boundary bias. The point estimate is local
linear; the test takes the slope of a quadratic at the same bandwidth, which removes the linear
fit's bias and counts what the removal costs (robust bias correction).
"""

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Final

import numpy as np

from features.contracts.vectors import Vector

LINEAR: Final = 1
QUADRATIC: Final = 2
FEWEST: Final = 60
"""Values that both sides' fits take together at least."""
FEWEST_A_SIDE: Final = 8
"""Values on either side without which its fit is not asked for."""
WIDEST: Final = 0.7
"""Bandwidth that is not exceeded, in units of the values (log ratios: half to twice the limit)."""
_REACH: Final = 2.0
"""Bandwidth in standard deviations times n to the power of -1/3, the rate of a linear fit."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Densities at the point from either side, and the test of their difference.

    `statistic` is standard normal where there is no jump; high says that the density falls at the
    point, as it does where values are kept below it.
    """

    below: float
    above: float
    statistic: float
    bandwidth: float
    n_below: int
    n_above: int

    @property
    def p_below(self) -> float:
        """Chance of so large a fall of the density where there is none."""
        return 0.5 * erfc(self.statistic / sqrt(2.0))

    @property
    def p_above(self) -> float:
        """Chance of so large a rise of the density where there is none."""
        return 0.5 * erfc(-self.statistic / sqrt(2.0))


def density_jump(x: Vector) -> Jump | None:
    """Test the jump of the density of `x` at 0; None where too few values lie around it.

    Values at 0 count to neither side. `x` has shape (n,) and is in units in which the density is
    smooth, such as log ratios to a limit.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> smooth = rng.normal(-0.5, 1.0, 2_000)
    >>> half = (smooth > 0) & (smooth < 0.2) & (rng.random(2_000) < 0.5)
    >>> bunched = np.where(half, -0.02 - smooth / 10, smooth)
    >>> density_jump(smooth).p_below > 0.05, density_jump(bunched).p_below < 0.001
    (True, True)
    """
    x = np.sort(x[x != 0.0])
    width = _bandwidth(x)
    if width is None:
        return None
    cdf = (np.searchsorted(x, x, "left") + np.searchsorted(x, x, "right")) / (2.0 * len(x))
    sides = [(x > -width) & (x < 0.0), (x < width) & (x > 0.0)]
    points = [float(_weights(x, side, width, LINEAR) @ cdf) for side in sides]
    below, above = (_weights(x, side, width, QUADRATIC) for side in sides)
    influence = _influence(above, cdf) - _influence(below, cdf)
    error = float(np.sqrt(influence @ influence)) / len(x)
    if error == 0.0:
        return None
    fall = float(below @ cdf - above @ cdf)
    n_below, n_above = (int(side.sum()) for side in sides)
    return Jump(points[0], points[1], fall / error, width, n_below, n_above)


def _bandwidth(x: Vector) -> float | None:
    """A rule of thumb, wide enough for both fits; None where even the widest is not."""
    if len(x) < FEWEST:
        return None
    apart = np.abs(x)
    least = float(np.partition(apart, FEWEST - 1)[FEWEST - 1]) * 1.001
    rule = _REACH * float(x.std()) * len(x) ** (-1.0 / 3.0)
    width = min(max(rule, least), WIDEST)
    n_below, n_above = int((apart[x < 0.0] < width).sum()), int((apart[x > 0.0] < width).sum())
    is_enough = least <= WIDEST and min(n_below, n_above) >= FEWEST_A_SIDE
    return width if is_enough else None


def _weights(x: Vector, side: np.ndarray, width: float, order: int) -> Vector:
    """What each value of the distribution function counts in the slope at 0 of one side's fit."""
    u = x[side] / width
    design = u[:, None] ** np.arange(order + 1)
    kernel = 1.0 - np.abs(u)
    moments = design.T @ (design * kernel[:, None])
    out = np.zeros(len(x))
    out[side] = np.linalg.solve(moments, design.T * kernel)[1] / width
    return out


def _influence(weights: Vector, cdf: Vector) -> Vector:
    """How much each value moves the slope: its steps of the distribution function, centred."""
    after = np.cumsum(weights[::-1])[::-1] - 0.5 * weights
    return after - float(weights @ cdf)
