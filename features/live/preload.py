"""Preload: what the next events will look at is read into memory before they come.

Keys that the latest events have in common are read as rows; all others are put on the shelf. A
process that starts again goes on about as fast as it stopped.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from features.live.ground import Ground
from features.live.view import LiveView
from features.store.disk import Asked, Place

EVENTS: Final = 10_000
"""Latest events whose keys are read, as far as they fill three quarters of the memory."""
_AT_ONCE: Final = 500
_LATEST: Final = "SELECT seq FROM event WHERE scenario || '' = ? AND seq > ? ORDER BY seq DESC"


def preload(ground: Ground) -> None:
    """Read the keys that the latest events have most in common, and the codes of their texts.

    All other keys are put on the shelf, back to where these events look.
    """
    store, views = ground.store, list(_latest(ground))
    ground.codes.preload(text for view in views for text in view.compared)
    asked = [one for view in views for one in view.wanted]
    for one in _by_use(asked):
        if 4 * store.held > 3 * store.sizes.cache_rows:
            break
        store.open(one)
    reaches: dict[int, int] = {}
    for (stream, _), since, _ in asked:
        reaches[stream] = min(reaches.get(stream, since), since)
    store.shelve(reaches)


def _by_use(looked_at: Iterable[Asked]) -> list[Asked]:
    """What the latest events look at of keys that at least two of them have, most used first."""
    uses: dict[Place, int] = {}
    asked: dict[Place, Asked] = {}
    for one in looked_at:
        uses[one.place] = uses.get(one.place, 0) + 1
        held = asked.setdefault(one.place, one)
        asked[one.place] = min(held, one, key=lambda of: of.since)
    shared = [place for place, n in uses.items() if n > 1]
    return [asked[place] for place in sorted(shared, key=uses.__getitem__, reverse=True)]


def _latest(ground: Ground) -> Iterator[LiveView]:
    ledger = ground.ledger
    after = ledger.head - EVENTS
    rows = ledger.connection.execute(_LATEST, (ground.scenario.name, after)).fetchall()
    seqs = [int(seq) for (seq,) in rows]
    for k in range(0, len(seqs), _AT_ONCE):
        for stored in ledger.at(seqs[k : k + _AT_ONCE]):
            yield LiveView(ground, stored.event, stored)
