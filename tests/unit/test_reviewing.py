"""Who is looked at, live: the line is in the record, and a moving one survives a restart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from features.contracts.errors import LedgerError
from features.contracts.settings import Settings
from features.contracts.verdicts import Review, Verdict
from features.store.ledger import Ledger
from models.budget import ReviewRule
from models.control import Control, Stratum
from serving.alertrates import AlertRates
from serving.reviewing import Reviewer, is_above, rule_of
from serving.scorer import Scorer, Serving
from serving.store import records
from serving.store.past import StoredScores
from serving.testing import KIND, SCENARIO, SmallEngine, payout, small_bundle

DIGEST = "d" * 64


def _scorer(ledger: Ledger, reviewer: Reviewer, digest: str = DIGEST) -> Scorer:
    serving = Serving(small_bundle(), digest, "1")
    return Scorer(ledger, SmallEngine(ledger), lambda: serving, scored=(KIND,), reviewer=reviewer)


def _rolling(ledger: Ledger, budget: float = 0.01) -> Reviewer:
    past = StoredScores(ledger.connection, SCENARIO)
    return Reviewer(ReviewRule(budget=budget), line="rolling", past=past)


def _line(reviewer: Reviewer, digest: str = DIGEST) -> float | None:
    """The line that would be in force now, for an event that is never stored."""
    found = reviewer.select(small_bundle(), digest, "x", 1.0, at_us=0, record_id="never")
    return found.threshold


def _review(verdict: Verdict) -> Review:
    assert verdict.review is not None
    return verdict.review


def test_a_fixed_line_is_that_of_the_calibration(ledger: Ledger) -> None:
    """An alert is what its p-value says, and the line stands in the record."""
    scorer = _scorer(ledger, Reviewer(ReviewRule(budget=0.01)))
    line = small_bundle().calibration.threshold(0.01)
    for number, amount in enumerate((120, 9_899, 9_901, 9_999)):
        verdict = scorer.score(payout(f"P-{number}", amount))
        review = _review(verdict)
        assert review.threshold == line
        assert verdict.scores.is_alert == (verdict.scores.p_value <= 0.01) == (amount > line)
        assert review.inclusion_probability == float(review.is_alert)
        assert (review.period, review.rule[-6:]) == ("2026-03", "-fixed")


def test_a_moving_line_follows_what_comes(ledger: Ledger) -> None:
    """When every amount is twenty times the usual, only the first of them are alerts."""
    scorer = _scorer(ledger, _rolling(ledger))
    found = [_review(scorer.score(payout(f"P-{n}", 200_000))) for n in range(60)]

    assert found[0].is_alert
    assert not found[-1].is_alert
    assert sum(review.is_alert for review in found) <= 25
    lines = [review.threshold or 0.0 for review in found]
    assert lines == sorted(lines)


def test_a_restart_draws_the_line_again(ledger: Ledger) -> None:
    """A service that starts anew on the same records goes on where the other one stopped."""
    going = _rolling(ledger)
    scorer = _scorer(ledger, going)
    for number in range(12):
        scorer.score(payout(f"P-{number}", 200_000 + 7 * number))
        assert _line(_rolling(ledger)) == _line(going)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30_000)), min_size=1, max_size=60))
def test_services_on_one_ledger_draw_one_line(calls: list[tuple[int, int]]) -> None:
    """Whichever of three services stores a record, all go on as one that stored them all would."""
    shared, alone = Ledger.in_memory(), Ledger.in_memory()
    services = [_scorer(shared, _rolling(shared)) for _ in range(3)]
    single = _scorer(alone, _rolling(alone))
    for number, (service, amount) in enumerate(calls):
        event = payout(f"P-{number}", amount)
        assert _review(services[service].score(event)) == _review(single.score(event))


def test_what_was_not_stored_does_not_count(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that fails after it was judged, and one that is repeated, leave the line alone."""
    reviewer = _rolling(ledger)
    scorer = _scorer(ledger, reviewer)
    for number in range(2):
        scorer.score(payout(f"P-{number}", 200_000))
    before = _line(reviewer)

    def refuse(*_: object) -> None:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(records, "insert", refuse)
        for _ in range(30):
            with pytest.raises(LedgerError):
                scorer.score(payout("P-2", 300_000))
    for _ in range(30):
        scorer.score(payout("P-1", 200_000))
    assert _line(reviewer) == before == _line(_rolling(ledger))


def test_scores_of_two_bundles_never_meet(ledger: Ledger) -> None:
    """Records of another bundle are stood in for, and one that comes back finds its own again."""
    first, second = _rolling(ledger), _rolling(ledger)
    plain = _line(first)
    for number in range(40):
        _scorer(ledger, first).score(payout(f"P-{number}", 200_000))
    raised = _line(first)
    assert plain is not None
    assert raised is not None
    assert raised > plain

    scorer = _scorer(ledger, second, "e" * 64)
    found = [_review(scorer.score(payout(f"Q-{n}", 120))).threshold for n in range(5)]
    assert all(abs((line or 0.0) - plain) <= 50.0 for line in found)
    assert _line(first) == _line(second) == _line(_rolling(ledger))


def test_the_control_sample_is_recorded_whatever_the_score(ledger: Ledger) -> None:
    """An ordinary event that is drawn is selected by the control sample and weighs 1 / rate."""
    control = Control(b"only-for-these-tests", "c1", (Stratum(0.0, 0.5),))
    scorer = _scorer(ledger, Reviewer(ReviewRule(budget=0.01, control=control)))
    found = {}
    for number in range(40):
        verdict = scorer.score(payout(f"P-{number}", 100 + number))
        found[number] = _review(verdict)
        assert not verdict.scores.is_alert
    for number, review in found.items():
        is_drawn = control.is_drawn(f"{SCENARIO}/P-{number}", 0.01)
        assert review.selected_by == ("control" if is_drawn else None)
        assert review.inclusion_probability == review.control_probability == 0.5
    assert {review.selected_by for review in found.values()} == {"control", None}


def test_a_correction_draws_no_second_lot(ledger: Ledger) -> None:
    """Another version of an event is drawn as the first one was."""
    control = Control(b"only-for-these-tests", "c1", (Stratum(0.0, 0.5),))
    scorer = _scorer(ledger, Reviewer(ReviewRule(budget=0.01, control=control)))
    for number in range(8):
        arms = {
            _review(scorer.score(payout(f"P-{number}", 100, version=version))).selected_by
            for version in (1, 2)
        }
        assert len(arms) == 1


def test_settings_declare_the_rule() -> None:
    """Without a key there is no control sample; with one, alerts take the other four fifths."""
    plain = rule_of(Settings(alert_budget=0.02))
    keyed = rule_of(Settings(alert_budget=0.02, control_key=SecretStr("only-for-these-tests")))
    assert (plain.control, plain.alert_budget) == (None, 0.02)
    assert keyed.alert_budget == pytest.approx(0.016)
    assert keyed.control is not None


def test_a_line_that_nothing_exceeds_is_null() -> None:
    """98 held-out events cannot tell 1 in 1,000: no line, no alert, and valid JSON."""
    reviewer = Reviewer(ReviewRule(budget=1e-6))
    review = reviewer.select(small_bundle(), DIGEST, "a", 1e9, at_us=0, record_id="R")
    assert review.threshold is None
    assert not is_above(1e300, review)
    assert Review.model_validate_json(review.model_dump_json()) == review


@pytest.mark.parametrize("n_alerts", [0, 10, 60])
def test_gauges_hold_the_realised_rate_against_the_budget(n_alerts: int) -> None:
    """60 alerts of 1,000 at a budget of 1 % are more than chance explains; 10 are not."""
    registry = CollectorRegistry()
    rates = AlertRates(registry)
    rates.came("payouts", is_alert=True)
    rates.expects("payouts", 0.01, 10_000)
    for number in range(1_500):
        rates.came("payouts", is_alert=number >= 1_500 - n_alerts)
    rates.refresh()

    def told(name: str) -> float:
        value = registry.get_sample_value(f"lianjing_alert_rate_{name}", {"scenario": "payouts"})
        assert value is not None
        return value

    assert (told("expected"), told("verdicts")) == (0.01, 1_000)
    assert told("realised") == n_alerts / 1_000
    assert (told("low") <= told("realised") <= told("high")) == (n_alerts == 10)
