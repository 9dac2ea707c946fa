"""Warming up: the live path is run once on a throwaway ledger before the service says it is ready.

Its kernels are compiled (or read from the cache) there, so that no caller waits for a compiler.
"""

from contextlib import closing
from datetime import timedelta

from features.contracts.events import EPOCH, Event, FieldValue
from features.live import LiveEngine
from features.spec import Scenario
from features.store.ledger import Ledger

_EVENTS = 3


def warm(scenario: Scenario) -> None:
    """Score and append a few made-up events of `scenario` where nobody sees them."""
    fields: dict[str, FieldValue] = {
        item.name: "warm" if item.kind in ("key", "category") else 1 for item in scenario.fields
    }
    with closing(Ledger.in_memory()) as ledger:
        engine = LiveEngine(ledger, scenario)
        for number in range(_EVENTS):
            event = Event(
                scenario=scenario.name,
                kind=scenario.history[0],
                event_id=f"warm-{number}",
                effective_at=EPOCH + timedelta(days=20_000 + number),
                fields=fields,
            )
            vector = engine.vector(engine.admit(event))
            engine.warnings(event, vector)
            engine.evidence(event, vector.names[0])
            with ledger.transaction():
                engine.append(ledger.append(event))
