"""Laws of the calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError, InputError
from features.contracts.verdicts import Band
from models.calibrate import Calibration, band, one_in

_SCORES = st.lists(st.floats(-50, 50) | st.integers(-3, 3).map(float), min_size=1, max_size=80)
_SCORE = st.floats(-60, 60) | st.integers(-3, 3).map(float)
_BUDGET = st.floats(0.001, 0.999) | st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.25, 0.5])


@given(_SCORES, _SCORE, _SCORE)
def test_more_unusual_never_has_a_larger_p(held_out: list[float], one: float, other: float) -> None:
    """p falls and the percentile rises with the score."""
    calibration = Calibration.fit(np.array(held_out))
    low, high = sorted((one, other))
    assert calibration.p_value(low) >= calibration.p_value(high)
    assert calibration.percentile(low) <= calibration.percentile(high)


@given(_SCORES, _SCORE)
def test_p_and_percentile_count_the_same_events(held_out: list[float], score: float) -> None:
    """Strictly lower and at least as unusual are all held-out events together."""
    calibration = Calibration.fit(np.array(held_out))
    n = len(held_out)
    lower = calibration.percentile(score) * n
    above = calibration.p_value(score) * (n + 1) - 1
    assert lower + above == pytest.approx(n)
    assert 1 / (n + 1) <= calibration.p_value(score) <= 1


@given(_SCORES, _SCORE, _BUDGET)
def test_threshold_and_p_agree(held_out: list[float], score: float, budget: float) -> None:
    """An event is an alert exactly where its score exceeds the threshold, ties included."""
    calibration = Calibration.fit(np.array(held_out))
    for value in (score, *held_out):
        assert calibration.is_alert(value, budget) == (value > calibration.threshold(budget))


@given(_SCORES, _BUDGET)
def test_budget_is_never_exceeded_in_hindsight(held_out: list[float], budget: float) -> None:
    """Of the held-out events and one more, at most the budgeted share would have been selected."""
    calibration = Calibration.fit(np.array(held_out))
    selected = sum(calibration.is_alert(score, budget) for score in held_out)
    assert selected <= budget * (len(held_out) + 1)


def test_fresh_events_are_selected_at_the_budgeted_rate() -> None:
    """With 10,000 held-out events, about 1 % of fresh ones are selected at a budget of 1 %."""
    rng = np.random.default_rng(0)
    calibration = Calibration.fit(rng.normal(size=10_000))
    rate = (rng.normal(size=100_000) > calibration.threshold(0.01)).mean()
    assert rate == pytest.approx(0.01, abs=0.003)


def test_too_small_a_budget_selects_nothing() -> None:
    """99 held-out events cannot tell 1 in 1,000."""
    assert Calibration.fit(np.arange(99.0)).threshold(0.001) == float("inf")


def test_scores_that_leave_the_service() -> None:
    """Everything about a raw score in one object, and no raw score in it."""
    scores = Calibration.fit(np.arange(9_999.0)).scores_of(9_994.5, is_alert=True)
    assert scores.band is Band.HIGH
    assert (scores.p_value, scores.one_in, scores.is_alert) == (0.0005, 2_000, True)
    assert band(0.5) is Band.INFO
    assert one_in(1.0) == 1


def test_nothing_or_nan_cannot_calibrate() -> None:
    """Calibration needs scores, and finite ones."""
    for scores in (np.empty(0), np.array([1.0, np.nan])):
        with pytest.raises(InputError, match="held-out"):
            Calibration.fit(scores)
    for scores in (np.empty(0), np.array([2.0, 1.0])):
        with pytest.raises(CorruptBundleError, match="sorted"):
            Calibration.from_arrays({"scores": scores})
