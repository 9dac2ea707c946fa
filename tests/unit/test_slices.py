"""Slices of the time order, each with a halo of the longest window, are the whole bit for bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import batch
from features.history import Slice
from tests.unit.example import CALENDARS, SCENARIO
from tests.unit.loads import Load, admitted, crowd, histories

LONGEST = max(atom.longest_us for atom in SCENARIO.atoms)


def _assert_slices_are_the_whole(loads: list[Load], cuts: list[float], k: int) -> None:
    ledger, _ = admitted(loads, CALENDARS[k])
    history = batch.of_ledger(ledger, SCENARIO)
    rows = history.scored()
    whole = batch.compute(history, Slice(rows, 0, len(history.columns)))
    at = [0, *sorted(round(cut * len(rows)) for cut in cuts), len(rows)]
    for first, last in pairwise(at):
        part = batch.compute(history, history.halo(rows[first:last], LONGEST))
        np.testing.assert_array_equal(part.values, whole.values[first:last])
        np.testing.assert_array_equal(part.status, whole.status[first:last])


CUTS = st.lists(st.floats(0.0, 1.0), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), CUTS, st.integers(0, 2))
def test_slices_of_small_histories_are_the_whole(
    loads: list[Load], cuts: list[float], k: int
) -> None:
    """Late rows, corrections, ties across a cut, empty slices, a source of its own length."""
    _assert_slices_are_the_whole(loads, cuts, k)


@pytest.mark.parametrize("seed", range(3))
def test_slices_of_a_crowd_are_the_whole(seed: int) -> None:
    """With peers, keys to compare, and windows that reach over several slices."""
    cuts = np.random.default_rng(seed).random(6).tolist()

    _assert_slices_are_the_whole(crowd(seed, 3 + 37 * (seed % 2)), cuts, seed)


def test_a_halo_that_is_too_short_shows() -> None:
    """Were the halo a week, slices would not be the whole: the comparison can fail."""
    ledger, _ = admitted(crowd(0), CALENDARS[0])
    history = batch.of_ledger(ledger, SCENARIO)
    rows = history.scored()
    whole = batch.compute(history, Slice(rows, 0, len(history.columns)))
    part = batch.compute(history, history.halo(rows[-20:], 7 * 86_400_000_000))

    assert not np.array_equal(part.values, whole.values[-20:], equal_nan=True)


def test_a_halo_looks_no_further_than_it_must() -> None:
    """Rows before the longest window and after the last event asked about are left out."""
    ledger, _ = admitted(crowd(0), CALENDARS[0])
    history = batch.of_ledger(ledger, SCENARIO)
    rows, t = history.scored(), history.columns.t
    asked = history.halo(rows[100:110], 86_400_000_000)
    inside = t[history.columns.order[asked.first : asked.last]]

    assert inside.min() >= t[rows[100]] - 86_400_000_000
    assert inside.max() == t[rows[109]]
    assert 10 <= asked.last - asked.first < len(history.columns) // 2
