"""Laws of the rolling window: exact, bounded, and the same from the same history."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError, InputError
from models.calibrate import Calibration
from models.rolling import RollingWindow, size_for

_SCORE = st.floats(-50, 50) | st.integers(-3, 3).map(float)
_HISTORY = st.dictionaries(st.integers(-20, 60), _SCORE, max_size=50)
_SIZE = st.integers(1, 30)
_BUDGET = st.floats(0.001, 0.999) | st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5])


def _told(history: dict[int, float], size: int) -> RollingWindow:
    window = RollingWindow(size)
    window.extend(history.items())
    return window


@given(_HISTORY, _SIZE)
def test_the_latest_scores_are_kept_and_no_others(history: dict[int, float], size: int) -> None:
    """The window is what a list of the whole history says it is."""
    latest = [history[place] for place in sorted(history)[-size:]]
    assert _told(history, size).scores == sorted(latest)


@given(_HISTORY, _SIZE, st.integers(0, 9))
def test_the_order_of_telling_does_not_matter(
    history: dict[int, float], size: int, seed: int
) -> None:
    """Events told late, or twice, end up where their places are."""
    told = [*history.items(), *list(history.items())[:5]]
    random.Random(seed).shuffle(told)  # noqa: S311
    window = RollingWindow(size)
    window.extend(told)
    expected = _told(dict(sorted(history.items())), size)
    assert window.arrays()["places"].tolist() == expected.arrays()["places"].tolist()
    assert window.scores == expected.scores


@given(_HISTORY, st.sets(st.integers(-20, 60)), _SIZE)
def test_windows_merge_into_that_of_both_histories(
    history: dict[int, float], ours: set[int], size: int
) -> None:
    """Two services that each saw a part know together what one would have known."""
    one = _told({place: score for place, score in history.items() if place in ours}, size)
    two = _told({place: score for place, score in history.items() if place not in ours}, size)
    assert one.merge(two).scores == two.merge(one).scores == _told(history, size).scores


@given(_HISTORY, _SIZE, _BUDGET, _SCORE)
def test_the_line_is_that_of_a_calibration_on_the_same_scores(
    history: dict[int, float], size: int, budget: float, score: float
) -> None:
    """Live and held-out lines are one definition, ties included."""
    window = _told(history, size)
    if not history:
        assert window.threshold(budget) == (float("-inf") if budget >= 1 else float("inf"))
        return
    calibration = Calibration.fit(np.array(window.scores))
    assert window.threshold(budget) == calibration.threshold(budget)
    assert window.p_value(score) == calibration.p_value(score)


@given(_HISTORY, _SIZE)
def test_a_window_comes_back_as_it_was_stored(history: dict[int, float], size: int) -> None:
    """Size, places and scores are all that there is."""
    window = _told(history, size)
    again = RollingWindow.from_arrays(window.arrays())
    assert (again.size, again.scores) == (window.size, window.scores)
    again.observe(99, 1.0)
    window.observe(99, 1.0)
    assert again.scores == window.scores


@pytest.mark.parametrize("budget", [0.01, 0.001])
def test_a_seeded_window_starts_at_the_calibrations_line(budget: float) -> None:
    """The first event meets the line that the held-out scores draw, to one rank of the window."""
    held_out = np.sort(np.random.default_rng(0).normal(size=10_000))
    window = RollingWindow.seeded(held_out, size_for(budget))
    share_above = (held_out > window.threshold(budget)).mean()
    assert len(window) == 2_000
    assert share_above == pytest.approx(budget, abs=1 / 2_000)


def test_held_out_scores_leave_evenly() -> None:
    """Half way through, the seeds that are left still have the quantiles of all."""
    window = RollingWindow.seeded(np.arange(1_000.0), 1_000)
    window.extend((place, -1.0) for place in range(500))
    left = [score for score in window.scores if score >= 0]
    assert np.quantile(left, [0.1, 0.5, 0.9]) == pytest.approx([100, 500, 900], abs=15)


def test_the_line_follows_a_drift() -> None:
    """Scores that rise by a deviation every ten thousand events are still selected at about 1 %."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20_000) + np.arange(20_000) / 10_000
    held_out = rng.normal(size=10_000)
    window, fixed = RollingWindow.seeded(held_out, 2_000), Calibration.fit(held_out)
    hits = []
    for place, score in enumerate(scores.tolist()):
        hits.append(score > window.threshold(0.01))
        window.observe(place, score)

    assert np.mean(hits) == pytest.approx(0.01, rel=0.4)
    assert (scores > fixed.threshold(0.01)).mean() > 0.05


def test_a_row_of_equal_scores_selects_none() -> None:
    """A score that many share exceeds no line that the many draw."""
    window = RollingWindow(100)
    window.extend((place, 1.0) for place in range(100))
    assert window.threshold(0.05) == 1.0
    assert window.p_value(1.0) == 1.0


def test_what_is_no_score_is_refused() -> None:
    """NaN and infinity have no rank, and a window of nothing holds nothing."""
    for score in (float("nan"), float("inf")):
        with pytest.raises(InputError, match="finite"):
            RollingWindow(3).observe(0, score)
    with pytest.raises(InputError, match="1 or more"):
        RollingWindow(0)
    arrays = _told({1: 1.0, 2: 2.0}, 3).arrays()
    for broken in ({"size": np.array([1])}, {"places": np.array([2, 1])}):
        with pytest.raises(CorruptBundleError, match="places"):
            RollingWindow.from_arrays(arrays | broken)
