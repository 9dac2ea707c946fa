"""Tests of a rotation on draws of known fairness: quiet on fair ones, loud on directed ones."""

import numpy as np
import pytest

from training.fair_draw import FairRate, fair_draw_rates, power_curve

NOMINAL = 0.05
SEEDS = (1, 2)


@pytest.fixture(scope="module")
def rates() -> dict[str, FairRate]:
    return {rate.test: rate for rate in fair_draw_rates(SEEDS, NOMINAL)}


def test_on_fair_draws_pairs_stand_out_as_often_as_they_should(rates: dict[str, FairRate]) -> None:
    """The headline: mid-p of the pairs' excess, over more than two thousand unit-quarters."""
    assert rates["pair"].n >= 2_000
    assert 0.03 <= rates["pair"].rate <= 0.07


def test_no_test_of_a_rotation_is_louder_than_it_says(rates: dict[str, FairRate]) -> None:
    """Each within three standard errors of the nominal rate, or below it."""
    loud = {
        test: rate.rate
        for test, rate in rates.items()
        if rate.rate > NOMINAL + 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / rate.n)
    }

    assert len(rates) >= 10
    assert not loud


def test_a_directed_draw_stands_out_the_more_it_is_directed() -> None:
    """A favourite that comes three times as often as by turn, and one that comes by turn."""
    by_turn, directed = power_curve((1,), strengths=(1.0, 3.0))

    assert by_turn.shares["skips"] < directed.shares["skips"]
    assert directed.shares["skips"] > 0.8
    assert directed.shares["pair"] > 0.3
    assert directed.shares["any"] > 0.8
