"""P(confirmed): none before a hundred reviews, calibrated after, its interval honest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.contracts.errors import CorruptBundleError, InputError
from models.confirmed import Confirmed
from models.fitting.confirmed import FEWEST, fit_confirmed

N_REPEATS = 200
CONTROL_WEIGHT = 5.0


def calibrated(score, is_confirmed, weight) -> Confirmed:
    """The calibration, which there is."""
    found = fit_confirmed(score, is_confirmed, weight).confirmed
    assert found is not None
    return found


def reviews(rng, n, *, level=-4.0, slope=1.6):
    """Reviews of the most unusual by an older score, a fifth at random, and the true chances."""
    older = rng.normal(size=20_000)
    score = older + 0.5 * rng.normal(size=older.size)
    chance = expit(level + slope * score)
    n_control = n // 5
    top = np.argsort(-older)[: 3 * (n - n_control)]
    rest = np.setdiff1d(np.arange(older.size), top)
    alerts, controls = rng.choice(top, n - n_control, False), rng.choice(rest, n_control, False)
    rows = np.concatenate([alerts, controls])
    weight = np.concatenate([np.ones(alerts.size), np.full(n_control, CONTROL_WEIGHT)])
    return score, chance, rows, rng.random(n) < chance[rows], weight


@pytest.mark.parametrize("n", [100, 300])
def test_interval_holds_the_true_chance(n):
    """Of 200 repetitions at least 85 % hold the truth at every score, 90 % on average."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(N_REPEATS):
        score, chance, rows, is_confirmed, weight = reviews(rng, n)
        fitted = fit_confirmed(score[rows], is_confirmed, weight).confirmed
        if fitted is None:
            continue
        order = np.argsort(score)
        at = np.quantile(score, [0.9, 0.97, 0.99, 0.998])
        truth = np.interp(at, score[order], chance[order])
        told = [fitted.chance(float(value)) for value in at]
        held.append([c.low <= t <= c.high for c, t in zip(told, truth, strict=True)])
    assert len(held) > 0.95 * N_REPEATS
    assert np.mean(held, axis=0).min() >= 0.85
    assert np.mean(held) >= 0.90


def test_chances_are_right_on_average():
    """With many reviews the curve is the true one."""
    score, chance, rows, is_confirmed, weight = reviews(np.random.default_rng(1), 5_000)
    fitted = calibrated(score[rows], is_confirmed, weight)
    told = np.array([fitted.chance(float(value)).value for value in score[rows[:200]]])
    assert np.abs(told - chance[rows[:200]]).mean() < 0.02


def test_refused_before_a_hundred_reviews():
    """99 reviews are too few, 100 are enough."""
    rng = np.random.default_rng(2)
    score, is_confirmed = rng.normal(size=FEWEST), np.arange(FEWEST) % 3 == 0
    few = fit_confirmed(score[1:], is_confirmed[1:], np.ones(FEWEST - 1))
    assert few.confirmed is None
    assert few.refusal == "99 reviews with an outcome; P(confirmed) takes 100"
    assert calibrated(score, is_confirmed, np.ones(FEWEST)).n == 100
    assert fit_confirmed(score, is_confirmed, np.ones(FEWEST)).refusal == ""


@pytest.mark.parametrize(("outcome", "word"), [(True, "confirmed"), (False, "cleared")])
def test_refused_without_both_outcomes(outcome, word):
    """A thousand reviews of one outcome say nothing of the other."""
    score, only = np.arange(1000.0), np.full(1000, outcome)
    found = fit_confirmed(score, only, np.ones(1000))
    assert found.confirmed is None
    assert found.refusal == f"all 1000 reviews are {word}; P(confirmed) takes both outcomes"


def test_refused_where_all_score_alike():
    """Without a difference in score there is nothing to calibrate."""
    found = fit_confirmed(np.ones(200), np.arange(200) % 2 == 0, np.ones(200))
    assert found.confirmed is None
    assert "score alike" in found.refusal


def test_weight_of_nothing_is_refused():
    """A weight of zero is a caller's mistake."""
    with pytest.raises(InputError, match="positive weight"):
        fit_confirmed(np.arange(200.0), np.arange(200) % 2 == 0, np.zeros(200))


def test_outcomes_that_a_cut_parts_give_no_certainty():
    """Where all above a score are confirmed and none below, P still stays inside 0 and 1."""
    score = np.arange(200.0)
    fitted = calibrated(score, score >= 100.0, np.ones(200))
    low, high = fitted.chance(0.0), fitted.chance(199.0)
    assert 0.0 < low.value < 0.05
    assert 0.95 < high.value < 1.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.floats(-50.0, 50.0))
def test_interval_holds_its_own_value(seed, at):
    """low <= value <= high at any score, and weights scale without moving the value."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=150)
    is_confirmed = rng.random(150) < expit(score)
    fitted = calibrated(score, is_confirmed, np.ones(150))
    chance = fitted.chance(at)
    assert 0.0 <= chance.low <= chance.value <= chance.high <= 1.0


def test_saved_and_loaded_says_the_same():
    """Arrays keep every bit."""
    score, _, rows, is_confirmed, weight = reviews(np.random.default_rng(3), 300)
    fitted = calibrated(score[rows], is_confirmed, weight)
    again = Confirmed.from_arrays(fitted.arrays())
    assert again.chance(1.7) == fitted.chance(1.7)
    assert again.n == 300


@pytest.mark.parametrize(
    ("name", "damaged", "message"),
    [
        ("model", np.array([[1.0, 0.5], [0.4, 1.0]]), "'model' must be a covariance"),
        ("robust", np.array([[1.0, 2.0], [2.0, 1.0]]), "'robust' must be a covariance"),
        ("numbers", np.array([0.0, 1.0, 0.0, 0.0, 2.0, 120.0]), "positive spread"),
        ("numbers", np.array([0.0, 1.0, 0.0, 1.0, 2.0, 0.5]), "positive spread"),
    ],
)
def test_damaged_arrays_are_refused(name, damaged, message):
    """Shapes, symmetry and signs are checked."""
    sound = Confirmed(0.0, 1.0, 0.0, 1.0, np.eye(2), np.eye(2), 1.98, 120).arrays()
    with pytest.raises(CorruptBundleError, match=message):
        Confirmed.from_arrays(sound | {name: damaged})
