"""Tapes: for each query, in order, which rows enter and leave its window.

A tape is the whole of the point-in-time logic, so an operation only replays it. It holds signed
rows: `r` enters, `~r` leaves; the part of query i is `ops[ends[i - 1]:ends[i]]`. A row is in the
window of a query when `start <= t`, its tie is smaller, it was known before and had not been
superseded by then.

Groups whose rows were all learned in the order in which they happened slide with two pointers.
In the others a row enters for good once every later query knows it; in between the few that know
it already get it for themselves alone, and likewise for rows that are superseded. So a late row
costs what lies between its happening and its learning, not a window.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import Bools, Rows, first_at
from features.kernels.states import NEVER

BEFORE, SETTLED, LEAVES, OVER = range(4)
"""Columns of a schedule: from which query on a row lies before it, is known to all, may be known
superseded, and is known superseded to all."""
_SLACK: Final = 64


@njit(cache=True, nogil=True)
def slide(
    spans: Integers, t: Integers, tie: Integers, query_tie: Integers, start: Integers
) -> tuple[Rows, Integers]:
    """The tape of groups without late rows, a part for each query of `spans` in their order."""
    rows = queries = 0
    for g in range(len(spans)):
        rows += spans[g, 3] - spans[g, 2]
        queries += spans[g, 1] - spans[g, 0]
    ops, ends = np.empty(2 * rows, np.int32), np.empty(queries, np.int64)
    n = m = lo = hi = 0
    for g in range(len(spans)):
        for j in range(lo, hi):
            ops[n] = ~j
            n += 1
        lo = hi = first_at(t, spans[g, 2], spans[g, 3], start[spans[g, 0]])
        for i in range(spans[g, 0], spans[g, 1]):
            while hi < spans[g, 3] and tie[hi] < query_tie[i]:
                ops[n] = hi
                n += 1
                hi += 1
            while lo < hi and t[lo] < start[i]:
                ops[n] = ~lo
                n += 1
                lo += 1
            ends[m] = n
            m += 1
    return ops[:n], ends


@njit(cache=True, nogil=True)
def asked(spans: Integers) -> Rows:
    """The queries of `spans`, in their order."""
    n = 0
    for g in range(len(spans)):
        n += spans[g, 1] - spans[g, 0]
    out = np.empty(n, np.int32)
    m = 0
    for g in range(len(spans)):
        for i in range(spans[g, 0], spans[g, 1]):
            out[m] = i
            m += 1
    return out


@njit(cache=True, nogil=True)
def _least_after(values: Integers, lo: int, hi: int) -> Integers:
    """Running minimum from the end: what no later query falls below."""
    out = values[lo:hi].copy()
    for k in range(len(out) - 2, -1, -1):
        out[k] = min(out[k], out[k + 1])
    return out


@njit(cache=True, nogil=True)
def _most_before(values: Integers, lo: int, hi: int) -> Integers:
    out = values[lo:hi].copy()
    for k in range(1, len(out)):
        out[k] = max(out[k], out[k - 1])
    return out


@njit(cache=True, nogil=True)
def schedule(
    span: Integers,
    first: int,
    tie: Integers,
    known: Integers,
    seq: Integers,
    gone: Integers,
    gone_seq: Integers,
    query_tie: Integers,
    bound: Integers,
    seq_bound: Integers,
) -> Integers:
    """When each source row of a group is where: (rows, 4), queries counted from the first."""
    q0, q1 = span[0], span[1]
    n = q1 - q0
    least, least_seq = _least_after(bound, q0, q1), _least_after(seq_bound, q0, q1)
    most, most_seq = _most_before(bound, q0, q1), _most_before(seq_bound, q0, q1)
    out = np.empty((span[3] - first, 4), np.int64)
    at = 0
    for j in range(first, span[3]):
        while at < n and query_tie[q0 + at] <= tie[j]:
            at += 1
        row = out[j - first]
        row[0] = row[1] = at
        row[2] = row[3] = n
        if at == n:
            continue
        if known[j] >= least[at] or seq[j] >= least_seq[at]:
            settled = max(
                np.searchsorted(least, known[j], side="right"),
                np.searchsorted(least_seq, seq[j], side="right"),
            )
            row[1] = max(at, settled)
        if gone[j] <= most[n - 1] and gone_seq[j] <= most_seq[n - 1]:
            begins = max(np.searchsorted(most, gone[j]), np.searchsorted(most_seq, gone_seq[j]))
            over = max(np.searchsorted(least, gone[j]), np.searchsorted(least_seq, gone_seq[j]))
            row[2], row[3] = max(at, begins), max(at, over)
    return out


@njit(cache=True, nogil=True)
def _room(ops: Rows, need: int) -> Rows:
    if need <= len(ops):
        return ops
    wider = np.empty(max(need, 2 * len(ops)), np.int32)
    wider[: len(ops)] = ops
    return wider


@njit(cache=True, nogil=True)
def _by_query(when: Integers, n: int) -> tuple[Rows, Integers]:
    """Rows sorted by the query at which something happens to them, and where each query's start."""
    starts = np.zeros(n + 2, np.int64)
    for query in when:
        starts[min(query, n) + 1] += 1
    for query in range(n + 1):
        starts[query + 1] += starts[query]
    rows = np.empty(len(when), np.int32)
    fill = starts.copy()
    for k in range(len(when)):
        query = min(when[k], n)
        rows[fill[query]] = k
        fill[query] += 1
    return rows, starts


@njit(cache=True, nogil=True)
def late(  # noqa: PLR0915  (one pass over what happens to a row)
    spans: Integers,
    t: Integers,
    tie: Integers,
    known: Integers,
    seq: Integers,
    gone: Integers,
    gone_seq: Integers,
    query_tie: Integers,
    bound: Integers,
    seq_bound: Integers,
    start: Integers,
    most_ops: int,
) -> tuple[Rows, Integers, int]:
    """The tape of groups with late or superseded rows, as far as `most_ops` reach.

    Returns the tape and the number of groups that it covers, at least one.
    """
    ends, ops = np.empty(len(query_tie), np.int64), np.empty(_SLACK, np.int32)
    inside = np.zeros(len(t), np.bool_)
    n = m = 0
    for g in range(len(spans)):
        if n > most_ops:
            return ops[:n], ends[:m], g
        q0, n_queries = spans[g, 0], spans[g, 1] - spans[g, 0]
        first = first_at(t, spans[g, 2], spans[g, 3], start[q0])
        when = schedule(
            spans[g], first, tie, known, seq, gone, gone_seq, query_tie, bound, seq_bound
        )
        is_base = when[:, SETTLED] < when[:, LEAVES]
        enter, enter_at = _by_query(np.where(is_base, when[:, SETTLED], n_queries), n_queries)
        leave, leave_at = _by_query(when[:, LEAVES], n_queries)
        begin, begin_at = _by_query(when[:, BEFORE], n_queries)
        active, extra = np.empty(len(when), np.int64), np.empty(len(when), np.int64)
        n_active = n_extra = 0
        lo = first
        for k in range(n_queries):
            i = q0 + k
            ops = _room(ops, n + n_extra + 4 * len(when) + _SLACK)
            n = _take_out(extra, n_extra, ops, n)
            gone_now, now = (
                leave[leave_at[k] : leave_at[k + 1]],
                begin[begin_at[k] : begin_at[k + 1]],
            )
            n, n_active = _leave(gone_now, first, when, k, inside, active, n_active, ops, n)
            known_now = enter[enter_at[k] : enter_at[k + 1]]
            n = _enter(known_now, first, t, start[i], inside, ops, n)
            n_active = _begin(now, first, when, k, active, n_active)
            n, lo = _expire(lo, spans[g, 3], t, start[i], inside, ops, n)
            n_active = _unsettled(first, when, k, t, start[i], active, n_active)
            n_extra = 0
            for x in range(n_active):
                j = active[x]
                is_gone = gone[j] <= bound[i] and gone_seq[j] <= seq_bound[i]
                if known[j] < bound[i] and seq[j] < seq_bound[i] and not is_gone:
                    extra[n_extra], ops[n] = j, j
                    n_extra, n = n_extra + 1, n + 1
            ends[m] = n
            m += 1
        n = _take_out(extra, n_extra, ops, n)
        n, lo = _expire(lo, spans[g, 3], t, NEVER, inside, ops, n)
    return ops[:n], ends[:m], len(spans)


@njit(cache=True, nogil=True)
def _take_out(rows: Integers, n_rows: int, ops: Rows, n: int) -> int:
    """What one query alone knew leaves before the next."""
    for x in range(n_rows):
        ops[n] = ~rows[x]
        n += 1
    return n


@njit(cache=True, nogil=True)
def _leave(
    rows: Rows,
    first: int,
    when: Integers,
    k: int,
    inside: Bools,
    active: Integers,
    n_active: int,
    ops: Rows,
    n: int,
) -> tuple[int, int]:
    """Rows that some query may know superseded leave, and stay unsettled until all do."""
    for row in rows:
        j = first + row
        if inside[j]:
            inside[j] = False
            ops[n] = ~j
            n += 1
        if when[row, OVER] > k and when[row, SETTLED] < when[row, LEAVES]:
            active[n_active] = j
            n_active += 1
    return n, n_active


@njit(cache=True, nogil=True)
def _enter(
    rows: Rows, first: int, t: Integers, start: int, inside: Bools, ops: Rows, n: int
) -> int:
    """Rows that every query from here on knows enter."""
    for row in rows:
        j = first + row
        if t[j] >= start:
            inside[j] = True
            ops[n] = j
            n += 1
    return n


@njit(cache=True, nogil=True)
def _begin(rows: Rows, first: int, when: Integers, k: int, active: Integers, n_active: int) -> int:
    """Rows that lie before the query from here on, but are not known to all: unsettled."""
    for row in rows:
        if when[row, SETTLED] > k or when[row, SETTLED] >= when[row, LEAVES]:
            active[n_active] = first + row
            n_active += 1
    return n_active


@njit(cache=True, nogil=True)
def _expire(
    lo: int, end: int, t: Integers, start: int, inside: Bools, ops: Rows, n: int
) -> tuple[int, int]:
    """Rows before the window's start leave."""
    while lo < end and t[lo] < start:
        if inside[lo]:
            inside[lo] = False
            ops[n] = ~lo
            n += 1
        lo += 1
    return n, lo


@njit(cache=True, nogil=True)
def _unsettled(
    first: int, when: Integers, k: int, t: Integers, start: int, active: Integers, n_active: int
) -> int:
    """Keep of the active rows those that are in the window and not settled yet."""
    kept = 0
    for x in range(n_active):
        row = when[active[x] - first]
        is_settled = row[OVER] <= k or (row[SETTLED] <= k < row[LEAVES])
        if not is_settled and t[active[x]] >= start:
            active[kept] = active[x]
            kept += 1
    return kept
