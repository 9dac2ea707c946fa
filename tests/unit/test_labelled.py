"""Weights from labels: nothing before the first confirmed case, and then where it points."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError, InputError
from models.fitting.ensemble import fit_ensemble
from models.fitting.labelled import (
    BOOSTED_FROM,
    CAUTIONS,
    CROWD,
    Explained,
    Findings,
    crossfit,
    fit_labelled,
    trusted,
)
from models.labelled import Labelled

NAMES = ("a", "b", "c")
X = np.random.default_rng(1).normal(size=(500, 3))
ENSEMBLE = fit_ensemble(X, NAMES, seed=0)
CROWD_ROWS = Explained.of(ENSEMBLE, X)
FAR_A, FAR_B = np.array([[5.0, 0.0, 0.0]]), np.array([[0.0, 5.0, 0.0]])


def found(x, confirmed, weight=None):
    """Findings about rows."""
    outcome = np.asarray(confirmed, dtype=np.float64)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight)
    return Findings(Explained.of(ENSEMBLE, np.asarray(x)), outcome, weight)


def fitted(findings):
    """The model of these findings."""
    return fit_labelled(ENSEMBLE, findings, CROWD_ROWS, seed=0)


def order(model):
    """Rows by score."""
    return np.argsort(-model.score(X).round(9), kind="stable").tolist()


@pytest.mark.parametrize("n_cleared", [0, 1, 30])
def test_without_a_confirmed_case_it_is_the_unsupervised_ranking(n_cleared):
    """Cleared events alone change nothing."""
    model = fitted(found(4.0 * X[:n_cleared], np.zeros(n_cleared)))
    np.testing.assert_allclose(model.score(X), ENSEMBLE.score(X), atol=1e-9)
    assert order(model) == order(ENSEMBLE)


def test_an_event_that_reviewers_dispute_is_not_confirmed():
    """One of two reviewers confirms: the ranking stays."""
    assert order(fitted(found(FAR_A, [0.5]))) == order(ENSEMBLE)


def test_it_moves_from_the_first_confirmed_case():
    """A case in one column, and others in another cleared: the order of the two kinds turns."""
    slightly_less = 0.9 * FAR_A
    assert ENSEMBLE.score(slightly_less)[0] < ENSEMBLE.score(FAR_B)[0]
    model = fitted(found(np.vstack([FAR_A, FAR_B]), [1.0, 0.0]))
    assert model.score(slightly_less)[0] > model.score(FAR_B)[0]
    assert model.weights[0] > 1.0 > model.weights[1]


@settings(max_examples=15, deadline=None)
@given(light=st.floats(0.1, 5.0), factor=st.floats(1.1, 10.0))
def test_heavier_labels_move_weights_further(light, factor):
    """The more a confirmed case weighs, the further its column's weight lies from 1."""
    weights = [
        fitted(found(np.vstack([FAR_A, FAR_B]), [1.0, 0.0], [weight, weight])).weights
        for weight in (light, light * factor)
    ]
    assert weights[1][0] > weights[0][0] > 1.0


def test_crowd_weighs_the_same_however_large_it_is():
    """A hundred or five hundred unreviewed events weigh `CROWD` reviews together."""
    findings = found(np.vstack([FAR_A, FAR_B]), [1.0, 0.0])
    twice = CROWD_ROWS.rows(np.tile(np.arange(500), 2))
    small = fit_labelled(ENSEMBLE, findings, CROWD_ROWS, seed=0)
    large = fit_labelled(ENSEMBLE, findings, twice, seed=0)
    np.testing.assert_allclose(large.weights, small.weights, rtol=1e-6)
    assert CROWD == 20.0


def test_boosting_has_a_say_from_twenty_confirmed_on():
    """At nineteen there is none."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2 * BOOSTED_FROM, 3))
    confirmed = np.arange(len(x)) < BOOSTED_FROM
    with_boosting = fitted(found(x, confirmed))
    assert with_boosting.boosted is not None
    assert with_boosting.mix == 0.5
    confirmed[0] = False
    assert fitted(found(x, confirmed)).boosted is None


def test_boosting_learns_what_weights_cannot():
    """Confirmed where a and b are unusual together, cleared where one of them is."""
    rng = np.random.default_rng(3)
    both = rng.normal(size=(40, 3)) * 0.3 + [3.0, 3.0, 0.0]
    one = rng.normal(size=(80, 3)) * 0.3 + np.where(rng.random((80, 1)) < 0.5, [9, 0, 0], [0, 9, 0])
    model = fitted(found(np.vstack([both, one]), np.arange(120) < 40))
    fresh_both, fresh_one = np.array([[3.1, 2.9, 0.1]]), np.array([[9.0, 0.1, 0.0]])
    assert ENSEMBLE.score(fresh_one)[0] > ENSEMBLE.score(fresh_both)[0]
    assert model.score(fresh_both)[0] > model.score(fresh_one)[0]


def test_contributions_are_told_against_the_usual():
    """They average 0 over the crowd, and name the column that a case lies in."""
    rng = np.random.default_rng(4)
    shifted = rng.normal(size=(25, 3)) + np.array([4.0, 0.0, 0.0])
    x = np.vstack([shifted, rng.normal(size=(25, 3))])
    model = fitted(found(x, np.arange(50) < 25))
    base, parts = model.contributions(X)
    np.testing.assert_allclose(parts.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(base + parts.sum(axis=1), model.score(X), rtol=1e-9)
    assert int(np.argmax(model.contributions(FAR_A)[1][0])) == 0


def test_crossfit_knows_nothing_of_the_events_own_finding():
    """On outcomes that are pure chance a fit finds a pattern, and the crossfit does not."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(150, 3))
    is_confirmed = rng.permutation(np.arange(150) < 50)
    findings = found(x, is_confirmed)
    scores = (fitted(findings).score(x), crossfit(ENSEMBLE, findings, CROWD_ROWS, seed=0))
    own, unseen = (
        float((score[is_confirmed][:, None] > score[~is_confirmed]).mean()) for score in scores
    )
    assert own > 0.7
    assert unseen < 0.6


def test_findings_that_do_not_fit_are_refused():
    """One outcome and one positive weight an event."""
    with pytest.raises(InputError, match="one outcome and one weight each"):
        found(X[:3], [1.0, 0.0])
    with pytest.raises(InputError, match="positive weight"):
        found(X[:2], [1.0, 0.0], [1.0, 0.0])


def test_no_crowd_is_survived():
    """Every event was reviewed."""
    findings = found(np.vstack([4.0 * X[:25], X[25:50]]), np.arange(50) < 25)
    nobody = CROWD_ROWS.rows(np.empty(0, dtype=np.int64))
    model = fit_labelled(ENSEMBLE, findings, nobody, seed=0)
    assert np.isfinite(model.score(X)).all()


@pytest.mark.parametrize(
    ("name", "damaged", "message"),
    [
        ("level", np.array([0.0, 0.5]), "exactly where trees are kept"),
        ("level", np.array([0.0, 1.5]), "must end in a share"),
        ("level", np.array([np.inf, 0.0]), "not finite"),
        ("weights", np.ones(2), "must be float64"),
        ("usual", np.ones((3, 1)), "must be float64"),
    ],
)
def test_damaged_arrays_are_refused(name, damaged, message):
    """Shapes, and a mix without trees."""
    sound = Labelled.unlabelled(ENSEMBLE).arrays()
    assert Labelled.from_arrays(sound, ensemble=ENSEMBLE).mix == 0.0
    with pytest.raises(CorruptBundleError, match=message):
        Labelled.from_arrays(sound | {name: damaged}, ensemble=ENSEMBLE)


def test_trees_over_other_columns_are_refused():
    """A tree that cuts a column that is not there."""
    rng = np.random.default_rng(6)
    findings = found(rng.normal(size=(40, 3)), np.arange(40) < 20)
    arrays = dict(fitted(findings).arrays())
    feature = np.array(arrays["boosted.feature"])
    feature[0] = 6
    with pytest.raises(CorruptBundleError, match=r"lie in -1\.\.5"):
        Labelled.from_arrays(arrays | {"boosted.feature": feature}, ensemble=ENSEMBLE)
    without_mix = replace(fitted(findings), mix=0.0).arrays()
    with pytest.raises(CorruptBundleError, match="exactly where trees are kept"):
        Labelled.from_arrays(without_mix, ensemble=ENSEMBLE)


def as_scored(x, seed, slope=1.0):
    """Outcomes that depend on the ensemble's score alone; about half are confirmed."""
    score = slope * ENSEMBLE.score(x)
    p = 1.0 / (1.0 + np.exp(np.median(score) - score))
    return (np.random.default_rng(seed).random(len(x)) < p).astype(np.float64)


def test_findings_that_say_no_more_than_the_score_are_followed_least():
    """So are fewer confirmed events than there are spans to foretell."""
    x = 2.0 * np.random.default_rng(3).normal(size=(300, 3))
    same = trusted(ENSEMBLE, found(x, as_scored(x, 3)), CROWD_ROWS, seed=0)
    few = trusted(ENSEMBLE, found(x, np.arange(300) < 4), CROWD_ROWS, seed=0)
    assert same.ridge >= 10.0
    assert few == CAUTIONS[0]


def test_findings_that_one_column_decides_are_followed_closely():
    """The ensemble looks at all three alike."""
    x = np.random.default_rng(4).normal(0.0, 3.0, size=(200, 3))
    chosen = trusted(ENSEMBLE, found(x, np.abs(x[:, 0]) > 3.0), CROWD_ROWS, seed=0)
    assert chosen.ridge <= 2.0


def test_a_story_that_is_over_is_followed_less_than_one_that_goes_on():
    """In the first span a column tells what is harmless; over all spans it would teach."""
    rng = np.random.default_rng(5)
    x = 2.0 * rng.normal(size=(300, 3))
    confirmed = as_scored(x, 6, slope=2.0)
    x[:60, 0] = 8.0
    confirmed[:60] = 0.0
    over = trusted(ENSEMBLE, found(x, confirmed), CROWD_ROWS, seed=0)
    at = rng.permutation(300)
    on = trusted(ENSEMBLE, found(x[at], confirmed[at]), CROWD_ROWS, seed=0)
    assert over.ridge > on.ridge
