"""Numbers that an event has of itself: exact, bounded, and the same for one event as for many."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.events import VALUE_BOUND
from features.kernels import MISSING
from features.kernels.alone import (
    BETWEEN,
    CHANGE,
    DIFFERENCE,
    PRESENT,
    QUOTIENT,
    RATIO,
    WITHIN,
    combined,
    each_combined,
)

NUMBERS = st.one_of(st.integers(-VALUE_BOUND, VALUE_BOUND), st.just(int(MISSING)))
MILLION = 1_000_000


EXACT: dict[int, Callable[[int, int, int, int], int]] = {
    WITHIN: lambda own, _, low, high: int(low <= own <= high),
    DIFFERENCE: lambda own, other, *_: own - other,
    BETWEEN: lambda own, other, low, _: (other - own) // low,
    QUOTIENT: lambda own, other, *_: own // other,
    RATIO: lambda own, other, *_: own * MILLION // other,
    CHANGE: lambda own, other, *_: own * MILLION // other - MILLION,
}


def expected(op: int, own: int, other: int, low: int, high: int) -> int:
    """The definition, in Python's integers that never wrap."""
    missing = int(MISSING)
    if op == PRESENT:
        return int(own != missing)
    needed = (own,) if op == WITHIN else (own, other)
    if missing in needed or (op in {QUOTIENT, RATIO, CHANGE} and other <= 0):
        return missing
    exact = EXACT[op](own, other, low, high)
    is_bounded = op in {DIFFERENCE, RATIO, CHANGE}
    return max(-VALUE_BOUND, min(exact, VALUE_BOUND)) if is_bounded else exact


@given(st.integers(PRESENT, CHANGE), NUMBERS, NUMBERS, st.integers(1, 100), st.integers(1, 100))
def test_what_is_made_of_two_numbers_is_exact_and_bounded(
    op: int, own: int, other: int, low: int, high: int
) -> None:
    """Missing where a number is missing, floors, and never past the bound."""
    assert combined(op, own, other, low, high) == expected(op, own, other, low, high)


@given(st.integers(PRESENT, CHANGE), st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20))
def test_many_events_get_what_each_gets_alone(op: int, pairs: list[tuple[int, int]]) -> None:
    """The batch is the single event, row by row."""
    own, other = np.array(pairs, np.int64).reshape(-1, 2).T

    made = each_combined(op, np.ascontiguousarray(own), np.ascontiguousarray(other), 2, 9)

    assert made.tolist() == [combined(op, a, b, 2, 9) for a, b in pairs]
