"""Day tiles of one heavy key in memory, and each day's as bytes.

Running sums stand over all earlier days: what day number `d` comes to is row `d + 1` less row `d`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.scan.layout import (
    GONE_FIRST,
    GONE_OBSERVED,
    GONE_ROWS,
    GONE_SEQ,
    LATEST_ANY,
    LATEST_OBSERVED,
    LATEST_SEQ,
    OBSERVED,
    SEQ,
    T,
)
from features.scan.light import GRIDS, OP, VALUE, is_before
from features.scan.tiles import DAY_US, SUMS, Counts, Tiles, add_row, find_ends
from features.store.chunks import Bytes, put, take
from features.store.shape import Shape

KNOWN: Final = 4
"""Integers that say what a day's rows are of knowledge."""
_SLACK: Final = 64
"""Grid steps that are made room for beyond those needed."""
_ENTRY_BYTES: Final = 18
_HEAD_BYTES: Final = 64


@njit(cache=True, nogil=True)
def learn(rows: Integers, p: int, latest: Integers) -> None:
    """Take note of when row `p` was known, and its end."""
    _newer(latest, rows[OBSERVED, p], rows[SEQ, p], rows[SEQ, p])
    if rows[GONE_SEQ, p] != NEVER:
        _newer(latest, rows[GONE_OBSERVED, p], rows[GONE_SEQ, p], rows[GONE_FIRST, p])
        latest[GONE_ROWS] += 1


@njit(cache=True, nogil=True)
def _newer(latest: Integers, observed: int, seq: int, place: int) -> None:
    if is_before(latest[LATEST_OBSERVED], latest[LATEST_SEQ], observed, seq):
        latest[LATEST_OBSERVED], latest[LATEST_SEQ] = observed, seq
    latest[LATEST_ANY] = max(latest[LATEST_ANY], place)


@njit(cache=True, nogil=True)
def _add_rows(
    rows: Integers,
    lo: int,
    hi: int,
    slots: Integers,
    codes: Integers,
    tiles: Tiles,
    day: int,
    until: int,
) -> None:
    """Add the rows `lo` to `hi` to a day, and to the running sums up to number `until`."""
    for p in range(lo, hi):
        learn(rows, p, tiles[3][day])
        if rows[GONE_SEQ, p] == NEVER:
            add_row(rows, p, slots, codes, tiles, day, until, 1)


@njit(cache=True, nogil=True)
def _add_days(
    rows: Integers,
    edges: Integers,
    slots: Integers,
    codes: Integers,
    tiles: Tiles,
) -> None:
    """Add the rows between each two of `edges` to a day each, not yet as running sums."""
    for d in range(len(edges) - 1):
        _add_rows(rows, edges[d], edges[d + 1], slots, codes, tiles, d, d + 1)


@njit(cache=True, nogil=True)
def _pack_day(tiles: Tiles, d: int, out: Bytes) -> int:
    sums, ends, steps, latest, base = tiles
    p = put(latest[d], out, 0)
    for c in range(SUMS):
        p = put(sums[d + 1, :, c] - sums[d, :, c], out, p)
    for c in range(2):
        p = put(np.ascontiguousarray(ends[d, :, c]), out, p)
    for g in range(len(base)):
        change = steps[g, d + 1] - steps[g, d]
        held = np.flatnonzero(change)
        p = put(np.array([len(held)]), out, p)
        p = put(held + base[g], out, p)
        p = put(change[held].astype(np.int64), out, p)
    return p


@njit(cache=True, nogil=True)
def _take_steps(data: Bytes, p: int, steps: Integers, counts: Integers) -> tuple[int, int]:
    size = np.empty(1, np.int64)
    p = take(data, p, size)
    n = size[0]
    p = take(data, p, steps[:n])
    return take(data, p, counts[:n]), n


@njit(cache=True, nogil=True)
def _unpack_days(
    data: Bytes, n: int, tiles: Tiles, steps_of: Integers, counts_of: Integers, ranges: Integers
) -> None:
    """Read `n` days, not yet as running sums.

    While `ranges` (slots, 2) are being found, histograms are passed over; see `DayTiles.load`.
    """
    sums, ends, steps, latest, base = tiles
    column = np.empty(sums.shape[1], np.int64)
    p = 0
    for d in range(n):
        p = take(data, p, latest[d])
        for c in range(SUMS):
            p = take(data, p, column)
            sums[d + 1, :, c] = column
        for c in range(2):
            p = take(data, p, column)
            ends[d, :, c] = column
        for g in range(len(base)):
            p, m = _take_steps(data, p, steps_of, counts_of)
            if m and steps.shape[2] == 0:
                ranges[g, 0] = min(ranges[g, 0], steps_of[0])
                ranges[g, 1] = max(ranges[g, 1], steps_of[m - 1])
            elif m:
                for k in range(m):
                    steps[g, d + 1, steps_of[k] - base[g]] += counts_of[k]


class DayTiles:
    """Tiles of all days on which one key has rows, in their order."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.n = 0
        self.days = np.empty(0, np.int64)
        self._make(0, np.zeros(shape.n_grids, np.int64), 0)

    def _make(self, capacity: int, base: Integers, width: int) -> None:
        shape = self.shape
        self._days = np.zeros(capacity, np.int64)
        self.sums = np.zeros((capacity + 1, shape.n_sums, SUMS), np.int64)
        self.ends = np.empty((capacity, shape.n_sums, 2), np.int64)
        self.ends[:, :, 0], self.ends[:, :, 1] = NEVER, -NEVER
        self.steps: Counts = np.zeros((shape.n_grids, capacity + 1, width), np.int32)
        self.latest = np.full((capacity, KNOWN), -NEVER)
        self.latest[:, GONE_ROWS] = 0
        self.base = np.ascontiguousarray(base)

    @property
    def tiles(self) -> Tiles:
        """The arrays as kernels take them; only the first `n` days of them count."""
        return self.sums, self.ends, self.steps, self.latest, self.base

    @property
    def size(self) -> int:
        """Integers that the arrays hold."""
        return self.sums.size + self.ends.size + self.steps.size // 2 + self.latest.size

    @property
    def known(self) -> Integers:
        """What all rows are of knowledge."""
        if self.n == 0:
            return np.array([-NEVER, -NEVER, -NEVER, 0])
        held = self.latest[: self.n]
        last = np.lexsort((held[:, LATEST_SEQ], held[:, LATEST_OBSERVED]))[-1]
        out: Integers = held[last].copy()
        out[LATEST_ANY] = held[:, LATEST_ANY].max()
        out[GONE_ROWS] = held[:, GONE_ROWS].sum()
        return out

    def build(self, rows: Integers, edges: Sequence[int]) -> None:
        """Make the tiles of rows in time order; each two of `edges` enclose a day."""
        bounds = np.array(edges, np.int64)
        ranges = self._ranges(rows)
        n = len(bounds) - 1
        self._make(n, ranges[:, 0], _widest(ranges))
        self._take_days(rows[T, bounds[:-1]] // DAY_US)
        _add_days(rows, bounds, self.shape.slots, self.shape.codes, self.tiles)
        self._run()

    def load(self, days: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Read the tiles of `days` as `blob` wrote them."""
        data = np.frombuffer(b"".join(blobs), np.uint8)
        longest = max((len(blob) for blob in blobs), default=0)
        rooms = np.empty((2, longest), np.int64)
        ranges = np.tile(np.array([NEVER, -NEVER]), (self.shape.n_grids, 1))
        self._make(len(days), np.zeros(self.shape.n_grids, np.int64), 0)
        _unpack_days(data, len(days), self.tiles, rooms[0], rooms[1], ranges)
        ranges[ranges[:, 0] > ranges[:, 1]] = 0, -1
        if _widest(ranges):
            self._make(len(days), ranges[:, 0].copy(), _widest(ranges))
            _unpack_days(data, len(days), self.tiles, rooms[0], rooms[1], ranges)
        self._take_days(np.array(days, np.int64))
        self._run()

    def blob(self, number: int) -> bytes:
        """One day's tile as bytes."""
        entries = int(np.count_nonzero(self.steps[:, number + 1] - self.steps[:, number]))
        columns = KNOWN + 7 * self.shape.n_sums + self.shape.n_grids
        out = np.empty(
            _HEAD_BYTES + 9 * (7 + 3 * self.shape.n_grids) + 8 * columns + _ENTRY_BYTES * entries,
            np.uint8,
        )
        return out[: _pack_day(self.tiles, number, out)].tobytes()

    def number(self, day: int) -> int:
        """Number of a day, or where it would stand."""
        return int(np.searchsorted(self.days, day))

    def has(self, day: int) -> bool:
        """Whether the key has rows on that day."""
        at = self.number(day)
        return at < self.n and int(self.days[at]) == day

    def insert(self, number: int, day: int) -> None:
        """Make place for a day that had no rows."""
        if self.n == len(self._days):
            self._resize(max(8, self.n + self.n // 2), self.base, self.steps.shape[2])
        n = self.n
        self._days[number + 1 : n + 1] = self._days[number:n].copy()
        self.sums[number + 1 : n + 2] = self.sums[number : n + 1].copy()
        self.steps[:, number + 1 : n + 2] = self.steps[:, number : n + 1].copy()
        self.ends[number + 1 : n + 1] = self.ends[number:n].copy()
        self.latest[number + 1 : n + 1] = self.latest[number:n].copy()
        self._days[number] = day
        self.ends[number, :, 0], self.ends[number, :, 1] = NEVER, -NEVER
        self.latest[number] = -NEVER, -NEVER, -NEVER, 0
        self.n += 1
        self.days = self._days[: self.n]

    def add(self, rows: Integers, lo: int, hi: int, number: int) -> None:
        """Add the rows `lo` to `hi` to a day."""
        self._reach(rows[:, lo:hi])
        shape = self.shape
        _add_rows(rows, lo, hi, shape.slots, shape.codes, self.tiles, number, self.n)

    def remove(self, rows: Integers, p: int, number: int, lo: int, hi: int) -> None:
        """Take row `p`, which has just gone, away from a day whose rows stand at `lo` to `hi`."""
        learn(rows, p, self.latest[number])
        shape = self.shape
        add_row(rows, p, shape.slots, shape.codes, self.tiles, number, self.n, -1)
        find_ends(rows, lo, hi, shape.slots, shape.codes, self.ends[number])

    def _take_days(self, days: Integers) -> None:
        self._days[:] = days
        self.n = len(days)
        self.days = self._days[: self.n]

    def _run(self) -> None:
        np.cumsum(self.sums, axis=0, out=self.sums)
        np.cumsum(self.steps, axis=1, out=self.steps)

    def _ranges(self, rows: Integers) -> NDArray[np.int64]:
        """Least and greatest step of each histogram's column among the rows."""
        out = np.tile(np.array([0, -1]), (self.shape.n_grids, 1))
        grids = self.shape.slots[self.shape.slots[:, OP] == GRIDS]
        for g, slot in enumerate(grids):
            held = rows[slot[VALUE]]
            held = held[held > -NEVER]
            if len(held):
                out[g] = held.min(), held.max()
        return out

    def _reach(self, rows: Integers) -> None:
        """See to it that the steps of the rows have a place."""
        ranges = self._ranges(rows)
        width = self.steps.shape[2]
        found = ranges[:, 0] <= ranges[:, 1]
        fits = (ranges[:, 0] >= self.base) & (ranges[:, 1] < self.base + width)
        if np.all(fits | ~found):
            return
        held = np.stack([self.base, self.base + width - 1], axis=1)
        held[found, 0] = np.minimum(held[found, 0], ranges[found, 0] - _SLACK)
        held[found, 1] = np.maximum(held[found, 1], ranges[found, 1] + _SLACK)
        self._resize(len(self._days), held[:, 0], max(width, _widest(held)))

    def _resize(self, capacity: int, base: Integers, width: int) -> None:
        """Move everything to arrays with room for more days or for other steps."""
        n, days = self.n, self._days
        old_sums, old_ends, old_steps, old_latest, old_base = self.tiles
        self._make(capacity, base, width)
        self._days[:n] = days[:n]
        self.days = self._days[:n]
        self.sums[: n + 1], self.ends[:n] = old_sums[: n + 1], old_ends[:n]
        self.latest[:n] = old_latest[:n]
        for g, shift in enumerate((old_base - base).tolist()):
            until = shift + old_steps.shape[2]
            self.steps[g, : n + 1, shift:until] = old_steps[g, : n + 1]


def _widest(ranges: Integers) -> int:
    return int((ranges[:, 1] - ranges[:, 0] + 1).max(initial=0))
