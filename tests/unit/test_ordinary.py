"""What would make a stored alert ordinary, from its record alone, on the page and in words."""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from fastapi import FastAPI

from features.contracts.errors import CorruptBundleError, LedgerError
from features.contracts.verdicts import Counterfactual, Reliability, Review, Verdict
from features.store.ledger import Ledger
from models.budget import ReviewRule
from serving.console.memory import MemorySource
from serving.console.pages import console_router
from serving.late import LateRecords
from serving.ordinary import ordinary_at
from serving.reviewing import Reviewer
from serving.scorer import Scorer, Serving
from serving.store import records
from serving.testing import KIND, SmallEngine, payout, small_bundle

with warnings.catch_warnings():  # starlette 1.10 announces its test client's move to httpx2
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

KEY = "a key for reviewers"
SAMPLES = MemorySource.load(Path(__file__).parents[1] / "data" / "console_records.json")
ALERT = next(one for one in SAMPLES.records if one.verdict.scores.is_alert)
WAY = Counterfactual(
    feature="amount",
    name_zh="金额",
    name_en="amount",
    unit="CNY",
    actual=99.0,
    value=12.0,
    statement_zh="其他指标不变，若金额约为CNY 12.00，该事项不高于核查线（实际为CNY 99.00）。",
    statement_en="Amount: if it were about CNY 12.00, it would not be above the line <it is 99>.",
)


def _row(ledger: Ledger, amount: int, budget: float = 0.01) -> records.Row:
    serving = Serving(small_bundle(), "d" * 64, "1")
    reviewer = Reviewer(ReviewRule(budget=budget))
    scorer = Scorer(ledger, SmallEngine(ledger), lambda: serving, scored=(KIND,), reviewer=reviewer)
    verdict = scorer.score(payout(amount_minor=amount))
    return records.by_id(ledger.connection, verdict.record_id)


def test_an_alert_is_told_its_line(ledger: Ledger) -> None:
    """The small model alerts above 9,900 minor units: at 99 yuan and below it would be silent."""
    way = ordinary_at(_row(ledger, 250_000), small_bundle())

    assert way is not None
    assert (way.feature, way.unit, way.actual, way.value) == ("amount", "CNY", 2_500.0, 99.0)
    assert small_bundle().calibration.threshold(0.01) == 9_900.0


def test_no_alert_and_no_line_have_no_way(ledger: Ledger) -> None:
    """What is ordinary already needs nothing; where nothing can be an alert nothing is told."""
    row = _row(ledger, 120)
    assert ordinary_at(row, small_bundle()) is None

    verdict = Verdict.model_validate_json(row.verdict)
    assert verdict.review is not None
    scores = verdict.scores.model_copy(update={"is_alert": True})
    review = verdict.review.model_copy(update={"threshold": None})
    told = verdict.model_copy(update={"scores": scores, "review": review})
    assert ordinary_at(row._replace(verdict=told.model_dump_json()), small_bundle()) is None


def test_a_record_from_before_is_held_against_its_bundle(ledger: Ledger) -> None:
    """Without a line of its own the bundle's budget draws it."""
    row = _row(ledger, 250_000)
    verdict = Verdict.model_validate_json(row.verdict).model_copy(update={"review": None})
    bundle = small_bundle()
    bundle.threshold = 5_000.0
    way = ordinary_at(row._replace(verdict=verdict.model_dump_json()), bundle)
    assert way is not None
    assert way.value == 50.0


@dataclass(frozen=True)
class _Gone(MemorySource):
    """Records whose bundles were thrown away."""

    def ordinary(self, record_id: str) -> Counterfactual | None:
        raise CorruptBundleError(f"the bundle of {record_id} is gone")


def _page(source: MemorySource, lang: str) -> str:
    app = FastAPI()
    app.include_router(
        console_router(
            source,
            key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
            signing_key=b"s" * 32,
            secure_cookies=True,
            clock=lambda: datetime(2026, 3, 4, tzinfo=UTC),
        )
    )
    client = TestClient(app, base_url="https://console.example", follow_redirects=False)
    client.post("/console/login", data={"key": KEY})
    answer = client.get(f"/console/cases/{ALERT.verdict.record_id}", params={"lang": lang})
    assert answer.status_code == 200
    return str(answer.text)


@pytest.mark.parametrize(
    ("ways", "zh", "en"),
    [
        (
            {ALERT.verdict.record_id: WAY},
            "不高于核查线",
            "were about CNY 12.00, it would not be above the line &lt;it is 99&gt;.",
        ),
        ({}, "没有哪一项指标", "No single measure"),
    ],
)
def test_the_case_page_says_what_would_make_it_ordinary(
    ways: Mapping[str, Counterfactual], zh: str, en: str
) -> None:
    """In the reader's language, with where no single measure could do it."""
    source = MemorySource(SAMPLES.records, ways=ways)
    assert zh in _page(source, "zh-CN")
    english = _page(source, "en")
    assert "What would take it below the review line" in english
    assert en in english


def test_a_bundle_that_is_gone_costs_the_answer_and_not_the_page() -> None:
    """The page says that it is not known."""
    assert "is not at hand" in _page(_Gone(SAMPLES.records), "en")


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ("alert", "yes, above the review line"),
        ("control", "yes, drawn at random (control sample)"),
        ("both", "yes, above the review line and drawn at random"),
        (None, "no"),
    ],
)
def test_the_case_page_says_what_selected_it(
    arm: Literal["alert", "control", "both"] | None, told: str
) -> None:
    """A control event is to be reviewed as an alert is."""
    review = Review(
        selected_by=arm,
        inclusion_probability=0.5,
        control_probability=0.5,
        period="2026-03",
        threshold=1.0,
        rule="budget-0",
    )
    verdict = ALERT.verdict.model_copy(update={"review": review})
    page = _page(replace(SAMPLES, records=(ALERT.model_copy(update={"verdict": verdict}),)), "en")
    assert f"<dt>Selected for review</dt><dd>{told}</dd>" in page


def test_a_record_from_before_is_selected_as_an_alert() -> None:
    """It has no selection of its own."""
    assert ALERT.verdict.review is None
    assert "<dd>yes, above the review line</dd>" in _page(SAMPLES, "en")


def test_missing_leading_measures_are_told() -> None:
    """The page says how many of the measures that usually say most could not be used."""
    known = Reliability(usable=30, features=34, is_thin=False, leading=10, leading_missing=3)
    verdict = ALERT.verdict.model_copy(update={"reliability": known})
    page = _page(replace(SAMPLES, records=(ALERT.model_copy(update={"verdict": verdict}),)), "en")
    assert "Of the 10 measures that usually say most, 3 could not be used" in page

    whole = known.model_copy(update={"leading_missing": 0})
    verdict = ALERT.verdict.model_copy(update={"reliability": whole})
    page = _page(replace(SAMPLES, records=(ALERT.model_copy(update={"verdict": verdict}),)), "en")
    assert "that usually say most" not in page


def test_reliability_counts_the_leading_measures(ledger: Ledger) -> None:
    """The small model has one measure, and it is always there."""
    known = Verdict.model_validate_json(_row(ledger, 120).verdict).reliability
    assert known is not None
    assert (known.leading, known.leading_missing) == (1, 0)


def test_before_the_start_there_is_no_answer() -> None:
    """The late source refuses as for everything else."""
    with pytest.raises(LedgerError, match="starting"):
        LateRecords().ordinary("R-1")
