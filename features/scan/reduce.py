"""States of atoms from the values that one group looks at, which stand side by side in time order.

All windows of a group end at the same instant, so the atoms' windows are ends of one run of values:
each begins at its edge. The states are those of `features.kernels.reduce`, bit for bit.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import (
    BELOW,
    CLOGC,
    DISTINCT,
    EQUAL,
    FIRST,
    GRID_HALF,
    HIGH,
    LAST,
    LOW,
    MAD,
    MAD4,
    MEDIAN,
    MEDIAN2,
    MISSING,
    NEAR,
    NEVER,
    S1,
    SQUARES,
    STATE_WIDTH,
    A,
    B,
    C,
    N,
    apart,
    clogc,
)

TAKEN: Final = 2
"""Column of an ends state that holds the last event's value."""

_BITS_A_ROW: Final = 512
_COUNTS_A_ROW: Final = 8
"""How far codes may be spread for a bit, or a count, to be held for each between them."""
_FREE: Final = -1
"""A place without a code in a table of codes."""
_SPREAD: Final = 0x9E3779B97F4A7
_SHIFT: Final = 20
"""Codes that are close together, as texts first seen together have, are spread over a table."""
_STRETCH: Final = 64
"""Steps of the grid that are passed over together on the way to a median."""
Table = NDArray[np.int32]
Span = tuple[int, int]
"""First atom of a group, and the one behind its last."""


@njit(cache=True, nogil=True)
def nearest(edges: Integers, span: Span, before: int, at: int) -> int:
    """The atom with the last edge before that of atom `at` (`before`), -1 when there is none."""
    best = -1
    for a in range(span[0], span[1]):
        is_before = edges[a] < before or (edges[a] == before and a > at)
        if is_before and (best < 0 or edges[a] > edges[best]):
            best = a
    return best


@njit(cache=True, nogil=True)
def count_state(n: int, out: Integers) -> None:
    """State of `n` rows of value 1."""
    out[:] = 0
    out[N] = out[S1] = out[C] = n
    out[LOW], out[HIGH] = (1, 1) if n else (NEVER, -NEVER)


@njit(cache=True, nogil=True)
def add_moments(x: Integers, lo: int, hi: int, state: Integers) -> None:
    """Add the values `x[lo:hi]` to a moments state."""
    s1 = a = b = c = np.int64(0)
    least, greatest = state[LOW], state[HIGH]
    for k in range(lo, hi):
        v = x[k]
        h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
        s1, a, b, c = s1 + v, a + h * h, b + h * low, c + low * low
        least, greatest = min(least, v), max(greatest, v)
    state[N] += hi - lo
    state[S1] += s1
    state[A] += a
    state[B] += b
    state[C] += c
    state[LOW], state[HIGH] = least, greatest


@njit(cache=True, nogil=True)
def moments(x: Integers, edges: Integers, span: Span, out: Integers) -> None:
    """States of moments."""
    state = np.zeros(STATE_WIDTH, np.int64)
    state[LOW], state[HIGH] = NEVER, -NEVER
    done, a = len(x), nearest(edges, span, len(x), -1)
    while a >= 0:
        add_moments(x, edges[a], done, state)
        out[a] = state
        done = edges[a]
        a = nearest(edges, span, done, a)


@njit(cache=True, nogil=True)
def table_for(n: int) -> Table:
    """A table with places for `n` codes, at most half of which are taken then."""
    size = np.int64(2)
    while size < 2 * n:
        size *= 2
    return np.full(size, _FREE, np.int32)


@njit(cache=True, nogil=True)
def place_of_code(table: Table, code: int) -> int:
    """Where a code stands in a table, or the free place that is its."""
    last = len(table) - 1
    at = ((code * _SPREAD) >> _SHIFT) & last
    while table[at] != code and table[at] != _FREE:
        at = (at + 1) & last
    return at


@njit(cache=True, nogil=True)
def places_of(x: Integers, widest: int) -> tuple[Integers, int]:
    """A place for each code, the same for equal ones, and how many places there are.

    Codes that span no more than `widest` stand where they are; others are looked up in a table.
    """
    low, high = least_and_greatest(x)
    return (x - low, max(high - low + 1, 0)) if high - low < widest else looked_up(x)


@njit(cache=True, nogil=True)
def least_and_greatest(x: Integers) -> tuple[int, int]:
    """The least and the greatest code; NEVER and -1 where there is none."""
    low, high = np.int64(NEVER), np.int64(-1)
    for v in x:
        low, high = min(low, v), max(high, v)
    return low, high


@njit(cache=True, nogil=True)
def looked_up(x: Integers) -> tuple[Integers, int]:
    """A place in a table for each code, and how many places it has."""
    table = table_for(len(x))
    out = np.empty(len(x), np.int64)
    for k in range(len(x)):
        out[k] = place_of_code(table, x[k])
        table[out[k]] = x[k]
    return out, len(table)


@njit(cache=True, nogil=True)
def distinct_codes(x: Integers, edges: Integers, span: Span, out: Integers) -> None:
    """States of codes of which only the number of different ones is asked for."""
    low, high = least_and_greatest(x)
    places, size = x, max(high - low + 1, 0)
    if size > _BITS_A_ROW * (len(x) + 1):
        places, size = looked_up(x)
        low = 0
    bits_of, distinct = np.zeros(size // 64 + 1, np.int64), np.int64(0)
    done, a = len(x), nearest(edges, span, len(x), -1)
    while a >= 0:
        for k in range(edges[a], done):
            place = places[k] - low
            word, bit = place >> 6, np.int64(1) << (place & 63)
            distinct += (bits_of[word] & bit) == 0
            bits_of[word] |= bit
        done = edges[a]
        out[a, N], out[a, DISTINCT] = len(x) - done, distinct
        a = nearest(edges, span, done, a)


@njit(cache=True, nogil=True)
def counted_codes(x: Integers, edges: Integers, span: Span, out: Integers) -> None:
    """States of codes, with what their counts come to."""
    places, size = places_of(x, _COUNTS_A_ROW * (len(x) + 1))
    counts = np.zeros(size, np.int32)
    distinct = squares = logs = np.int64(0)
    done, a = len(x), nearest(edges, span, len(x), -1)
    while a >= 0:
        for k in range(edges[a], done):
            count = np.int64(counts[places[k]])
            counts[places[k]] = count + 1
            distinct += count == 0
            squares += 2 * count + 1
            logs += clogc(count + 1) - clogc(count)
        done = edges[a]
        out[a, N], out[a, DISTINCT] = len(x) - done, distinct
        out[a, SQUARES], out[a, CLOGC] = squares, logs
        a = nearest(edges, span, done, a)


@njit(cache=True, nogil=True)
def grid_state(
    steps: Table, base: int, low: int, high: int, n: int, own: int, state: Integers
) -> None:
    """Grid state of `n` values from `low` to `high`, of which `steps[v - base]` are `v`."""
    state[:] = 0
    state[N] = n
    if n == 0:
        return
    order, below, at = (n - 1) // 2, np.int64(0), low - base
    stretch = total_of(steps, at, at + _STRETCH)
    while below + stretch <= order:
        below, at = below + stretch, at + _STRETCH
        stretch = total_of(steps, at, at + _STRETCH)
    while below + steps[at] <= order:
        below += steps[at]
        at += 1
    state[MEDIAN], state[MAD] = base + at, reach(steps, at, order)
    if own != MISSING:
        place = max(min(own, high + 1), low) - base
        state[BELOW] = below + total_of(steps, at, place) - total_of(steps, place, at)
        if low <= own <= high:
            state[EQUAL] = steps[own - base]


@njit(cache=True, nogil=True)
def reach(steps: Table, at: int, order: int) -> int:
    """How far from step `at` on both sides more than `order` values lie."""
    d, within = np.int64(0), np.int64(steps[at])
    more = ring(steps, at, d, _STRETCH)
    while within + more <= order:
        d, within = d + _STRETCH, within + more
        more = ring(steps, at, d, _STRETCH)
    while within <= order:
        within += ring(steps, at, d, 1)
        d += 1
    return d


@njit(cache=True, nogil=True)
def ring(steps: Table, at: int, d: int, width: int) -> int:
    """How many values lie farther than `d` from step `at`, and no farther than `width` more."""
    first, last = at - d, at + d + 1
    before = total_of(steps, max(first - width, 0), max(first, 0))
    return before + total_of(steps, last, last + width)


@njit(cache=True, nogil=True)
def total_of(steps: Table, lo: int, hi: int) -> int:
    """How many values are of the steps `lo` to `hi`, as far as there are such."""
    total = np.int64(0)
    for n in steps[lo:hi]:
        total += n
    return total


@njit(cache=True, nogil=True)
def grids(x: Integers, edges: Integers, span: Span, own: int, out: Integers) -> None:
    """States on the log grid."""
    base, top = np.int64(GRID_HALF), np.int64(-GRID_HALF)
    for v in x:
        base, top = min(base, v), max(top, v)
    steps = np.zeros(max(int(top - base) + 1, 0), np.int32)
    low, high = np.int64(GRID_HALF), np.int64(-GRID_HALF)
    done, a = len(x), nearest(edges, span, len(x), -1)
    while a >= 0:
        for v in x[edges[a] : done]:
            low, high = min(low, v), max(high, v)
            steps[v - base] += 1
        done = edges[a]
        grid_state(steps, base, low, high, len(x) - done, own, out[a])
        a = nearest(edges, span, done, a)


@njit(cache=True, nogil=True)
def select(values: Integers, lo: int, hi: int, order: int) -> int:
    """The value of rank `order` among `values[lo:hi]`, which are put in order around it."""
    hi -= 1
    while lo < hi:
        pivot = values[(lo + hi) // 2]
        i, j = lo, hi
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if order <= j:
            hi = j
        elif order >= i:
            lo = i
        else:
            return values[order]
    return values[order]


@njit(cache=True, nogil=True)
def middle_two(values: Integers, n: int) -> int:
    """Sum of the two middle values of the first `n`, twice the middle one where `n` is odd."""
    high = select(values, 0, n, n // 2)
    if n % 2:
        return 2 * high
    low = values[0]
    for k in range(1, n // 2):
        low = max(low, values[k])
    return low + high


@njit(cache=True, nogil=True)
def orders(x: Integers, edges: Integers, span: Span, out: Integers) -> None:
    """States of exact order statistics."""
    held = np.empty(len(x), np.int64)
    for a in range(span[0], span[1]):
        n = len(x) - edges[a]
        out[a, N] = n
        if n:
            held[:n] = x[edges[a] :]
            median2 = middle_two(held, n)
            for k in range(n):
                held[k] = abs(2 * held[k] - median2)
            out[a, MEDIAN2], out[a, MAD4] = median2, middle_two(held, n)


@njit(cache=True, nogil=True)
def sketches(x: Integers, edges: Integers, span: Span, own: int, near: int, out: Integers) -> None:
    """States of sketches that differ from `own` in few enough bits."""
    found, done = 0, len(x)
    a = nearest(edges, span, done, -1)
    while a >= 0:
        for k in range(edges[a], done):
            found += own != MISSING and apart(x[k], own, near) <= near & 63
        done = edges[a]
        out[a, N], out[a, NEAR] = len(x) - done, found
        a = nearest(edges, span, done, a)


@njit(cache=True, nogil=True)
def ends(x: Integers, t: Integers, edges: Integers, span: Span, out: Integers) -> None:
    """States of ends: the instants of both, and the value of the last."""
    for a in range(span[0], span[1]):
        out[a, LAST] = out[a, FIRST] = out[a, TAKEN] = MISSING
        if edges[a] < len(t):
            out[a, LAST], out[a, FIRST], out[a, TAKEN] = t[-1], t[edges[a]], x[-1]
