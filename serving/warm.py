"""Warming up: the live path is run once on throwaway ledgers before the service says it is ready.

Its kernels are compiled (or read from the cache) there, so that no caller waits for a compiler:
those of light and of heavy keys, of late events, corrections and retractions, and of a rebuild.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Final

from features.contracts.events import EPOCH, Event, FieldValue
from features.live.engine import LiveEngine
from features.spec import Scenario
from features.store.history import Sizes
from features.store.ledger import Ledger

_SIZES: Final = (Sizes(), Sizes(chunk_rows=3, heavy_rows=4, cache_rows=400))
"""As histories are cut, and so that keys of these few events are heavy."""
_DAYS: Final = (0, 1, 2, 9, 10, 4, 400, 401, 30, 402, 403)
"""When the events happen, in the order in which they come."""
_REBUILT: Final = (2, 13)
"""After which events histories are made anew: while all stand in time order, and at the end."""
_CORRECTED: Final = ((9, 2, False), (2, 2, False), (2, 3, True))
"""Events that come again: which, its version, and whether it is retracted."""


def warm(scenario: Scenario) -> None:
    """Score and append a few made-up events of `scenario` where nobody sees them."""
    for sizes in _SIZES:
        with closing(Ledger.in_memory()) as ledger:
            engine = LiveEngine(ledger, scenario, sizes=sizes)
            for number, event in enumerate(_events(scenario)):
                _score(engine, ledger, event)
                if number in _REBUILT:
                    engine.rebuild()
            again = LiveEngine(ledger, scenario, sizes=sizes)
            for stored in list(ledger.iter_events(scenario.name))[-3:]:
                if not stored.event.retracted:
                    again.vector(stored.event, stored=stored)
            _score(again, ledger, _event(scenario, 2 * len(_DAYS), 410))


def _score(engine: LiveEngine, ledger: Ledger, event: Event) -> None:
    if not event.retracted:
        vector = engine.vector(engine.admit(event))
        engine.warnings(event, vector)
        for name in vector.names:
            engine.evidence(event, name, limit=1)
    with ledger.transaction():
        engine.append(ledger.append(event))


def _events(scenario: Scenario) -> Iterator[Event]:
    for number, day in enumerate(_DAYS):
        yield _event(scenario, number, day)
    for number, version, is_retracted in _CORRECTED:
        changed = {"version": version, "retracted": is_retracted}
        yield _event(scenario, number, _DAYS[number]).model_copy(update=changed)


def _event(scenario: Scenario, number: int, day: int) -> Event:
    fields: dict[str, FieldValue] = {
        item.name: "warm" if item.kind in ("key", "category") else 1 + number
        for item in scenario.fields
    }
    return Event(
        scenario=scenario.name,
        kind=scenario.history[0],
        event_id=f"warm-{number}",
        effective_at=EPOCH + timedelta(days=20_000 + day),
        fields=fields,
    )
