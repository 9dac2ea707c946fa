"""Histories of one key in memory: a light key's rows, or a heavy key's tiles and some days' rows.

Rows are arrays as `features.live_kernels` reads them, in `(t, o, observed, seq)` order. Histories
say since when they hold every row (`since`), and what the last chunk on disk is (`tail`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.layout import (
    GONE_FIRST,
    GONE_OBSERVED,
    GONE_SEQ,
    OBSERVED,
    ORDINAL,
    SEQ,
    T,
)
from features.live_kernels import GONE_ROWS, IN_USE, LATEST_ANY, LEAST_ROOM, place_of
from features.store.chunks import Bytes, unpacked
from features.store.shape import Shape
from features.store.tiles import KNOWN, DayTiles, learn
from features.tile_kernels import DAY_US

EVER: Final = -NEVER
"""Before every instant."""
_FIRST_ROOM: Final = 64


class Tail(NamedTuple):
    """A chunk of a key: where it begins, how many rows it has, and its bytes."""

    t0: int
    s0: int
    n: int
    data: bytes


NO_CHUNK: Final = Tail(0, 0, 0, b"")
"""The last chunk of a key without rows."""


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
    rows = np.empty((columns + 1, max(room, LEAST_ROOM)), np.int64)
    head = rows[columns]
    head[: LATEST_ANY + 1] = -NEVER
    head[GONE_ROWS] = head[IN_USE] = 0
    return rows


@njit(cache=True, nogil=True)
def widened(rows: Integers, used: int, room: int) -> Integers:
    """The same rows with more room."""
    columns = len(rows) - 1
    out = no_rows(columns, room)
    for c in range(columns):
        out[c, :used] = rows[c, :used]
    out[columns, : IN_USE + 1] = rows[columns, : IN_USE + 1]
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
def opened(
    data: Bytes, counts: Integers, t0: Integers, s0: Integers, columns: int
) -> tuple[Integers, bool]:
    """Rows of chunks, with room for more, and whether they are in the order of memory."""
    n = counts.sum()
    rows = no_rows(columns, n + n // 4)
    p = at = 0
    for k in range(len(counts)):
        p = unpacked(data, p, counts[k], t0[k], s0[k], rows[:columns], at)
        at += counts[k]
    head = rows[columns]
    for k in range(n):
        learn(rows, k, head)
    head[IN_USE] = n
    return rows, _is_sorted(rows, n)


@njit(cache=True, nogil=True)
def insert(rows: Integers, lo: int, hi: int, row: Integers) -> None:
    """Insert a row at its place among the rows `lo` to `hi`, behind which there is room."""
    at = place_of(rows, lo, hi, row)
    for c in range(len(row)):
        for p in range(hi, at, -1):
            rows[c, p] = rows[c, p - 1]
        rows[c, at] = row[c]
    learn(rows, at, rows[len(row)])


def sorted_rows(rows: Integers) -> Integers:
    """`rows`, a column a line, in `(t, o, observed, seq)` order."""
    order = np.lexsort((rows[SEQ], rows[OBSERVED], rows[ORDINAL], rows[T]))
    return rows[:, order]


def rows_of(chunks: Sequence[Tail], columns: int) -> Integers:
    """The rows of chunks in the order of memory."""
    if not chunks:
        return no_rows(columns, 0)
    if len(chunks) == 1:
        t0, s0, n, data = chunks[0]
        heads = np.array(((n,), (t0,), (s0,)), np.int64)
    else:
        t0s, s0s, counts, blobs = zip(*chunks, strict=True)
        heads, data = np.array([counts, t0s, s0s], np.int64), b"".join(blobs)
    rows: Integers
    rows, is_sorted = opened(np.frombuffer(data, np.uint8), heads[0], heads[1], heads[2], columns)
    if not is_sorted:
        n = int(rows[-1, IN_USE])
        rows[:-1, :n] = sorted_rows(rows[:-1, :n])
    return rows


class LightHistory:
    """All rows of a key since some instant."""

    __slots__ = ("rows", "since", "tail")

    def __init__(self, rows: Integers, since: int, tail: Tail | None) -> None:
        self.rows, self.since, self.tail = rows, since, tail

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows[-1, IN_USE])

    @property
    def size(self) -> int:
        """Rows that there is room for."""
        return int(self.rows.shape[1])

    def add(self, row: Integers) -> None:
        """Insert a row at its place; the newest goes to the end at no cost."""
        if row[T] < self.since:
            return
        n = self.n
        if n == self.rows.shape[1]:
            self.rows = widened(self.rows, n, 2 * n)
        insert(self.rows, 0, n, row)
        self.rows[-1, IN_USE] = n + 1

    def bury(self, t: int, seq: int, gone: End) -> None:
        """Mark the row of `seq`, which happened at `t`, as gone."""
        n = self.n
        lo = int(np.searchsorted(self.rows[T, :n], t))
        for p in (lo + np.flatnonzero(self.rows[SEQ, lo:n] == seq)).tolist():
            end(self.rows, p, gone)
            learn(self.rows, p, self.rows[-1])


class HeavyHistory:
    """Day tiles of a key, and the rows of the days that were asked for.

    `segments` say where each day's rows stand in `rows` and how many there are; -1 and 0 for a day
    whose rows are on disk only. `last` are t and o of the newest row.
    """

    def __init__(self, tiles: DayTiles, tail: Tail | None) -> None:
        self.tiles = tiles
        self.rows = no_rows(tiles.shape.columns, _FIRST_ROOM)
        self.rows[-1, :KNOWN] = tiles.known
        self.used = 0
        self.segments = _no_segments(_FIRST_ROOM)
        self._rooms = np.zeros(_FIRST_ROOM, np.int64)
        self.last = np.array([EVER, 0])
        self.tail = tail
        self.since = EVER
        self._reach_days()

    @classmethod
    def of(cls, shape: Shape, rows: Integers, tail: Tail | None) -> "HeavyHistory":
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
        self.rows[:-1, at : at + n] = rows
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
            rows = self.rows[:-1, lo : lo + n].copy()
            lo = self._claim(number, 2 * n)
            self.rows[:-1, lo : lo + n] = rows
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
