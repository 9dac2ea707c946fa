"""States of one live event, from the rows of a key that it may see.

Rows are a (columns + 2, capacity) array laid out as `features.scan.layout` says, with a last line
that tells how many are in use and what is known of them. They stand in `(t, o, observed, seq)`
order, in one or in several segments. A query is t, o, observed, seq, watermark.
Atoms that look at one column under the same conditions are a group, and one pass serves them all.
What a query sees of a key is laid side by side first, unless that is how it stands already; so all
that follows runs over plain columns.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import HIGH, LOW, MISSING, NEVER, S1, STATE_WIDTH, A, B, C, N
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
    OBSERVED,
    ORDINAL,
    SEQ,
    SUM_OF,
    SUMMED,
    T,
)
from features.scan.links import distinct, is_linked
from features.scan.reduce import (
    add_moments,
    count_state,
    counted_codes,
    distinct_codes,
    ends,
    grids,
    moments,
    orders,
    sketches,
)

COUNT, MOMENTS, CODES, GRIDS, ORDERS, ENDS, SKETCHES = range(7)
"""Operations of groups."""
STREAM, OP, VALUE, CONDITION_1, CONDITION_2, FURTHER, OPTION = 0, 1, 2, 3, 6, 9, 12
SLOT, ATOM_FROM, ATOM_TO = 13, 14, 15
"""Columns of a group: its stream, operation, place of the value, two conditions (a place, and where
its allowed codes begin and end), places of up to three further fields of its key, an option, slot
in day tiles, and its atoms. The option is the most differing bits of sketches, the place of what is
taken of ends, and whether codes are counted."""
MOST_FURTHER: Final = 3
GROUP_WIDTH: Final = 16
NOWHERE: Final = -1
OWN_WIDTH: Final = 1 + MOST_FURTHER
"""What a group compares with of the event itself: a number, and the codes of its further fields."""
NO_CODE: Final = -2
"""Stands for a text that no row can have."""
BLOCK: Final = 64
"""Rows that are summed together."""
_FEWEST_SUMMED: Final = 4 * BLOCK
"""Rows of a window from which sums of blocks are faster than the rows."""
_FEWEST_GUESSED: Final = 128
_MOST_GUESSES: Final = 4
_NEAR: Final = 32
"""How instants are looked for: by so many guesses at most, each that far wrong at best."""

Codes = Integers
"""The codes that conditions allow, one condition after the other."""
Marks = NDArray[np.bool_]


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
    """First of the sorted `lo` to `hi` that is not before `instant`.

    Instants that come evenly are guessed, since each look at a history that was not seen for a
    while waits for memory.
    """
    guesses = 0
    while hi - lo > _FEWEST_GUESSED and guesses < _MOST_GUESSES:
        first, last = t[lo], t[hi - 1]
        if instant <= first:
            return lo
        if instant > last:
            return hi
        guess = lo + int((hi - 1 - lo) * ((instant - first) / (last - first)))
        below, above = max(guess - _NEAR, lo), min(guess + _NEAR, hi - 1)
        if t[below] >= instant:
            hi = below + 1
        elif t[above] < instant:
            lo = above + 1
        else:
            lo, hi = below + 1, above + 1
        guesses += 1
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
    if lo < hi and is_before(rows[T, hi - 1], rows[ORDINAL, hi - 1], query[0], query[1]):
        return hi
    while lo < hi:
        middle = (lo + hi) // 2
        if is_before(rows[T, middle], rows[ORDINAL, middle], query[0], query[1]):
            lo = middle + 1
        else:
            hi = middle
    return lo


@njit(cache=True, nogil=True)
def used_columns(groups: Integers, lo: int, hi: int, columns: int) -> Marks:
    """Which of the columns the groups `lo` to `hi` look at."""
    used = np.zeros(columns, np.bool_)
    used[T] = True
    for g in range(lo, hi):
        for column in (VALUE, CONDITION_1, CONDITION_2, FURTHER, FURTHER + 1, FURTHER + 2):
            if groups[g, column] != NOWHERE:
                used[groups[g, column]] = True
        if groups[g, OP] == ENDS and groups[g, OPTION] != NOWHERE:
            used[groups[g, OPTION]] = True
    return used


@njit(cache=True, nogil=True)
def visible(
    rows: Integers, lo: int, hi: int, latest: Integers, query: Integers, others: Integers
) -> tuple[Marks, int]:
    """Which of the rows `lo` to `hi` the query sees, and how many.

    `latest` is what those rows say of knowledge. Where the query knows all, a row is seen unless it
    is gone.
    """
    n = hi - lo
    if len(others) or not knows_all(latest, query):
        marks = np.empty(n, np.bool_)
        for k in range(n):
            marks[k] = sees(rows, lo + k, query, others)
    elif latest[GONE_ROWS]:
        marks = rows[GONE_SEQ, lo:hi] == NEVER
    else:
        return np.empty(0, np.bool_), n
    return marks, count(marks)


@njit(cache=True, nogil=True)
def count(marks: Marks) -> int:
    """How many are marked."""
    n = np.int64(0)
    for mark in marks:
        n += mark
    return n


@njit(cache=True, nogil=True)
def laid(
    rows: Integers, lo: int, hi: int, marks: Marks, n: int, used: Marks, out: Integers, at: int
) -> int:
    """Lay those `n` of the rows `lo` to `hi` that are marked behind the first `at` of `out`.

    `out` has room for all of them. Returns how many lie there then.
    """
    for c in range(len(used)):
        if used[c]:
            if n == hi - lo:
                out[c, at : at + n] = rows[c, lo:hi]
            else:
                compress(rows[c, lo:hi], marks, out[c], at)
    return at + n


@njit(cache=True, nogil=True)
def compress(x: Integers, marks: Marks, out: Integers, at: int) -> None:
    """Write the marked values to `out` from `at` on, which has room for all."""
    for k in range(len(x)):
        out[at] = x[k]
        at += marks[k]


@njit(cache=True, nogil=True)
def is_of_all(group: Integers) -> bool:
    """Whether the group looks at every row that has a value."""
    is_narrow = group[CONDITION_1] != NOWHERE or group[CONDITION_2] != NOWHERE
    return not is_narrow and group[FURTHER] == NOWHERE


@njit(cache=True, nogil=True)
def counts_distinct(group: Integers) -> bool:
    """Whether the group asks of every row's code how many are different, and no more."""
    return group[OP] == CODES and group[OPTION] == NOWHERE and is_of_all(group)


@njit(cache=True, nogil=True)
def met(
    rows: Integers, lo: int, hi: int, group: Integers, own: Integers, codes: Codes
) -> tuple[Marks, int]:
    """Which of the rows `lo` to `hi` are of the group's key, meet its conditions and have a value.

    Returns how many as well; where that is all of them, there may be no marks.
    """
    n, place = hi - lo, group[VALUE]
    absent = np.int64(-1) if group[OP] == CODES else np.int64(MISSING)
    if is_of_all(group) and (place == NOWHERE or least(rows[place, lo:hi]) > absent):
        return np.empty(0, np.bool_), n
    marks = np.ones(n, np.bool_) if place == NOWHERE else rows[place, lo:hi] > absent
    for k in range(MOST_FURTHER):
        if group[FURTHER + k] != NOWHERE:
            marks &= rows[group[FURTHER + k], lo:hi] == own[1 + k]
    for condition in (CONDITION_1, CONDITION_2):
        if group[condition] != NOWHERE:
            allowed = codes[group[condition + 1] : group[condition + 2]]
            marks &= is_one_of(rows[group[condition], lo:hi], allowed)
    return marks, count(marks)


@njit(cache=True, nogil=True)
def least(x: Integers) -> int:
    """The least value, NEVER where there is none."""
    out = np.int64(NEVER)
    for v in x:
        out = min(out, v)
    return out


@njit(cache=True, nogil=True)
def is_one_of(x: Integers, allowed: Codes) -> Marks:
    """Which values are allowed."""
    out = np.zeros(len(x), np.bool_)
    for code in allowed:
        out |= x == code
    return out


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
def chosen(
    rows: Integers, lo: int, hi: int, group: Integers, own: Integers, codes: Codes
) -> tuple[Integers, Integers]:
    """Values and instants of those of the rows `lo` to `hi` that the group looks at."""
    marks, n = met(rows, lo, hi, group, own, codes)
    place = group[OPTION] if group[OP] == ENDS else group[VALUE]
    x, t = rows[max(place, 0), lo:hi], rows[T, lo:hi]
    if n == hi - lo:
        return x, t
    at = np.flatnonzero(marks)
    return x[at], t[at]


@njit(cache=True, nogil=True)
def reduce_group(
    x: Integers,
    t: Integers,
    starts: Integers,
    group: Integers,
    own: int,
    out: Integers,
) -> None:
    """States of a group's atoms over what was chosen for it."""
    op, option, span = group[OP], group[OPTION], (group[ATOM_FROM], group[ATOM_TO])
    edges = np.empty(len(starts), np.int64)
    for a in range(span[0], span[1]):
        edges[a] = first_from(t, 0, len(t), starts[a])
    if op == COUNT:
        for a in range(span[0], span[1]):
            count_state(len(t) - edges[a], out[a])
    elif op == MOMENTS:
        moments(x, edges, span, out)
    elif op == CODES:
        if option == NOWHERE:
            distinct_codes(x, edges, span, out)
        else:
            counted_codes(x, edges, span, out)
    elif op == GRIDS:
        grids(x, edges, span, own, out)
    elif op == ORDERS:
        orders(x, edges, span, out)
    elif op == ENDS:
        ends(x, t, edges, span, out)
    else:
        sketches(x, edges, span, own, option, out)


@njit(cache=True, nogil=True)
def sum_blocks(rows: Integers, column: int, until: int) -> bool:
    """Sum all whole blocks of a column before row `until`; False where another column is summed."""
    head, x = rows[len(rows) - 1], rows[column]
    done = head[SUMMED] // BLOCK
    if done == 0:
        head[SUM_OF] = column
    elif head[SUM_OF] != column:
        return False
    for b in range(done, until // BLOCK):
        block = head[LEAST_ROOM + STATE_WIDTH * b : LEAST_ROOM + STATE_WIDTH * (b + 1)]
        block[:] = 0
        block[LOW], block[HIGH] = NEVER, -NEVER
        add_moments(x, BLOCK * b, BLOCK * (b + 1), block)
    head[SUMMED] = BLOCK * max(done, until // BLOCK)
    return True


@njit(cache=True, nogil=True)
def summed(
    rows: Integers, lo: int, hi: int, group: Integers, starts: Integers, out: Integers
) -> bool:
    """States of a group's moments over the rows `lo` to `hi` of a history, from sums of blocks.

    Returns False, and leaves the states to others, where a value is missing.
    """
    if not sum_blocks(rows, group[VALUE], hi):
        return False
    head, x = rows[len(rows) - 1], rows[group[VALUE]]
    for a in range(group[ATOM_FROM], group[ATOM_TO]):
        state, first = out[a], first_from(rows[T], lo, hi, starts[a])
        state[:] = 0
        state[LOW], state[HIGH] = NEVER, -NEVER
        begin, end = (first + BLOCK - 1) // BLOCK, hi // BLOCK
        if begin >= end:
            add_moments(x, first, hi, state)
        else:
            add_moments(x, first, BLOCK * begin, state)
            add_moments(x, BLOCK * end, hi, state)
            for b in range(begin, end):
                at = LEAST_ROOM + STATE_WIDTH * b
                for c in (N, S1, A, B, C):
                    state[c] += head[at + c]
                state[LOW] = min(state[LOW], head[at + LOW])
                state[HIGH] = max(state[HIGH], head[at + HIGH])
        if state[LOW] == MISSING:
            return False
    return True


@njit(cache=True, nogil=True)
def scanned(
    rows: Integers,
    lo: int,
    hi: int,
    is_history: bool,
    groups: Integers,
    starts: Integers,
    owns: Integers,
    codes: Codes,
    out: Integers,
) -> None:
    """States of all groups over the rows `lo` to `hi`, which may be those of a history itself."""
    for g in range(len(groups)):
        group, start = groups[g], np.int64(NEVER)
        for a in range(group[ATOM_FROM], group[ATOM_TO]):
            start = min(start, starts[a])
        first = first_from(rows[T], lo, hi, start)
        is_long = is_history and group[OP] == MOMENTS and hi - first >= _FEWEST_SUMMED
        if is_long and is_of_all(group) and summed(rows, first, hi, group, starts, out):
            continue
        if is_history and counts_distinct(group) and is_linked(rows, group[VALUE]):
            for a in range(group[ATOM_FROM], group[ATOM_TO]):
                distinct(rows, first_from(rows[T], first, hi, starts[a]), hi, starts[a], out[a])
            continue
        x, t = chosen(rows, first, hi, group, owns[g], codes)
        reduce_group(x, t, starts, group, owns[g, 0], out)


@njit(cache=True, nogil=True)
def light_states(
    histories: tuple[Integers, ...],
    further: Integers,
    further_of: int,
    query: Integers,
    others: Integers,
    groups: Integers,
    lengths: Integers,
    owns: Integers,
    codes: Codes,
    out: Integers,
) -> None:
    """States of all atoms, each over the history of its group's stream.

    `further` is the history of stream `further_of`, if there is one apart from the others.
    `groups` stand in the order of their streams, `lengths` are those of the atoms' windows.
    """
    starts, g = query[0] - lengths, 0
    while g < len(groups):
        stream = groups[g, STREAM]
        until, start = g, np.int64(NEVER)
        while until < len(groups) and groups[until, STREAM] == stream:
            for a in range(groups[until, ATOM_FROM], groups[until, ATOM_TO]):
                start = min(start, starts[a])
            until += 1
        rows = further if stream == further_of else histories[stream]
        used = used_columns(groups, g, until, len(rows) - FURTHER_LINES)
        latest = rows[len(rows) - 1]
        lo = first_from(rows[T], 0, latest[IN_USE], start)
        hi = first_not_before(rows, lo, latest[IN_USE], query)
        marks, n = visible(rows, lo, hi, latest, query, others)
        is_history = n == hi - lo
        if not is_history:
            some = np.empty((len(used), hi - lo), np.int64)
            lo, hi = 0, laid(rows, lo, hi, marks, n, used, some, 0)
            rows = some
        scanned(rows, lo, hi, is_history, groups[g:until], starts, owns[g:until], codes, out)
        g = until


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
