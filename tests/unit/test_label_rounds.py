"""Rounds of simulated reviews: capacity, lag and mistakes as the parameters say."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from features.contracts.events import to_us
from features.contracts.labels import Label, Outcome, Selection
from features.table import FeatureTable
from training.cases import Case, Cases
from training.fit import fit
from training.fitted import Fitted
from training.label_rounds import label_gap
from training.labels import Labels
from training.simulation.config import Reviewers, SimulationConfig
from training.split import DAY_US

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
SHIPPED = SimulationConfig.load().reviewers
MakeTable = Callable[..., FeatureTable]


@pytest.fixture(scope="module")
def table(make_table: MakeTable) -> FeatureTable:
    """Rows of which the last of every forty lie far out."""
    return make_table(2_000)


@pytest.fixture(scope="module")
def fitted(table: FeatureTable) -> Fitted:
    return fit(table, created_at=CREATED, budget=0.02)


@pytest.fixture(scope="module")
def cases(table: FeatureTable) -> Cases:
    rows = np.arange(0, len(table), 50)
    told = tuple(Case(f"C-{at}", "T01", "blatant", is_lookalike=False) for at in range(len(rows)))
    return Cases(told, rows, np.arange(len(rows)), len(table))


def kept(
    monkeypatch: pytest.MonkeyPatch, told: tuple[Fitted, FeatureTable, Cases], reviewers: Reviewers
) -> list[Label]:
    """Every label of the rounds, known in time or not."""
    found: list[Label] = []
    of = Labels.of

    def spy(labels: list[Label]) -> Labels:
        found[:] = labels
        return of(labels)

    monkeypatch.setattr(Labels, "of", spy)
    label_gap(*told, budget=0.02, seed=1, reviewers=reviewers)
    return found


def test_reviewers_keep_to_their_capacity_and_controls(
    monkeypatch: pytest.MonkeyPatch, fitted: Fitted, table: FeatureTable, cases: Cases
) -> None:
    """Three rounds of ten: twenty-four alerts, six controls, no event twice."""
    plan = SHIPPED.model_copy(update={"reviews": 10})
    labels = kept(monkeypatch, (fitted, table, cases), plan)

    by = [label.selected_by for label in labels]
    assert (by.count(Selection.ALERT), by.count(Selection.CONTROL)) == (24, 6)
    assert len({label.event_id for label in labels}) == 30
    assert len({label.reviewer for label in labels}) <= plan.people


def test_reviewers_who_never_err_tell_the_truth(
    monkeypatch: pytest.MonkeyPatch, fitted: Fitted, table: FeatureTable, cases: Cases
) -> None:
    """Without mistakes an event is confirmed where it is planted; with nothing but, the reverse."""
    planted = set(table.event_id[cases.is_planted].tolist())
    for wrong in (0.0, 1.0):
        plan = SHIPPED.model_copy(update={"wrong_share": wrong, "reviews": 40})
        for label in kept(monkeypatch, (fitted, table, cases), plan):
            is_confirmed = label.outcome is Outcome.CONFIRMED
            assert is_confirmed == ((label.event_id in planted) ^ (wrong == 1.0))


def test_findings_come_late(
    monkeypatch: pytest.MonkeyPatch, fitted: Fitted, table: FeatureTable, cases: Cases
) -> None:
    """No finding before its round; half of them within about the median lag."""
    labels = kept(monkeypatch, (fitted, table, cases), SHIPPED)
    first = fitted.split.until_us - SHIPPED.rounds * SHIPPED.days * DAY_US
    since = np.array([(to_us(label.decided_at) - first) % (SHIPPED.days * DAY_US) / DAY_US
                      for label in labels])  # fmt: skip

    assert min(to_us(label.decided_at) for label in labels) > first
    assert 15 < float(np.median(since)) < 35


def test_the_gap_is_told_with_what_was_confirmed(
    fitted: Fitted, table: FeatureTable, cases: Cases
) -> None:
    """Shares between nothing and the best, the same for the same seed."""
    gap = label_gap(fitted, table, cases, budget=0.02, seed=3)

    assert 0.0 <= gap.before <= gap.best <= 1.0
    assert 0.0 <= gap.after <= gap.best
    assert gap == label_gap(fitted, table, cases, budget=0.02, seed=3)
    assert gap.n_confirmed > 0
