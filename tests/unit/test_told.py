"""Whether a platform tells of something at all: the same in batch and live, as of each event."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.batch import build, of_ledger
from features.contracts.errors import DeclarationError
from features.contracts.events import Event, to_us
from features.live.told import LiveTold
from features.rules import ANSWERS
from features.scenarios import catalog
from features.spec import Need, Rule
from features.store.ledger import Ledger
from features.told import told

FIRST: Final = datetime(2024, 3, 4, 1, tzinfo=UTC)
NEEDS: Final = (
    Need("checked_at"),
    Need("check_result", ("hit",)),
    Need("kind", ("penalty_published",), source="credit_repairs"),
)


def event(number: int, scenario: str, kind: str, day: int, **fields: Any) -> Event:
    """An event of that scenario, some days after the first."""
    at = FIRST + timedelta(days=day)
    return Event(
        scenario=scenario, kind=kind, event_id=f"E{number}", effective_at=at, fields=fields
    )


def payout(number: int, day: int, **fields: Any) -> Event:
    """A payout to enterprise A."""
    told_of = {"enterprise": "A", "amount_minor": 100, **fields}
    return event(number, "payouts", "payout_paid", day, **told_of)


ANY: Final[st.SearchStrategy[tuple[int, Any]]] = st.one_of(
    st.builds(lambda day: (day, {}), st.integers(0, 9)),
    st.builds(lambda day: (day, {"checked_at": 1}), st.integers(0, 9)),
    st.builds(lambda day: (day, {"check_result": "hit"}), st.integers(0, 9)),
    st.builds(lambda day: (day, None), st.integers(0, 9)),
)
"""The day of a payout and what it says besides; or of a penalty."""


@settings(deadline=None)
@given(
    loaded=st.lists(st.tuples(ANY, st.integers(0, 12)), max_size=8), live=st.lists(ANY, max_size=5)
)
def test_batch_and_live_know_alike(
    loaded: list[tuple[tuple[int, Any], int]], live: list[tuple[int, Any]]
) -> None:
    """Loaded in whatever order and learned whenever, or told as it happened."""
    ledger = Ledger.in_memory()
    for number, ((day, said), late) in enumerate(loaded):
        of = _made(number, day, said)
        ledger.admit([of], observed_us=of.effective_us + late * 86_400_000_000)
    for number, (day, said) in enumerate(live, start=len(loaded)):
        ledger.append(_made(number, day, said), now_us=to_us(FIRST + timedelta(days=30 + number)))

    history = of_ledger(ledger, catalog.load("payouts"))
    live_told = LiveTold(ledger, "payouts")
    for need in NEEDS:
        column = told(history, need).tolist()
        for stored, said in zip(ledger.iter_events("payouts"), column, strict=True):
            mark = stored.seq - 1 if stored.is_live else ledger.head
            assert live_told.is_told(need, stored.event, mark, stored) == said


def _made(number: int, day: int, said: dict[str, Any] | None) -> Event:
    if said is None:
        return event(number, "credit_repairs", "penalty_published", day, enterprise="B")
    return payout(number, day, **said)


def test_a_transaction_that_is_rolled_back_told_nothing() -> None:
    """What was found in it is looked for anew."""
    ledger, need = Ledger.in_memory(), Need("checked_at")
    of = LiveTold(ledger, "payouts")
    asks = payout(9, 9)
    with suppress(RuntimeError), ledger.transaction():
        ledger.append(payout(1, 0, checked_at=1))
        was_told = of.is_told(need, asks, ledger.head)
        raise RuntimeError
    of.forget()

    assert was_told
    ledger.append(payout(2, 0))
    assert not of.is_told(need, asks, ledger.head)
    ledger.append(payout(3, 0, checked_at=1))
    assert of.is_told(need, asks, ledger.head)


def _answers(scenario: str, rule: str, *events: Event) -> list[str]:
    ledger = Ledger.in_memory()
    ledger.admit(events)
    table = build(ledger, catalog.load(scenario))
    return [ANSWERS[code] for code in table.rules[rule]]


def test_checks_are_missed_where_checks_are_told_of() -> None:
    """The platform that sends no look-ups is asked for them by nobody."""
    kind, at = "payout_requested", {"enterprise": "A", "amount_minor": 100}
    first = event(1, "payouts", kind, 0, **at)
    checked = event(2, "payouts", kind, 1, checked_at=1, **at)
    last = event(3, "payouts", kind, 2, **at)

    assert _answers("payouts", "check_missing", first, last) == ["insufficient"] * 2
    assert _answers("payouts", "check_missing", first, checked, last) == [
        "insufficient",
        "clear",
        "hit",
    ]


def test_nobody_is_clear_of_penalties_that_nobody_tells_of() -> None:
    """Credit data must be there before their silence says something."""
    rule, paid = "benefit_while_sanctioned", payout(2, 1)
    penalty = event(1, "credit_repairs", "penalty_published", 0, enterprise="B", in_force=1)

    assert _answers("payouts", rule, paid) == ["insufficient"]
    assert _answers("payouts", rule, penalty, paid) == ["clear"]


def test_records_quotes_and_skips_are_missed_where_they_are_told_of() -> None:
    """A repair without a record, a pair whose draws are not sent, a lot without quotes."""
    repair = event(1, "credit_repairs", "repair_decided", 9, penalty="P", enterprise="A")
    record = event(2, "credit_repairs", "evidence_recorded", 1, penalty="Q", enterprise="B")
    assert _answers("credit_repairs", "repair_without_evidence", repair)[-1] == "insufficient"
    assert _answers("credit_repairs", "repair_without_evidence", record, repair)[-1] == "hit"

    pair = {"officer": "O", "agency": "G"}
    quarter = event(1, "assignments", "pair_quarter", 9, **pair)
    draw = event(2, "assignments", "assignment_drawn", 1, **pair)
    assert _answers("assignments", "skipped_rotation", quarter)[-1] == "insufficient"
    assert _answers("assignments", "skipped_rotation", draw, quarter)[-1] == "clear"

    lot = {"buyer": "A", "category": "C", "method": "inquiry", "amount_minor": 100}
    award = event(1, "small_works", "contract_awarded", 9, lot="L", **lot)
    quote = event(2, "small_works", "quote_submitted", 1, lot="M", **lot)
    assert _answers("small_works", "few_quotes", award)[-1] == "insufficient"
    assert _answers("small_works", "few_quotes", quote, award)[-1] == "hit"


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ((("n_30d_by_enterprise", Need("kind")),), "asks nothing of it; it asks has_check"),
        ((("has_check", Need("chekced_at")),), "chekced_at"),
        ((("has_check", Need("kind", source="approval")),), "approval"),
    ],
)
def test_a_need_of_nothing_is_refused(needs: Any, said: str) -> None:
    """A need belongs to a condition, and names what is declared."""
    rule = Rule("checked", "查", "checked", "law", (("has_check", "<", 1),), needs=needs)
    with pytest.raises(DeclarationError, match=said):
        replace(catalog.load("payouts"), rules=(rule,))
