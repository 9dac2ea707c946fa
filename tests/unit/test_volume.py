"""Expected against realised alerts: chance is told from drift, in all, by month and by unit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from features.contracts.errors import InputError
from models.volume import AlertVolume, interval
from training.evaluate import Judged, judge
from training.volumes import volumes

DAY_US = 86_400_000_000


@given(st.integers(1, 3_000), st.integers(1, 60), st.integers(1, 5_000))
def test_the_interval_is_the_beta_binomials(n: int, a: int, b: int) -> None:
    """Each tail outside holds at most half of what the level leaves, and one more count would not.

    Scipy's distribution is the yardstick.
    """
    chance = betabinom(n, a, b)
    low, high = interval(n, a, b, level=0.99)
    assert chance.cdf(low - 1) <= 0.005 + 1e-9
    assert chance.cdf(low) >= 0.005 - 1e-9
    assert chance.sf(high) <= 0.005 + 1e-9
    assert chance.sf(high - 1) >= 0.005 - 1e-9


def test_chance_alone_stays_inside() -> None:
    """Of 300 lines through 1,000 held-out scores, about 1 % lie outside of their interval."""
    rng = np.random.default_rng(0)
    outside = 0
    for _ in range(300):
        held_out, fresh = rng.normal(size=1_000), rng.normal(size=2_000)
        alerts = int((fresh > np.sort(held_out)[-10]).sum())
        told = AlertVolume.of(alerts, n_events=2_000, budget=0.01, n_held_out=1_000)
        outside += not told.is_inside
    assert outside <= 10


def test_too_few_held_out_scores_expect_nothing() -> None:
    """99 scores cannot tell 1 in 1,000: nothing is expected, and one alert is too many."""
    told = AlertVolume.of(0, n_events=500, budget=0.001, n_held_out=99)
    assert (told.expected, told.low, told.high, told.is_inside) == (0.0, 0, 0, True)
    assert not AlertVolume.of(1, n_events=500, budget=0.001, n_held_out=99).is_inside


def test_nothing_scored_realises_nothing() -> None:
    """No events, no alerts, no error but that of silence."""
    told = AlertVolume.of(0, n_events=0, budget=0.01, n_held_out=1_000)
    assert (told.realised, told.error, told.is_inside) == (0.0, -1.0, True)


@pytest.mark.parametrize(("alerts", "n", "held_out"), [(2, 1, 9), (-1, 1, 9), (0, 1, 0)])
def test_counts_that_cannot_be_are_refused(alerts: int, n: int, held_out: int) -> None:
    """More alerts than events, or a line through nothing."""
    with pytest.raises(InputError, match="cannot be"):
        AlertVolume.of(alerts, n_events=n, budget=0.01, n_held_out=held_out)


def _judged(make_table, drift: float) -> Judged:
    rng = np.random.default_rng(1)
    n = 4_000
    table = make_table(n)
    at_us = table.effective_us[0] + np.arange(n, dtype=np.int64) * (DAY_US // 40)
    groups = np.where(np.arange(n) % 4 == 0, "loud", "quiet")
    score = rng.normal(size=n) + drift * np.arange(n) / n + 2.0 * (groups == "loud") * (drift > 0)
    return Judged(
        table=replace(table, effective_us=at_us, peer_group=groups),
        score=score,
        p_value=np.ones(n),
        names=table.names,
        contributions=lambda at: np.zeros((len(at), len(table.names))),
    )


def test_months_and_units_that_differ_are_named(make_table) -> None:
    """Where scores drift the fixed line errs, the moving line less, and the loud unit is told."""
    judged = _judged(make_table, drift=2.0)
    held_out = np.random.default_rng(2).normal(size=5_000)
    told = volumes(judged.table, judged.score, held_out, 0.01)
    whole = {one.rule: one for one in told if one.scope == "all"}

    assert not whole["fixed"].is_inside
    assert abs(whole["rolling"].error) < 0.3 * whole["fixed"].error
    for rule, one in whole.items():
        for scope in ("period", "unit"):
            parts = [part for part in told if (part.rule, part.scope) == (rule, scope)]
            assert sum(part.n_alerts for part in parts) == one.n_alerts
            assert sum(part.n_rows for part in parts) == one.n_rows
    units = {one.key: one for one in told if (one.scope, one.rule) == ("unit", "rolling")}
    assert units["loud"].n_alerts > units["loud"].high
    assert units["quiet"].n_alerts < units["quiet"].low


def test_an_evaluation_tells_expected_and_realised(make_table) -> None:
    """Both rules are metrics, and the page has a line a month."""
    judged = _judged(make_table, drift=0.0)
    held_out = np.random.default_rng(2).normal(size=5_000)
    evaluation = judge(judged, budget=0.01, calibrate_score=held_out)
    metrics = evaluation.metrics()

    assert metrics["alert_rate_fixed_expected"] == pytest.approx(0.01, abs=2e-4)
    assert metrics["alert_rate_rolling"] == pytest.approx(0.01, abs=0.005)
    assert metrics["alert_rate_rolling_units_outside"] == 0.0
    assert "| rolling 20" in evaluation.to_markdown()
    assert type(evaluation).model_validate_json(evaluation.to_json()) == evaluation
