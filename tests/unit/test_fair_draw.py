"""Tests of a rotation on draws of known fairness: quiet on fair ones, loud on directed ones."""

import numpy as np
import pytest

from models.rotation.quarter import TESTS
from training.directed_draw import WAYS, power_curve
from training.fair_draw import FairRate, fair_draw_rates

NOMINAL = 0.05
SEEDS = (1, 2)


@pytest.fixture(scope="module")
def rates() -> dict[str, FairRate]:
    return {rate.test: rate for rate in fair_draw_rates(SEEDS, NOMINAL)}


def test_on_fair_draws_pairs_stand_out_as_often_as_they_should(rates: dict[str, FairRate]) -> None:
    """The headline: mid-p of the pairs' excess, over more than two thousand unit-quarters."""
    assert rates["pair"].n >= 2_000
    assert 0.03 <= rates["pair"].rate <= 0.07


@pytest.mark.parametrize("test", ["owner_triad", "owner_timing"])
def test_on_fair_draws_each_owner_stands_out_as_often_as_it_should(
    rates: dict[str, FairRate], test: str
) -> None:
    """What a pair is asked of its owners, of every owner by itself, whether it met or not."""
    assert rates[test].n >= 20_000
    assert 0.03 <= rates[test].rate <= 0.07


def test_no_test_of_a_rotation_is_louder_than_it_says(rates: dict[str, FairRate]) -> None:
    """Each within three standard errors of the nominal rate, or below it."""
    loud = {
        test: rate.rate
        for test, rate in rates.items()
        if rate.rate > NOMINAL + 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / rate.n)
    }

    assert set(TESTS) < set(rates)
    assert not loud


def test_a_directed_draw_stands_out_the_more_it_is_directed() -> None:
    """A favourite that comes three times as often as by turn, and one that comes by turn."""
    by_turn, directed = power_curve(WAYS["heads"], (1,), strengths=(1.0, 3.0))

    assert by_turn.shares["skips"] < directed.shares["skips"]
    assert directed.shares["skips"] > 0.8
    assert directed.shares["pair"] > 0.3
    assert directed.shares["any"] > 0.8


@pytest.mark.parametrize("name", WAYS)
def test_each_way_of_directing_is_seen_by_its_own_test(name: str) -> None:
    """Seldom where it is not done, nearly always where it is done much."""
    way = WAYS[name]
    nothing, much = power_curve(way, (1,), strengths=(way.strengths[0], way.strengths[-1]))

    assert nothing.shares[way.test] <= 0.25
    assert much.shares[way.test] > 0.75


@pytest.mark.parametrize(("name", "quiet"), [("heads", "timing"), ("fees", "redraw")])
def test_a_way_of_directing_is_no_finding_of_a_test_that_asks_something_else(
    name: str, quiet: str
) -> None:
    """Heads passed over are no timed submissions, dear cases no withdrawn ones."""
    (much,) = power_curve(WAYS[name], (1,), strengths=WAYS[name].strengths[-1:], tests=(quiet,))

    assert much.shares[quiet] <= 0.25
