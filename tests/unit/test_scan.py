"""Scans: where a row belongs among those that are held, and what codes come to."""

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.kernels import STATE_WIDTH, codes_of
from features.scan.light import place_of
from features.scan.reduce import counted_codes, distinct_codes


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=30),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.integers(0, 5),
)
def test_a_live_row_is_put_behind_its_equals(
    rows: list[tuple[int, ...]], row: tuple[int, ...], before: int
) -> None:
    """The place of a row leaves all smaller or equal rows before it and all larger ones behind."""
    rows = sorted(rows)
    lo = min(before, len(rows))
    columns = np.array(rows, np.int64).reshape(len(rows), 4).T.copy()
    at = place_of(columns, lo, len(rows), np.array(row))

    assert rows[lo:at] == [other for other in rows[lo:] if other <= row]


CODES: Final = st.lists(
    st.one_of(st.integers(0, 5), st.integers(0, 2**31 - 1)), min_size=0, max_size=60
)


@settings(deadline=None)
@given(CODES, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_codes_are_counted_however_far_they_are_spread(codes: list[int], edges: list[int]) -> None:
    """Codes close together and far apart: every window has the state of its rows."""
    x = np.array(codes, np.int64)
    begin = np.minimum(np.array(edges), len(x))
    expected = np.zeros((len(edges), STATE_WIDTH), np.int64)
    for k, edge in enumerate(begin.tolist()):
        codes_of(x, np.arange(edge, len(x)), len(x) - edge, expected[k])
    few, all_of = np.zeros_like(expected), np.zeros_like(expected)
    distinct_codes(x, begin, (0, len(edges)), few)
    counted_codes(x, begin, (0, len(edges)), all_of)

    np.testing.assert_array_equal(all_of, expected)
    np.testing.assert_array_equal(few[:, :2], expected[:, :2])
