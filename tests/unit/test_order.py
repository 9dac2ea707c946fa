"""Ordering kernels: grouping and sorting rows without comparing what is sorted already."""

from itertools import pairwise
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels.order import (
    Rows,
    by_code,
    compare,
    first_at,
    group_starts,
    is_run,
    is_sorted,
    pair,
)

CODES: Final = st.lists(st.integers(-1, 3), max_size=30)


def _rows(values: list[int]) -> Rows:
    return np.array(values, np.int32)


@settings(deadline=None)
@given(CODES, st.randoms(use_true_random=False))
def test_sorting_by_code_is_stable_and_leaves_the_missing_out(codes, random) -> None:
    """Rows of one code stand as they stood."""
    rows = list(range(len(codes)))
    random.shuffle(rows)
    kept = [row for row in rows if codes[row] >= 0]

    found = by_code(_rows(rows), _rows(codes), 4).tolist()
    assert found == sorted(kept, key=lambda row: codes[row])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), max_size=30))
def test_sorting_by_two_codes_groups_by_both(pairs: list[tuple[int, int]]) -> None:
    """The last field is sorted by first; every group is one run, in the order of its codes."""
    first, second = (_rows([item[k] for item in pairs]) for k in range(2))
    rows = by_code(by_code(np.arange(len(pairs), dtype=np.int32), second, 3), first, 3)
    starts = group_starts((first, second), rows)
    groups = [{pairs[row] for row in rows[a:b]} for a, b in pairwise(starts)]

    assert all(len(group) == 1 for group in groups)
    names = [group.pop() for group in groups]
    assert names == sorted({item for item in pairs if min(item) >= 0})
    assert starts[-1] == len(rows)


def _grouped(codes: list[tuple[int, int]]) -> tuple[tuple[Rows, Rows], Rows, Integers]:
    columns = _rows([item[0] for item in codes]), _rows([item[1] for item in codes])
    rows = np.lexsort(columns[::-1]).astype(np.int32)
    return columns, rows, group_starts(columns, rows)


PAIRS: Final = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20)


@settings(deadline=None)
@given(PAIRS, PAIRS)
def test_every_queried_group_is_paired_with_its_sources(
    sources: list[tuple[int, int]], queries: list[tuple[int, int]]
) -> None:
    """A group that has no source gets an empty run; sources nobody asks about are left out."""
    theirs, ours = _grouped(sources), _grouped(queries)
    spans = pair(*theirs, *ours)

    assert len(spans) == len(set(queries))
    for q0, q1, s0, s1 in spans.tolist():
        (group,) = {queries[row] for row in ours[1][q0:q1]}
        assert [sources[row] for row in theirs[1][s0:s1]] == [group] * sources.count(group)
    assert sum(spans[:, 1] - spans[:, 0]) == len(queries)


@settings(deadline=None)
@given(PAIRS)
def test_comparing_codes_is_comparing_tuples(pairs: list[tuple[int, int]]) -> None:
    """The first column first."""
    columns, _, _ = _grouped(pairs)
    for i, left in enumerate(pairs):
        for j, right in enumerate(pairs):
            assert compare(columns, i, columns, j) == (left > right) - (left < right)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=20), st.integers(-1, 10), st.data())
def test_halving_finds_the_first_row_that_is_not_before(values, instant, data) -> None:
    """Within the bounds given, as `searchsorted` does."""
    values = sorted(values)
    lo = data.draw(st.integers(0, len(values)))
    hi = data.draw(st.integers(lo, len(values)))

    found = first_at(np.array(values, np.int64), lo, hi, instant)
    assert found == lo + np.searchsorted(values[lo:hi], instant)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6))
def test_being_sorted_is_being_equal_to_what_sorting_gives(pairs: list[tuple[int, int]]) -> None:
    """Ties in the first are decided by the second."""
    t, o = (np.array([item[k] for item in pairs], np.int64) for k in range(2))

    assert is_sorted(t, o) == (pairs == sorted(pairs))


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_a_run_goes_up_by_ones(rows: list[int]) -> None:
    """It is the numbers from its first on."""
    assert is_run(_rows(rows)) == (rows == list(range(rows[0], rows[0] + len(rows))))
