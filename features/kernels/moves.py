"""Moves: which rows a trailing window takes in and leaves behind before each query, as one list.

Two fronts go over the sources in the order of time: one past the rows that happened before the
query, one past those that its window no longer reaches. What they pass is the same for every key,
so it is written down once for a window's length, and states of any key are kept along the list
(`features.kernels.sweep`) without a decision of their own about time.

A row that not every later query knows waits, and joins when all do. Most queries know neither more
nor less than all that come after them: what has joined by then is what they see. The others look
at the waiting rows one by one, and so do all where rows are superseded, which never join.

A move is a row's number with its kind in the lowest bits. Queries are numbered after the sources,
or as the sources where both are the same rows; there must be fewer than 2**29 of both.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels.order import Bools, Rows
from features.kernels.states import NEVER

Moves = NDArray[np.uint32]

COME, LEAVE, QUERY, JOIN, PASS, WAIT, LOOK = range(7)
"""Kinds: a settled row comes, and leaves; a query; a waiting row settles, and one leaves unsettled;
a row comes unsettled; a query that looks at what waits."""
BITS: Final = 3
KIND: Final = 2**BITS - 1
AHEAD: Final = 32
"""How many moves before its use a state is asked for; so many moves of no meaning end a list."""


class Late(NamedTuple):
    """What was known when, where not every row was known to all that come after it.

    Of the sources: `settles` is the first query from which on all know a row that nothing ever
    takes the place of, `over` that from which on all know what took its place; `due` are those that
    settle after they came, in the order in which they do; `gone` and `gone_seq` are empty where
    nothing is superseded. Of the queries: `rank` and `bound` are what they know things below, and
    `looks` says which look at waiting rows.
    """

    settles: Rows
    over: Rows
    due: Rows
    looks: Bools
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    rank: Integers
    bound: Integers

    @classmethod
    def of(
        cls,
        tie: Integers,
        facts: tuple[Integers, Integers, Integers, Integers],
        asked: Integers,
        may_know: tuple[Integers, Integers],
    ) -> Self:
        """Of sources and what is known of them, and of queries and what they may know."""
        settles, over, is_due, looks = schedule(tie, *facts, asked, *may_know)
        due = np.flatnonzero(is_due).astype(np.int32)
        in_order = due[np.argsort(settles[due], kind="stable")]
        return cls(settles, over, in_order, looks, *facts, *may_know)


@njit(cache=True, nogil=True)
def schedule(
    tie: Integers,
    known: Integers,
    seq: Integers,
    gone: Integers,
    gone_seq: Integers,
    asked: Integers,
    rank: Integers,
    bound: Integers,
) -> tuple[Rows, Rows, Bools, Bools]:
    """`settles` and `over` of the sources, whether they are due, and `looks` of the queries.

    The number of queries stands for what never comes.

    >>> one, never = np.array([1]), np.array([NEVER])
    >>> queries = np.array([1, 2, 3]), np.array([5, 0, 5]), np.array([9, 9, 9])
    >>> settles, over, is_due, looks = schedule(one, one, one, never, never, *queries)
    >>> settles.tolist(), over.tolist(), is_due.tolist(), looks.tolist()
    ([2], [3], [True], [True, False, False])
    """
    n, at = len(asked), 0
    least_rank, least_bound = _least_from(rank), _least_from(bound)
    settles, over = np.full(len(tie), n, np.int32), np.full(len(tie), n, np.int32)
    is_due, has_gone = np.zeros(len(tie), np.bool_), False
    for j in range(len(tie)):
        while at < n and asked[at] <= tie[j]:
            at += 1
        if at == n:
            break
        if len(gone) == 0 or gone[j] == NEVER:
            settles[j] = at
            if known[j] >= least_rank[at] or seq[j] >= least_bound[at]:
                by_rank = np.searchsorted(least_rank, known[j], side="right")
                settles[j] = max(at, by_rank, np.searchsorted(least_bound, seq[j], side="right"))
                is_due[j] = at < settles[j] < n
        else:
            by_rank = np.searchsorted(least_rank, gone[j])
            over[j], has_gone = max(by_rank, np.searchsorted(least_bound, gone_seq[j])), True
    looks = np.empty(n, np.bool_)
    for i in range(n):
        looks[i] = has_gone or rank[i] > least_rank[i] or bound[i] > least_bound[i]
    return settles, over, is_due, looks


@njit(cache=True, nogil=True)
def _least_from(values: Integers) -> Integers:
    """Running minimum from the end: what no later query falls below."""
    out = values.copy()
    for k in range(len(out) - 2, -1, -1):
        out[k] = min(out[k], out[k + 1])
    return out


@njit(cache=True, nogil=True)
def moves(
    t: Integers,
    tie: Integers,
    edge: Integers,
    asked: Integers,
    reach: int,
    base: int,
    fronts: Rows,
    lo: int,
    hi: int,
    out: Moves,
) -> int:
    """Write the moves up to the queries `lo` to `hi`, where every row was known to all after it.

    `t` and `tie` are of the sources, `edge` and `asked` the instants and ties of the queries;
    `base` is the number of the first query. `fronts` are moved on. Returns how many moves there
    are, and so many of no meaning behind them.

    >>> t, fronts, out = np.array([1, 2, 2, 9]), np.zeros(3, np.int32), np.empty(50, np.uint32)
    >>> found = out[: moves(t, t, t, t, 5, 0, fronts, 0, 4, out) - AHEAD]
    >>> [("come", "leave", "query")[move & KIND] + str(move >> BITS) for move in found[:7]]
    ['query0', 'come0', 'query1', 'query2', 'come1', 'come2', 'leave0']
    """
    come, left, n, k = np.int64(fronts[0]), np.int64(fronts[1]), len(t), 0
    for i in range(lo, hi):
        start, now = edge[i] - reach, asked[i]
        while come < n and tie[come] < now:
            out[k] = come << BITS | COME
            k, come = k + 1, come + 1
        while left < come and t[left] < start:
            out[k] = left << BITS | LEAVE
            k, left = k + 1, left + 1
        out[k] = (base + i) << BITS | QUERY
        k += 1
    fronts[0], fronts[1] = come, left
    out[k : k + AHEAD] = 0
    return k + AHEAD


@njit(cache=True, nogil=True)
def late_moves(
    t: Integers,
    tie: Integers,
    edge: Integers,
    asked: Integers,
    reach: int,
    base: int,
    settles: Rows,
    due: Rows,
    looks: Bools,
    fronts: Rows,
    lo: int,
    hi: int,
    out: Moves,
) -> int:
    """As `moves`, where some rows were not known to all; the third front is that of rows due."""
    come, left, n, k = np.int64(fronts[0]), np.int64(fronts[1]), len(t), 0
    at = np.int64(fronts[2])
    for i in range(lo, hi):
        start, now = edge[i] - reach, asked[i]
        while come < n and tie[come] < now:
            out[k] = come << BITS | (COME if settles[come] <= i else WAIT)
            k, come = k + 1, come + 1
        while at < len(due) and settles[due[at]] <= i:
            if due[at] >= left:
                out[k] = due[at] << BITS | JOIN
                k += 1
            at += 1
        while left < come and t[left] < start:
            out[k] = left << BITS | (LEAVE if settles[left] <= i else PASS)
            k, left = k + 1, left + 1
        out[k] = (base + i) << BITS | (LOOK if looks[i] else QUERY)
        k += 1
    fronts[0], fronts[1], fronts[2] = come, left, at
    out[k : k + AHEAD] = 0
    return k + AHEAD


@njit(cache=True, nogil=True)
def most_moves(
    t: Integers,
    tie: Integers,
    edge: Integers,
    asked: Integers,
    reach: int,
    fronts: Rows,
    n_due: int,
    lo: int,
    hi: int,
) -> int:
    """How many moves there are at most up to the queries `lo` to `hi`, with those behind them."""
    if hi <= lo:
        return AHEAD
    coming = np.searchsorted(tie[fronts[0] :], asked[hi - 1])
    leaving = np.searchsorted(t[fronts[1] :], edge[hi - 1] - reach)
    return int(hi - lo + coming + leaving + n_due - fronts[2] + AHEAD)
