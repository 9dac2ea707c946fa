"""Finalisers: exact where floats allow it, an error where integers could wrap, missing where
there is too little to say."""

import math
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.events import VALUE_BOUND
from features.contracts.vectors import Integers
from features.finalisers import (
    AGGREGATE,
    COUNT,
    ENTROPY,
    ERROR,
    EXCESS,
    INSUFFICIENT,
    IS_NEW,
    MEAN,
    MIN_PEERS,
    OK,
    RARITY,
    SHARE,
    STD,
    SUM,
    _spread,
    aggregate,
    concentration,
    distinct,
    entropy,
    excess,
    finish,
    peer_rank,
    robust_z,
)
from features.kernels import LOW, MAX_ROWS, S1, STATE_WIDTH, N, codes_of, grids_of, moments_of, step
from tests.unit import textbook

VALUES: Final = st.integers(-VALUE_BOUND, VALUE_BOUND)


def _moments(values: Any) -> Integers:
    state, column = np.empty(STATE_WIDTH, np.int64), np.array(values, np.int64)
    moments_of(column, np.arange(len(column)), len(column), state)
    return state


def _codes(values: Any) -> Integers:
    state, column = np.zeros(STATE_WIDTH, np.int64), np.array(values, np.int64)
    codes_of(column, np.arange(len(column)), len(column), state)
    return state


def _grids(steps: Any, own: int) -> Integers:
    state, column = np.zeros(STATE_WIDTH, np.int64), np.array(steps, np.int64)
    grids_of(column, np.arange(len(column)), len(column), own, state)
    return state


def _finish(kind: int, option: int, min_n: int, *states: Integers) -> tuple[float, int]:
    spec, peers = np.array([kind, option, min_n]), np.empty(5)
    value, status = finish(spec, np.stack(states), 0, 0, peers)
    return float(value), int(status)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=50))
def test_spread_is_exact_to_the_last_bit_that_a_float_has(values: list[int]) -> None:
    """`n * sum(x*x) - sum(x)**2` agrees with Python's integers."""
    exact = len(values) * sum(v * v for v in values) - sum(values) ** 2

    assert abs(_spread(*_moments(values)[:LOW]) - exact) <= np.spacing(float(exact))


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(-VALUE_BOUND + 10**7, VALUE_BOUND - 10**7))
def test_spread_of_values_far_from_zero_loses_nothing(step: int, far: int) -> None:
    """Three values a step apart have the spread 6 step**2, however far from zero they lie."""
    assert _spread(*_moments([far - step, far, far + step])[:LOW]) == float(6 * step * step)


@pytest.mark.parametrize("value", [VALUE_BOUND, -VALUE_BOUND, 2**22 - 1, VALUE_BOUND - 1])
def test_the_largest_window_of_the_largest_values_does_not_wrap(value: int) -> None:
    """Sum, mean and spread of a full window at the bound are those of big integers."""
    state = _moments(np.full(MAX_ROWS, value))

    assert aggregate(state, SUM) == (float(MAX_ROWS * value), OK)
    assert aggregate(state, MEAN) == (float(value), OK)
    assert aggregate(state, STD) == (0.0, OK)


def test_spread_at_the_bound_is_that_of_big_integers() -> None:
    """Half a full window at each end of what a value may be."""
    values = np.full(MAX_ROWS, VALUE_BOUND)
    values[: MAX_ROWS // 2] = -VALUE_BOUND
    total = int((MAX_ROWS % 2) * VALUE_BOUND)
    exact = MAX_ROWS * MAX_ROWS * VALUE_BOUND**2 - total**2

    assert _spread(*_moments(values)[:LOW]) == float(exact)


BEYOND: Final = MAX_ROWS + 1


@pytest.mark.parametrize(
    ("kind", "option", "of"),
    [
        (AGGREGATE, SUM, _moments),
        (AGGREGATE, MEAN, _moments),
        (AGGREGATE, STD, _moments),
        (SHARE, S1, _moments),
        (ENTROPY, 0, _codes),
        (EXCESS, 0, _moments),
    ],
    ids=["sum", "mean", "std", "share of a sum", "entropy", "excess"],
)
def test_a_window_beyond_the_largest_is_an_error(kind: int, option: int, of: Any) -> None:
    """One row too many is said, never computed; one row less is computed."""
    most, beyond = of(np.ones(MAX_ROWS, np.int64)), of(np.ones(BEYOND, np.int64))
    value, status = _finish(kind, option, 3, beyond, beyond)

    assert math.isnan(value)
    assert status == ERROR
    assert _finish(kind, option, 3, most, most)[1] in (OK, INSUFFICIENT)


@pytest.mark.parametrize(
    ("kind", "option", "expected"),
    [(AGGREGATE, COUNT, float(BEYOND)), (SHARE, N, 1.0), (IS_NEW, 0, 0.0), (RARITY, 0, 0.0)],
    ids=["count", "share", "is_new", "rarity"],
)
def test_what_only_counts_rows_has_no_bound(kind: int, option: int, expected: float) -> None:
    """A count cannot wrap, so it is one however many rows there are."""
    beyond = _moments(np.ones(BEYOND, np.int64))

    assert _finish(kind, option, 3, beyond, beyond) == (expected, OK)


def test_the_counts_of_codes_do_not_wrap() -> None:
    """Four million rows of one code: their square is far from 2**63."""
    state = _codes(np.zeros(2**22, np.int64))

    assert distinct(state) == (1.0, OK)
    assert concentration(state) == (1.0, OK)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=200))
def test_entropy_is_the_textbook_one(values: list[int]) -> None:
    """Within a billionth of a bit; of one code alone it is exactly 0."""
    value, status = entropy(_codes(values))

    assert status == OK
    assert value == pytest.approx(textbook.aggregate("entropy", values)[0], abs=1e-9)
    assert len(set(values)) > 1 or value == 0.0


def test_the_entropy_of_a_full_window_is_right() -> None:
    """2**20 - 1 rows of as many codes, of two codes, of one."""
    most = np.arange(MAX_ROWS)

    assert entropy(_codes(most))[0] == pytest.approx(math.log2(MAX_ROWS), abs=1e-9)
    assert entropy(_codes(most % 2))[0] == pytest.approx(1.0, abs=1e-9)
    assert entropy(_codes(most * 0)) == (0.0, OK)


PPM: Final = st.integers(0, 10**6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), PPM), max_size=30))
def test_excess_is_the_textbook_one(rows: list[tuple[int, int]]) -> None:
    """Observed less expected, in standard deviations of independent trials."""
    observed, ppm = [seen for seen, _ in rows], [p for _, p in rows]
    value, status = excess(_moments(observed), _moments(ppm), 3)
    expected, wanted = textbook.excess(observed, ppm, 3)

    assert status == wanted
    if expected is not None:
        assert value == pytest.approx(float(expected), rel=1e-15)


def test_excess_of_a_full_window_does_not_wrap() -> None:
    """2**20 - 1 trials at one half."""
    ones, halves = _moments(np.ones(MAX_ROWS)), _moments(np.full(MAX_ROWS, 500_000))

    assert excess(ones, halves, 3)[0] == pytest.approx(math.sqrt(MAX_ROWS), rel=1e-15)


@pytest.mark.parametrize(
    ("observed", "ppm"),
    [
        ([0, 2, 1], [1, 1, 1]),
        ([-1, 0, 1], [1, 1, 1]),
        ([0, 1, 1], [1, 2, 10**6 + 1]),
        ([0, 1, 1], [1, 2, -1]),
    ],
)
def test_what_is_no_outcome_and_no_probability_is_an_error(
    observed: list[int], ppm: list[int]
) -> None:
    """An outcome is 0 or 1, a probability lies between 0 and a million millionths."""
    assert excess(_moments(observed), _moments(ppm), 3)[1] == ERROR


def test_excess_needs_both_numbers_of_as_many_events() -> None:
    """An outcome without a probability cannot be told apart, so nothing is said."""
    assert excess(_moments([0, 1, 1]), _moments([1, 1]), 1)[1] == INSUFFICIENT
    assert excess(_moments([]), _moments([]), 0)[1] == INSUFFICIENT
    assert excess(_moments([0, 1]), _moments([0, 10**6]), 1)[1] == INSUFFICIENT


def test_the_ordinary_range_never_crosses_zero() -> None:
    """Peers of one sign give a range of one sign, for amounts and for refunds."""
    for sign in (1, -1):
        peers = np.empty(5)
        states = np.array([[MIN_PEERS, sign * 400, 300]])
        robust_z(sign * 400, states, peers)
        assert min(sign * peers[3], sign * peers[4]) == 0.0


@settings(deadline=None)
@given(
    st.lists(st.integers(-300, 300), min_size=MIN_PEERS - 2, max_size=60),
    st.integers(-400, 400),
)
def test_a_comparison_with_peers_is_the_textbook_one(values: list[int], own: int) -> None:
    """Robust z and mid-rank of a step; fewer than 30 peers are too few."""
    steps = [step(value) for value in values]
    states, peers = _grids(steps, step(own))[None, :], np.empty(5)
    z, rank = robust_z(step(own), states, peers), peer_rank(step(own), states, peers)

    if len(values) < MIN_PEERS:
        assert z[1] == rank[1] == INSUFFICIENT
        return
    assert z[0] == pytest.approx(float(textbook.robust_z(step(own), steps)), rel=1e-15)
    assert rank == (float(textbook.mid_rank(step(own), steps)), OK)
    assert peers[:2].tolist() == [0.0, float(len(values))]
