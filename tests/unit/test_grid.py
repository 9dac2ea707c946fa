"""Laws of the integer log grid and of the integer table of c log2 c."""

from fractions import Fraction
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.events import VALUE_BOUND
from features.kernels import GRID_HALF, LOG_BITS, MAX_ROWS, MISSING, clogc, grid, ungrid
from tests.unit import textbook

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
def test_grid_is_the_textbook_step(value: int) -> None:
    """64 steps an octave of |x| + 1, linear inside it, rounded down."""
    assert grid(np.array([value])).tolist() == [textbook.grid(value)]


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


def _log2(count: int, digits: int) -> Fraction:
    """The base-2 logarithm to so many binary digits, rounded down: digits of big integers."""
    octave = count.bit_length() - 1
    value, scale = count << (4 * digits), octave + 4 * digits
    log = octave
    for _ in range(digits):
        value, scale, log = value * value, 2 * scale, 2 * log
        if value.bit_length() - 1 > scale:
            scale += 1
            log += 1
        drop = value.bit_length() - 1 - 4 * digits
        value, scale = value >> drop, scale - drop
    return Fraction(log, 1 << digits)


COUNTS: Final = st.one_of(st.integers(1, 4200), st.integers(4200, MAX_ROWS))


@settings(max_examples=300, deadline=None)
@given(COUNTS)
def test_c_log_c_is_off_by_less_than_a_billionth_a_row(count: int) -> None:
    """What is below one unit in the 31st bit of the logarithm is cut, never added."""
    exact = count * _log2(count, 60)
    found = Fraction(int(clogc(count)), 1 << LOG_BITS)

    assert found <= exact + Fraction(count, 1 << 58)
    assert exact - found <= Fraction(count, 10**9)


@pytest.mark.parametrize("octave", range(20))
def test_powers_of_two_have_exact_logarithms(octave: int) -> None:
    """There nothing is cut."""
    count = 2**octave

    assert clogc(count) == count * octave << LOG_BITS


def test_the_table_goes_on_where_it_ends() -> None:
    """The last count of the table and the first beyond it are neighbours."""
    steps = np.diff([clogc(count) for count in range(4090, 4103)])

    assert (np.diff(steps) > 0).all()


def test_nothing_and_one_have_no_logarithm_to_add() -> None:
    """0 log 0 is taken as 0, 1 log 1 is 0."""
    assert [clogc(0), clogc(1)] == [0, 0]


def test_the_largest_count_does_not_wrap() -> None:
    """c log2 c of a full window is far from what 64 bits hold, and so is the sum of all."""
    assert 0 < clogc(MAX_ROWS) < 2**62
    assert clogc(MAX_ROWS) / 2**LOG_BITS == pytest.approx(MAX_ROWS * np.log2(MAX_ROWS))
