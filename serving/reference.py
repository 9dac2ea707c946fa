"""What each problem type means, read from the tree of errors itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from features.contracts.errors import LianjingError


@dataclass(frozen=True, slots=True)
class Kind:
    """One problem type: the status it is answered with, and what it means."""

    status: HTTPStatus
    meaning: str


def _tree(root: type[LianjingError]) -> Iterator[type[LianjingError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


MEANINGS: Final = {
    error.slug: Kind(error.status, (error.__doc__ or "").partition("\n")[0])
    for error in reversed([*_tree(LianjingError)])
    if error.__module__ == LianjingError.__module__ and not error.__name__.startswith("_")
}
"""Problem types by slug."""
