"""Admission: what is not declared does not come in, and the refusal never repeats a value."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.admission import admit
from features.contracts.errors import InputError
from features.contracts.events import VALUE_BOUND, Event
from features.scenarios import catalog

PAYOUTS: Final = catalog.load("payouts")
NINE: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
APPROVALS: Final = catalog.load("approvals")


def _payout(*, kind: str = "payout_paid", scenario: str = "payouts", **fields: Any) -> Event:
    return Event(
        scenario=scenario,
        kind=kind,
        event_id="P-1",
        effective_at=NINE,
        fields={"amount_minor": 1, **fields},
    )


def test_a_declared_event_comes_in_as_it_is() -> None:
    """Nothing is changed, filled in or dropped."""
    event = _payout(enterprise="E", employees=3, applied_at=-5, officer=None)

    assert admit(event, PAYOUTS) is event


@settings(deadline=None)
@given(st.integers(-VALUE_BOUND, VALUE_BOUND))
def test_any_amount_within_the_bound_comes_in(amount: int) -> None:
    """Refunds are negative; zero is an amount."""
    event = _payout(amount_minor=amount)

    assert admit(event, PAYOUTS) is event


REFUSED: Final[list[tuple[Event, str]]] = [
    (_payout(scenario="approvals"), "the event is for 'approvals', this is 'payouts'"),
    (_payout(kind="payout_made"), "kind 'payout_made' is none of payouts's: payout_requested"),
    (_payout(enterprize="E"), "field 'enterprize' is not declared by payouts; declared: enterpr"),
    (_payout(amount_minor=None), "field 'amount_minor' is required by payouts and is missing"),
    (_payout(amount_minor="12.50"), r"'amount_minor' holds minor units \(fen\); send an integer"),
    (_payout(amount_minor=VALUE_BOUND + 1), f"'amount_minor' is beyond {VALUE_BOUND}"),
    (_payout(amount_minor=-VALUE_BOUND - 1), f"'amount_minor' is beyond {VALUE_BOUND}"),
    (_payout(applied_at="2026-01-01"), "'applied_at' holds microseconds since 1970"),
    (_payout(applied_at=2**52 + 1), f"'applied_at' is beyond {2**52}"),
    (_payout(employees="many"), "'employees' holds an integer with 0 implied decimals"),
    (_payout(enterprise=7), "'enterprise' holds text that is not blank"),
    (_payout(enterprise=""), "'enterprise' holds text that is not blank"),
    (_payout(enterprise="  "), "'enterprise' holds text that is not blank"),
    (_payout(sector="a\x1fb"), "'sector' holds text that is not blank"),
]


@pytest.mark.parametrize(("event", "message"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_what_breaks_a_rule_is_refused_by_field(event: Event, message: str) -> None:
    """The message names the field, the rule and the way out."""
    with pytest.raises(InputError, match=message):
        admit(event, PAYOUTS)


def test_a_field_that_may_be_left_out_may_not_be_wrong() -> None:
    """Optional is about absence only; required fields of the other scenario are required there."""
    step = Event(
        scenario="approvals",
        kind="approval_step",
        event_id="S-1",
        effective_at=NINE,
        fields={"project": "P"},
    )
    with pytest.raises(InputError, match="field 'activity' is required by approvals"):
        admit(step, APPROVALS)


@pytest.mark.parametrize("field", ["enterprise", "amount_minor", "applied_at", "unheard_of"])
def test_a_refusal_never_repeats_a_value(field: str) -> None:
    """Values may be personal; the message speaks of the field alone."""
    told = "91310000\x1fNN"
    with pytest.raises(InputError) as refused:
        admit(_payout(**{field: told}), PAYOUTS)

    assert "91310000" not in str(refused.value)
