"""What each detector finds and what it cannot, in words; `training.pages` makes pages of it.

Adding a detector: a file here with its `PAGE`, and a line in `PAGES`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from features.contracts.errors import InputError
from models.pages import ecdf, ensemble, families, forest, labelled, mahalanobis, neighbours
from models.pages.page import Cost, Page

PAGES: Final[Mapping[str, Page]] = MappingProxyType(
    {
        "ensemble": ensemble.PAGE,
        "forest": forest.PAGE,
        "ecdf": ecdf.PAGE,
        "neighbours": neighbours.PAGE,
        "mahalanobis": mahalanobis.PAGE,
        "families": families.PAGE,
        "labelled": labelled.PAGE,
    }
)
"""By the detector's registered name; `ensemble` is the default ensemble, and
`labelled` what reviewers' findings make of it."""

__all__ = ["PAGES", "Cost", "Page", "page_of"]


def page_of(name: str) -> Page:
    """The words about a detector.

    Raises
    ------
    InputError
        Nobody wrote any.

    >>> page_of("forest").title
    'Isolation forest'
    """
    if name not in PAGES:
        raise InputError(f"detector {name!r} has no page; write models/pages/{name}.py and list it")
    return PAGES[name]
