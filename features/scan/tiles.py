"""States of one live event under a heavy key, from day tiles and the rows of a few days.

A tile is what the rows of one UTC day come to that are not gone: sums and ends of values for each
slot (a column under conditions), and a histogram for each slot on the log grid. Tiles are held as
sums over all earlier days, so whole days of a window are one difference; the days at its two ends,
and days of which the query does not know every row, are looked at row by row.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import GRID_HALF, HIGH, LOW, MISSING, NEVER, C, N
from features.kernels.reduce import add_square
from features.scan.layout import FURTHER_LINES, GONE_SEQ, T
from features.scan.light import (
    ATOM_FROM,
    ATOM_TO,
    COUNT,
    ENDS,
    GRIDS,
    NOWHERE,
    OP,
    OWN_WIDTH,
    SLOT,
    VALUE,
    Codes,
    Marks,
    chosen,
    first_from,
    first_not_before,
    holds,
    is_before,
    knows_all,
    laid,
    scanned,
    used_columns,
    visible,
)
from features.scan.reduce import Table, add_moments, count_state, ends, grid_state

DAY_US: Final = 86_400_000_000
SUMS: Final = C + 1
"""Columns of a moments state that can be added and taken away."""
Counts = NDArray[np.int32]
Tiles = tuple[Integers, Integers, Counts, Integers, Integers]
"""Days' running sums (days + 1, slots, 5), ends (days, slots, 2), running histograms (slots,
days + 1, steps), what each day says of knowledge (days, 4), and the least step of each slot."""


_NO_OWN = np.zeros(OWN_WIDTH, np.int64)
"""Slots compare with nothing of an event."""


@njit(cache=True, nogil=True)
def is_tiled(group: Integers) -> bool:
    """Whether tiles serve the group; the others look at every row."""
    return group[SLOT] != NOWHERE


@njit(cache=True, nogil=True)
def add_row(
    rows: Integers,
    p: int,
    slots: Integers,
    codes: Codes,
    tiles: Tiles,
    day: int,
    until: int,
    sign: int,
) -> None:
    """Add row `p` (or take it away) to the running sums of day number `day` up to number `until`.

    The least and the greatest value are added to, never taken away from.
    """
    sums, ends, steps, _, base = tiles
    s = g = 0
    state = np.zeros(SUMS, np.int64)
    for slot in slots:
        is_grid = slot[OP] == GRIDS
        v = np.int64(1) if slot[VALUE] == NOWHERE else rows[slot[VALUE], p]
        if v != MISSING and holds(rows, p, slot, _NO_OWN, codes):
            if is_grid:
                for d in range(day + 1, until + 1):
                    steps[g, d, v - base[g]] += sign
            else:
                state[:] = 0
                add_square(state, v, sign)
                for d in range(day + 1, until + 1):
                    for c in range(SUMS):
                        sums[d, s, c] += state[c]
                if sign > 0:
                    ends[day, s, 0] = min(ends[day, s, 0], v)
                    ends[day, s, 1] = max(ends[day, s, 1], v)
        g += is_grid
        s += not is_grid


@njit(cache=True, nogil=True)
def find_ends(
    rows: Integers,
    lo: int,
    hi: int,
    slots: Integers,
    codes: Codes,
    ends: Integers,
) -> None:
    """Least and greatest value (slots, 2) of the rows `lo` to `hi` that are not gone."""
    s = 0
    for slot in slots:
        if slot[OP] == GRIDS:
            continue
        ends[s, 0], ends[s, 1] = NEVER, -NEVER
        for p in range(lo, hi):
            v = np.int64(1) if slot[VALUE] == NOWHERE else rows[slot[VALUE], p]
            is_there = rows[GONE_SEQ, p] == NEVER and v != MISSING
            if is_there and holds(rows, p, slot, _NO_OWN, codes):
                ends[s, 0], ends[s, 1] = min(ends[s, 0], v), max(ends[s, 1], v)
        s += 1


@njit(cache=True, nogil=True)
def _whole(
    days: Integers, start: int, query: Integers, last: Integers
) -> tuple[int, int, int, int]:
    """Day numbers `a <= b <= c <= d`: a window lies in `a` to `d`, and holds `b` to `c` whole.

    `last` are t and o of the key's newest row; where it happened before the query, so did its day.
    """
    head, tail = start // DAY_US, query[0] // DAY_US
    a = first_from(days, 0, len(days), head)
    b = first_from(days, a, len(days), head + (start % DAY_US != 0))
    d = first_from(days, b, len(days), tail + 1)
    is_over = is_before(last[0], last[1], query[0], query[1])
    c = d if is_over else first_from(days, b, d, tail)
    return a, min(b, d), max(c, min(b, d)), d


@njit(cache=True, nogil=True)
def _doubtful(
    n: int, latest: Integers, key_latest: Integers, query: Integers, hidden: Integers
) -> Marks:
    """Which of `n` days have a row that the query may not see, or an end that it does not know."""
    out = np.zeros(n, np.bool_)
    if not knows_all(key_latest, query):
        for d in range(n):
            out[d] = not knows_all(latest[d], query)
    for d in hidden:
        out[d] = True
    return out


@njit(cache=True, nogil=True)
def _missing(
    days: Integers,
    segments: Integers,
    tiles: Tiles,
    doubt: Marks,
    query: Integers,
    last: Integers,
    groups: Integers,
    starts: Integers,
) -> Integers:
    """Numbers of the days whose rows are looked at and are not at hand."""
    out = np.zeros(len(days), np.bool_)
    for group in groups:
        for k in range(group[ATOM_FROM], group[ATOM_TO]):
            a, b, c, d = _whole(days, starts[k], query, last)
            if is_tiled(group):
                _mark(tiles, doubt, group, a, b, c, d, out)
            else:
                out[a:d] = True
    for d in range(len(days)):
        out[d] &= segments[0, d] < 0
    return np.flatnonzero(out)


@njit(cache=True, nogil=True)
def _mark(
    tiles: Tiles, doubt: Marks, group: Integers, a: int, b: int, c: int, d: int, out: Marks
) -> None:
    """Mark the days that the window's state takes row by row."""
    out[a:b] = True
    out[c:d] = True
    first = last = -1
    for day in range(b, c):
        if doubt[day]:
            out[day] = True
        elif group[OP] == ENDS and _held(tiles, group[SLOT], day):
            first = day if first < 0 else first
            last = day
    if last >= 0:
        out[first] = out[last] = True


@njit(cache=True, nogil=True)
def _held(tiles: Tiles, slot: int, day: int) -> int:
    """Number of rows that the day has in the slot."""
    return int(tiles[0][day + 1, slot, N] - tiles[0][day, slot, N])


@njit(cache=True, nogil=True)
def _laid_days(
    rows: Integers,
    segments: Integers,
    latest: Integers,
    marks: Marks,
    a: int,
    d: int,
    start: int,
    query: Integers,
    others: Integers,
    used: Marks,
) -> tuple[Integers, int]:
    """What a window sees of the marked days `a` to `d`, side by side, and how many rows."""
    size = np.int64(0)
    for day in range(a, d):
        size += segments[1, day] if marks[day] else 0
    out, n = np.empty((len(used), size), np.int64), 0
    for day in range(a, d):
        if marks[day]:
            lo, hi = segments[0, day], segments[0, day] + segments[1, day]
            lo = first_from(rows[T], lo, hi, start)
            hi = first_not_before(rows, lo, hi, query)
            seen, m = visible(rows, lo, hi, latest[day], query, others)
            n = laid(rows, lo, hi, seen, m, used, out, n)
    return out, n


@njit(cache=True, nogil=True)
def _sums_state(
    x: Integers,
    tiles: Tiles,
    doubt: Marks,
    group: Integers,
    b: int,
    c: int,
    out: Integers,
) -> None:
    """Moments of the whole days `b` to `c`, but for the doubtful, and of the values `x`."""
    sums, ends, slot = tiles[0], tiles[1], group[SLOT]
    for k in range(SUMS):
        out[k] = sums[c, slot, k] - sums[b, slot, k]
    out[LOW], out[HIGH] = NEVER, -NEVER
    for day in range(b, c):
        if doubt[day]:
            for k in range(SUMS):
                out[k] -= sums[day + 1, slot, k] - sums[day, slot, k]
        else:
            out[LOW] = min(out[LOW], ends[day, slot, 0])
            out[HIGH] = max(out[HIGH], ends[day, slot, 1])
    if group[OP] == COUNT:
        count_state(out[N] + len(x), out)
    else:
        add_moments(x, 0, len(x), out)


@njit(cache=True, nogil=True)
def _grid_state(
    x: Integers,
    tiles: Tiles,
    doubt: Marks,
    group: Integers,
    b: int,
    c: int,
    own: int,
    out: Integers,
) -> None:
    """Grid state of the whole days `b` to `c`, but for the doubtful, and of the steps `x`."""
    held, base, slot = tiles[2], tiles[4][group[SLOT]], group[SLOT]
    room = np.zeros(2 * GRID_HALF + 1, np.int32)
    until, before, shift = held[slot, c], held[slot, b], base + GRID_HALF
    total, low, high = np.int64(len(x)), np.int64(GRID_HALF), np.int64(-GRID_HALF)
    for k in range(held.shape[2]):
        count = np.int64(until[k] - before[k])
        if count:
            room[shift + k] = count
            total += count
            low, high = min(low, base + k), base + k
    for day in range(b, c):
        if doubt[day]:
            total -= _take_away(held[slot, day + 1], held[slot, day], room, shift)
    for v in x:
        low, high = min(low, v), max(high, v)
        room[v + GRID_HALF] += 1
    grid_state(room, -GRID_HALF, low, high, total, own, out)


@njit(cache=True, nogil=True)
def _take_away(until: Counts, before: Counts, room: Table, shift: int) -> int:
    """Take a day's steps away from a histogram; return how many."""
    total = np.int64(0)
    for k in range(len(until)):
        count = np.int64(until[k] - before[k])
        if count:
            room[shift + k] -= count
            total += count
    return total


@njit(cache=True, nogil=True)
def heavy_states(
    rows: Integers,
    days: Integers,
    segments: Integers,
    tiles: Tiles,
    hidden: Integers,
    last: Integers,
    query: Integers,
    others: Integers,
    groups: Integers,
    lengths: Integers,
    owns: Integers,
    codes: Codes,
    out: Integers,
) -> Integers:
    """States of all atoms of one heavy key, if the rows of every day that is looked at are at hand.

    `segments` (2, days) say where each day's rows stand and how many there are; `hidden` are
    numbers of days with versions of the query's own event. Returns the numbers of the days that
    have to be read before another call.
    """
    starts = query[0] - lengths
    doubt = _doubtful(len(days), tiles[3], rows[len(rows) - 1], query, hidden)
    missing = _missing(days, segments, tiles, doubt, query, last, groups, starts)
    if len(missing):
        return missing
    begin = np.int64(NEVER)
    for g in range(len(groups)):
        group = groups[g]
        used = used_columns(groups, g, g + 1, len(rows) - FURTHER_LINES)
        for a in range(group[ATOM_FROM], group[ATOM_TO]):
            if is_tiled(group):
                _tiled(
                    rows,
                    days,
                    segments,
                    tiles,
                    doubt,
                    query,
                    others,
                    last,
                    group,
                    starts[a],
                    owns[g],
                    codes,
                    used,
                    out[a : a + 1],
                )
            else:
                begin = min(begin, starts[a])
    if begin == NEVER:
        return missing
    rest = groups[:, SLOT] == NOWHERE
    groups, owns = groups[rest], owns[rest]
    used = used_columns(groups, 0, len(groups), len(rows) - FURTHER_LINES)
    a, _, _, d = _whole(days, begin, query, last)
    every = np.ones(len(days), np.bool_)
    some, n = _laid_days(rows, segments, tiles[3], every, a, d, begin, query, others, used)
    scanned(some, 0, n, False, groups, starts, owns, codes, out)
    return missing


@njit(cache=True, nogil=True)
def _tiled(
    rows: Integers,
    days: Integers,
    segments: Integers,
    tiles: Tiles,
    doubt: Marks,
    query: Integers,
    others: Integers,
    last: Integers,
    group: Integers,
    start: int,
    own: Integers,
    codes: Codes,
    used: Marks,
    out: Integers,
) -> None:
    """State (1, 7) of one atom from tiles and the rows of the days that tiles do not serve."""
    a, b, c, d = _whole(days, start, query, last)
    marks = np.zeros(len(days), np.bool_)
    _mark(tiles, doubt, group, a, b, c, d, marks)
    some, n = _laid_days(rows, segments, tiles[3], marks, a, d, start, query, others, used)
    x, t = chosen(some, 0, n, group, own, codes)
    if group[OP] == ENDS:
        ends(x, t, np.zeros(1, np.int64), (0, 1), out)
    elif group[OP] == GRIDS:
        _grid_state(x, tiles, doubt, group, b, c, own[0], out[0])
    else:
        _sums_state(x, tiles, doubt, group, b, c, out[0])
