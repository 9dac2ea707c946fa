"""States of one live event, by scanning the rows of a key that it may see.

Rows are a (columns + 1, capacity) array laid out as `features.layout` says, with a last line that
tells how many are in use and what is known of them. They stand in `(t, o, observed, seq)` order, in
one or in several segments. A query is t, o, observed, seq, watermark.
Atoms that look at one column under the same conditions are a group: their windows end at the same
instant, so one pass from the newest row back serves them all. The states are those of
`features.kernels.reduce`, bit for bit.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Codes as Statuses
from features.contracts.vectors import Integers, Matrix, Vector
from features.finalisers import NOT_APPLICABLE, finish
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
    C,
    N,
    bits,
    clogc,
)
from features.kernels.reduce import add_square
from features.layout import GONE_FIRST, GONE_OBSERVED, GONE_SEQ, OBSERVED, ORDINAL, SEQ, T

COUNT, MOMENTS, CODES, GRIDS, ORDERS, ENDS, SKETCHES = range(7)
"""Operations of groups."""
STREAM, OP, VALUE, CONDITION_1, CONDITION_2, FURTHER, BITS = 0, 1, 2, 3, 6, 9, 12
SLOT, ATOM_FROM, ATOM_TO = 13, 14, 15
"""Columns of a group: its stream, operation, place of the value, two conditions (a place, and where
its allowed codes begin and end), places of up to three further fields of its key, most
differing bits (of ends: place of what is taken), slot in day tiles, and its atoms."""
MOST_FURTHER: Final = 3
GROUP_WIDTH: Final = 16
NOWHERE: Final = -1
OWN_WIDTH: Final = 1 + MOST_FURTHER
"""What a group compares with of the event itself: a number, and the codes of its further fields."""
NO_CODE: Final = -2
"""Stands for a text that no row can have."""
LATEST_OBSERVED, LATEST_SEQ, LATEST_ANY, GONE_ROWS, IN_USE = range(5)
"""What a key's rows say of knowledge: the newest `(observed, seq)` of a row or its end, the newest
place in the ledger, and how many rows are gone. In the last line of rows, how many there are."""
LEAST_ROOM: Final = 8
"""Rows that there is room for at least, so that the last line has room for what it tells."""
TAKEN: Final = 2
"""Column of an ends state that holds the last event's value."""

_STEPS: Final = 2 * GRID_HALF + 1
Codes = Integers
"""The codes that conditions allow, one condition after the other."""


@njit(cache=True, nogil=True)
def is_before(a: int, b: int, other_a: int, other_b: int) -> bool:
    """Lexicographic order of two pairs."""
    return a < other_a or (a == other_a and b < other_b)


@njit(cache=True, nogil=True)
def knows_all(latest: Integers, query: Integers) -> bool:
    """Whether the query knows every row and every end of a row."""
    is_known = is_before(latest[LATEST_OBSERVED], latest[LATEST_SEQ], query[2], query[3])
    return is_known and latest[LATEST_ANY] <= query[4]


@njit(cache=True, nogil=True)
def sees(rows: Integers, p: int, query: Integers, others: Integers) -> bool:
    """Whether the query may see row `p`, which happened before it.

    A row is known when `(observed, seq)` is smaller than the query's and its seq does not exceed
    the watermark; it is gone when the same holds of a later version. `others` are places in the
    ledger of other versions of the query's own event.
    """
    observed, seq, mark = query[2], query[3], query[4]
    if rows[SEQ, p] > mark or not is_before(rows[OBSERVED, p], rows[SEQ, p], observed, seq):
        return False
    is_over = is_before(rows[GONE_OBSERVED, p], rows[GONE_SEQ, p], observed, seq)
    if rows[GONE_FIRST, p] <= mark and is_over:
        return False
    for other in others:  # noqa: SIM110  (numba compiles no generator here)
        if rows[SEQ, p] == other:
            return False
    return True


@njit(cache=True, nogil=True)
def first_from(t: Integers, lo: int, hi: int, instant: int) -> int:
    """First of the sorted `lo` to `hi` that is not before `instant`."""
    while lo < hi:
        middle = (lo + hi) // 2
        if t[middle] < instant:
            lo = middle + 1
        else:
            hi = middle
    return lo


@njit(cache=True, nogil=True)
def first_not_before(rows: Integers, lo: int, hi: int, query: Integers) -> int:
    """First of the rows `lo` to `hi` that did not happen before the query."""
    while lo < hi:
        middle = (lo + hi) // 2
        if is_before(rows[T, middle], rows[ORDINAL, middle], query[0], query[1]):
            lo = middle + 1
        else:
            hi = middle
    return lo


@njit(cache=True, nogil=True)
def gathered(
    rows: Integers,
    lo: int,
    hi: int,
    start: int,
    query: Integers,
    others: Integers,
    is_plain: bool,
    seen: Integers,
    n: int,
) -> int:
    """Write the rows of one segment that a window from `start` holds to `seen`, newest first.

    `n` stand there already; returns how many do then. Where `is_plain`, all are known and none is
    gone.
    """
    lo = first_from(rows[T], lo, hi, start)
    hi = first_not_before(rows, lo, hi, query)
    if is_plain:
        for p in range(hi - 1, lo - 1, -1):
            seen[n] = p
            n += 1
        return n
    for p in range(hi - 1, lo - 1, -1):
        if sees(rows, p, query, others):
            seen[n] = p
            n += 1
    return n


@njit(cache=True, nogil=True)
def holds(rows: Integers, p: int, group: Integers, own: Integers, codes: Codes) -> bool:
    """Whether row `p` is of the group's key and meets its conditions."""
    for k in range(MOST_FURTHER):
        place = group[FURTHER + k]
        if place != NOWHERE and rows[place, p] != own[1 + k]:
            return False
    for condition in (CONDITION_1, CONDITION_2):
        place = group[condition]
        if place != NOWHERE:
            is_one = False
            for k in range(group[condition + 1], group[condition + 2]):
                is_one |= rows[place, p] == codes[k]
            if not is_one:
                return False
    return True


@njit(cache=True, nogil=True)
def takes_all(group: Integers) -> bool:
    """Whether the group looks at every row that it sees."""
    has_condition = group[CONDITION_1] != NOWHERE or group[CONDITION_2] != NOWHERE
    return group[VALUE] == NOWHERE and not has_condition and group[FURTHER] == NOWHERE


@njit(cache=True, nogil=True)
def chosen(
    rows: Integers,
    seen: Integers,
    n: int,
    group: Integers,
    own: Integers,
    codes: Codes,
    out: Integers,
) -> int:
    """Write those of the `seen` rows to `out` that the group looks at and that have a value."""
    place, m = group[VALUE], 0
    absent = np.int64(-1) if group[OP] == CODES else np.int64(MISSING)
    for k in range(n):
        p = seen[k]
        is_there = place == NOWHERE or (rows[place, p] > absent)
        if is_there and holds(rows, p, group, own, codes):
            out[m] = p
            m += 1
    return m


@njit(cache=True, nogil=True)
def edges_of(
    rows: Integers, seen: Integers, n: int, group: Integers, starts: Integers, out: Integers
) -> None:
    """For each atom of the group how many of the `seen` rows, newest first, its window holds."""
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        lo, hi = 0, n
        while lo < hi:
            middle = (lo + hi) // 2
            if rows[T, seen[middle]] >= starts[a]:
                lo = middle + 1
            else:
                hi = middle
        out[a] = lo


@njit(cache=True, nogil=True)
def _next(edges: Integers, group: Integers, after: int, at: int) -> int:
    """The atom with the smallest edge behind that of atom `at` (`after`), -1 when there is none."""
    best = -1
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        is_behind = edges[a] > after or (edges[a] == after and a > at)
        is_nearer = best < 0 or edges[a] < edges[best]
        if is_behind and is_nearer:
            best = a
    return best


@njit(cache=True, nogil=True)
def count_state(n: int, out: Integers) -> None:
    """State of `n` rows of value 1."""
    out[:] = 0
    out[N] = out[S1] = out[C] = n
    out[LOW], out[HIGH] = (1, 1) if n else (NEVER, -NEVER)


@njit(cache=True, nogil=True)
def add_moments(x: Integers, rows: Integers, lo: int, hi: int, state: Integers) -> None:
    """Add the values at `rows[lo:hi]` to a moments state."""
    for k in range(lo, hi):
        v = x[rows[k]]
        add_square(state, v, 1)
        state[LOW], state[HIGH] = min(state[LOW], v), max(state[HIGH], v)


@njit(cache=True, nogil=True)
def _moments(x: Integers, seen: Integers, edges: Integers, group: Integers, out: Integers) -> None:
    state = np.zeros(STATE_WIDTH, np.int64)
    state[LOW], state[HIGH] = NEVER, -NEVER
    done, a = 0, _next(edges, group, -1, -1)
    while a >= 0:
        add_moments(x, seen, done, edges[a], state)
        out[a] = state
        done = edges[a]
        a = _next(edges, group, done, a)


@njit(cache=True, nogil=True)
def _codes(
    x: Integers, seen: Integers, edges: Integers, group: Integers, room: Integers, out: Integers
) -> int:
    """Fill the states; return the room that the codes take, which is made here if it is short."""
    top = np.int64(0)
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        for k in range(edges[a]):
            top = max(top, x[seen[k]] + 1)
    held = room if top <= len(room) else np.zeros(top, np.int64)
    distinct = squares = logs = np.int64(0)
    done, a = 0, _next(edges, group, -1, -1)
    while a >= 0:
        for k in range(done, edges[a]):
            v = x[seen[k]]
            count = held[v]
            distinct += count == 0
            squares += 2 * count + 1
            logs += clogc(count + 1) - clogc(count)
            held[v] = count + 1
        done = edges[a]
        out[a, N], out[a, DISTINCT], out[a, SQUARES], out[a, CLOGC] = done, distinct, squares, logs
        a = _next(edges, group, done, a)
    for k in range(done):
        held[x[seen[k]]] = 0
    return top


@njit(cache=True, nogil=True)
def grid_state(steps: Integers, low: int, high: int, n: int, own: int, state: Integers) -> None:
    """Grid state of `n` values from `low` to `high`, of which `steps[v + GRID_HALF]` are `v`."""
    state[:] = 0
    state[N] = n
    if n == 0:
        return
    order, below = (n - 1) // 2, np.int64(0)
    median = low
    while below + steps[median + GRID_HALF] <= order:
        below += steps[median + GRID_HALF]
        median += 1
    within, d = steps[median + GRID_HALF], np.int64(0)
    while within <= order:
        d += 1
        if median - d >= low:
            within += steps[median - d + GRID_HALF]
        if median + d <= high:
            within += steps[median + d + GRID_HALF]
    state[MEDIAN], state[MAD] = median, d
    if own != MISSING:
        for v in range(low, min(own, high + 1)):
            state[BELOW] += steps[v + GRID_HALF]
        if low <= own <= high:
            state[EQUAL] = steps[own + GRID_HALF]


@njit(cache=True, nogil=True)
def _grids(
    x: Integers,
    seen: Integers,
    edges: Integers,
    group: Integers,
    own: int,
    steps: Integers,
    out: Integers,
) -> None:
    low, high = np.int64(GRID_HALF), np.int64(-GRID_HALF)
    done, a = 0, _next(edges, group, -1, -1)
    while a >= 0:
        for k in range(done, edges[a]):
            v = x[seen[k]]
            low, high = min(low, v), max(high, v)
            steps[v + GRID_HALF] += 1
        done = edges[a]
        grid_state(steps, low, high, done, own, out[a])
        a = _next(edges, group, done, a)
    for k in range(done):
        steps[x[seen[k]] + GRID_HALF] = 0


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
def _orders(x: Integers, seen: Integers, edges: Integers, group: Integers, out: Integers) -> None:
    held = np.empty(len(seen), np.int64)
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        n = edges[a]
        out[a, N] = n
        if n:
            for k in range(n):
                held[k] = x[seen[k]]
            median2 = middle_two(held, n)
            for k in range(n):
                held[k] = abs(2 * held[k] - median2)
            out[a, MEDIAN2], out[a, MAD4] = median2, middle_two(held, n)


@njit(cache=True, nogil=True)
def _sketches(
    x: Integers, seen: Integers, edges: Integers, group: Integers, own: int, out: Integers
) -> None:
    found = done = 0
    a = _next(edges, group, -1, -1)
    while a >= 0:
        for k in range(done, edges[a]):
            found += own != MISSING and bits(x[seen[k]] ^ own) <= group[BITS]
        done = edges[a]
        out[a, N], out[a, NEAR] = done, found
        a = _next(edges, group, done, a)


@njit(cache=True, nogil=True)
def _ends(
    rows: Integers, taken: int, seen: Integers, edges: Integers, group: Integers, out: Integers
) -> None:
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        out[a, LAST] = out[a, FIRST] = out[a, TAKEN] = MISSING
        if edges[a]:
            out[a, LAST], out[a, FIRST] = rows[T, seen[0]], rows[T, seen[edges[a] - 1]]
            if taken != NOWHERE:
                out[a, TAKEN] = rows[taken, seen[0]]


@njit(cache=True, nogil=True)
def reduce_group(
    rows: Integers,
    seen: Integers,
    edges: Integers,
    group: Integers,
    own: int,
    room: Integers,
    out: Integers,
) -> int:
    """States of a group's atoms over the rows chosen for it; return the room that codes would take.

    `room` is all zero before and after.
    """
    op, x = group[OP], rows[max(group[VALUE], 0)]
    if op == COUNT:
        for a in range(group[ATOM_FROM], group[ATOM_TO]):
            count_state(edges[a], out[a])
    elif op == MOMENTS:
        _moments(x, seen, edges, group, out)
    elif op == CODES:
        return _codes(x, seen, edges, group, room, out)
    elif op == GRIDS:
        _grids(x, seen, edges, group, own, room, out)
    elif op == ORDERS:
        _orders(x, seen, edges, group, out)
    elif op == ENDS:
        _ends(rows, group[BITS], seen, edges, group, out)
    else:
        _sketches(x, seen, edges, group, own, out)
    return 0


@njit(cache=True, nogil=True)
def scanned(
    rows: Integers,
    seen: Integers,
    n: int,
    groups: Integers,
    lo: int,
    hi: int,
    is_every: bool,
    starts: Integers,
    owns: Integers,
    codes: Codes,
    room: Integers,
    out: Integers,
) -> int:
    """States of the groups `lo` to `hi` over the first `n` of the `seen` rows, newest first.

    Unless `is_every`, only of those that tiles do not serve.
    """
    some = np.empty(n, np.int64)
    edges = np.zeros(len(starts), np.int64)
    top = 0
    for g in range(lo, hi):
        group = groups[g]
        if not is_every and group[SLOT] != NOWHERE:
            continue
        if takes_all(group):
            edges_of(rows, seen, n, group, starts, edges)
            reduce_group(rows, seen, edges, group, owns[g, 0], room, out)
        else:
            m = chosen(rows, seen, n, group, owns[g], codes, some)
            edges_of(rows, some, m, group, starts, edges)
            top = max(top, reduce_group(rows, some, edges, group, owns[g, 0], room, out))
    return top


@njit(cache=True, nogil=True)
def light_states(
    histories: tuple[Integers, ...],
    query: Integers,
    others: Integers,
    groups: Integers,
    lengths: Integers,
    owns: Integers,
    codes: Codes,
    room: Integers,
    out: Integers,
) -> int:
    """States of all atoms, each over the history of its group's stream.

    `groups` stand in the order of their streams, `lengths` are those of the atoms' windows. Returns
    the room that counts of codes would take; where it is more than there is, the next call is
    faster with more.
    """
    starts = query[0] - lengths
    top = lo = 0
    while lo < len(groups):
        stream = groups[lo, STREAM]
        hi, start = lo, np.int64(NEVER)
        while hi < len(groups) and groups[hi, STREAM] == stream:
            for a in range(groups[hi, ATOM_FROM], groups[hi, ATOM_TO]):
                start = min(start, starts[a])
            hi += 1
        rows = histories[stream]
        head = rows[len(rows) - 1]
        is_plain = head[GONE_ROWS] == 0 and len(others) == 0 and knows_all(head, query)
        first = first_from(rows[T], 0, head[IN_USE], start)
        seen = np.empty(head[IN_USE] - first, np.int64)
        n = gathered(rows, first, head[IN_USE], start, query, others, is_plain, seen, 0)
        need = scanned(rows, seen, n, groups, lo, hi, True, starts, owns, codes, room, out)
        top, lo = max(top, need), hi
    return top


@njit(cache=True, nogil=True)
def live_features(
    specs: Integers,
    uses: Integers,
    states: Integers,
    numbers: Integers,
    applies: Integers,
    t: int,
    values: Vector,
    status: Statuses,
    peers: Matrix,
) -> None:
    """Finalise every feature of one event.

    `uses` (features, levels) are the states each takes, padded with -1; `numbers` the event's own
    values, `applies` whether it carries the keys.
    """
    block = np.empty((uses.shape[1], STATE_WIDTH), np.int64)
    for f in range(len(specs)):
        n = 0
        while n < uses.shape[1] and uses[f, n] >= 0:
            block[n] = states[uses[f, n]]
            n += 1
        values[f], status[f] = finish(specs[f], block[:n], numbers[f], t, peers[f])
        if not applies[f]:
            values[f], status[f] = np.nan, NOT_APPLICABLE


@njit(cache=True, nogil=True)
def place_of(rows: Integers, lo: int, hi: int, row: Integers) -> int:
    """Where `row` belongs among the rows `lo` to `hi`, in (t, o, observed, seq) order."""
    while lo < hi:
        middle = (lo + hi) // 2
        is_later = False
        for k in range(4):
            if rows[k, middle] != row[k]:
                is_later = rows[k, middle] > row[k]
                break
        if is_later:
            hi = middle
        else:
            lo = middle + 1
    return lo
