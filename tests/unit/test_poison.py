"""Poisoned labels: one bad reviewer raises an alarm, honest ones do not."""

from dataclasses import replace

import numpy as np
import pytest

from features.contracts.errors import InputError
from training.poison import NOISE, check_reviewers, surprises
from training.poison_drill import Setting, drill, least_double_share, simulated

ATTACK = Setting(double_share=0.3)
"""500 labels, 5 reviewers, three in ten events seen twice, one flips 5 % of all labels."""
HONEST = replace(ATTACK, flipped_share=0.0)
N_REPEATS = 200


def test_the_attack_is_caught_with_power_above_four_fifths():
    """With 30 % of the events reviewed twice and a model of AUC 0.8, at 8 % honest mistakes."""
    found = drill(ATTACK, repetitions=2 * N_REPEATS)
    assert found.power.rate >= 0.8
    assert found.blamed.rate <= 0.05


@pytest.mark.parametrize("auc", [0.5, 0.8])
def test_honest_reviewers_are_rarely_alarmed_about(auc):
    """Any alarm in at most one of twenty rounds, within what 200 rounds can tell."""
    found = drill(replace(HONEST, auc=auc), repetitions=N_REPEATS, seed=2)
    assert found.blamed.low <= 0.05
    assert found.blamed.rate <= 0.09
    assert found.power.hits == 0


def test_more_double_reviews_catch_more():
    """Without a model, double reviews are all there is."""
    blind = replace(ATTACK, auc=0.5)
    few, many = (
        drill(replace(blind, double_share=share), repetitions=80).power.rate for share in (0.0, 1.0)
    )
    assert few < 0.5
    assert many > 0.7


def test_a_known_double_review_protects_less():
    """Who knows which reviews are repeated flips the others: reviews must be blind."""
    blind = replace(ATTACK, double_share=0.5)
    known = replace(blind, target="single")
    hidden, told = (drill(each, repetitions=80).power.rate for each in (blind, known))
    assert told < hidden


def test_clearing_confirmed_cases_is_caught():
    """A reviewer who clears own cases only differs all the more."""
    attack = replace(ATTACK, target="confirmed")
    assert drill(attack, repetitions=80).power.rate >= 0.8
    checks = check_reviewers(simulated(attack, np.random.default_rng(1)), tuple("abcde"))
    assert (checks[0].reviewer, checks[0].leaning) == ("a", "clears")


def test_least_share_of_double_reviews():
    """Eight reviewers need few; three are too few for any share."""
    eight = replace(ATTACK, n_reviewers=8)
    least = least_double_share(eight, repetitions=60)
    assert least is not None
    assert least <= 0.15
    assert least_double_share(replace(ATTACK, n_reviewers=3, auc=0.5), repetitions=30) is None


def test_a_simulated_round_is_what_the_setting_says():
    """So many labels, two different reviewers of a double review, so many flipped."""
    setting = replace(ATTACK, noise=0.0)
    reviews = simulated(setting, np.random.default_rng(3))
    honest = simulated(replace(setting, flipped_share=0.0), np.random.default_rng(3))
    assert reviews.event.size == 500
    n_events = int(reviews.event.max()) + 1
    assert (500 - n_events) / n_events == pytest.approx(0.3, abs=0.005)
    pairs = {(e, r) for e, r in zip(reviews.event.tolist(), reviews.reviewer.tolist(), strict=True)}
    assert len(pairs) == 500
    flipped = reviews.is_confirmed != honest.is_confirmed
    assert flipped.sum() == 25
    assert set(reviews.reviewer[flipped]) == {0}


def test_surprise_falls_with_what_others_say():
    """A confirmation surprises less where the model or a peer expects it."""
    one = simulated(replace(HONEST, n_labels=40, double_share=1.0), np.random.default_rng(0))
    sure = replace(one, expected=np.full(40, 0.9))
    unsure = replace(one, expected=np.full(40, 0.1))
    confirms = one.is_confirmed
    gap = surprises(sure) - surprises(unsure)
    assert (gap[confirms][:, [0, 2]] < 0.0).all()
    assert (gap[~confirms][:, [0, 1]] > 0.0).all()
    assert surprises(one).max() <= 1.0 / NOISE


def test_strata_keep_cases_of_one_kind_together():
    """A reviewer who gets all the clear-cut cases is not blamed for the odd ones of the others."""
    n = 300
    rng = np.random.default_rng(7)
    reviewer = rng.integers(0, 3, n)
    reviewer[:100] = 0
    stratum = (np.arange(n) < 100).astype(np.int64)
    is_confirmed = rng.random(n) < np.where(stratum == 1, 0.5, 0.02)
    plain = simulated(HONEST, rng)
    reviews = replace(
        plain, event=np.arange(n), reviewer=reviewer, is_confirmed=is_confirmed,
        expected=np.full(n, 0.1), stratum=stratum,
    )  # fmt: skip
    names = ("r0", "r1", "r2")
    assert not any(check.is_alarm for check in check_reviewers(reviews, names))
    together = replace(reviews, stratum=0 * stratum)
    assert check_reviewers(together, names)[0].reviewer == "r0"
    assert check_reviewers(together, names)[0].is_alarm


def test_reviewers_without_a_name_are_refused():
    """Every code has a pseudonym."""
    with pytest.raises(InputError, match="5 reviewers have 2 names"):
        check_reviewers(simulated(HONEST, np.random.default_rng(0)), ("a", "b"))
