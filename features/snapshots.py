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
from features.kernels import MISSING, NEVER, S1, STATE_WIDTH, N, grid, grids_of, order
from features.kernels.order import Rows
from features.lane import Bounds, Clock, Lane
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
    """States (versions, groups, 2) of every key at the midnights of some versions."""
    clock, _ = history.clocks(atom.source)
    midnight = versions.midnight[part]
    n = len(midnight)
    first = int(midnight.min()) - atom.longest_us
    sources = history.sources_between(atom, first, int(midnight.max()))
    doubled = Clock(
        clock.t,
        clock.tie,
        2 * clock.known,
        2 * clock.seq,
        _doubled(clock.gone),
        _doubled(clock.gone_seq),
        is_plain=False,
    )
    asked_t, asked_group = np.tile(midnight, n_groups), np.repeat(np.arange(n_groups), n)
    bounds = Bounds(
        asked_t,
        history.ties_before(atom.source, asked_t),
        np.tile(2 * versions.rank[part] - 1, n_groups),
        np.tile(2 * versions.seq[part] - 1, n_groups),
    )
    lane = Lane(
        doubled,
        bounds,
        order.by_code(sources, group, n_groups),
        np.arange(n * n_groups, dtype=np.int32),
        (group,),
        (asked_group.astype(np.int32),),
        np.arange(n * n_groups, dtype=np.int32),
        history.starts,
    )
    out = np.empty((n * n_groups, 2), np.int64)
    out[lane.at] = lane.states(atom, history.values(atom), np.empty(0, np.int64), 2)
    return out.reshape(n_groups, n, 2).swapaxes(0, 1)


def _doubled(rank: Integers) -> Integers:
    return np.where(rank == NEVER, NEVER, 2 * rank)
