"""Scans: where a row and an instant stand among those held, and what codes and steps come to."""

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.kernels import BELOW, EQUAL, MAD, MEDIAN, STATE_WIDTH, N, codes_of
from features.scan.light import first_from, place_of
from features.scan.reduce import counted_codes, distinct_codes, grids


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


@settings(deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 2_000),
    st.sampled_from((1.0, 1e3, 1e6, 1e15)),
    st.sampled_from((0.2, 1.0, 9.0)),
    st.floats(-0.1, 1.1),
)
def test_an_instant_is_found_however_unevenly_rows_come(
    seed: int, n: int, longest: float, bend: float, asked: float
) -> None:
    """Even, crowded at either end, or tied: the first row that is not before the instant."""
    t = np.sort(longest * np.random.default_rng(seed).random(n) ** bend).astype(np.int64)
    instant = int(asked * longest)

    assert first_from(t, 0, n, instant) == np.searchsorted(t, instant)
    held = t[n // 3 :]
    assert first_from(t, n // 3, n, instant) == n // 3 + np.searchsorted(held, instant)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 900), st.integers(-1_000, 1_000))
def test_steps_far_apart_have_the_median_of_their_order(
    seed: int, n: int, spread: int, own: int
) -> None:
    """Over stretches of steps that nobody is on: median, deviation and rank as sorted values."""
    x = np.random.default_rng(seed).integers(-spread, spread + 1, n)
    state = np.zeros((1, STATE_WIDTH), np.int64)
    grids(x, np.zeros(1, np.int64), (0, 1), own, state)

    median = np.sort(x)[(n - 1) // 2]
    assert state[0, N] == n
    assert state[0, MEDIAN] == median
    assert state[0, MAD] == np.sort(np.abs(x - median))[(n - 1) // 2]
    assert (state[0, BELOW], state[0, EQUAL]) == ((x < own).sum(), (x == own).sum())
