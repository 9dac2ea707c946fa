"""Snapshots: every key's number at a local midnight, by what was known at that midnight.

A snapshot counts the events before midnight that the ledger had learned before midnight, in the
window that ends there. An event is compared within the snapshot of the midnight before it, and
sees of it only what it may know at all; so what is loaded later with an earlier `observed_at`
makes a new version of a snapshot and leaves the versions that earlier events saw as they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.vectors import Codes, Integers, Vector
from features.expression import KeyZ
from features.finalisers import INSUFFICIENT, compare_keys
from features.history import History, Slice
from features.kernels import MISSING, NEVER, S1, STATE_WIDTH, N, grid, grids_of
from features.kernels.moves import Late
from features.kernels.order import Rows
from features.sweeps import Course, Sides
from features.window import Atom

_PART: Final = 64
"""Versions of snapshots that are made at a time."""
_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Versions:
    """Snapshots that are asked for: a midnight, and the rank and place that it stays under.

    `of` says which version each query sees.
    """

    midnight: Integers
    rank: Integers
    seq: Integers
    of: Integers


def compare(history: History, of: KeyZ, asked: Slice) -> tuple[Vector, Codes]:
    """Values and statuses of a feature that compares keys with keys, a row each event asked about.

    A key without an event has no number of its own to compare.
    """
    n = len(asked.queries)
    values, status = np.full(n, np.nan), np.full(n, INSUFFICIENT, np.int8)
    group, theirs = history.groups(of.key, of.source)
    n_groups = int(max(group.max(initial=-1), theirs.max(initial=-1))) + 1
    if n_groups == 0:
        return values, status
    versions = _versions(history, of, asked)
    asking = group[asked.queries]
    in_order = np.argsort(versions.of, kind="stable")
    for first, numbers in parts(history, of, versions, theirs, n_groups):
        lo, hi = np.searchsorted(versions.of[in_order], [first, first + len(numbers)])
        rows = in_order[lo:hi]
        rows = rows[asking[rows] >= 0]
        own = numbers[versions.of[rows] - first, asking[rows]]
        states = np.stack([population(row) for row in numbers])[versions.of[rows] - first]
        found, codes = np.empty(len(rows)), np.empty(len(rows), np.int8)
        compare_keys(own, states, found, codes)
        values[rows], status[rows] = found, codes
    return values, status


def numbers_of(of: KeyZ, whole: Integers, part: Integers | None) -> Integers:
    """Each key's number from its states (k, 7), MISSING where it has too few events."""
    if part is not None:
        number = part[:, N] * _MILLION // np.maximum(whole[:, N], 1)
    else:
        number = whole[:, N] if of.value is None else whole[:, S1]
    return np.where(whole[:, N] >= max(of.min_n, 1), number, MISSING)


def population(numbers: Integers) -> Integers:
    """Grid state of the keys' numbers."""
    state, steps = np.zeros(STATE_WIDTH, np.int64), grid(numbers)
    grids_of(steps, np.arange(len(steps)), len(steps), MISSING, state)
    return state


def _versions(history: History, of: KeyZ, asked: Slice) -> Versions:
    """The version that each query sees: what was learned before midnight and before the query."""
    c = history.columns if of.source is None else history.others[of.source]
    _, bounds = history.clocks(of.source)
    t = history.columns.t[asked.queries]
    midnight = history.calendar.midnights(t)
    learned = np.argsort(c.observed, kind="stable")
    before = np.searchsorted(c.observed[learned], midnight)
    clock, _ = history.clocks(of.source)
    rank = np.minimum(_highest(clock.known[learned])[before], bounds.rank[asked.queries])
    seq = np.minimum(_highest(clock.seq[learned])[before], bounds.seq[asked.queries])
    table, which = np.unique(np.stack([midnight, rank, seq]), axis=1, return_inverse=True)
    return Versions(table[0], table[1], table[2], which.ravel())


def _highest(learned: Integers) -> Integers:
    """One more than the highest of the first k, for every k."""
    return np.concatenate([[0], np.maximum.accumulate(learned) + 1])


def parts(
    history: History, of: KeyZ, versions: Versions, group: Rows, n_groups: int
) -> Iterator[tuple[int, Integers]]:
    """Numbers (versions, groups) of some versions at a time, and the first of them."""
    for first in range(0, len(versions.midnight), _PART):
        part = slice(first, min(first + _PART, len(versions.midnight)))
        size = part.stop - first
        states = [
            _states(history, atom, versions, part, group, n_groups).reshape(size * n_groups, -1)
            for atom in of.members
        ]
        numbers = numbers_of(of, states[0], states[1] if len(states) > 1 else None)
        yield first, numbers.reshape(size, n_groups)


def _states(
    history: History, atom: Atom, versions: Versions, part: slice, group: Rows, n_groups: int
) -> Integers:
    """States (versions, groups, k) of every key at the midnights of some versions."""
    clock, _ = history.clocks(atom.source)
    in_order = np.argsort(versions.midnight[part], kind="stable")
    midnight, rank, seq = (
        column[part][in_order] for column in (versions.midnight, versions.rank, versions.seq)
    )
    first = int(midnight[0]) - atom.longest_us
    rows = history.sources_between(atom, first, int(midnight[-1]))
    gone = _doubled(clock.gone[rows]), _doubled(clock.gone_seq[rows])
    facts = 2 * clock.known[rows], 2 * clock.seq[rows], *gone
    edge, rank_bound, seq_bound = (
        np.repeat(column, n_groups) for column in (midnight, 2 * rank - 1, 2 * seq - 1)
    )
    tie = np.repeat(history.ties_before(atom.source, midnight), n_groups)
    theirs = np.where(group[rows] < 0, n_groups, group[rows]).astype(np.int32)
    asking = np.tile(np.arange(n_groups, dtype=np.int32), len(midnight))
    t, ours = clock.t[rows], clock.tie[rows]
    late = Late.of(ours, facts, tie, (rank_bound, seq_bound))
    course = Course(t, ours, edge, tie, late, False, rows, history.starts)
    sides = Sides(course, np.concatenate([theirs, asking]), n_groups)
    columns = frozenset((N,) if atom.value is None else (N, S1))
    states = sides.moments(atom, history.values(atom), columns).states(0, len(asking))
    out = np.empty((len(midnight), n_groups, len(columns)), np.int64)
    out[in_order] = states.reshape(out.shape)
    return out


def _doubled(rank: Integers) -> Integers:
    return np.where(rank == NEVER, NEVER, 2 * rank)
