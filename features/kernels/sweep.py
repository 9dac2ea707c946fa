# mypy: disable-error-code="possibly-undefined"
"""Sweeps: states of all groups kept along a list of moves, in one pass, without sorting.

The list (`features.kernels.moves`) says which rows come and leave before each query. A pass looks
up the group of each row and keeps its state, which it asks for some moves ahead; a query copies the
state of its own group. Groups keep their sums, or their values in a queue of two stacks: those that
came since it was turned over last, of which the largest is enough, and those before, each as the
largest from it on. Every value is turned over once.

Groups are numbers below `none`, which stands for rows of no group. States are those of
`features.kernels.reduce`, bit for bit.
"""

from typing import NamedTuple, Self

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.ahead import fetch
from features.kernels.moves import (
    AHEAD,
    BITS,
    COME,
    JOIN,
    KIND,
    LEAVE,
    LOOK,
    PASS,
    QUERY,
    WAIT,
    Late,
    Moves,
)
from features.kernels.order import Rows
from features.kernels.states import FIRST, HIGH, LAST, LOW, MISSING, NEVER, S1, A, B, C, N

_BACK, _FRONT = np.uint64(0), np.uint64(1)
"""Columns of an extremes state: the largest of either stack."""
_HEAD, _TAIL, _TURNED = np.uint64(4), np.uint64(5), np.uint64(6)
"""Half columns behind them: places of the oldest value, behind the newest, and of the first that
was not turned over."""
_OLDEST, _BEHIND = np.uint64(2), np.uint64(3)
"""Half columns of an ends state, behind the newest value: places of the oldest row, and behind the
newest."""


class Looks(NamedTuple):
    """What queries need that look at waiting rows: theirs, those of `Late`, and who waits.

    `first` is the first waiting row of each group, `following` the next of each row.
    """

    t: Integers
    edge: Integers
    settles: Rows
    over: Rows
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    rank: Integers
    bound: Integers
    first: Rows
    following: Rows

    @classmethod
    def of(cls, t: Integers, edge: Integers, late: Late, groups: int) -> Self:
        """Nothing waits before the first query."""
        facts = late.settles, late.over, late.known, late.seq, late.gone, late.gone_seq
        waiting = np.full(groups + 1, -1, np.int32), np.empty(len(t), np.int32)
        return cls(t, edge, *facts, late.rank, late.bound, *waiting)


@njit(cache=True, nogil=True)
def _is_seen(looks: Looks, j: int, i: int) -> bool:
    """Whether query `i` knew row `j`, and nothing that took its place."""
    rank, bound = looks.rank[i], looks.bound[i]
    if looks.known[j] >= rank or looks.seq[j] >= bound:
        return False
    return bool(len(looks.gone) == 0 or looks.gone[j] > rank or looks.gone_seq[j] > bound)


@njit(cache=True, nogil=True)
def _next_seen(looks: Looks, g: int, i: int, reach: int, before: int) -> int:
    """The waiting row of a group after `before` (-1: the first) that query `i` sees, or -1.

    Rows on the way that no later query will look at wait no more.
    """
    t, settles, over, first, following = (
        looks.t,
        looks.settles,
        looks.over,
        looks.first,
        looks.following,
    )
    start = looks.edge[i] - reach
    j = first[g] if before < 0 else following[before]
    while j >= 0:
        if t[j] < start or settles[j] <= i or over[j] <= i:
            if before < 0:
                first[g] = following[j]
            else:
                following[before] = following[j]
        elif _is_seen(looks, j, i):
            return int(j)
        else:
            before = j
        j = following[j]
    return -1


@njit(cache=True, nogil=True)
def counts(
    moves: Moves,
    group: Rows,
    none: int,
    looks: Looks | None,
    reach: int,
    base: int,
    held: Rows,
    out: Integers,
) -> None:
    """Rows in the windows of the queries among the moves: the column N of `out`.

    `held` (groups + 1) are the groups' numbers of rows. There is no condition in it but for rows
    that wait: what a move does is arithmetic on its kind.
    """
    k = np.uint64(0)
    for p in range(len(moves) - AHEAD):
        fetch(held, np.uint32(group[moves[p + AHEAD] >> BITS]))
        kind, row = moves[p] & KIND, moves[p] >> BITS
        g = np.uint32(group[row])
        is_query = kind == QUERY
        change = np.int32(kind == COME) - np.int32(kind == LEAVE)
        if looks is not None:
            change += np.int32(kind == JOIN)
            is_query |= kind == LOOK
        held[g] += change * np.int32(g != none)
        out[k, N] = held[g]
        if looks is not None and kind >= WAIT and g != none:
            if kind == WAIT:
                looks.following[row], looks.first[g] = looks.first[g], row
            elif looks.first[g] >= 0:
                i = np.int64(row) - base
                j = _next_seen(looks, g, i, reach, -1)
                while j >= 0:
                    out[k, N] += 1
                    j = _next_seen(looks, g, i, reach, j)
        k += np.uint64(is_query)


@njit(cache=True, nogil=True)
def _add(states: Integers, k: int, columns: tuple[int, ...], v: int, sign: int) -> None:
    """Add a value to moments state `k`, or take it away."""
    change = sign * np.int64(v != MISSING)
    states[k, N] += change
    if len(columns) > S1:
        states[k, S1] += change * v
    if len(columns) > A:
        h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
        states[k, A] += change * h * h
        states[k, B] += change * h * low
        states[k, C] += change * low * low


@njit(cache=True, nogil=True)
def totals(
    moves: Moves,
    group: Rows,
    none: int,
    looks: Looks | None,
    reach: int,
    base: int,
    x: Integers,
    columns: tuple[int, ...],
    held: Integers,
    out: Integers,
) -> None:
    """Values, their sum and squares: of `(N, S1, A, B, C)` the first `columns`.

    `held` (groups + 1, at least so many columns) are the groups' states.
    """
    k = np.uint64(0)
    for p in range(len(moves) - AHEAD):
        fetch(held, np.uint32(group[moves[p + AHEAD] >> BITS]))
        kind, row = moves[p] & KIND, moves[p] >> BITS
        g = np.uint32(group[row])
        if kind < QUERY or (looks is not None and kind == JOIN):
            sign = np.int64(g != none) * (1 - 2 * np.int64(kind == LEAVE))
            _add(held, g, columns, x[row], sign)
        elif kind == QUERY or (looks is not None and kind == LOOK):
            for c in range(len(columns)):
                out[k, c] = held[g, c]
            if looks is not None and kind == LOOK and looks.first[g] >= 0:
                i = np.int64(row) - base
                j = _next_seen(looks, g, i, reach, -1)
                while j >= 0:
                    _add(out, k, columns, x[j], 1)
                    j = _next_seen(looks, g, i, reach, j)
            k += np.uint64(1)
        elif looks is not None and kind == WAIT and g != none:
            looks.following[row], looks.first[g] = looks.first[g], row


@njit(cache=True, nogil=True)
def extremes(  # noqa: PLR0915  (one pass; calls with arrays cost more than what they do)
    moves: Moves,
    group: Rows,
    none: int,
    looks: Looks | None,
    reach: int,
    base: int,
    x: Integers,
    sign: int,
    slots: Rows | None,
    held: Integers,
    places: Rows,
    queue: Integers,
    out: Integers,
) -> None:
    """The largest `sign * x`, times `sign`: in HIGH, or LOW for -1. Of nothing it is -NEVER.

    `held` and `places` are the groups' states (groups + 1, 4), the same memory as integers of 64
    and of 32 bits. The `queue` holds the values of each group side by side; `slots` are the rows'
    places in it.
    """
    k, column = np.uint64(0), HIGH if sign > 0 else LOW
    for p in range(len(moves) - AHEAD):
        fetch(held, np.uint32(group[moves[p + AHEAD] >> BITS]))
        kind, row = moves[p] & KIND, moves[p] >> BITS
        g = np.uint32(group[row])
        if kind == QUERY or (looks is not None and kind == LOOK):
            best = max(held[g, _BACK], held[g, _FRONT])
            if looks is not None and kind == LOOK and looks.first[g] >= 0:
                i = np.int64(row) - base
                j = _next_seen(looks, g, i, reach, -1)
                while j >= 0:
                    best = max(best, -NEVER if x[j] == MISSING else sign * x[j])
                    j = _next_seen(looks, g, i, reach, j)
            out[k, column] = sign * best
            k += np.uint64(1)
        elif g == none:
            continue
        elif kind == COME or (looks is not None and kind == WAIT):
            v = -NEVER if x[row] == MISSING else sign * x[row]
            if looks is not None and kind == WAIT:
                looks.following[row], looks.first[g], v = looks.first[g], row, -NEVER
            place = np.uint32(places[g, _TAIL])
            queue[place] = v
            held[g, _BACK] = max(held[g, _BACK], v)
            places[g, _TAIL] = place + np.uint32(1)
        elif kind == LEAVE or (looks is not None and kind == PASS):
            head = np.uint32(places[g, _HEAD]) + np.uint32(1)
            places[g, _HEAD] = head
            if head < np.uint32(places[g, _TURNED]):
                held[g, _FRONT] = queue[head]
                continue
            place, best = np.uint32(places[g, _TAIL]), -NEVER
            places[g, _TURNED] = place
            while place > head:
                place = np.uint32(place - np.uint32(1))
                best = max(best, queue[place])
                queue[place] = best
            held[g, _FRONT], held[g, _BACK] = best, -NEVER
        elif looks is not None and slots is not None and x[row] != MISSING:
            _join(held, places, queue, g, slots[row], sign * x[row])


@njit(cache=True, nogil=True)
def _join(held: Integers, places: Rows, queue: Integers, g: int, place: int, v: int) -> None:
    """Give a value its own place among those of its group that came before and after it."""
    if place >= places[g, _TURNED]:
        queue[place] = v
        held[g, _BACK] = max(held[g, _BACK], v)
        return
    while place >= places[g, _HEAD] and queue[place] < v:
        queue[place] = v
        place -= 1
    held[g, _FRONT] = queue[places[g, _HEAD]]


@njit(cache=True, nogil=True)
def ends(
    moves: Moves,
    group: Rows,
    none: int,
    looks: Looks | None,
    _reach: int,
    base: int,
    x: Integers,
    columns: tuple[int, ...],
    rows: Rows | None,
    held: Integers,
    places: Rows,
    out: Integers,
) -> None:
    """Values of the last row in the windows, and of the first: the first `columns` of both.

    MISSING where there is none. `held` and `places` are the groups' states (groups + 1, 2), the
    same memory as integers of 64 and of 32 bits; `rows` are those of each group side by side, None
    where only the last is asked for and all is known.
    """
    k = np.uint64(0)
    for p in range(len(moves) - AHEAD):
        fetch(held, np.uint32(group[moves[p + AHEAD] >> BITS]))
        kind, row = moves[p] & KIND, moves[p] >> BITS
        g = np.uint32(group[row])
        if kind == QUERY or (looks is not None and kind == LOOK):
            head, last = np.int64(places[g, _OLDEST]), np.int64(places[g, _BEHIND]) - 1
            first = head
            if looks is not None and rows is not None:
                i = np.int64(row) - base
                while last >= head and not _is_known(looks, rows[last], i, kind):
                    last -= 1
                while len(columns) > FIRST and first < last:
                    if _is_known(looks, rows[first], i, kind):
                        break
                    first += 1
                out[k, LAST] = x[rows[last]] if last >= head else MISSING
            else:
                out[k, LAST] = held[g, 0] if last >= head else MISSING
            if len(columns) > FIRST and rows is not None:
                out[k, FIRST] = x[rows[first]] if last >= head else MISSING
            k += np.uint64(1)
        elif g == none:
            continue
        elif kind == COME or (looks is not None and kind == WAIT):
            held[g, 0] = x[row]
            places[g, _BEHIND] += 1
        elif kind == LEAVE or (looks is not None and kind == PASS):
            places[g, _OLDEST] += 1


@njit(cache=True, nogil=True)
def _is_known(looks: Looks, j: int, i: int, kind: int) -> bool:
    """Whether query `i` sees row `j`: if it need not look, what has settled."""
    return looks.settles[j] <= i if kind == QUERY else _is_seen(looks, j, i)


@njit(cache=True, nogil=True)
def starts_of(group: Rows, groups: int) -> Rows:
    """Where each group starts if rows lie side by side by their group, and where the last ends.

    >>> starts_of(np.array([0, 2, 0], np.int32), 2).tolist()
    [0, 2, 2]
    """
    out = np.zeros(groups + 2, np.int32)
    for g in group:
        out[g + 1] += 1
    for g in range(groups):
        out[g + 1] += out[g]
    return out[: groups + 1]


@njit(cache=True, nogil=True)
def side_by_side(group: Rows, starts: Rows) -> tuple[Rows, Rows]:
    """Rows by their group, in their order, and the place of each; behind them those of no group.

    >>> rows, places = side_by_side(np.array([1, 0, 1], np.int32), np.array([0, 1, 3], np.int32))
    >>> rows.tolist(), places.tolist()
    ([1, 0, 2], [1, 0, 2])
    """
    free, rows, places = starts.copy(), np.empty_like(group), np.empty_like(group)
    for j in range(len(group)):
        places[j] = free[group[j]]
        rows[places[j]] = j
        free[group[j]] += 1
    return rows, places
