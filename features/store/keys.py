"""Histories of one key in memory: a light key's rows, or a heavy key's tiles and some days' rows.

Rows are arrays as `features.scan.light` reads them, in `(t, o, observed, seq)` order. Histories
say since when they hold every row (`since`), and what the last chunk on disk is (`tail`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.scan.layout import (
    FURTHER_LINES,
    GONE_FIRST,
    GONE_OBSERVED,
    GONE_ROWS,
    GONE_SEQ,
    IN_USE,
    LATEST_ANY,
    LATEST_OBSERVED,
    LATEST_SEQ,
    LEAST_ROOM,
    LINK_OF,
    LINKS,
    OBSERVED,
    ORDINAL,
    SEQ,
    SUMMED,
    T,
)
from features.scan.light import NOWHERE, first_from, place_of
from features.scan.links import link, link_inserted, unlink
from features.scan.tiles import DAY_US
from features.store.bundle import EMPTY, EVER, Chunk, array, last, rows_said, said, unbundled
from features.store.chunks import Bytes
from features.store.shape import Shape
from features.store.tiles import KNOWN, DayTiles, learn

_FIRST_ROOM: Final = 64
MOST_BUNDLED: Final = 16_384
"""Bytes of a bundle up to which it is unpacked where it is looked at."""
_UNREAD: Final = Chunk(0, 0, -1, b"")
"""Stands for the last chunk of a bundle that nobody has asked for."""


@dataclass(frozen=True, slots=True)
class End:
    """That a row is gone: since which pair of the clocks, and the place in the ledger."""

    observed: int
    seq: int
    first: int


def end(rows: Integers, p: int, gone: End) -> None:
    """Mark row `p` as gone; of several ends the one known first counts, by either clock."""
    held = rows[GONE_OBSERVED, p], rows[GONE_SEQ, p]
    rows[GONE_OBSERVED, p], rows[GONE_SEQ, p] = min(held, (gone.observed, gone.seq))
    rows[GONE_FIRST, p] = min(rows[GONE_FIRST, p], gone.first)


@njit(cache=True, nogil=True)
def no_rows(columns: int, room: int) -> Integers:
    """Rows of which none is in use."""
    rows = np.empty((columns + FURTHER_LINES, max(room, LEAST_ROOM)), np.int64)
    head = rows[len(rows) - 1]
    head[: LATEST_ANY + 1] = -NEVER
    head[GONE_ROWS] = head[IN_USE] = head[SUMMED] = 0
    head[LINK_OF] = NOWHERE
    return rows


@njit(cache=True, nogil=True)
def widened(rows: Integers, used: int, room: int) -> Integers:
    """The same rows with more room."""
    columns, last = len(rows) - FURTHER_LINES, len(rows) - 1
    out = no_rows(columns, room)
    for c in range(columns):
        out[c, :used] = rows[c, :used]
    out[last, : IN_USE + 1] = rows[last, : IN_USE + 1]
    if rows[last, LINK_OF] != NOWHERE:
        out[last, LINK_OF] = rows[last, LINK_OF]
        out[LINKS, :used] = rows[LINKS, :used]
    return out


@njit(cache=True, nogil=True)
def _is_sorted(rows: Integers, n: int) -> bool:
    for p in range(1, n):
        for k in range(4):
            if rows[k, p] != rows[k, p - 1]:
                if rows[k, p] < rows[k, p - 1]:
                    return False
                break
    return True


@njit(cache=True, nogil=True)
def opened(bundle: Bytes, columns: int) -> tuple[Integers, bool]:
    """Rows of a bundle, with room for more, and whether they are in the order of memory."""
    n = rows_said(bundle)
    rows = no_rows(columns, n + n // 8)
    unbundled(bundle, rows[:columns])
    head = rows[len(rows) - 1]
    for k in range(n):
        learn(rows, k, head)
    head[IN_USE] = n
    return rows, _is_sorted(rows, n)


def rows_of(bundle: bytes, columns: int) -> Integers:
    """The rows of a bundle in the order of memory."""
    rows: Integers
    rows, is_sorted = opened(array(bundle), columns)
    if not is_sorted:
        n = int(rows[-1, IN_USE])
        rows[:-FURTHER_LINES, :n] = sorted_rows(rows[:-FURTHER_LINES, :n])
    return rows


@njit(cache=True, nogil=True)
def insert(rows: Integers, lo: int, hi: int, row: Integers) -> None:
    """Insert a row at its place among the rows `lo` to `hi`, behind which there is room."""
    at = place_of(rows, lo, hi, row)
    for c in range(len(row)):
        for p in range(hi, at, -1):
            rows[c, p] = rows[c, p - 1]
        rows[c, at] = row[c]
    head = rows[len(rows) - 1]
    head[SUMMED] = min(head[SUMMED], at)
    learn(rows, at, head)
    if head[LINK_OF] != NOWHERE:
        link_inserted(rows, at, hi)


def sorted_rows(rows: Integers) -> Integers:
    """`rows`, a column a line, in `(t, o, observed, seq)` order."""
    order = np.lexsort((rows[SEQ], rows[OBSERVED], rows[ORDINAL], rows[T]))
    return rows[:, order]


@njit(cache=True, nogil=True)
def found(rows: Integers, t: int, seq: int) -> int:
    """Where the row of `seq` stands that happened at `t`, -1 where it does not."""
    n = rows[-1, IN_USE]
    p = first_from(rows[T], 0, n, t)
    while p < n and rows[T, p] == t:
        if rows[SEQ, p] == seq:
            return p
        p += 1
    return -1


@njit(cache=True, nogil=True)
def remove(rows: Integers, p: int) -> None:
    """Close the place of a row; what is known of knowledge stays."""
    n = rows[-1, IN_USE] - 1
    if rows[-1, LINK_OF] != NOWHERE:
        unlink(rows, p, n + 1)
    for c in range(len(rows) - FURTHER_LINES):
        for k in range(p, n):
            rows[c, k] = rows[c, k + 1]
    rows[-1, IN_USE], rows[-1, SUMMED] = n, min(rows[-1, SUMMED], p)


def parted(rows: Integers) -> tuple[Integers, Integers]:
    """The rows without those that are gone, in place, and those that are, a column a line."""
    n = int(rows[-1, GONE_ROWS])
    if n == 0:
        return rows, np.empty((len(rows) - FURTHER_LINES, 0), np.int64)
    gone = np.empty((len(rows) - FURTHER_LINES, n), np.int64)
    set_apart(rows, gone)
    return rows, gone


@njit(cache=True, nogil=True)
def set_apart(rows: Integers, gone: Integers) -> None:
    """Move the rows that are gone, of which there are as many as `gone` has places for."""
    n, head = rows[-1, IN_USE], rows[-1]
    is_gone = rows[GONE_SEQ, :n] != NEVER
    for c in range(len(gone)):
        kept = apart = 0
        for p in range(n):
            if is_gone[p]:
                gone[c, apart] = rows[c, p]
                apart += 1
            else:
                rows[c, kept] = rows[c, p]
                kept += 1
    head[IN_USE], head[GONE_ROWS], head[SUMMED] = n - gone.shape[1], 0, 0


def mixed(rows: Integers, gone: Integers) -> Integers:
    """Rows and rows that are gone in one order."""
    n, m = int(rows[-1, IN_USE]), gone.shape[1]
    out = no_rows(len(gone), n + m)
    held = rows[:-FURTHER_LINES, :n]
    out[:-FURTHER_LINES, : n + m] = sorted_rows(np.concatenate([held, gone], axis=1))
    out[-1, : IN_USE + 1] = rows[-1, : IN_USE + 1]
    out[-1, IN_USE], out[-1, GONE_ROWS] = n + m, m
    return out


def joined(earlier: Integers, later: Integers) -> Integers:
    """Rows behind others that happened before them, with room for more."""
    n, m = int(earlier[-1, IN_USE]), int(later[-1, IN_USE])
    out = widened(earlier, n, n + m + m // 8)
    held = out[:-FURTHER_LINES]
    held[:, n : n + m] = later[:-FURTHER_LINES, :m]
    merge(out[-1], later[-1])
    if n and m and tuple(held[:4, n - 1]) > tuple(held[:4, n]):
        held[:, : n + m] = sorted_rows(held[:, : n + m])
    return out


def merge(latest: Integers, other: Integers) -> None:
    """Take note of what other rows say of knowledge, and of how many they are."""
    pairs = [(int(one[LATEST_OBSERVED]), int(one[LATEST_SEQ])) for one in (latest, other)]
    latest[LATEST_OBSERVED], latest[LATEST_SEQ] = max(pairs)
    latest[LATEST_ANY] = max(latest[LATEST_ANY], other[LATEST_ANY])
    latest[IN_USE] += other[IN_USE]


class LightHistory:
    """All rows of a key since some instant; those that are gone stand apart.

    So who knows of every end scans `rows`, and who does not the `whole`. Rows stay in their
    `bundle` until they are asked for, since most keys are seen once in a long time; what is added
    meanwhile waits: `held` is None as long. `counted` is for who keeps account of memory.
    """

    __slots__ = ("_added", "_gone", "_n", "_shape", "_tail", "bundle", "counted", "held", "since")

    def __init__(self, bundle: bytes, shape: Shape) -> None:
        self.bundle = bundle
        self.since, self._n = said(bundle)
        self.counted = 0
        self.held: Integers | None = None
        self._added: list[Integers] = []
        self._shape = shape
        self._tail: Chunk | None = _UNREAD

    @property
    def tail(self) -> Chunk | None:
        """The key's last chunk on disk, as far as it is known."""
        if self._tail is _UNREAD:
            self._tail = last(self.bundle)
        return self._tail

    @tail.setter
    def tail(self, tail: Chunk | None) -> None:
        self._tail = tail

    @property
    def is_bundled(self) -> bool:
        """Whether the `bundle` says all, and is short enough to be unpacked each time."""
        return self.held is None and not self._added and len(self.bundle) <= MOST_BUNDLED

    def open(self) -> None:
        """Unpack the rows, unless that is as fast where they are looked at."""
        if self.held is None and not self.is_bundled:
            self._open()

    @property
    def rows(self) -> Integers:
        """The rows that are not gone."""
        return self._open() if self.held is None else self.held

    @rows.setter
    def rows(self, rows: Integers) -> None:
        self.held = rows

    @property
    def gone(self) -> Integers:
        """The rows that are gone, a column a line."""
        if self.held is None:
            self._open()
        return self._gone

    @gone.setter
    def gone(self, gone: Integers) -> None:
        self._gone = gone

    def _open(self) -> Integers:
        """Unpack the rows that are not gone, and add those that wait."""
        self._tail = self.tail
        rows, self._gone = parted(rows_of(self.bundle, self._shape.columns))
        self.held = self._linked(rows)
        self.bundle, added = EMPTY, self._added
        for row in added:
            self.add(row)
        self._added = []
        return self.held

    def _linked(self, rows: Integers) -> Integers:
        """The rows, linked where that is of use."""
        if self._shape.linked != NOWHERE:
            link(rows, self._shape.linked)
        return rows

    @property
    def n(self) -> int:
        """Number of rows that are not gone; while they are in their bundle, of all."""
        if self.held is not None:
            return int(self.held[-1, IN_USE])
        return self._n + len(self._added)

    @property
    def size(self) -> int:
        """Rows that there is room for, or will be."""
        if self.held is not None:
            return int(self.held.shape[1] + self._gone.shape[1])
        n = self.n
        return max(n + n // 8, LEAST_ROOM)

    @property
    def whole(self) -> Integers:
        """All rows, with those that are gone."""
        return self.rows if self.gone.shape[1] == 0 else mixed(self.rows, self.gone)

    def add(self, row: Integers) -> None:
        """Insert a row at its place; the newest goes to the end at no cost."""
        if self.held is None:
            self._added.append(row)
            return
        if row[GONE_SEQ] != NEVER:
            self._set_apart(row)
            return
        n = self.n
        if n == self.rows.shape[1]:
            self.rows = widened(self.rows, n, n + n // 2 + LEAST_ROOM)
        insert(self.rows, 0, n, row)
        self.rows[-1, IN_USE] = n + 1

    def bury(self, t: int, seq: int, gone: End) -> None:
        """Mark the row of `seq`, which happened at `t`, as gone."""
        p = found(self.rows, t, seq)
        if p >= 0:
            row = self.rows[:-FURTHER_LINES, p].copy().reshape(-1, 1)
            remove(self.rows, p)
            end(row, 0, gone)
            self._set_apart(row[:, 0])
            return
        for p in np.flatnonzero(self.gone[SEQ] == seq).tolist():
            end(self.gone, p, gone)
            self._learn_end(p)

    def _set_apart(self, row: Integers) -> None:
        self.gone = np.concatenate([self.gone, row.reshape(-1, 1)], axis=1)
        self._learn_end(self.gone.shape[1] - 1)

    def _learn_end(self, p: int) -> None:
        learn(self.gone, p, self.rows[-1])
        self.rows[-1, GONE_ROWS] = 0

    def reach_back(self, earlier: Integers, since: int) -> None:
        """Take the rows that happened before those held, so that all since `since` are there."""
        rows, gone = parted(earlier)
        self.rows = self._linked(joined(rows, self.rows))
        self.gone = np.concatenate([gone, self.gone], axis=1)
        self.since = since


class HeavyHistory:
    """Day tiles of a key, and the rows of the days that were asked for.

    `segments` say where each day's rows stand in `rows` and how many there are; -1 and 0 for a day
    whose rows are on disk only. `last` are t and o of the newest row.
    """

    def __init__(self, tiles: DayTiles, tail: Chunk | None) -> None:
        self.tiles = tiles
        self.rows = no_rows(tiles.shape.columns, _FIRST_ROOM)
        self.rows[-1, :KNOWN] = tiles.known
        self.used = 0
        self.segments = _no_segments(_FIRST_ROOM)
        self._rooms = np.zeros(_FIRST_ROOM, np.int64)
        self.last = np.array([EVER, 0])
        self.tail = tail
        self.since = EVER
        self.counted = 0
        self._reach_days()

    @classmethod
    def of(cls, shape: Shape, rows: Integers, tail: Chunk | None) -> "HeavyHistory":
        """The history of a key's rows, a column a line, of which the newest day's are kept."""
        rows = np.ascontiguousarray(sorted_rows(rows))
        days = rows[T] // DAY_US
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), rows.shape[1]]
        tiles = DayTiles(shape)
        tiles.build(rows, edges)
        history = cls(tiles, tail)
        history.last = rows[[T, ORDINAL], -1]
        history.place(tiles.n - 1, rows[:, edges[-2] :])
        return history

    def begin(self, rows: Integers) -> None:
        """Take the newest day's rows, a column a line in order, for which there is no tile yet."""
        for day in np.unique(rows[T] // DAY_US).tolist():
            held = np.ascontiguousarray(rows[:, rows[T] // DAY_US == day])
            number = self.tiles.n
            self.tiles.insert(number, day)
            self._reach_days()
            self.tiles.add(held, 0, held.shape[1], number)
            self.place(number, held)
            self.last = held[[T, ORDINAL], -1]
        self.rows[-1, :KNOWN] = self.tiles.known

    @property
    def size(self) -> int:
        """Rows that the memory would hold that is taken."""
        return int(self.rows.shape[1]) + self.tiles.size // int(self.rows.shape[0])

    def _reach_days(self) -> None:
        """Give every day a segment."""
        n, held = self.tiles.n, self.segments.shape[1]
        if n > held:
            wider = _no_segments(2 * n)
            wider[:, :held] = self.segments
            rooms = np.zeros(2 * n, np.int64)
            rooms[:held] = self._rooms
            self.segments, self._rooms = wider, rooms

    def absent(self, first: int, last: int) -> Integers:
        """Numbers of the days from `first` up to `last` whose rows are not at hand."""
        found: Integers = first + np.flatnonzero(self.segments[0, first:last] < 0)
        return found

    def place(self, number: int, rows: Integers) -> None:
        """Take the rows of a day, a column a line in order, into memory."""
        n = rows.shape[1]
        at = self._claim(number, n)
        self.rows[:-FURTHER_LINES, at : at + n] = rows
        self.segments[:, number] = at, n

    def drop(self) -> None:
        """Let all days' rows go, but not the tiles."""
        self.rows = widened(self.rows, 0, _FIRST_ROOM)
        self.used = 0
        self.segments = _no_segments(self.segments.shape[1])

    def _claim(self, number: int, n: int) -> int:
        """Room for `n` rows of a day and some more, at the end."""
        room = n + n // 4 + LEAST_ROOM
        if self.used + room > self.rows.shape[1]:
            self.rows = widened(self.rows, self.used, 2 * (self.used + room))
        at = self.used
        self.used += room
        self._rooms[number] = room
        return at

    def add(self, row: Integers) -> None:
        """Add a row."""
        day = int(row[T]) // DAY_US
        number = self.tiles.number(day)
        if not self.tiles.has(day):
            self._open(number, day)
        alone = row.reshape(-1, 1)
        self.tiles.add(alone, 0, 1, number)
        if self.segments[0, number] >= 0:
            self._insert(number, row)
        else:
            learn(alone, 0, self.rows[-1])
        last = max((int(self.last[0]), int(self.last[1])), (int(row[T]), int(row[ORDINAL])))
        self.last = np.array(last)

    def _open(self, number: int, day: int) -> None:
        """Make place for a day without rows; it is at hand at once."""
        n = self.tiles.n
        self.tiles.insert(number, day)
        self._reach_days()
        self.segments[:, number + 1 : n + 1] = self.segments[:, number:n].copy()
        self._rooms[number + 1 : n + 1] = self._rooms[number:n].copy()
        self.segments[:, number] = self._claim(number, 0), 0

    def _insert(self, number: int, row: Integers) -> None:
        lo, n = self.segments[:, number].tolist()
        if n == self._rooms[number]:
            rows = self.rows[:-FURTHER_LINES, lo : lo + n].copy()
            lo = self._claim(number, 2 * n)
            self.rows[:-FURTHER_LINES, lo : lo + n] = rows
        insert(self.rows, lo, lo + n, row)
        self.segments[:, number] = lo, n + 1

    def bury(self, t: int, seq: int, gone: End) -> None:
        """Mark the row of `seq`, which happened at `t`, as gone; that day's rows are at hand."""
        number = self.tiles.number(t // DAY_US)
        lo, n = self.segments[:, number].tolist()
        for p in (lo + np.flatnonzero(self.rows[SEQ, lo : lo + n] == seq)).tolist():
            was_gone = self.rows[GONE_SEQ, p] != NEVER
            end(self.rows, p, gone)
            learn(self.rows, p, self.rows[-1])
            if was_gone:
                learn(self.rows, p, self.tiles.latest[number])
            else:
                self.tiles.remove(self.rows, p, number, lo, lo + n)


KeyHistory = LightHistory | HeavyHistory


def _no_segments(n: int) -> Integers:
    out = np.zeros((2, n), np.int64)
    out[0] = -1
    return out
