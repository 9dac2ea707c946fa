"""A screening refuses truth, findings and warnings that are about other events.

Shares and rank correlations are held against scipy.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.contracts.errors import InputError
from features.contracts.events import Event
from features.contracts.labels import Label
from features.contracts.tables import TRUTH
from features.scenarios import catalog
from features.store.ledger import Ledger
from training.evaluation import Rate
from training.host_answers import read_answers
from training.labels import Labels
from training.screen_ledger import Asked, screen_ledger
from training.screening import Screening
from training.stability import spearman
from training.truth import load_truth

FIRST = datetime(2026, 3, 2, 1, tzinfo=UTC)
Judge = Callable[[Asked], Screening]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Screens forty contracts of four buyers, by a model that is fitted on them."""
    ledger, scenario = Ledger.in_memory(), catalog.load("small_works")
    ledger.admit(
        [
            Event(
                scenario="small_works",
                kind="contract_awarded",
                event_id=f"C-{number}",
                effective_at=FIRST + timedelta(days=number),
                fields={
                    "buyer": f"B-{number % 4}",
                    "supplier": f"S-{number % 7}",
                    "category": "road",
                    "work_class": "works",
                    "method": "inquiry",
                    "amount_minor": 1_000_000 + 7_919 * (number * number % 40),
                },
            )
            for number in range(40)
        ]
    )
    return lambda asked: screen_ledger(ledger, scenario, None, asked, budget=0.1)


def _found(*event_ids: str) -> Labels:
    """An alert that was confirmed, for each event."""
    return Labels.of(
        Label.model_validate(
            {
                "event_id": event_id,
                "outcome": "confirmed",
                "reviewer": "r1",
                "decided_at": "2026-05-01T09:00:00+08:00",
                "selected_by": "alert",
                "inclusion_probability": 1.0,
            }
        )
        for event_id in event_ids
    )


def test_findings_about_other_events_than_those_judged_are_left_out(judge: Judge) -> None:
    """One of two is judged: it counts, the other does not."""
    told = judge(Asked(labels=_found("C-3", "C-elsewhere"))).sampled

    assert told is not None
    assert (told.n_reviews, told.precision) == (1, Rate.of(1, 1))


def test_findings_of_which_none_is_about_a_judged_event_are_refused(judge: Judge) -> None:
    """A mistyped id in every row, or a time in which none of them happened."""
    way_out = "give the event_id that the ledger has, or widen the time"
    with pytest.raises(InputError, match=f"none of the 2 findings .* of small_works; {way_out}"):
        judge(Asked(labels=_found("c-3", "c-4")))
    with pytest.raises(InputError, match="none of the 1 findings"):
        judge(Asked(labels=_found("C-3"), since=FIRST + timedelta(days=20)))


def test_warnings_of_which_none_is_about_a_judged_event_are_refused(
    judge: Judge, tmp_path: Path
) -> None:
    """Else the rules would be judged without them, and nobody would know."""
    path = tmp_path / "host.csv"
    path.write_text("event_id,rule,answer,at\nc-3,their_own,hit,2026-04-01T09:00:00+08:00\n")
    told = read_answers(path)

    with pytest.raises(InputError, match=r"none of the host's 1 answers .* of small_works; give"):
        judge(Asked(answers=told))
    assert judge(Asked(answers=told, until=FIRST + timedelta(days=15))).n_host_answers == 0


def _truth(event_id: str) -> pl.DataFrame:
    """One subtle case of one event."""
    words = {"typology": "T12", "severity": "subtle", "telling_features": "", "case_id": "c1"}
    flags = dict.fromkeys(("look_alike", "rule_sees", "adaptive"), False)
    row = {"event_id": event_id, "scenario": "small_works", "onset": FIRST, **words, **flags}
    return pl.DataFrame([row], schema=TRUTH)


def test_a_truth_of_which_no_event_is_in_the_ledger_is_refused(judge: Judge) -> None:
    """One whose events lie outside of the judged time is a truth: nothing was planted in it."""
    with pytest.raises(
        InputError, match=r"none of its 1 events of small_works .*; ingest the hist"
    ):
        judge(Asked(truth=_truth("c-3")))

    assert judge(Asked(truth=_truth("C-3"))).recalls[0].n_units == 1
    assert judge(Asked(truth=_truth("C-3"), since=FIRST + timedelta(days=20))).recalls == ()


def test_a_truth_without_a_column_is_told_which(tmp_path: Path) -> None:
    """With all that it should have."""
    path = tmp_path / "truth.csv"
    path.write_text(",".join(name for name in TRUTH if name != "onset") + "\n")

    with pytest.raises(
        InputError, match=r"truth\.csv: no column 'onset'; columns must be event_id"
    ):
        load_truth(path)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_that_of_scipy(counted: tuple[int, int]) -> None:
    """Wilson's, at 95 percent, whatever is counted."""
    hits, n = counted
    told, expected = Rate.of(hits, n), stats.binomtest(hits, n).proportion_ci(method="wilson")

    assert (told.low, told.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.permutations(range(9)), st.permutations(range(9)))
def test_the_rank_correlation_of_two_orders_is_that_of_scipy(
    one: list[int], other: list[int]
) -> None:
    """Which is given the rank of each thing in place of the order."""
    expected = stats.spearmanr(np.argsort(one), np.argsort(other)).statistic

    assert spearman(np.array(one), np.array(other)) == pytest.approx(expected)
