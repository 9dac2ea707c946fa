"""Segments of a key's rows that a view may look at, newest first, whether it is light or heavy."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import numpy as np

from features.contracts.vectors import Integers
from features.live.ground import Ground
from features.live.plan import Question
from features.scan.layout import IN_USE
from features.scan.tiles import DAY_US
from features.store.disk import Asked, Place
from features.store.keys import HeavyHistory, LightHistory

Span = tuple[int, int]
_DAYS: Final = 8
"""Days of a heavy key that are looked at first; each further look takes twice as many."""


class Sight(Protocol):
    """What a view sees: when it stands, what it may know, what it compares with."""

    ground: Ground
    t_us: int
    own: dict[str, int | str | None]

    @property
    def query(self) -> Integers:
        """When it happened and what it may know."""
        ...

    @property
    def hidden(self) -> Integers:
        """Places in the ledger that it may not see."""
        ...

    def rows_of(self, history: LightHistory) -> Integers:
        """Rows of a light key."""
        ...

    def owns(self, question: Question) -> Integers:
        """What each group compares with of the event itself."""
        ...


def segments(sight: Sight, place: Place, start: int) -> Iterable[tuple[Integers, Span]]:
    """Rows of a key, and where some of them stand in order: all from `start` on, newest first."""
    (history,) = sight.ground.store.read([Asked(place, start)])
    if isinstance(history, LightHistory):
        rows = sight.rows_of(history)
        return ((rows, (0, int(rows[-1, IN_USE]))),)
    return _by_days(sight, place, history, start)


def _by_days(
    sight: Sight, place: Place, history: HeavyHistory, start: int
) -> Iterator[tuple[Integers, Span]]:
    store = sight.ground.store
    days = history.tiles.days
    lo, hi = np.searchsorted(days, [start // DAY_US, sight.t_us // DAY_US + 1]).tolist()
    many = _DAYS
    while lo < hi:
        first = max(lo, hi - many)
        store.need(place, history, first, hi)
        at = history.segments[:, first:hi].T.tolist()
        for begin, n in reversed(at):
            yield history.rows, (begin, begin + n)
        hi, many = first, 2 * many
