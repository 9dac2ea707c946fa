"""An evaluation of ten rows that can be checked by hand.

Ten payouts, a budget of three reviews. The model ranks rows 9, 8, 7 first; the rule hits rows 0, 7.
Case A (rows 7 and 9) is a blatant split, case B (row 0) is seen by the rule only, case C (row 8) is
a look-alike, case D (row 1) is found by nobody.
"""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from features.contracts.errors import InputError
from features.contracts.tables import TRUTH
from training.cases import Cases
from training.evaluate import Judged, judge
from training.evaluation import Rate
from training.rank import by_turns, n_reviews

STORY = [
    ("A", "split", "blatant", False, "P-7", "f0"),
    ("A", "split", "blatant", False, "P-9", "f0"),
    ("B", "ring", "subtle", False, "P-0", ""),
    ("C", "rush", "none", True, "P-8", ""),
    ("D", "ring", "subtle", False, "P-1", "f1"),
    ("E", "ring", "subtle", False, "P-elsewhere", "f1"),
]
COLUMNS = ["case_id", "typology", "severity", "look_alike", "event_id", "telling_features"]


@pytest.fixture
def truth():
    frame = pl.DataFrame(STORY, schema=COLUMNS, orient="row")
    onset = pl.lit(datetime(2026, 3, 1, tzinfo=UTC)).dt.cast_time_unit("us").alias("onset")
    no = pl.lit(value=False)
    known = (pl.lit("payouts").alias("scenario"), no.alias("rule_sees"), no.alias("adaptive"))
    return frame.with_columns(*known, onset).select(list(TRUTH))


@pytest.fixture
def judged(make_table):
    hit = np.zeros(10, dtype=np.int8)
    hit[[0, 7]] = 1
    score = np.arange(10.0)
    reasons = np.tile([0.0, 2.0, -1.0], (10, 1))
    reasons[7] = [3.0, 0.5, 0.1]
    return Judged(
        table=replace(make_table(10), rules={"over_cap": hit}),
        score=score,
        p_value=(10 - score) / 10,
        names=("f0", "f1", "f2"),
        contributions=lambda at: reasons[at],
    )


@pytest.fixture
def evaluation(judged, truth):
    cases = Cases.of(judged.table, truth)
    return judge(judged, budget=0.3, calibrate_score=np.arange(10.0), cases=cases)


def test_three_reviews_by_each_arm(evaluation):
    """The model finds A twice, the rules A and B, both A and B; only the rules see B."""
    arms = {arm.name: arm for arm in evaluation.truth.arms}
    assert (arms["model"].n_rows, arms["model"].n_cases) == (2, 1)
    assert (arms["rules"].n_rows, arms["rules"].n_cases) == (2, 2)
    assert (arms["both"].n_rows, arms["both"].n_cases) == (2, 1)
    assert [arms[name].n_reviews for name in ("model", "rules", "both")] == [3, 2, 3]


def test_look_alikes_are_counted_apart(evaluation):
    """The harmless rush in row 8 is a review spent, not a find."""
    arms = {arm.name: arm for arm in evaluation.truth.arms}
    assert (arms["model"].n_lookalike_rows, arms["model"].n_lookalike_cases) == (1, 1)
    assert arms["rules"].n_lookalike_rows == 0


def test_cases_are_counted_by_typology_and_severity(evaluation):
    """Case E has no row here and does not count; D is unseen by rules and by the model."""
    rows = {row.typology: row for row in evaluation.truth.recalls}
    assert evaluation.truth.n_cases == 3
    assert (rows["ring"].n_cases, rows["ring"].model, rows["ring"].rules) == (2, 0, 1)
    assert (rows["ring"].unseen_by_rules, rows["ring"].model_beyond_rules) == (1, 0)
    assert (rows["split"].model, rows["split"].both) == (1, 1)


def test_an_explanation_hits_when_a_telling_feature_is_shown(evaluation):
    """Row 7 shows f0 among its reasons, row 9 shows only f1: one of two."""
    assert (evaluation.truth.explained.hits, evaluation.truth.explained.n) == (1, 2)


def test_alerts_and_rates(evaluation):
    """p <= 0.3 on three rows as expected; two alerts are hit by no rule."""
    assert evaluation.n_alerts == 3
    assert evaluation.alert_rate.rate == 0.3
    assert evaluation.n_alerts_without_rule == 2
    assert evaluation.rules[0].n_hits == evaluation.rules[0].precision.hits == 2


def test_without_planted_cases_only_rates_are_said(judged):
    """Real data has no truth: the evaluation then claims no precision."""
    evaluation = judge(judged, budget=0.3, calibrate_score=np.arange(10.0))
    assert evaluation.truth is None
    assert evaluation.rules[0].precision is None
    assert not [name for name in evaluation.metrics() if name.startswith("precision")]


def test_an_evaluation_can_be_read_back_and_read(evaluation):
    """JSON is lossless; the page names each arm, the cases and the budget."""
    assert type(evaluation).model_validate_json(evaluation.to_json()) == evaluation
    page = evaluation.to_markdown()
    for text in ("Budget 30.00%", "| ring | subtle | 2 | 0 | 1 |", "1 of 3", "take turns"):
        assert text in page


def test_a_truth_table_keeps_its_schema(judged, truth):
    """A severity that does not exist is refused."""
    with pytest.raises(InputError, match="severity breaks isin"):
        Cases.of(judged.table, truth.with_columns(pl.lit("loud").alias("severity")))


def test_turns_go_on_when_one_order_ends():
    """The shorter order does not shorten the review."""
    assert by_turns(np.array([5]), np.array([1, 2, 3]), 4).tolist() == [5, 1, 2, 3]
    assert by_turns(np.array([5]), np.array([5]), 4).tolist() == [5]


def test_a_budget_pays_for_at_least_one_review():
    """One in a thousand of ten rows is one row, of none is none."""
    assert (n_reviews(10, 0.001), n_reviews(0, 0.5), n_reviews(1000, 0.003)) == (1, 0, 3)


def test_nothing_is_known_of_no_rows():
    """A share of nothing has the widest interval."""
    assert (Rate.of(0, 0).low, Rate.of(0, 0).high) == (0.0, 1.0)
