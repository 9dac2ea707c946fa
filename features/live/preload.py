"""Preload: what the ledger's latest events looked at is read into memory before the next one comes.

A process that starts again goes on about as fast as it stopped.
"""

from collections.abc import Iterator
from typing import Final

from features.live.ground import Ground
from features.live.view import LiveView
from features.store.disk import Asked, Place

EVENTS: Final = 5_000
"""Latest events whose keys are read, as far as they fill three quarters of the memory."""
_AT_ONCE: Final = 500
_LATEST: Final = "SELECT seq FROM event WHERE scenario || '' = ? AND seq > ? ORDER BY seq DESC"


def preload(ground: Ground) -> None:
    """Read the histories of the keys that the latest events have most in common."""
    store = ground.store
    for one in _by_use(ground):
        if 4 * store.held > 3 * store.sizes.cache_rows:
            break
        store.read([one])


def _by_use(ground: Ground) -> list[Asked]:
    """What the latest events look at of keys that at least two of them have, most used first."""
    uses: dict[Place, int] = {}
    asked: dict[Place, Asked] = {}
    for one in _looked_at(ground):
        uses[one.place] = uses.get(one.place, 0) + 1
        held = asked.setdefault(one.place, one)
        asked[one.place] = min(held, one, key=lambda of: of.since)
    shared = [place for place, n in uses.items() if n > 1]
    return [asked[place] for place in sorted(shared, key=uses.__getitem__, reverse=True)]


def _looked_at(ground: Ground) -> Iterator[Asked]:
    ledger = ground.ledger
    after = ledger.head - EVENTS
    rows = ledger.connection.execute(_LATEST, (ground.scenario.name, after)).fetchall()
    seqs = [int(seq) for (seq,) in rows]
    for k in range(0, len(seqs), _AT_ONCE):
        for stored in ledger.at(seqs[k : k + _AT_ONCE]):
            yield from LiveView(ground, stored.event, stored).wanted
