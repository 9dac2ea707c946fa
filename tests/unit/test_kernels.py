"""Laws of the integer kernels: the log grid, the exact spread, two ways that must agree."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.events import VALUE_BOUND
from features.contracts.vectors import Integers
from features.finalisers import (
    ERROR,
    MEAN,
    MIN_PEERS,
    OK,
    STD,
    SUM,
    _spread,
    aggregate,
    robust_z,
    share,
)
from features.kernels import (
    GRID_HALF,
    MAX_ROWS,
    MISSING,
    NEVER,
    codes,
    ends,
    grid,
    grids,
    moments,
    moments_of,
    plan,
    ungrid,
)
from features.live_kernels import place_of

VALUES: Final = st.integers(-VALUE_BOUND, VALUE_BOUND)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_grid_is_monotone_and_odd(a: int, b: int) -> None:
    """A larger value has no smaller step; the step of -x is minus the step of x."""
    low, high = sorted((a, b))
    steps = grid(np.array([low, high, -low, -high]))

    assert steps[0] <= steps[1]
    assert (-steps[:2]).tolist() == steps[2:].tolist()
    assert np.abs(steps).max() <= GRID_HALF


@settings(deadline=None)
@given(VALUES)
def test_ungrid_is_within_a_step_of_the_value(value: int) -> None:
    """Going to the grid and back moves a value by at most 1.6 %; small values not at all."""
    back = ungrid(float(grid(np.array([value]))[0]))

    assert abs(back - value) <= 0.016 * abs(value)
    assert abs(value) > 126 or back == value


def test_missing_stays_missing_on_the_grid() -> None:
    """A missing value has no step."""
    assert grid(np.array([MISSING])).tolist() == [MISSING]


def _state(values: Integers) -> Integers:
    state = np.empty(7, np.int64)
    moments_of(values, np.arange(len(values)), len(values), state)
    return state


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=50))
def test_spread_is_exact_to_the_last_bit_that_a_float_has(values: list[int]) -> None:
    """`n * sum(x*x) - sum(x)**2` agrees with Python's integers."""
    exact = len(values) * sum(v * v for v in values) - sum(values) ** 2

    assert abs(_spread(_state(np.array(values))) - exact) <= np.spacing(float(exact))


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(-VALUE_BOUND + 10**7, VALUE_BOUND - 10**7))
def test_spread_of_values_far_from_zero_loses_nothing(step: int, far: int) -> None:
    """Three values a step apart have the spread 6 step**2, however far from zero they lie."""
    assert _spread(_state(np.array([far - step, far, far + step]))) == float(6 * step * step)


@pytest.mark.parametrize("value", [VALUE_BOUND, -VALUE_BOUND, 2**22 - 1, VALUE_BOUND - 1])
def test_the_largest_window_of_the_largest_values_does_not_wrap(value: int) -> None:
    """Sum, mean and spread of a full window at the bound are those of big integers."""
    state = _state(np.full(MAX_ROWS, value))

    assert aggregate(state, SUM) == (float(MAX_ROWS * value), OK)
    assert aggregate(state, MEAN) == (float(value), OK)
    assert aggregate(state, STD) == (0.0, OK)


def test_spread_at_the_bound_is_that_of_big_integers() -> None:
    """Half a full window at each end of what a value may be."""
    values = np.full(MAX_ROWS, VALUE_BOUND)
    values[: MAX_ROWS // 2] = -VALUE_BOUND
    total = int((MAX_ROWS % 2) * VALUE_BOUND)
    exact = MAX_ROWS * MAX_ROWS * VALUE_BOUND**2 - total**2

    assert _spread(_state(values)) == float(exact)


def test_a_window_beyond_the_largest_is_an_error() -> None:
    """One row too many is said, never computed."""
    state = _state(np.ones(MAX_ROWS + 1, np.int64))
    value, status = share(1.0, float(MAX_ROWS + 1), MAX_ROWS + 1, 3)

    assert aggregate(state, SUM)[1] == status == ERROR
    assert np.isnan(value)


def test_the_ordinary_range_never_crosses_zero() -> None:
    """Peers of one sign give a range of one sign, for amounts and for refunds."""
    for sign in (1, -1):
        peers = np.empty(5)
        states = np.array([[MIN_PEERS, sign * 400, 300]])
        robust_z(sign * 400, states, peers)
        assert min(sign * peers[3], sign * peers[4]) == 0.0


@st.composite
def tables(draw: st.DrawFn, *, late: bool) -> tuple[Integers, Integers, Integers]:
    """Sources, queries and values of a few groups; without `late` learned as they happened."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 60))
    group, t = rng.integers(0, 3, n), rng.integers(0, 40, n)
    o, known = rng.integers(0, 2, n), np.arange(n)
    if late:
        known = rng.permutation(n)
    else:
        order = np.lexsort((o, t))
        group, t, o = group[order], t[order], o[order]
    gone = np.full(n, NEVER)
    if late:
        dead = rng.random(n) < 0.2
        gone[dead] = known[dead] + rng.integers(1, 20, int(dead.sum()))
    values = rng.integers(-5, 6, n)
    values[rng.random(n) < 0.2] = MISSING
    order = np.lexsort((known, o, t, group))
    learned = rng.permutation(n) if late else known
    gone_at = np.where(gone == NEVER, NEVER, learned + rng.integers(1, 20, n))
    columns = np.stack([group, t, o, known, learned, gone, gone_at])
    source = np.ascontiguousarray(columns[:, order])
    is_live = rng.random(n) < 0.5
    query = source[:5].copy()
    query[3, is_live], query[4, ~is_live] = NEVER - 1, NEVER - 1
    return source, query, values[order]


def _slow(source: Integers, query: Integers, window: int, i: int) -> list[int]:
    g, t, o, known, learned = query[:, i]
    return [
        j
        for j in range(source.shape[1])
        if source[0, j] == g
        and t - window <= source[1, j]
        and (source[1, j], source[2, j]) < (t, o)
        and source[3, j] < known
        and source[4, j] < learned
        and not (source[5, j] <= known and source[6, j] <= learned)
    ]


def _codes(values: Integers) -> Integers:
    return np.where(values == MISSING, -1, values + 5)


KERNELS: Final[list[tuple[Callable[..., Any], Callable[[Integers], Integers]]]] = [
    (moments, lambda values: values),
    (codes, _codes),
    (grids, lambda values: values),
]


@pytest.mark.parametrize(("kernel", "prepared"), KERNELS, ids=["moments", "codes", "grids"])
def test_sliding_and_gathering_agree(
    kernel: Callable[..., Any], prepared: Callable[[Integers], Integers]
) -> None:
    """Where nothing is late, the two-pointer pass gives the bits of the row-by-row rule."""

    @settings(max_examples=60, deadline=None)
    @given(tables(late=False), st.integers(1, 50))
    def check(table: tuple[Integers, Integers, Integers], window: int) -> None:
        source, query, values = table
        spans = plan(source, query)
        assert not spans[:, 4].any()
        gathering = spans.copy()
        gathering[:, 4] = 1
        fast = kernel(source, query, spans, prepared(values), window)
        slow = kernel(source, query, gathering, prepared(values), window)
        np.testing.assert_array_equal(fast, slow)
        np.testing.assert_array_equal(
            ends(source, query, spans, window), ends(source, query, gathering, window)
        )

    check()


@settings(max_examples=60, deadline=None)
@given(tables(late=True), st.integers(1, 50))
def test_late_rows_follow_the_rule_row_by_row(
    table: tuple[Integers, Integers, Integers], window: int
) -> None:
    """With rows learned in any order and superseded ones, counts and ends are those of the rule."""
    source, query, values = table
    spans = plan(source, query)
    found = moments(source, query, spans, values, window)
    pointers = ends(source, query, spans, window)
    for i in range(query.shape[1]):
        seen = _slow(source, query, window, i)
        held = [int(values[j]) for j in seen if values[j] != MISSING]
        assert found[i, :2].tolist() == [len(held), sum(held)]
        assert pointers[i].tolist() == ([seen[-1], seen[0]] if seen else [-1, -1])


def test_codes_counts_are_reset_between_groups() -> None:
    """A code of one group is not remembered in the next."""
    order, never = [0, 1, 2, 3], [NEVER] * 4
    source = np.array([[0, 0, 1, 1], [1, 2, 1, 2], [0] * 4, order, order, never, never])
    query = source[:5].copy()

    states = codes(source, query, plan(source, query), np.array([3, 3, 3, 3]), 10)
    assert states.tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]]


@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=30), st.tuples(*[st.integers(0, 2)] * 4)
)
def test_a_live_row_is_put_behind_its_equals(
    rows: list[tuple[int, ...]], row: tuple[int, ...]
) -> None:
    """The place of a row leaves all smaller or equal rows before it and all larger ones behind."""
    rows = sorted(rows)
    columns = np.array(rows, np.int64).reshape(len(rows), 4).T.copy()
    at = place_of(columns, len(rows), np.array(row))

    assert rows[:at] == [other for other in rows if other <= row]
