"""Tapes: replaying one gives exactly the rows that the rule of visibility gives."""

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import NEVER, tape
from features.kernels.order import Rows, late_groups
from tests.unit.windows import Table, tables

HARDER: Final = settings(max_examples=300, deadline=None)


def _replayed(ops: Rows, ends: Integers) -> list[set[int]]:
    """The rows held after each query's part; a row enters once and leaves once."""
    held, at, found = set[int](), 0, []
    for end in ends:
        for op in ops[at:end].tolist():
            if op >= 0:
                assert op not in held
                held.add(op)
            else:
                held.remove(~op)
        at = int(end)
        found.append(set(held))
    return found


def _assert_tape_is_rule(table: Table, made: list[tuple[Rows, Integers]], spans: Integers) -> None:
    held = [rows for ops, ends in made for rows in _replayed(ops, ends)]
    asked = tape.asked(spans).tolist()
    assert len(held) == len(asked)
    for rows, i in zip(held, asked, strict=True):
        assert rows == set(table.seen(i))


@HARDER
@given(tables(late=False))
def test_a_slide_holds_what_the_rule_says(table: Table) -> None:
    """Where nothing is late, two pointers are enough, for windows of any start."""
    spans = table.spans
    made = tape.slide(spans, table.t, table.tie, table.query_tie, table.start)

    _assert_tape_is_rule(table, [made], spans)


@HARDER
@given(tables(late=True), st.sampled_from([0, 1, 40, 2**26]))
def test_a_late_tape_holds_what_the_rule_says(table: Table, most_ops: int) -> None:
    """Rows learned in any order, superseded, asked for by what is live or loaded, in parts."""
    spans, made = table.spans, []
    rest = spans
    while len(rest):
        ops, ends, n = tape.late(rest, *table.facts, *table.asked, table.start, most_ops)
        made.append((ops, ends))
        assert n > 0
        rest = rest[n:]

    _assert_tape_is_rule(table, made, spans)


@HARDER
@given(tables(late=False))
def test_a_late_tape_of_what_is_not_late_is_a_slide(table: Table) -> None:
    """Both passes hold the same rows where both may be taken."""
    spans = table.spans
    ops, ends, n = tape.late(spans, *table.facts, *table.asked, table.start, 2**26)
    slid = tape.slide(spans, table.t, table.tie, table.query_tie, table.start)

    assert n == len(spans)
    assert _replayed(ops, ends) == _replayed(*slid)


@HARDER
@given(tables(late=True))
def test_a_group_is_late_where_time_alone_does_not_say_what_is_known(table: Table) -> None:
    """Elsewhere every source that happened before a query was known to it, and is still there."""
    spans = table.spans
    flags = late_groups(spans, table.tie, table.known, table.seq, table.gone, *table.asked)
    for (q0, q1, s0, s1), is_late in zip(spans.tolist(), flags.tolist(), strict=True):
        unknown = [
            (i, j)
            for i in range(q0, q1)
            for j in table.before(i)
            if table.known[j] >= table.bound[i] or table.seq[j] >= table.seq_bound[i]
        ]
        assert is_late == bool(unknown or (table.gone[s0:s1] != NEVER).any())


def test_a_tape_of_nothing_is_empty() -> None:
    """No groups, no queries, no rows."""
    nothing = np.empty(0, np.int64)
    ops, ends = tape.slide(np.empty((0, 4), np.int64), nothing, nothing, nothing, nothing)

    assert len(ops) == len(ends) == 0


@pytest.mark.parametrize("late_by", [1, 50, 150])
def test_a_late_row_costs_the_queries_that_did_not_know_it(late_by: int) -> None:
    """The tape grows with the rows that happened before it was learned, not with the window."""
    n = 200
    t = np.arange(n)
    known = t.copy()
    known[20] = 20 + late_by
    never = np.full(n, NEVER)
    spans = np.array([[0, n, 0, n]])
    bounds = t, t, np.full(n, NEVER - 1)
    ops, ends, _ = tape.late(spans, t, t, known, t, never, never, *bounds, t - 10**6, 2**26)

    assert len(ends) == n
    assert len(ops) <= 2 * n + 2 * late_by
