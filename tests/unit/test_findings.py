"""What the alerts caught, in a story of six payouts that can be counted by hand.

A budget of one third pays for two reviews. The model finds P-6 and P-5 most unusual; rules hit P-1
(two of them) and P-2. P-6 and P-4 are a ring, P-2 is a late payout, P-5 a look-alike.
"""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from features.contracts.events import Event
from features.contracts.tables import TRUTH
from serving.cli import show
from serving.cli.findings import catches, most_unusual, print_catches
from serving.cli.line import Answered
from training.cases import Case, Cases

STORY = {  # event: p-value, amount, rules that hit
    "P-1": (0.90, 10, 2),
    "P-2": (0.80, 90, 1),
    "P-3": (0.70, 10, 0),
    "P-4": (0.10, 10, 0),
    "P-5": (0.02, 10, 0),
    "P-6": (0.01, 10, 0),
}
PLANTED = [
    ("ring", "P-6", False),
    ("ring", "P-4", False),
    ("late", "P-2", False),
    ("rush", "P-5", True),
    ("elsewhere", "P-99", False),
]
BUDGET = 1 / 3


@pytest.fixture
def answered():
    events = [
        Event(
            scenario="payouts",
            kind="payout_paid",
            event_id=name,
            effective_at=datetime(2026, 3, 1, tzinfo=UTC),
            fields={"amount_minor": amount},
        )
        for name, (_, amount, _) in STORY.items()
    ]
    verdicts = [
        {
            "scores": {"p_value": p, "is_alert": p < 0.05},
            "rules": [{"status": "hit"}] * hits + [{"status": "clear"}],
        }
        for p, _, hits in STORY.values()
    ]
    return Answered(events, verdicts, [0.0] * len(events))


@pytest.fixture
def truth():
    columns = ["case_id", "event_id", "look_alike"]
    return (
        pl.DataFrame(PLANTED, schema=columns, orient="row")
        .with_columns(
            scenario=pl.lit("payouts"),
            typology=pl.col("case_id"),
            severity=pl.when("look_alike").then(pl.lit("none")).otherwise(pl.lit("subtle")),
            onset=pl.lit(datetime(2026, 3, 1, tzinfo=UTC)).dt.cast_time_unit("us"),
            telling_features=pl.lit(""),
            rule_sees=pl.lit(value=False),
            adaptive=pl.lit(value=False),
        )
        .select(list(TRUTH))
    )


def test_each_arm_reviews_two_payouts(answered, truth):
    """The model finds the ring, the rules what was late; the look-alike is a review spent."""
    cases = Cases.among(list(STORY), "payouts", truth)
    arms = {arm.name: arm for arm in catches(answered, cases, BUDGET)}
    counts = {
        name: (arm.n_reviews, arm.n_rows, arm.n_cases, arm.n_lookalike_rows)
        for name, arm in arms.items()
    }

    assert counts == {"model": (2, 1, 1, 1), "rules": (2, 1, 1, 0), "both": (2, 1, 1, 0)}


def test_an_event_in_two_cases_counts_for_both(answered):
    """P-6 is part of a split too, and so is P-5, the look-alike: two cases, two events."""
    names = [("ring", False), ("split", False), ("rush", True)]
    told = tuple(Case(name, name, "subtle", is_lookalike) for name, is_lookalike in names)
    cases = Cases(told, row=np.array([4, 4, 5, 5]), case=np.array([1, 2, 0, 1]), n_rows=6)
    model = catches(answered, cases, BUDGET)[0]

    assert (model.n_rows, model.n_cases) == (2, 2)
    assert (model.n_lookalike_rows, model.n_lookalike_cases) == (1, 1)


def test_rules_go_by_hits_then_by_amount(answered, truth):
    """With one review the rules take P-1, which two rules hit, not the dearer P-2."""
    cases = Cases.among(list(STORY), "payouts", truth)
    rules = catches(answered, cases, 1 / 6)[1]

    assert (rules.n_reviews, rules.n_rows) == (1, 0)


def test_the_smallest_p_comes_first_and_the_amount_settles_ties(answered):
    """Of two payouts with one p the larger is shown first."""
    assert most_unusual(answered, 2) == [5, 4]
    answered.verdicts[1]["scores"]["p_value"] = 0.01
    assert most_unusual(answered, 2) == [1, 5]


def test_the_table_says_what_there_was_to_catch(answered, truth, monkeypatch, capsys):
    """Two planted cases in three events are here; the one elsewhere and the rush do not count."""
    monkeypatch.setattr(show.out, "_file", None)
    print_catches("payouts", answered, truth, BUDGET)
    told = capsys.readouterr().out

    assert "6 events scored, 2 alerts; 2 planted cases in 3 events" in told
    (model,) = [line for line in told.splitlines() if line.startswith(("│ model", "│model"))]
    assert [cell.strip() for cell in model.strip("│").split("│")] == ["model", "2", "1", "1", "1"]
