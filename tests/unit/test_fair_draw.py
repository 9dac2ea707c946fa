"""Tests of a rotation on draws of known fairness: quiet on fair ones, loud on directed ones.

`python -m training.fair_draw` with more seeds gives the figures of notebooks/rotation.md.
"""

import numpy as np
import pytest

from models.rotation.officers import TESTS_OF_OFFICERS
from models.rotation.quarter import TESTS
from training.directed_draw import WAYS, power_curve
from training.fair_draw import FairRate, FairWorld, fair_draw_rates

NOMINAL = 0.05
SEEDS = (1, 2)
MANY = tuple(range(1, 21))
LOTS = (1, 2, 3)
AT_LEVEL = ("leniency", "review", "skips", "speed", "value")
"""Tests of pairs that are right on average; counts of what is rare are careful."""


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
        if rate.rate > NOMINAL + 3 * binomial_error(rate.n)
    }

    assert {*TESTS, *TESTS_OF_OFFICERS} < set(rates)
    assert not loud


@pytest.mark.parametrize("test", AT_LEVEL)
def test_on_fair_draws_a_test_keeps_to_its_level(rates: dict[str, FairRate], test: str) -> None:
    """Neither louder nor more careful than it says, within three standard errors."""
    assert rates[test].n >= 2_000
    assert abs(rates[test].rate - NOMINAL) <= 3 * binomial_error(rates[test].n)


def test_on_fair_draws_officers_stand_out_as_often_as_they_should() -> None:
    """Over twenty rotations; where skips end is told by two to four of them, so that it is careful.

    Two officers share a queue, so that the error is that of whole rotations.
    """
    rates = {rate.test: rate for rate in fair_draw_rates(MANY, tests=TESTS_OF_OFFICERS)}

    for test in ("concentration", "skip_depth"):
        assert rates[test].n > 2_300
        assert rates[test].error < 0.01
        assert 0.03 <= rates[test].rate <= 0.07
    assert 0.02 <= rates["destination"].rate <= 0.06


@pytest.mark.parametrize("batch", [8, 16])
def test_an_officer_whose_cases_come_in_batches_is_not_more_concentrated(batch: int) -> None:
    """A batch takes some agencies in a row, which a shuffle of the names would call rare."""
    (rate,) = fair_draw_rates(MANY[:8], tests=("concentration",), world=FairWorld(batch=batch))

    assert rate.n > 900
    assert rate.rate <= NOMINAL + 3 * max(rate.error, binomial_error(rate.n))


def test_by_lot_pairs_and_officers_stand_out_as_often_as_they_should() -> None:
    """Each draw has its own chance; without a queue there is no head to pass over."""
    tests = ("pair", "concentration", "skips", "timing", "skip_depth", "destination")
    rates = fair_draw_rates(LOTS, tests=tests, world=FairWorld("lot"))
    concentration, pair = rates

    assert (concentration.test, pair.test) == ("concentration", "pair")
    assert pair.n >= 5_000
    assert 0.03 <= pair.rate <= 0.07
    assert abs(concentration.rate - NOMINAL) <= 3 * binomial_error(concentration.n)


def binomial_error(n: int) -> float:
    """The standard error of a nominal rate, were the tests independent."""
    return float(np.sqrt(NOMINAL * (1 - NOMINAL) / n))


def test_a_directed_draw_stands_out_the_more_it_is_directed() -> None:
    """A favourite that comes three times as often as by turn, and one that comes by turn."""
    by_turn, directed = power_curve(WAYS["heads"], (1,), strengths=(1.0, 3.0))

    assert by_turn.shares["skips"] < directed.shares["skips"]
    assert directed.shares["skips"] > 0.8
    assert directed.shares["pair"] > 0.3
    assert directed.shares["any"] > 0.8
    assert by_turn.shares["skip_depth"] < 0.3 < directed.shares["skip_depth"]
    assert by_turn.shares["destination"] < 0.3 < directed.shares["destination"]


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
