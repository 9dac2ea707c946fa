"""Bunching at a limit: whether values lie just to one side of it more often than chance has it.

The functions take arrays and know nothing of events. Where 60 values lie around the limit, the jump
of the density is tested; where there are fewer, the counts just below and just above it.
"""

from models.thresholds.bunching import Bunching, Method, Side, bunching, bunching_by
from models.thresholds.counts import mid_p
from models.thresholds.density import Jump, density_jump
from models.thresholds.heaps import spread_heaps

__all__ = [
    "Bunching",
    "Jump",
    "Method",
    "Side",
    "bunching",
    "bunching_by",
    "density_jump",
    "mid_p",
    "spread_heaps",
]
