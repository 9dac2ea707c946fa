"""Simulated reviews: whose events, when, how chosen; and what is made of them, compared."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.contracts.events import from_us
from features.contracts.labels import Outcome, Selection
from training.champion_drill import poisoned
from training.district import District
from training.fit import fit
from training.influence import influences
from training.learning_curve import (
    Reviewing,
    learning_curve,
    mean_curve,
    simulated_reviews,
    to_markdown,
)

N_ROWS = 1_500


@pytest.fixture(scope="module")
def district(make_table):
    """One event in twenty is planted: high in two columns together; as many are high in one."""
    made = make_table(N_ROWS, 4, days=0.5)
    values = np.where(np.isnan(made.values), 0.0, made.values)
    at = np.arange(N_ROWS)
    is_planted = at % 20 == 3
    values[is_planted, :2] += 3.0
    values[at % 20 == 13, 2] += 6.0
    table = replace(made, values=values, status=np.zeros_like(made.status))
    fitted = fit(table, created_at=datetime(2026, 1, 1, tzinfo=UTC), budget=0.05)
    return District(fitted, table, is_planted)


def test_reviews_are_of_the_past_and_tell_the_truth_but_for_noise(district):
    """Decided before `until`; without noise an outcome is what was planted."""
    labels = simulated_reviews(district, wanted=20, reviewing=Reviewing())
    rows = labels.rows(district.table.event_id.tolist())
    assert (rows >= 0).all()
    assert (labels.is_confirmed == district.is_planted[rows]).all()
    until = from_us(district.fitted.split.until_us)
    assert all(label.decided_at < until for label in labels.every)
    confirmed = {one.event_id for one in labels.every if one.outcome is Outcome.CONFIRMED}
    assert len(confirmed) == 20
    assert simulated_reviews(district, wanted=0, reviewing=Reviewing()).every == ()


def test_reviews_are_chosen_as_said(district):
    """A fifth are controls at a known rate, a fifth of the events are seen by two reviewers."""
    labels = simulated_reviews(district, wanted=10**9, reviewing=Reviewing(), at_most=300)
    events = {label.event_id: label for label in labels.every}
    assert len(events) == 300
    n_controls = sum(one.selected_by is Selection.CONTROL for one in events.values())
    assert n_controls == pytest.approx(60, abs=25)
    n_double = len(labels) - len(events)
    assert n_double == pytest.approx(60, abs=25)
    pairs = {(label.event_id, label.reviewer) for label in labels.every}
    assert len(pairs) == len(labels)
    assert all(label.decided_at.tzinfo is not None for label in labels.every)


def test_noise_turns_outcomes(district):
    """About that share is wrong."""
    labels = simulated_reviews(
        district, wanted=10**9, reviewing=Reviewing(noise=0.2), at_most=400
    )  # fmt: skip
    rows = labels.rows(district.table.event_id.tolist())
    wrong = (labels.is_confirmed != district.is_planted[rows]).mean()
    assert wrong == pytest.approx(0.2, abs=0.06)


def test_labels_help_and_boosting_is_no_worse_than_weights_at_its_start(district):
    """From nothing to 20 confirmed: what is trained is never below what is known without labels."""
    points = learning_curve(district, confirmed=(0, 1, 20, 40))
    none, one, start, more = points
    assert (none.n_confirmed, none.n_events) == (0, 0)
    assert none.prior == none.ridge == none.blend == none.served
    assert one.served >= one.prior
    assert one.ridge >= 0.9 * one.prior
    for point in (start, more):
        assert point.blend >= point.ridge - 0.02
        assert point.served > point.prior
    assert to_markdown(mean_curve([points, points])).count("\n") == 5


def test_poison_turns_one_reviewers_outcomes_only(district):
    """So many, of that reviewer, decided when they were."""
    labels = simulated_reviews(district, wanted=10**9, reviewing=Reviewing(), at_most=200)
    turned = poisoned(labels, "r0", 12, np.random.default_rng(0))
    pairs = list(zip(labels.every, turned.every, strict=True))
    assert sum(a.outcome is not b.outcome for a, b in pairs) == 12
    assert {a.reviewer for a, b in pairs if a.outcome is not b.outcome} == {"r0"}
    assert all(a.decided_at == b.decided_at for a, b in pairs)


def test_nearly_all_labels_may_be_one_reviewers():
    """Of 100 labels one is somebody else's; the draws leave one too."""
    reviewer = (np.arange(100) == 0).astype(np.int64)

    def refit(kept):
        return np.arange(50.0) * (1.0 if kept.sum() > 50 else -1.0)

    found = influences(refit, reviewer, ("r0", "r1"), n_top=10, draws=3)
    assert [(one.n_labels, one.n_changed) for one in found] == [(99, 10), (1, 0)]
    assert not any(one.is_beyond for one in found)
