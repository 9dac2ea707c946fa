"""Components of a graph that identifiers join, one event after the other, each by what it sees."""

from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import Rows
from features.kernels.states import MISSING

_MILLION: Final = 1_000_000


@cache
def weights(most_degree: int) -> Integers:
    """What an identifier weighs by the number of its members (most_degree + 1), in millionths.

    One member joins nobody and weighs nothing. Decimals are exact, so it is the same everywhere.

    >>> weights(4).tolist()
    [0, 0, 910239, 721348, 621335]
    """
    joined = range(2, most_degree + 1)
    found = [int((_MILLION / Decimal(1 + d).ln()).to_integral_value()) for d in joined]
    return np.array([0, 0, *found])


class Bounds(NamedTuple):
    """Of the events asked about: row, first instant, tie that is too late, what may be known."""

    row: Rows
    start: Integers
    tie: Integers
    rank: Integers
    seq: Integers


class Facts(NamedTuple):
    """Of all rows: when they happened, and what is known of them since when.

    `known` to `gone_seq` are empty where every row is known to all that come after it; `event` is
    a number of the event that a row is a version of, empty where no event has several.
    """

    t: Integers
    tie: Integers
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    event: Integers


class Edges(NamedTuple):
    """Who is what: numbers of members, and of identifiers (kinds, rows), -1 for none.

    The rows of each member, and of each identifier, stand in time order, those of number k from
    `starts[k]` to `starts[k + 1]`; `paid` are the rows of members whose money counts.
    """

    member: Rows
    named: Rows
    by_member: Rows
    member_starts: Integers
    by_name: Rows
    name_starts: Integers
    paid: Rows
    paid_starts: Integers


@njit(cache=True, nogil=True)
def _span(rows: Rows, lo: int, hi: int, facts: Facts, start: int, tie: int) -> tuple[int, int]:
    """Where those of the rows `lo` to `hi` stand that are in the window."""
    first, end = lo, hi
    while first < end:
        middle = (first + end) // 2
        if facts.t[rows[middle]] < start:
            first = middle + 1
        else:
            end = middle
    last, end = first, hi
    while last < end:
        middle = (last + end) // 2
        if facts.tie[rows[middle]] < tie:
            last = middle + 1
        else:
            end = middle
    return first, last


@njit(cache=True, nogil=True)
def _sees(j: int, i: int, facts: Facts, asked: Bounds) -> bool:
    """Whether event `i` knows row `j`, and of no later version of it."""
    if len(facts.event) and facts.event[j] == facts.event[asked.row[i]]:
        return False
    if len(facts.known) == 0:
        return True
    if facts.known[j] >= asked.rank[i] or facts.seq[j] >= asked.seq[i]:
        return False
    return bool(facts.gone[j] > asked.rank[i] or facts.gone_seq[j] > asked.seq[i])


class Room(NamedTuple):
    """What a search writes on; marks are numbers of searches, so nothing is wiped between them.

    `total` is what each member shares with the one at hand, `users` who uses the identifier at
    hand. `reached`, `barren` and `used` are marked with an event, an event and a turn.
    """

    reached: Integers
    found: Integers
    total: Integers
    touched: Integers
    marked: Integers
    barren: Integers
    used: Integers
    users: Integers


class Limits(NamedTuple):
    """Least weight of a join, members after which no step follows, rows looked at of each."""

    least: int
    members: int
    rows: int


def _room(members: int, names: int, most_degree: int) -> Room:
    """Room for a search among so many members and identifiers; nothing is marked."""
    none = [np.full(n, -1, np.int64) for n in (members, members, names, names)]
    empty = [np.empty(n, np.int64) for n in (members, members, most_degree)]
    total = np.zeros(members, np.int64)
    return Room(none[0], empty[0], total, empty[1], none[1], none[2], none[3], empty[2])


@njit(cache=True, nogil=True)
def _users_of(
    x: int,
    is_own: bool,
    i: int,
    turn: int,
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    most: int,
    room: Room,
) -> int:
    """How many members use identifier `x`, who are written down; 0 where they are too many."""
    n = 0
    if is_own:
        own = edges.member[asked.row[i]]
        room.marked[own], room.users[0], n = turn, own, 1
    lo, hi = edges.name_starts[x], edges.name_starts[x + 1]
    lo, hi = _span(edges.by_name, lo, hi, facts, asked.start[i], asked.tie[i])
    for p in range(hi - 1, lo - 1, -1):
        j = edges.by_name[p]
        v = edges.member[j]
        if v < 0 or not _sees(j, i, facts, asked):
            continue
        if most == 0:
            break
        most -= 1
        if room.marked[v] == turn:
            continue
        if n == len(room.users):
            return 0
        room.marked[v], room.users[n] = turn, v
        n += 1
    return n


@njit(cache=True, nogil=True)
def _shared(
    u: int,
    i: int,
    turn: int,
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    weight: Integers,
    limits: Limits,
    room: Room,
) -> tuple[int, int]:
    """Weigh what others share with member `u`: how many others there are, and the latest turn."""
    q, n_touched, mine, left = asked.row[i], 0, turn, limits.rows
    lo, hi = edges.member_starts[u], edges.member_starts[u + 1]
    lo, hi = _span(edges.by_member, lo, hi, facts, asked.start[i], asked.tie[i])
    for p in range(hi - (u != edges.member[q]), lo - 1, -1):
        j = q if p == hi else edges.by_member[p]
        if p < hi:
            if not _sees(j, i, facts, asked):
                continue
            if left == 0:
                break
            left -= 1
        for kind in range(len(edges.named)):
            x = edges.named[kind, j]
            if x < 0 or room.used[x] == mine or room.barren[x] == i:
                continue
            room.used[x] = mine
            turn += 1
            is_own = edges.named[kind, q] == x
            n = _users_of(x, is_own, i, turn, asked, facts, edges, limits.rows, room)
            if n < 2:  # noqa: PLR2004  (one user joins nobody)
                room.barren[x] = i
                continue
            for k in range(n):
                v = room.users[k]
                if room.total[v] == 0:
                    room.touched[n_touched] = v
                    n_touched += 1
                room.total[v] += weight[n]
    return n_touched, turn


@njit(cache=True, nogil=True)
def _component(
    i: int,
    turn: int,
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    weight: Integers,
    limits: Limits,
    room: Room,
) -> tuple[int, int]:
    """Write down the members of an event's component: how many there are, and the latest turn."""
    own = edges.member[asked.row[i]]
    room.reached[own], room.found[0] = i, own
    n, begin, end = 1, 0, 1
    while begin < end and (begin == 0 or n < limits.members):
        for k in range(begin, end):
            of = room.found[k]
            n_touched, turn = _shared(of, i, turn + 1, asked, facts, edges, weight, limits, room)
            for r in range(n_touched):
                v = room.touched[r]
                if room.total[v] >= limits.least and room.reached[v] != i:
                    room.reached[v], room.found[n] = i, v
                    n += 1
                room.total[v] = 0
        begin, end = end, n
    return n, turn


@njit(cache=True, nogil=True)
def _is_named(edges: Edges, row: int) -> bool:
    """Whether the event says who it is about, and by which identifier."""
    for kind in range(len(edges.named)):
        if edges.named[kind, row] >= 0:
            return bool(edges.member[row] >= 0)
    return False


@njit(cache=True, nogil=True)
def _add_money(
    of: int,
    i: int,
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    money: Integers,
    most: int,
    out: Integers,
) -> None:
    """Add what a member had to the sum and to the rows that were summed."""
    lo, hi = edges.paid_starts[of], edges.paid_starts[of + 1]
    lo, hi = _span(edges.paid, lo, hi, facts, asked.start[i], asked.tie[i])
    for p in range(hi - 1, lo - 1, -1):
        j = edges.paid[p]
        if money[j] != MISSING and _sees(j, i, facts, asked):
            if most == 0:
                return
            most -= 1
            out[1] += money[j]
            out[2] += 1


@njit(cache=True, nogil=True)
def _searched(
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    money: Integers,
    weight: Integers,
    limits: Limits,
    room: Room,
    out: Integers,
) -> None:
    turn = 0
    for i in range(len(asked.row)):
        if not _is_named(edges, asked.row[i]):
            out[i] = MISSING
            continue
        n, turn = _component(i, turn, asked, facts, edges, weight, limits, room)
        out[i, 0], out[i, 1], out[i, 2] = n, 0, 0
        for k in range(n):
            _add_money(room.found[k], i, asked, facts, edges, money, limits.rows, out[i])


def components(
    asked: Bounds,
    facts: Facts,
    edges: Edges,
    money: Integers,
    limits: Limits,
    *,
    most_degree: int,
) -> Integers:
    """Members, sum of `money` and rows summed (n, 3) of each event's component.

    All three are MISSING where the event has no member or no identifier. Sums wrap in 64 bits
    where there are more rows than `MAX_ROWS`, so whoever takes them looks at the rows first.
    """
    out = np.empty((len(asked.row), 3), np.int64)
    room = _room(len(edges.member_starts) - 1, len(edges.name_starts) - 1, most_degree)
    _searched(asked, facts, edges, money, weights(most_degree), limits, room, out)
    return out
