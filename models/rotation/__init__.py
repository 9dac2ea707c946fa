"""Is a rotation as random as it claims to be? Tests of draws, as pure functions on arrays.

Each returns an `Answer`: statistic, one-sided p (mid-p where counts are coarse), number of draws,
and a sentence in Chinese and English. Nothing is concluded from too few draws.
"""

from models.rotation.adjust import benjamini_hochberg
from models.rotation.answer import Answer
from models.rotation.concentration import concentration
from models.rotation.destination import destination
from models.rotation.pair_excess import pair_excess, rotation_excess
from models.rotation.redraw import redraw
from models.rotation.skip_depth import skip_depth
from models.rotation.timing import head_share, timing
from models.rotation.value_bias import value_bias

__all__ = [
    "Answer",
    "benjamini_hochberg",
    "concentration",
    "destination",
    "head_share",
    "pair_excess",
    "redraw",
    "rotation_excess",
    "skip_depth",
    "timing",
    "value_bias",
]
