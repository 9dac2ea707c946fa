"""A tape gives the states that the rows at hand give."""

from collections.abc import Callable
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import (
    CLOGC,
    MISSING,
    STATE_WIDTH,
    codes_of,
    grids_of,
    near_of,
    orders_of,
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


def _codes(x: Integers, rows: Integers, n: int, _: int, out: Integers) -> None:
    codes_of(x, rows, n, out)


def _orders(x: Integers, rows: Integers, n: int, _: int, out: Integers) -> None:
    orders_of(x, rows, n, out)


BIG: Final = 2**40 + 12345


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
