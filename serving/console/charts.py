"""Geometry of the chart that sets a reason's actual value against its ordinary range.

Positions are percentages of the drawing's width, so that a drawing fits any screen without script.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from features.contracts.verdicts import Reason

LEFT: Final = 3.0
WIDTH: Final = 94.0
LOG_FROM: Final = 25.0
"""Spread, in units of the ordinary range, from which the scale is logarithmic."""
MIN_BAND: Final = 1.2
LARGEST: Final = 1e15
"""Values from here on, and those that are no numbers, are written but not drawn."""


@dataclass(frozen=True, slots=True)
class Bullet:
    """One drawing: an ordinary range, a typical value and the actual value on one scale.

    `anchor` says how the label of the actual value is set so that it stays inside the drawing.
    """

    band_x: float
    band_width: float
    typical_x: float | None
    actual_x: float
    anchor: str
    is_log: bool


def draw_bullet(reason: Reason) -> Bullet | None:
    """Place a reason's values, or answer None where there is no range to compare with."""
    actual, lo, hi = reason.actual, reason.lo, reason.hi
    if actual is None or lo is None or hi is None:
        return None
    values = [actual, lo, hi] + ([] if reason.typical is None else [reason.typical])
    if not all(abs(value) < LARGEST for value in values):
        return None
    is_log = min(values) >= 0 and max(values) - min(values) > LOG_FROM * max(hi - lo, 1e-9)
    place = _scale(values, is_log=is_log)
    band_x, actual_x = place(lo), place(actual)
    return Bullet(
        band_x=band_x,
        band_width=max(MIN_BAND, round(place(hi) - band_x, 2)),
        typical_x=None if reason.typical is None else place(reason.typical),
        actual_x=actual_x,
        anchor=_anchor(actual_x),
        is_log=is_log,
    )


def _scale(values: list[float], *, is_log: bool) -> Callable[[float], float]:
    bend = math.log1p if is_log else float
    low, high = bend(min(values)), bend(max(values))
    room = (high - low) or 1.0

    def place(value: float) -> float:
        return round(LEFT + WIDTH * (bend(value) - low) / room, 2)

    return place


def _anchor(x: float) -> str:
    """Say where a label at `x` percent begins.

    >>> _anchor(5), _anchor(50), _anchor(95)
    ('start', 'middle', 'end')
    """
    if x < 20:  # noqa: PLR2004 - a fifth of the width holds half a label
        return "start"
    return "end" if x > 80 else "middle"  # noqa: PLR2004 - the mirror image
