# mypy: disable-error-code="possibly-undefined"
"""Sweeps: states of trailing windows in one pass over rows in the order of time, without sorting.

Two fronts move over the sources: one past the rows that happened before the query, one past those
that its window no longer reaches. Each row is added to the state of its group by the first and
taken away by the second, so memory is read in order but for the groups' states, and a query only
looks at its own group. Groups keep their sums, a monotone queue of candidates for the extreme
(Lemire 2006, arXiv cs/0610046), or their rows as a chain.

A row that not every later query knows waits, and is looked at query by query until it is settled:
known to all from there on (it is added), superseded for all, or out of the window. So a late or
corrected row costs the queries of its own group that come before it is learned.

A sweep is made in blocks of queries, one call each, in order; states are those of
`features.kernels.reduce`, bit for bit.
"""

from typing import NamedTuple, Self

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import Bools, Rows
from features.kernels.states import FIRST, HIGH, LAST, LOW, MISSING, NEVER, S1, A, B, C, N

COME, LEFT = 0, 1
"""The fronts: rows that came before the query, and rows that its window has left behind."""


class Sources(NamedTuple):
    """Rows that windows hold, in the order of `(t, o)`."""

    group: Rows
    t: Integers
    tie: Integers


class Queries(NamedTuple):
    """Rows that are asked about, in the order of `(t, o)`.

    A window reaches from so far before `edge` up to `tie`.
    """

    group: Rows
    edge: Integers
    tie: Integers


class Late(NamedTuple):
    """What was known when, where not every row was known to all that come after it.

    Of the sources: `settles` is the first query from which on all know a row that nothing ever
    takes the place of, `over` that from which on all know what took its place; `gone` and
    `gone_seq` are empty where nothing is superseded. Of the queries: `rank` and `bound` are what
    they know things below.
    """

    settles: Rows
    over: Rows
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    rank: Integers
    bound: Integers


class Waiting(NamedTuple):
    """Rows of a sweep that are not settled yet: the first of each group and the next of each row.

    `inside` says which rows are settled and in their group's state.
    """

    first: Rows
    following: Rows
    inside: Bools

    @classmethod
    def of(cls, sources: Sources, groups: int) -> Self:
        """Nothing waits before the first query."""
        n = len(sources.t)
        first = np.full(groups + 1, -1, np.int32)
        return cls(first, np.empty(n, np.int32), np.zeros(n, np.bool_))


@njit(cache=True, nogil=True)
def schedule(
    tie: Integers,
    known: Integers,
    seq: Integers,
    gone: Integers,
    gone_seq: Integers,
    query_tie: Integers,
    rank: Integers,
    query_seq: Integers,
) -> tuple[Rows, Rows]:
    """`settles` and `over` of the sources: the number of queries where that never comes.

    >>> one, never = np.array([1]), np.array([NEVER])
    >>> queries = np.array([1, 2, 3]), np.array([5, 0, 5]), np.array([9, 9, 9])
    >>> settles, over = schedule(one, one, one, never, never, *queries)
    >>> settles.tolist(), over.tolist()
    ([2], [3])
    """
    n, at = len(query_tie), 0
    least_rank, least_seq = _least_from(rank), _least_from(query_seq)
    settles, over = np.full(len(tie), n, np.int32), np.full(len(tie), n, np.int32)
    for j in range(len(tie)):
        while at < n and query_tie[at] <= tie[j]:
            at += 1
        if at == n:
            break
        if len(gone) == 0 or gone[j] == NEVER:
            settles[j] = at
            if known[j] >= least_rank[at] or seq[j] >= least_seq[at]:
                by_rank = np.searchsorted(least_rank, known[j], side="right")
                settles[j] = max(at, by_rank, np.searchsorted(least_seq, seq[j], side="right"))
        else:
            by_rank = np.searchsorted(least_rank, gone[j])
            over[j] = max(by_rank, np.searchsorted(least_seq, gone_seq[j]))
    return settles, over


@njit(cache=True, nogil=True)
def _least_from(values: Integers) -> Integers:
    """Running minimum from the end: what no later query falls below."""
    out = values.copy()
    for k in range(len(out) - 2, -1, -1):
        out[k] = min(out[k], out[k + 1])
    return out


@njit(cache=True, nogil=True)
def _is_seen(
    known: Integers,
    seq: Integers,
    gone: Integers,
    gone_seq: Integers,
    j: int,
    rank: int,
    bound: int,
) -> bool:
    """Whether a query with these bounds knew row `j`, and nothing that took its place."""
    if known[j] >= rank or seq[j] >= bound:
        return False
    return bool(len(gone) == 0 or gone[j] > rank or gone_seq[j] > bound)


@njit(cache=True, nogil=True)
def _comes(
    settles: Rows, first: Rows, following: Rows, inside: Bools, g: int, j: int, i: int
) -> bool:
    """Whether row `j` is settled when it comes before query `i`; if not, it waits."""
    inside[j] = settles[j] <= i
    if not inside[j]:
        following[j], first[g] = first[g], j
    return bool(inside[j])


@njit(cache=True, nogil=True)
def _drop(first: Rows, following: Rows, g: int, before: int, after: int) -> None:
    """Let the row between two others of its group wait no more."""
    if before < 0:
        first[g] = after
    else:
        following[before] = after


@njit(cache=True, nogil=True)
def _add(states: Integers, k: int, columns: tuple[int, ...], v: int, sign: int) -> None:
    """Add a value to moments state `k`, or take it away."""
    if v == MISSING:
        return
    states[k, N] += sign
    if len(columns) > S1:
        states[k, S1] += sign * v
    if len(columns) > A:
        h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
        states[k, A] += sign * h * h
        states[k, B] += sign * h * low
        states[k, C] += sign * low * low


@njit(cache=True, nogil=True)
def _value(x: Integers | None, j: int) -> int:
    return 1 if x is None else int(x[j])


@njit(cache=True, nogil=True)
def totals(  # noqa: PLR0915  (a call a row costs more than what it does)
    sources: Sources,
    queries: Queries,
    late: Late | None,
    waiting: Waiting | None,
    fronts: Integers,
    reach: int,
    x: Integers | None,
    columns: tuple[int, ...],
    held: Integers,
    lo: int,
    hi: int,
    out: Integers,
) -> None:
    """Rows, sum and squares of the queries `lo` to `hi`: of `(N, S1, A, B, C)` the first `columns`.

    Where there is no `x` every value is 1. The last state of `held` (groups + 1, columns) stands
    for no group and stays 0. What is None, and how many columns there are, is compiled in.
    """
    (group, t, tie), (query_group, edge, query_tie) = sources, queries
    none, n = len(held) - 1, len(tie)
    if late is not None and waiting is not None:
        settles, over, known, seq, gone, gone_seq, rank, bound = late
        first, following, inside = waiting
    come, left = fronts
    for i in range(lo, hi):
        start = edge[i] - reach
        while come < n and tie[come] < query_tie[i]:
            g = group[come]
            if g != none and (
                True if late is None else _comes(settles, first, following, inside, g, come, i)
            ):
                _add(held, g, columns, _value(x, come), 1)
            come += 1
        while left < come and t[left] < start:
            g = group[left]
            if g != none and (True if late is None else inside[left]):
                _add(held, g, columns, _value(x, left), -1)
            left += 1
        g, row = query_group[i], i - lo
        for c in range(len(columns)):
            out[row, c] = held[g, c]
        if late is not None:
            j, before = int(first[g]), -1
            while j >= 0:
                after, is_inside = int(following[j]), t[j] >= start and settles[j] <= i
                if is_inside or t[j] < start or over[j] <= i:
                    _drop(first, following, g, before, after)
                else:
                    before = j
                if is_inside:
                    inside[j] = True
                    _add(held, g, columns, _value(x, j), 1)
                if is_inside or (
                    t[j] >= start and _is_seen(known, seq, gone, gone_seq, j, rank[i], bound[i])
                ):
                    _add(out, row, columns, _value(x, j), 1)
                j = after
    fronts[COME], fronts[LEFT] = come, left


@njit(cache=True, nogil=True)
def extremes(  # noqa: PLR0915  (as of `totals`)
    sources: Sources,
    queries: Queries,
    late: Late | None,
    waiting: Waiting | None,
    fronts: Integers,
    reach: int,
    x: Integers,
    sign: int,
    oldest: Rows,
    newest: Rows,
    older: Rows,
    newer: Rows,
    top: Integers,
    lo: int,
    hi: int,
    out: Integers,
) -> None:
    """The largest `sign * x` of the queries `lo` to `hi`, times `sign`: in HIGH, or LOW for -1.

    A group's candidates are ever smaller from the `oldest` to the `newest`, and `top` is the value
    of the oldest; `older` and `newer` are those beside each. The largest of nothing is -NEVER.
    """
    (group, t, tie), (query_group, edge, query_tie) = sources, queries
    none, column, n = len(oldest) - 1, HIGH if sign > 0 else LOW, len(tie)
    if late is not None and waiting is not None:
        settles, over, known, seq, gone, gone_seq, rank, bound = late
        first, following, inside = waiting
    come, left = fronts
    for i in range(lo, hi):
        start = edge[i] - reach
        while come < n and tie[come] < query_tie[i]:
            g, v = group[come], sign * x[come]
            if late is not None:
                if g != none and _comes(settles, first, following, inside, g, come, i):
                    _insert(oldest, newest, older, newer, top, x, sign, g, come)
            elif g != none and x[come] != MISSING:
                # as `_insert` where no candidate is newer, written out: so it takes half the time
                end, k = int(oldest[g]), int(newest[g])
                while k >= 0 and sign * x[k] <= v:
                    k = int(older[k]) if k != end else -1
                older[come], newest[g] = k, come
                if k < 0:
                    oldest[g], top[g] = come, v
                else:
                    newer[k] = come
            come += 1
        while left < come and t[left] < start:
            if oldest[group[left]] == left:
                _retire(oldest, newest, newer, top, x, sign, group[left])
            left += 1
        g = query_group[i]
        best = top[g]
        if late is not None:
            j, before = int(first[g]), -1
            while j >= 0:
                after, is_inside = int(following[j]), t[j] >= start and settles[j] <= i
                if is_inside or t[j] < start or over[j] <= i:
                    _drop(first, following, g, before, after)
                else:
                    before = j
                if is_inside:
                    _insert(oldest, newest, older, newer, top, x, sign, g, j)
                    best = max(best, top[g])
                elif t[j] >= start and _is_seen(known, seq, gone, gone_seq, j, rank[i], bound[i]):
                    best = max(best, -NEVER if x[j] == MISSING else sign * x[j])
                j = after
        out[i - lo, column] = sign * best
    fronts[COME], fronts[LEFT] = come, left


@njit(cache=True, nogil=True)
def _insert(
    oldest: Rows,
    newest: Rows,
    older: Rows,
    newer: Rows,
    top: Integers,
    x: Integers,
    sign: int,
    g: int,
    j: int,
) -> None:
    """Give row `j` its place among its group's candidates, in that of those no larger and older."""
    v, end, k, after = sign * x[j], int(oldest[g]), int(newest[g]), -1
    while k > j:
        after, k = k, int(older[k]) if k != end else -1
    if x[j] == MISSING or (after >= 0 and sign * x[after] >= v):
        return
    while k >= 0 and sign * x[k] <= v:
        k = int(older[k]) if k != end else -1
    older[j], newer[j] = k, after
    if k < 0:
        oldest[g], top[g] = j, v
    else:
        newer[k] = j
    if after < 0:
        newest[g] = j
    else:
        older[after] = j


@njit(cache=True, nogil=True)
def _retire(
    oldest: Rows, newest: Rows, newer: Rows, top: Integers, x: Integers, sign: int, g: int
) -> None:
    """Take the oldest candidate of a group away."""
    if oldest[g] == newest[g]:
        oldest[g] = newest[g] = -1
        top[g] = -NEVER
    else:
        oldest[g] = newer[oldest[g]]
        top[g] = sign * x[oldest[g]]


@njit(cache=True, nogil=True)
def chain(group: Rows, groups: int) -> tuple[Rows, Rows]:
    """For every row the one before and the one after it in its group, -1 where there is none.

    >>> older, newer = chain(np.array([0, 1, 0], np.int32), 2)
    >>> older.tolist(), newer.tolist()
    ([-1, -1, 0], [2, -1, -1])
    """
    last = np.full(groups + 1, -1, np.int32)
    older, newer = np.full(len(group), -1, np.int32), np.full(len(group), -1, np.int32)
    for j in range(len(group)):
        g = group[j]
        if g != groups:
            older[j] = last[g]
            if last[g] >= 0:
                newer[last[g]] = j
            last[g] = j
    return older, newer


@njit(cache=True, nogil=True)
def ends(
    sources: Sources,
    queries: Queries,
    late: Late | None,
    _waiting: Waiting | None,
    fronts: Integers,
    reach: int,
    x: Integers,
    oldest: Rows,
    newest: Rows,
    older: Rows,
    newer: Rows,
    lo: int,
    hi: int,
    out: Integers,
) -> None:
    """Values of the last and the first row in the windows of the queries `lo` to `hi`.

    MISSING where there is none. `older` and `newer` are the groups' chains.
    """
    (group, t, tie), (query_group, edge, query_tie) = sources, queries
    none, n = len(newest) - 1, len(tie)
    if late is not None:
        _, _, known, seq, gone, gone_seq, rank, bound = late
    come, left = fronts
    for i in range(lo, hi):
        start = edge[i] - reach
        while come < n and tie[come] < query_tie[i]:
            g = group[come]
            if g != none:
                newest[g] = come
                oldest[g] = come if oldest[g] < 0 else oldest[g]
            come += 1
        while left < come and t[left] < start:
            oldest[group[left]] = newer[left]
            left += 1
        last, first = int(newest[query_group[i]]), int(oldest[query_group[i]])
        if late is not None:
            r, b = rank[i], bound[i]
            while last >= left and not _is_seen(known, seq, gone, gone_seq, last, r, b):
                last = int(older[last])
            while 0 <= first < last and not _is_seen(known, seq, gone, gone_seq, first, r, b):
                first = int(newer[first])
        out[i - lo, LAST] = x[last] if last >= left else MISSING
        out[i - lo, FIRST] = x[first] if last >= left else MISSING
    fronts[COME], fronts[LEFT] = come, left
