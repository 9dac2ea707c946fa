"""What each detector finds and what it cannot, in words; `training.pages` makes pages of it.

Adding a detector: a file here with its `PAGE`, and a line in `PAGES`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.pages import ecdf, ensemble, forest, mahalanobis, neighbours
from models.pages.page import Cost, Page

PAGES: Final[Mapping[str, Page]] = MappingProxyType(
    {
        "ensemble": ensemble.PAGE,
        "forest": forest.PAGE,
        "ecdf": ecdf.PAGE,
        "neighbours": neighbours.PAGE,
        "mahalanobis": mahalanobis.PAGE,
    }
)
"""By the detector's registered name; `ensemble` is the default ensemble of all of them."""

__all__ = ["PAGES", "Cost", "Page"]
