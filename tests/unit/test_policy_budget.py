"""What joined enterprises, and two weeks, take of a policy's budget for the year."""

from datetime import UTC, datetime, timedelta

import numpy as np

from features.batch import build
from features.contracts.events import Event
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.store.ledger import Ledger

FIRST = datetime(2026, 3, 2, 1, tzinfo=UTC)
JOINED = "ring_budget_ppm"
FORTNIGHT = "budget_ppm_total_14d_by_category"


def paid(number: int, day: int, enterprise: str, contact: str) -> Event:
    """1,000 yuan of an item whose budget for the year is 100,000."""
    return Event(
        scenario="payouts",
        kind="payout_paid",
        event_id=f"P-{number}",
        effective_at=FIRST + timedelta(days=day),
        fields={
            "enterprise": enterprise,
            "category": "K",
            "amount_minor": 100_000,
            "budget_minor": 10_000_000,
            "phone": contact,
            "account": contact,
        },
    )


EVENTS = [paid(1, 0, "A", "x"), paid(2, 20, "B", "x"), paid(3, 21, "C", "y"),
          paid(4, 40, "A", "x")]  # fmt: skip


def test_of_two_joined_enterprises_the_money_of_both_counts() -> None:
    """A was paid before, B was too, and C shares nothing: two of a hundred parts."""
    ledger, scenario = Ledger.in_memory(), catalog.load("payouts")
    ledger.admit(EVENTS)
    table = build(ledger, scenario)
    joined, fortnight = (table.values[:, table.names.index(name)] for name in (JOINED, FORTNIGHT))

    assert joined.tolist()[3] == 20_000.0
    assert fortnight.tolist() == [10_000.0, 10_000.0, 20_000.0, 10_000.0]

    engine = LiveEngine(ledger, scenario)
    stored = ledger.find("payouts", "payout_paid", "P-4", 1)
    assert stored is not None
    live = engine.vector(stored.event, stored=stored).values
    assert np.array_equal(live, table.values[3], equal_nan=True)
