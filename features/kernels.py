"""Window states over integer columns: one pass a key, exact, the same in batch and live.

A source row j is in the window of a query i when `t_i - W <= t_j`, `(t_j, o_j) < (t_i, o_i)`, it
was known before i and had not been superseded or retracted by then. Ties in `(t, o)` are invisible.
A loaded event knows what ranks before it in `(observed_at, seq)`; an event that was learned live
knows what stood in the ledger before it (`seq_j < seq_i`), whatever a later load claims to have
known. Queries carry both bounds, of which the one that does not apply is out of reach.

States are integers, so neither the order of rows nor the way they were merged can change a bit.
Keys whose rows were all learned in the order in which they happened take a two-pointer pass; the
others are gathered row by row under the rule above. Live queries gather too.

Squares are kept in three sums of 22-bit halves, `x = sign(x) * (h * 2**22 + l)`:
`a = sum(h*h)`, `b = sum(h*l)`, `c = sum(l*l)`; with `|x| <= 2**43` and fewer than 2**20 rows
none wraps (`c` read without a sign).
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers

KERNEL_VERSION: Final = "1"
MISSING: Final = -(2**62)
"""Stands for a missing integer in every column."""
NEVER: Final = 2**62
"""The `gone` rank of a row that was never superseded; every bound is smaller."""
MAX_ROWS: Final = 2**20 - 1
"""Rows a window may hold before a sum could wrap; beyond it the cell is an error."""

GRID_STEPS: Final = 64
"""Grid steps an octave: a step is at most 1.6 % of a value."""
GRID_BITS: Final = 6
GRID_HALF: Final = GRID_STEPS * 44
_GRID_SIZE: Final = 2 * GRID_HALF + 1
_FENWICK_TOP: Final = 4096

N, S1, A, B, C, LOW, HIGH = range(7)
"""Columns of a moments state: rows, sum, three parts of the sum of squares, minimum, maximum."""
DISTINCT, SQUARES = 1, 2
"""Columns of a codes state after `N`: distinct codes, sum of squared counts."""
MEDIAN, MAD = 1, 2
"""Columns of a grid state after `N`: lower median, lower median of absolute deviations."""
LAST, FIRST = 0, 1
"""Columns of an ends state: source rows of the last and of the first event in the window, or -1."""

Bools = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def step(x: int) -> int:
    """The step of the integer log grid: `sign(x) * round-down(64 * log2(|x| + 1))`.

    Inside an octave log2 is taken as linear.

    >>> step(0), step(1), step(3), step(-3), step(1000)
    (0, 64, 128, -128, 637)
    """
    if x == MISSING:
        return x
    y = abs(x) + 1
    octave = 0
    while y >> (octave + 1):
        octave += 1
    part = ((y - (np.int64(1) << octave)) * GRID_STEPS) >> octave
    return octave * GRID_STEPS + int(part) if x >= 0 else -octave * GRID_STEPS - int(part)


@njit(cache=True, nogil=True)
def grid(values: Integers) -> Integers:
    """`step` of every value; missing stays missing.

    >>> grid(np.array([3, MISSING])).tolist()
    [128, -4611686018427387904]
    """
    out = np.empty(len(values), np.int64)
    for i in range(len(values)):
        out[i] = step(values[i])
    return out


@njit(cache=True, nogil=True)
def ungrid(step: float) -> float:
    """The value in the middle of a grid step.

    >>> ungrid(64), ungrid(637)
    (1.0, 1003.0)
    """
    magnitude = abs(step)
    octave = int(magnitude // GRID_STEPS)
    rest = magnitude - octave * GRID_STEPS
    width = float(np.int64(1) << octave) / GRID_STEPS
    middle = width / 2.0 if octave > GRID_BITS else 0.0
    value = float(np.int64(1) << octave) + rest * width + middle - 1.0
    return value if step >= 0 else -value


@njit(cache=True, nogil=True)
def is_before(t: int, o: int, query_t: int, query_o: int) -> bool:
    """Lexicographic order of two pairs."""
    return t < query_t or (t == query_t and o < query_o)


@njit(cache=True, nogil=True)
def plan(source: Integers, query: Integers) -> Integers:
    """Pair the groups of sorted sources with those of sorted queries.

    `source` is (7, m): group, t, o, rank of known, seq, rank and seq of gone; `query` is (5, n):
    group, t, o, bounds of rank and of seq; both sorted by (group, t, o, rank of known). Returns
    (groups, 5): first and last query, first and last source, and whether the group has late or
    superseded rows.
    """
    out = np.empty((query.shape[1], 5), np.int64)
    groups, i, s = 0, 0, 0
    while i < query.shape[1]:
        start, g = i, query[0, i]
        while i < query.shape[1] and query[0, i] == g:
            i += 1
        while s < source.shape[1] and source[0, s] < g:
            s += 1
        first = s
        while s < source.shape[1] and source[0, s] == g:
            s += 1
        out[groups, 0], out[groups, 1], out[groups, 2], out[groups, 3] = start, i, first, s
        out[groups, 4] = 1 if _has_late(source, query, out[groups]) else 0
        groups += 1
    return out[:groups]


@njit(cache=True, nogil=True)
def _has_late(source: Integers, query: Integers, span: Integers) -> bool:
    newest, last, hi = np.int64(-1), np.int64(-1), span[2]
    for j in range(span[2], span[3]):
        if source[5, j] != NEVER:
            return True
    for i in range(span[0], span[1]):
        while hi < span[3] and is_before(source[1, hi], source[2, hi], query[1, i], query[2, i]):
            newest, last = max(newest, source[3, hi]), max(last, source[4, hi])
            hi += 1
        if newest >= query[3, i] or last >= query[4, i]:
            return True
    return False


@njit(cache=True, nogil=True)
def _gather(source: Integers, query: Integers, lo: int, hi: int, i: int, out: Integers) -> int:
    """Write the sources of [lo, hi) that query `i` may see to `out`; return how many."""
    n = 0
    for j in range(lo, hi):
        is_known = source[3, j] < query[3, i] and source[4, j] < query[4, i]
        is_gone = source[5, j] <= query[3, i] and source[6, j] <= query[4, i]
        if is_known and not is_gone:
            out[n] = j
            n += 1
    return n


@njit(cache=True, nogil=True)
def moments_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """State of the values at the first `n` of `rows`; missing values are passed over."""
    out[:] = 0
    out[LOW], out[HIGH] = NEVER, -NEVER
    for k in range(n):
        v = x[rows[k]]
        if v != MISSING:
            _add(out, v, 1)
            out[LOW], out[HIGH] = min(out[LOW], v), max(out[HIGH], v)


@njit(cache=True, nogil=True)
def _add(state: Integers, v: int, sign: int) -> None:
    h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
    state[N] += sign
    state[S1] += sign * v
    state[A] += sign * h * h
    state[B] += sign * h * low
    state[C] += sign * low * low


@njit(cache=True, nogil=True)
def moments(
    source: Integers, query: Integers, spans: Integers, x: Integers, window: int
) -> Integers:
    """Moments state (n, 7) of every query's window over the values `x` of the sources."""
    out = np.empty((query.shape[1], 7), np.int64)
    widest = _widest(spans)
    rows, lows, highs = (
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
    )
    for g in range(len(spans)):
        if spans[g, 4]:
            for i in range(spans[g, 0], spans[g, 1]):
                lo, hi = _bounds(source, query, spans[g], i, window)
                moments_of(x, rows, _gather(source, query, lo, hi, i, rows), out[i])
        else:
            _slide_moments(source, query, spans[g], x, window, lows, highs, out)
    return out


@njit(cache=True, nogil=True)
def _widest(spans: Integers) -> int:
    widest = 1
    for g in range(len(spans)):
        widest = max(widest, spans[g, 3] - spans[g, 2])
    return widest


@njit(cache=True, nogil=True)
def _bounds(
    source: Integers, query: Integers, span: Integers, i: int, window: int
) -> tuple[int, int]:
    """First source inside the window of query `i` and the first that is not before it."""
    lo = span[2] + np.searchsorted(source[1, span[2] : span[3]], query[1, i] - window)
    hi = lo
    left, right = lo, span[3]
    while left < right:
        hi = (left + right) // 2
        if is_before(source[1, hi], source[2, hi], query[1, i], query[2, i]):
            left = hi + 1
        else:
            right = hi
    return lo, left


@njit(cache=True, nogil=True)
def _slide_moments(
    source: Integers,
    query: Integers,
    span: Integers,
    x: Integers,
    window: int,
    lows: Integers,
    highs: Integers,
    out: Integers,
) -> None:
    state = np.zeros(5, np.int64)
    lo = hi = span[2]
    low_a = low_b = high_a = high_b = 0
    for i in range(span[0], span[1]):
        while hi < span[3] and is_before(source[1, hi], source[2, hi], query[1, i], query[2, i]):
            v = x[hi]
            if v != MISSING:
                _add(state, v, 1)
                while low_b > low_a and x[lows[low_b - 1]] >= v:
                    low_b -= 1
                while high_b > high_a and x[highs[high_b - 1]] <= v:
                    high_b -= 1
                lows[low_b], highs[high_b] = hi, hi
                low_b += 1
                high_b += 1
            hi += 1
        while lo < hi and source[1, lo] < query[1, i] - window:
            if x[lo] != MISSING:
                _add(state, x[lo], -1)
            lo += 1
        while low_a < low_b and lows[low_a] < lo:
            low_a += 1
        while high_a < high_b and highs[high_a] < lo:
            high_a += 1
        out[i, :5] = state
        out[i, LOW] = x[lows[low_a]] if low_a < low_b else NEVER
        out[i, HIGH] = x[highs[high_a]] if high_a < high_b else -NEVER


@njit(cache=True, nogil=True)
def codes_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """Rows, distinct codes and sum of squared counts at the first `n` of `rows`."""
    held = np.empty(n, np.int64)
    m = 0
    for k in range(n):
        if x[rows[k]] >= 0:
            held[m] = x[rows[k]]
            m += 1
    held = np.sort(held[:m])
    out[N], out[DISTINCT], out[SQUARES] = m, 0, 0
    run = 0
    for k in range(m):
        run += 1
        if k == m - 1 or held[k + 1] != held[k]:
            out[DISTINCT] += 1
            out[SQUARES] += run * run
            run = 0


@njit(cache=True, nogil=True)
def codes(source: Integers, query: Integers, spans: Integers, x: Integers, window: int) -> Integers:
    """Codes state (n, 3) of every query's window; negative codes are missing values."""
    out = np.empty((query.shape[1], 3), np.int64)
    rows = np.empty(_widest(spans), np.int64)
    counts = np.zeros((x.max() if len(x) else 0) + 2, np.int64)
    for g in range(len(spans)):
        if spans[g, 4]:
            for i in range(spans[g, 0], spans[g, 1]):
                lo, hi = _bounds(source, query, spans[g], i, window)
                codes_of(x, rows, _gather(source, query, lo, hi, i, rows), out[i])
        else:
            _slide_codes(source, query, spans[g], x, window, counts, out)
    return out


@njit(cache=True, nogil=True)
def _slide_codes(
    source: Integers,
    query: Integers,
    span: Integers,
    x: Integers,
    window: int,
    counts: Integers,
    out: Integers,
) -> None:
    n = distinct = squares = 0
    lo = hi = span[2]
    for i in range(span[0], span[1]):
        while hi < span[3] and is_before(source[1, hi], source[2, hi], query[1, i], query[2, i]):
            v = x[hi]
            if v >= 0:
                n += 1
                distinct += counts[v] == 0
                squares += 2 * counts[v] + 1
                counts[v] += 1
            hi += 1
        while lo < hi and source[1, lo] < query[1, i] - window:
            v = x[lo]
            if v >= 0:
                n -= 1
                squares -= 2 * counts[v] - 1
                counts[v] -= 1
                distinct -= counts[v] == 0
            lo += 1
        out[i, N], out[i, DISTINCT], out[i, SQUARES] = n, distinct, squares
    for j in range(lo, hi):
        if x[j] >= 0:
            counts[x[j]] = 0


@njit(cache=True, nogil=True)
def grids_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """Rows, lower median and lower median absolute deviation at the first `n` of `rows`."""
    held = np.empty(n, np.int64)
    m = 0
    for k in range(n):
        if x[rows[k]] != MISSING:
            held[m] = x[rows[k]]
            m += 1
    out[N], out[MEDIAN], out[MAD] = m, 0, 0
    if m == 0:
        return
    held, middle = held[:m], (m - 1) // 2
    out[MEDIAN] = np.partition(held, middle)[middle]
    out[MAD] = np.partition(np.abs(held - out[MEDIAN]), middle)[middle]


@njit(cache=True, nogil=True)
def grids(source: Integers, query: Integers, spans: Integers, x: Integers, window: int) -> Integers:
    """Grid state (n, 3) of every query's window over values on the integer log grid."""
    out = np.empty((query.shape[1], 3), np.int64)
    rows = np.empty(_widest(spans), np.int64)
    tree = np.zeros(2 * _FENWICK_TOP + 1, np.int64)
    for g in range(len(spans)):
        if spans[g, 4]:
            for i in range(spans[g, 0], spans[g, 1]):
                lo, hi = _bounds(source, query, spans[g], i, window)
                grids_of(x, rows, _gather(source, query, lo, hi, i, rows), out[i])
        else:
            _slide_grids(source, query, spans[g], x, window, tree, out)
    return out


@njit(cache=True, nogil=True)
def _slide_grids(
    source: Integers,
    query: Integers,
    span: Integers,
    x: Integers,
    window: int,
    tree: Integers,
    out: Integers,
) -> None:
    n = 0
    lo = hi = span[2]
    for i in range(span[0], span[1]):
        while hi < span[3] and is_before(source[1, hi], source[2, hi], query[1, i], query[2, i]):
            if x[hi] != MISSING:
                _tree_add(tree, x[hi], 1)
                n += 1
            hi += 1
        while lo < hi and source[1, lo] < query[1, i] - window:
            if x[lo] != MISSING:
                _tree_add(tree, x[lo], -1)
                n -= 1
            lo += 1
        out[i, N], out[i, MEDIAN], out[i, MAD] = n, 0, 0
        if n:
            middle = (n - 1) // 2
            out[i, MEDIAN] = _tree_select(tree, middle)
            out[i, MAD] = _tree_mad(tree, out[i, MEDIAN], middle)
    for j in range(lo, hi):
        if x[j] != MISSING:
            _tree_add(tree, x[j], -1)


@njit(cache=True, nogil=True)
def _tree_add(tree: Integers, step: int, sign: int) -> None:
    k = step + GRID_HALF + 1
    while k < len(tree):
        tree[k] += sign
        k += k & -k


@njit(cache=True, nogil=True)
def _tree_count(tree: Integers, step: int) -> int:
    """Number of values at or below `step`."""
    k = min(step + GRID_HALF + 1, len(tree) - 1)
    total = 0
    while k > 0:
        total += tree[k]
        k -= k & -k
    return total


@njit(cache=True, nogil=True)
def _tree_select(tree: Integers, order: int) -> int:
    """The value of 0-based rank `order`."""
    k, bit, left = 0, 2 * _FENWICK_TOP, order
    while bit:
        if k + bit < len(tree) and tree[k + bit] <= left:
            k += bit
            left -= tree[k]
        bit >>= 1
    return k - GRID_HALF


@njit(cache=True, nogil=True)
def _tree_mad(tree: Integers, median: int, order: int) -> int:
    """Smallest d for which more than `order` values lie within d of the median."""
    lo, hi = 0, _GRID_SIZE
    while lo < hi:
        d = (lo + hi) // 2
        if _tree_count(tree, median + d) - _tree_count(tree, median - d - 1) > order:
            hi = d
        else:
            lo = d + 1
    return lo


@njit(cache=True, nogil=True)
def ends(source: Integers, query: Integers, spans: Integers, window: int) -> Integers:
    """Source rows (n, 2) of the last and the first event in every query's window, or -1."""
    out = np.full((query.shape[1], 2), -1, np.int64)
    rows = np.empty(_widest(spans), np.int64)
    for g in range(len(spans)):
        for i in range(spans[g, 0], spans[g, 1]):
            lo, hi = _bounds(source, query, spans[g], i, window)
            if spans[g, 4]:
                n = _gather(source, query, lo, hi, i, rows)
                if n:
                    out[i, LAST], out[i, FIRST] = rows[n - 1], rows[0]
            elif hi > lo:
                out[i, LAST], out[i, FIRST] = hi - 1, lo
    return out
