"""Every way to a state gives the same integers: runs of rows, a tape, the rows at hand."""

from collections.abc import Callable
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import (
    CLOGC,
    HIGH,
    LOW,
    MISSING,
    NEVER,
    S1,
    STATE_WIDTH,
    N,
    codes_of,
    grids_of,
    moments_of,
    near_of,
    orders_of,
    ranges,
    reduce,
    replay,
    tape,
)
from features.kernels.order import Rows
from tests.unit import textbook
from tests.unit.windows import Table, tables

HARDER: Final = settings(max_examples=200, deadline=None)
Make = Callable[[Integers, Integers, int, int, Integers], None]
"""Writes the state of rows of a column, for a query's own value."""


def _reduced(table: Table, x: Integers, own: Integers, make: Make) -> Integers:
    """States of all queries, each from its rows by the rule."""
    out = np.zeros((len(own), STATE_WIDTH), np.int64)
    for i in range(len(own)):
        rows = np.array(table.seen(i), np.int64)
        make(x, rows, len(rows), own[i], out[i])
    return out


def _taped(table: Table) -> tuple[Rows, Integers, Rows]:
    """One tape of all queries, and which query each part is about."""
    spans = table.spans
    ops, ends, n = tape.late(spans, *table.facts, *table.asked, table.start, 2**26)
    assert n == len(spans)
    return ops, ends, tape.asked(spans)


def _moments(x: Integers, rows: Integers, n: int, _: int, out: Integers) -> None:
    moments_of(x, rows, n, out)


def _codes(x: Integers, rows: Integers, n: int, _: int, out: Integers) -> None:
    codes_of(x, rows, n, out)


def _orders(x: Integers, rows: Integers, n: int, _: int, out: Integers) -> None:
    orders_of(x, rows, n, out)


BIG: Final = 2**40 + 12345


@HARDER
@given(tables(late=True), st.sampled_from([1, BIG]))
def test_moments_along_a_tape_are_those_of_the_rows(table: Table, factor: int) -> None:
    """Rows, sum, squares, minimum and maximum, whatever the order in which rows come and go."""
    x = np.where(table.values == MISSING, MISSING, table.values * factor)
    ops, ends, asked = _taped(table)
    expected = _reduced(table, x, table.own, _moments)[asked]
    found = np.empty_like(expected)
    replay.squares(ops, ends, x, found)
    replay.extremes(ops, ends, x, found)
    np.testing.assert_array_equal(found, expected)

    replay.sums(ops, ends, x, found)
    np.testing.assert_array_equal(found, expected)


@HARDER
@given(tables(late=False), st.sampled_from([1, BIG]))
def test_moments_of_runs_are_those_of_the_rows(table: Table, factor: int) -> None:
    """Differences of running sums, and monotone queues."""
    x = np.where(table.values == MISSING, MISSING, table.values * factor)
    spans, asked = table.spans, tape.asked(table.spans)
    expected = _reduced(table, x, table.own, _moments)[asked]
    hi = ranges.behind(spans, table.tie, table.query_tie)
    lo = ranges.firsts(spans, table.t, table.start, 0, hi)
    found = np.empty_like(expected)
    ranges.sums(lo, hi, ranges.running_squares(x), found)
    ranges.extremes(lo, hi, x, found)
    np.testing.assert_array_equal(found, expected)

    ranges.sums(lo, hi, ranges.running_sums(x), found)
    np.testing.assert_array_equal(found, expected)
    ranges.counts(lo, hi, found)
    assert found[:, N].tolist() == [len(table.seen(i)) for i in asked]
    assert found[:, S1].tolist() == found[:, N].tolist()


@HARDER
@given(tables(late=False), st.integers(1, 50))
def test_a_reach_is_a_start_that_lies_so_far_back(table: Table, reach: int) -> None:
    """Trailing windows need no column of their starts."""
    spans = table.spans
    hi = ranges.behind(spans, table.tie, table.query_tie)
    lo = ranges.firsts(spans, table.t, table.query_t, reach, hi)

    assert lo.tolist() == ranges.firsts(spans, table.t, table.query_t - reach, 0, hi).tolist()


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(0, 40))
def test_running_sums_that_wrap_have_exact_differences(length: int, n: int) -> None:
    """A window's own sum stays in 64 bits; what came before it need not."""
    x = np.full(n, 2**61 - 1)
    hi = np.arange(n + 1, dtype=np.int32)
    lo = np.maximum(hi - length, 0).astype(np.int32)
    found = np.empty((n + 1, STATE_WIDTH), np.int64)
    ranges.sums(lo, hi, ranges.running_sums(x), found)

    assert found[:, S1].tolist() == [
        (b - a) * (2**61 - 1) for a, b in zip(lo.tolist(), hi.tolist(), strict=True)
    ]


@HARDER
@given(tables(late=True))
def test_codes_along_a_tape_are_those_of_the_rows(table: Table) -> None:
    """Distinct codes, squares of counts and c log c; of one group nothing is left for the next."""
    x = np.where(table.values == MISSING, -1, table.values + 5)
    ops, ends, asked = _taped(table)
    expected = _reduced(table, x, table.own, _codes)[asked][:, : CLOGC + 1]
    found = np.empty_like(expected)
    replay.codes(ops, ends, x, found)
    replay.entropies(ops, ends, x, found)

    np.testing.assert_array_equal(found, expected)


@HARDER
@given(tables(late=True), st.sampled_from([1, BIG]))
def test_medians_along_a_tape_are_those_of_the_rows(table: Table, factor: int) -> None:
    """Doubled median and fourfold MAD, of odd and even numbers of rows."""
    x = np.where(table.values == MISSING, MISSING, table.values * factor)
    ops, ends, asked = _taped(table)
    expected = _reduced(table, x, table.own, _orders)[asked][:, :3]
    found = np.empty_like(expected)
    replay.orders(ops, ends, x, found)

    np.testing.assert_array_equal(found, expected)


@HARDER
@given(tables(late=True), st.sampled_from([1, 500]))
def test_grids_along_a_tape_are_those_of_the_rows(table: Table, factor: int) -> None:
    """Lower median and MAD, rows below and at the query's own step, or 0 and 0 without one."""
    x, own = (np.where(v == MISSING, MISSING, v * factor) for v in (table.values, table.own))
    ops, ends, asked = _taped(table)
    expected = _reduced(table, x, own, grids_of)[asked][:, :5]
    found = np.empty_like(expected)
    replay.grids(ops, ends, x, own[asked], found)

    np.testing.assert_array_equal(found, expected)


@HARDER
@given(tables(late=True), st.integers(0, 62))
def test_near_ones_along_a_tape_are_those_of_the_rows(table: Table, most: int) -> None:
    """Rows with a sketch, and those within so many bits of the query's."""
    spread = np.random.default_rng(most).integers(0, 2**62, 11)
    x, own = (np.where(v == MISSING, MISSING, spread[v % 11]) for v in (table.values, table.own))
    ops, ends, asked = _taped(table)
    expected = np.zeros((len(own), 2), np.int64)
    for i in range(len(own)):
        rows = np.array(table.seen(i), np.int64)
        near_of(x, rows, len(rows), own[i], most, expected[i])
    found = np.empty_like(expected)
    replay.near(ops, ends, x, own[asked], most, found)

    np.testing.assert_array_equal(found, expected[asked])


@HARDER
@given(tables(late=True))
def test_the_ends_of_a_window_are_its_last_and_first_row(table: Table) -> None:
    """Or -1 in an empty window; without late rows the shorter way gives the same."""
    spans = table.spans
    found = np.empty((len(table.own), 2), np.int64)
    replay.ends_of(spans, True, *table.facts, *table.asked, table.start, found)
    seen = [table.seen(i) for i in tape.asked(spans)]

    assert found.tolist() == [[rows[-1], rows[0]] if rows else [-1, -1] for rows in seen]


@HARDER
@given(tables(late=False))
def test_the_ends_of_a_run_need_not_be_looked_for(table: Table) -> None:
    """Where nothing is late they are the ends of the run."""
    spans = table.spans
    found, slow = np.empty((2, len(table.own), 2), np.int64)
    for out, is_late in ((found, False), (slow, True)):
        replay.ends_of(spans, is_late, *table.facts, *table.asked, table.start, out)

    np.testing.assert_array_equal(found, slow)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.integers(-9, 9), st.none()), max_size=12), st.data())
def test_extremes_hold_however_rows_come_and_go(
    values: list[int | None], data: st.DataObject
) -> None:
    """Rows enter and leave in any order, not only oldest first."""
    x = np.array([MISSING if v is None else v for v in values], np.int64)
    held, ops, expected = list[int](), list[int](), list[tuple[int, int]]()
    for _ in range(data.draw(st.integers(0, 20))):
        row = data.draw(st.integers(0, max(len(values) - 1, 0)))
        if row in held:
            held.remove(row)
            ops.append(~row)
        elif values:
            held.append(row)
            ops.append(row)
        here = [v for v in (values[j] for j in held) if v is not None]
        expected.append((min(here, default=NEVER), max(here, default=-NEVER)))
    ends = np.minimum(np.arange(1, len(expected) + 1), len(ops))
    found = np.empty((len(expected), STATE_WIDTH), np.int64)
    replay.extremes(np.array(ops, np.int32), ends, x, found)

    assert found[:, [LOW, HIGH]].tolist() == [list(pair) for pair in expected]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-(2**43), 2**43), min_size=1, max_size=30))
def test_median_and_mad_of_rows_are_the_textbook_ones(values: list[int]) -> None:
    """The mean of the middle two, and of the middle two deviations."""
    out = np.empty(STATE_WIDTH, np.int64)
    orders_of(np.array(values), np.arange(len(values)), len(values), out)

    assert out[0] == len(values)
    assert out[1] == 2 * (textbook.aggregate("median", values)[0] or 0)
    assert out[2] == 4 * (textbook.aggregate("mad", values)[0] or 0)


@settings(deadline=None)
@given(st.integers(0, 2**62 - 1))
def test_bits_are_counted(x: int) -> None:
    """All 62 of a sketch."""
    assert reduce.bits(x) == x.bit_count()
