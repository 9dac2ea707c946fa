"""Sweeps in the order of time give the states of the rows that the rule of visibility gives."""

from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import (
    FIRST,
    HIGH,
    LAST,
    LOW,
    MISSING,
    NEVER,
    S1,
    STATE_WIDTH,
    A,
    B,
    C,
    N,
    moments_of,
)
from features.kernels.moves import Late, schedule
from features.kernels.number import numbered
from features.kernels.order import Rows
from features.sweeps import Course, Sides, Sweep
from features.window import Atom
from tests.unit.windows import Table, tables

HARDER: Final = settings(max_examples=300, deadline=None)
BIG: Final = 2**40 + 12345
SQUARES: Final = (N, S1, A, B, C)
CHOICES: Final = st.sampled_from(
    [(N,), (N, S1), SQUARES, (N, LOW), (N, S1, HIGH), (*SQUARES, LOW, HIGH)]
)
MOMENTS: Final = Atom(("g",), "moments", "x", 0)
COUNT: Final = Atom(("g",), "moments", None, 0)
CUTS: Final = st.lists(st.integers(0, 25), max_size=4)


def _sides(table: Table, *, is_late: bool) -> tuple[Sides, Rows]:
    """The table in the order of time, and which of its queries each is."""
    s, q = np.argsort(table.tie, kind="stable"), np.argsort(table.query_tie, kind="stable")
    both = np.concatenate([table.group[s], table.query_group[q]])
    group, groups = numbered((both.astype(np.int32),))
    late, tie, asked = None, table.tie[s], table.query_tie[q]
    if is_late:
        facts = table.known[s], table.seq[s], table.gone[s], table.gone_seq[s]
        late = Late.of(tie, facts, asked, (table.bound[q], table.seq_bound[q]))
    course = Course(
        table.t[s],
        tie,
        table.start[q],
        asked,
        late,
        is_same=False,
        rows=s.astype(np.int32),
        starts=lambda _, t: t,
    )
    return Sides(course, group, groups), q.astype(np.int32)


def _in_blocks(sweep: Sweep, n: int, cuts: list[int]) -> Integers:
    """All states, made in blocks that end at the cuts."""
    ends = sorted({0, n, *(cut for cut in cuts if cut < n)})
    return np.concatenate([sweep.states(lo, hi).copy() for lo, hi in pairwise(ends)])


def _expected(table: Table, x: Integers, asked: Rows) -> Integers:
    out = np.zeros((len(asked), STATE_WIDTH), np.int64)
    for k, i in enumerate(asked.tolist()):
        rows = np.array(table.seen(i), np.int64)
        moments_of(x, rows, len(rows), out[k])
    return out


def _ordered(table: Table) -> bool:
    """Whether windows start in the order of their ends, as those of time do."""
    q = np.argsort(table.query_tie, kind="stable")
    return bool((np.diff(table.start[q]) >= 0).all())


@pytest.mark.parametrize("is_late", [False, True])
@HARDER
@given(st.data())
def test_swept_moments_are_those_of_the_rows(is_late: bool, data: st.DataObject) -> None:
    """Any columns, in blocks of any size, whatever was learned late, superseded or retracted."""
    table = data.draw(tables(late=is_late))
    assert _ordered(table)
    x = np.where(
        table.values == MISSING, MISSING, table.values * data.draw(st.sampled_from([1, BIG]))
    )
    columns = data.draw(CHOICES)
    sides, asked = _sides(table, is_late=is_late)
    sweep = sides.moments(MOMENTS, x, frozenset(columns))
    found = _in_blocks(sweep, len(asked), data.draw(CUTS))

    np.testing.assert_array_equal(found[:, columns], _expected(table, x, asked)[:, columns])


@pytest.mark.parametrize("is_late", [False, True])
@HARDER
@given(st.data())
def test_swept_counts_need_no_values(is_late: bool, data: st.DataObject) -> None:
    """A count is of rows, not of values."""
    table = data.draw(tables(late=is_late))
    sides, asked = _sides(table, is_late=is_late)
    found = _in_blocks(sides.moments(COUNT, table.t, frozenset([N])), len(asked), [7])

    assert found[:, N].tolist() == [len(table.seen(i)) for i in asked.tolist()]


@pytest.mark.parametrize("is_late", [False, True])
@HARDER
@given(st.data())
def test_swept_ends_are_the_last_and_first_row(is_late: bool, data: st.DataObject) -> None:
    """Or missing in an empty window."""
    table = data.draw(tables(late=is_late))
    sides, asked = _sides(table, is_late=is_late)
    places = np.arange(len(table.t))
    both = frozenset((LAST, FIRST))
    found = _in_blocks(sides.ends(MOMENTS, places, both), len(asked), data.draw(CUTS))
    last = _in_blocks(sides.ends(MOMENTS, places, frozenset([LAST])), len(asked), data.draw(CUTS))
    seen = [table.seen(i) for i in asked.tolist()]

    assert found[:, LAST].tolist() == [rows[-1] if rows else MISSING for rows in seen]
    assert found[:, FIRST].tolist() == [rows[0] if rows else MISSING for rows in seen]
    assert last[:, LAST].tolist() == found[:, LAST].tolist()


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(0, 40))
def test_sums_that_leave_nothing_behind_are_exact(length: int, n: int) -> None:
    """A window's own sum stays in 64 bits however much passes through."""
    t = np.arange(n, dtype=np.int64)
    group = np.zeros(n, np.int32)
    everything = slice(0, n)
    course = Course(t, t, t - length, t, None, True, everything, lambda _, instants: instants)
    sides = Sides(course, group, 1)
    x = np.full(n, 2**61 - 1)
    found = sides.moments(MOMENTS, x, frozenset([N, S1])).states(0, n)

    assert found[:, S1].tolist() == [min(i, length) * (2**61 - 1) for i in range(n)]


@pytest.mark.parametrize("late_by", [1, 50, 150])
def test_a_late_row_is_settled_when_all_know_it(late_by: int) -> None:
    """A row waits for the queries between its happening and its learning, and no longer."""
    n = 200
    t = np.arange(n)
    known = t.copy()
    known[20] = 20 + late_by
    nothing = np.empty(0, np.int64)
    beyond = np.full(n, NEVER - 1)
    settles, over, is_due, looks = schedule(t, known, t, nothing, nothing, t, t, beyond)

    assert settles[20] == 21 + late_by
    assert not looks.any()
    assert np.flatnonzero(is_due).tolist() == ([20] if 1 < 21 + late_by < n else [])
    assert (np.delete(settles, 20) == np.delete(t, 20) + 1).sum() >= n - 2
    assert (over == n).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), max_size=40))
def test_numbers_tell_groups_apart(pairs: list[tuple[int, int]]) -> None:
    """Equal pairs share a number in the order they come; what is alone or lacks a code has none."""
    left, right = (np.array([pair[k] for pair in pairs], np.int32) for k in range(2))
    numbers, n = numbered((left, right))
    size = {pair: pairs.count(pair) for pair in pairs}
    several = {pair for pair in size if min(pair) >= 0 and size[pair] > 1}

    assert n == len(several)
    assert all(
        (number == n) == (pair not in several) for pair, number in zip(pairs, numbers, strict=True)
    )
    held = dict(zip(numbers.tolist(), pairs, strict=True))
    assert all(held[k] == pair for k, pair in zip(numbers.tolist(), pairs, strict=True) if k < n)
    assert [held[k] for k in range(n)] == [pair for pair in size if pair in several]
