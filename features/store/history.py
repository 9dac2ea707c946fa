"""Live histories: chunks and day tiles on disk, read through bounded memory.

A light key's rows are scanned. A key with more than `heavy_rows` of them has day tiles as well,
and of its rows only those of the days that were asked for are in memory. The tile of a day is
written when the next day begins, and again when a late row or an end changes it; the newest day is
made from its rows.

What is appended stands in memory until `flush`, where reads find it beside what is on disk; so a
chunk that many rows go to is written once. Of keys that memory does not hold as rows, a shelf holds
the chunks as they are on disk, as many as fit.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from features.scan.layout import FURTHER_LINES, IN_USE, T
from features.scan.tiles import DAY_US
from features.store.bundle import EVER, NO_CHUNK, last, said
from features.store.database import Database
from features.store.disk import Asked, Disk, Place
from features.store.keys import (
    End,
    HeavyHistory,
    KeyHistory,
    LightHistory,
    rows_of,
    sorted_rows,
)
from features.store.shape import Shape
from features.store.tiles import DayTiles

CHUNK_ROWS: Final = 128
HEAVY_ROWS: Final = 262_144
"""Rows from which a key is heavy: its windows are made of day tiles, not scanned."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How histories are cut, and how much of them is in memory.

    Rows a chunk, rows from which a key is heavy, rows in memory, and about how many bytes of chunks
    besides.
    """

    chunk_rows: int = CHUNK_ROWS
    heavy_rows: int = HEAVY_ROWS
    cache_rows: int = 8_000_000
    shelf_bytes: int = 384 << 20


class HistoryStore:
    """Histories of one scenario, read through a cache."""

    def __init__(
        self, connection: Database, scenario: str, shapes: Sequence[Shape], sizes: Sizes
    ) -> None:
        self.shapes, self.sizes = tuple(shapes), sizes
        columns = [shape.columns for shape in self.shapes]
        self.disk = Disk(
            connection,
            scenario,
            columns,
            chunk_rows=sizes.chunk_rows,
            shelf_bytes=sizes.shelf_bytes,
        )
        self._cache: OrderedDict[Place, KeyHistory] = OrderedDict()
        self._held = 0
        self._heavy: set[Place] | None = None
        self._waiting: dict[Place, list[Integers]] = {}
        self.recent: set[Place] = set()
        """Keys of which something was read since this was last emptied."""

    @property
    def heavy(self) -> set[Place]:
        """Keys that have day tiles."""
        if self._heavy is None:
            self._heavy = self.disk.heavy()
        return self._heavy

    @property
    def held(self) -> int:
        """Rows that memory has room for."""
        return self._held

    def read(self, asked: Sequence[Asked]) -> list[KeyHistory]:
        """The histories of several keys, each complete since the instant asked for."""
        cache, found = self._cache, []
        for one in asked:
            held = cache.get(one.place)
            if held is None or held.since > one.since:
                return self._read(asked)
            cache.move_to_end(one.place)
            found.append(held)
        self._make_room()
        return found

    def _read(self, asked: Sequence[Asked]) -> list[KeyHistory]:
        """The same where some are not in memory, or not far enough back."""
        absent = self.absent(asked)
        if absent:
            self.take(absent, self.disk.read(absent))
        found = [self._history(one.place) for one in asked]
        self._make_room()
        return found

    def at_hand(self, place: Place, since: int) -> KeyHistory | None:
        """The key's history, complete since an instant, if nothing has to be read for it."""
        history = self._cache.get(place)
        if history is None:
            bundle = self.disk.shelf.found(*place, since)
            if bundle is not None:
                history = self._begin(place, bundle)
                self._make_room()
            return history
        self._cache.move_to_end(place)
        return history if history.since <= since else None

    def absent(self, asked: Sequence[Asked]) -> list[Asked]:
        """What of that which is asked is to be read; what is on the shelf is taken from there.

        Heavy keys are left aside.
        """
        out = []
        for one in asked:
            held = self._cache.get(one.place)
            if held is not None:
                if held.since > one.since:
                    out.append(Asked(one.place, one.since, held.since - 1))
                continue
            bundle = self.disk.shelf.found(*one.place, one.since)
            if bundle is not None:
                self._take(one.place, bundle)
            elif one.place not in self.heavy:
                out.append(one)
        return out

    def take(self, absent: Sequence[Asked], found: Sequence[bytes]) -> None:
        """Take what was read of light keys into memory."""
        for one, part in zip(absent, found, strict=True):
            self._take(one.place, part)

    def _take(self, place: Place, bundle: bytes) -> None:
        """Take a light key's rows into memory, or those before the ones that are there."""
        history = self._cache.get(place)
        if not isinstance(history, LightHistory):
            self._begin(place, bundle)
            return
        until, (since, _) = history.since, said(bundle)
        history.reach_back(rows_of(bundle, self.shapes[place[0]].columns), since)
        for row in self._waiting.get(place, ()):
            if since <= row[T] < until:
                history.add(row)
        self._count(history)
        self.recent.add(place)

    def _begin(self, place: Place, bundle: bytes) -> LightHistory:
        """Take a light key into memory of which nothing is there, and what waits of it."""
        history = self._cache[place] = LightHistory(bundle, self.shapes[place[0]])
        for row in self._waiting.get(place, ()):
            if row[T] >= history.since:
                history.add(row)
        self._count(history)
        self.recent.add(place)
        return history

    def open(self, one: Asked) -> None:
        """Read a key into memory, ready to be looked at."""
        (history,) = self.read([one])
        if isinstance(history, LightHistory):
            history.open()

    def shelve(self, reaches: Mapping[int, int]) -> None:
        """Put the keys of streams on the shelf, as far as they fit and are not in memory yet.

        `reaches` says of each stream back to which instant.
        """
        shelf = self.disk.shelf
        shelf.clear()
        for stream, since in sorted(reaches.items()):
            held = {key for number, key in (*self._cache, *self.heavy) if number == stream}
            shelf.fill(stream, self.disk.chunks(stream), since, held)

    def _history(self, place: Place) -> KeyHistory:
        held = self._cache.get(place)
        if held is None:
            held = self._heavy_history(place)
            self._hold(place, held)
            self.recent.add(place)
        else:
            self._cache.move_to_end(place)
        return held

    def peek(self, place: Place) -> KeyHistory | None:
        """What memory holds of a key, without reading."""
        return self._cache.get(place)

    def _heavy_history(self, place: Place) -> HeavyHistory:
        days, blobs = self.disk.tiles(place)
        tiles = DayTiles(self.shapes[place[0]])
        tiles.load(days, blobs)
        since = (days[-1] + 1) * DAY_US if days else EVER
        (found,) = self.disk.read([Asked(place, since)])
        rows = self._rows(place, found)
        history = HeavyHistory(tiles, last(found))
        history.begin(rows[:, rows[T] >= since])
        return history

    def _rows(self, place: Place, bundle: bytes) -> Integers:
        """Rows in the order of memory, a column a line, with those that wait to be written."""
        rows = rows_of(bundle, self.shapes[place[0]].columns)
        rows = rows[:-FURTHER_LINES, : rows[-1, IN_USE]]
        waiting = self._waiting.get(place)
        if waiting is None:
            return rows
        return sorted_rows(np.concatenate([rows, np.stack(waiting, axis=1)], axis=1))

    def _hold(self, place: Place, history: KeyHistory) -> None:
        held = self._cache.get(place)
        if held is not None and held is not history:
            self._held -= held.counted
        self._cache[place] = history
        self._count(history)

    def _weigh(self, place: Place, history: KeyHistory) -> None:
        """Keep account of what a history in memory takes; others were let go meanwhile."""
        if self._cache.get(place) is history:
            self._count(history)

    def _count(self, history: KeyHistory) -> None:
        size = history.size
        self._held += size - history.counted
        history.counted = size

    def _make_room(self) -> None:
        while self._held > self.sizes.cache_rows and len(self._cache) > 1:
            _, history = self._cache.popitem(last=False)
            self._held -= history.counted
            history.counted = 0

    def fetch(self, place: Place, history: HeavyHistory, numbers: Integers) -> None:
        """Read the rows of days that are not in memory."""
        self.recent.add(place)
        days = history.tiles.days
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
            first, last = int(days[run[0]]), int(days[run[-1]])
            until = (last + 1) * DAY_US
            (found,) = self.disk.read([Asked(place, first * DAY_US, until)])
            rows = self._rows(place, found)
            edges = np.searchsorted(rows[T], days[run] * DAY_US)
            ends = np.searchsorted(rows[T], (days[run] + 1) * DAY_US)
            for number, lo, hi in zip(run.tolist(), edges.tolist(), ends.tolist(), strict=True):
                history.place(number, rows[:, lo:hi])
        self._weigh(place, history)

    def append(self, place: Place, row: Integers) -> None:
        """Add a row to memory, and to what is written with `flush`."""
        history = self._whole(place, int(row[T]))
        self._waiting.setdefault(place, []).append(row)
        self.add(place, row)
        if isinstance(history, HeavyHistory):
            self._write_tiles(place, history, int(row[T]) // DAY_US)
        elif history.n > self.sizes.heavy_rows:
            self._make_heavy(place)
        self._make_room()

    def _whole(self, place: Place, t: int) -> KeyHistory:
        """The key's history from `t` on; the rows of a heavy one that day need not be at hand."""
        (history,) = self.read([Asked(place, t)])
        return history

    def add(self, place: Place, row: Integers) -> None:
        """Add a row that is on disk to what memory holds of its key, if anything."""
        history = self._cache.get(place)
        if history is None:
            return
        if row[T] < history.since:  # the chunks on disk need not begin any more where those held do
            self.forget([place])
        else:
            history.add(row)
            self._weigh(place, history)

    def bury(self, place: Place, t: int, seq: int, gone: End) -> None:
        """Mark a row as gone in memory and on disk."""
        self.flush()
        history = self._whole(place, t)
        if isinstance(history, HeavyHistory):
            self._fetch_day(place, history, t // DAY_US)
        history.tail, was_there = self.disk.bury(place, t, seq, gone, history.tail)
        if was_there:
            history.bury(t, seq, gone)
            if isinstance(history, HeavyHistory):
                self._write_tiles(place, history, t // DAY_US)
        self.disk.flush()

    def trim(self, history: HeavyHistory) -> None:
        """Let a heavy key's rows go when they fill a quarter of the memory."""
        if history.used > self.sizes.cache_rows // 4:
            history.drop()

    def _fetch_day(self, place: Place, history: HeavyHistory, day: int) -> None:
        if history.tiles.has(day):
            number = history.tiles.number(day)
            self.need(place, history, number, number + 1)

    def need(self, place: Place, history: HeavyHistory, first: int, last: int) -> None:
        """Take the rows of the days from number `first` up to `last` into memory."""
        absent = history.absent(first, last)
        if len(absent):
            self.fetch(place, history, absent)

    def _write_tiles(self, place: Place, history: HeavyHistory, day: int) -> None:
        """Keep the tile of a day that has changed, unless it is the newest, and of one that ended.

        A day has ended when the newest day has a single row, which is the one just added.
        """
        tiles = history.tiles
        number, newest = tiles.number(day), tiles.n - 1
        if number < newest:
            self.disk.write_tile(place, day, tiles.blob(number))
        elif newest and history.segments[1, newest] == 1:
            self.disk.write_tile(place, int(tiles.days[newest - 1]), tiles.blob(newest - 1))

    def _make_heavy(self, place: Place) -> None:
        (found,) = self.disk.read([Asked(place, EVER)])
        shape = self.shapes[place[0]]
        history = HeavyHistory.of(shape, self._rows(place, found), last(found))
        self.keep_tiles(place, history)
        self._hold(place, history)

    def keep_tiles(self, place: Place, history: HeavyHistory) -> None:
        """Write a key's tiles for the first time."""
        self.disk.make_heavy(place)
        self.heavy.add(place)
        for number, day in enumerate(history.tiles.days[:-1].tolist()):
            self.disk.write_tile(place, day, history.tiles.blob(number))

    def waiting(self, stream: int) -> set[str]:
        """Keys of a stream of which rows wait to be written."""
        return {key for number, key in self._waiting if number == stream}

    def flush(self) -> None:
        """Write what was appended."""
        self._insert_waiting()
        self.disk.flush()

    def _insert_waiting(self) -> None:
        """Put every row that waits where it belongs on disk.

        A history in memory that does not reach back to such a row is let go, since the chunks on
        disk need not begin any more where those held do.
        """
        for place, rows in self._waiting.items():
            history = self._cache.get(place)
            tail = None if history is None else history.tail
            if tail is NO_CHUNK:
                self.disk.shelf.begin(*place)
            for row in rows:
                tail = self.disk.insert(place, row, tail)
            if history is not None:
                history.tail = tail
                if min(row[T] for row in rows) < history.since:
                    self.forget([place])
        self._waiting.clear()

    def clear(self) -> None:
        """Remove every history of the scenario."""
        self.disk.clear()
        self.forget()

    def forget(self, places: Iterable[Place] | None = None) -> None:
        """Drop what memory holds of some keys, or of all; the next reads come from disk."""
        if places is None:
            self.disk.forget()
            self._waiting.clear()
            self._cache.clear()
            self._held, self._heavy = 0, None
            return
        for place in places:
            self.disk.shelf.discard(*place)
            history = self._cache.pop(place, None)
            if history is not None:
                self._held -= history.counted
