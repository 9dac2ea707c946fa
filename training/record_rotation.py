"""Telling a ledger of its pair-quarters: one event each, at the end of the quarter."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from features.contracts.events import Event, FieldValue, to_us
from features.store.ledger import Ledger
from models.rotation.quarter import DrawnBy
from training.rotation import PAIR, pair_event, pair_quarter_table, table_of

SCENARIO: Final = "assignments"


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many pair-quarters were new, changed by earlier records, and there already."""

    new: int
    changed: int
    unchanged: int


def record_pairs(
    ledger: Ledger, *, now: datetime, only: str | None = None, drawn_by: DrawnBy = "rotation"
) -> Recorded:
    """Append the pair-quarters of all quarters that are over (or of one) to the ledger.

    A pair's quarter is made of what was known at the quarter's end, so that a second run appends
    nothing, whatever came late since; only a load of records that were learned earlier gives it a
    further version, and so does another way to draw. What is appended is known from `now` on.
    """
    stored = list(ledger.iter_events(SCENARIO))
    events = [one.event for one in stored]
    calendar = ledger.profile(SCENARIO)[1]
    table = pair_quarter_table(
        table_of((one.event, one.observed_us) for one in stored),
        calendar,
        until_us=to_us(now),
        only=only,
        drawn_by=drawn_by,
    )
    held = _latest(events)
    fresh, changed, unchanged = list[Event](), 0, 0
    for row in table.iter_rows(named=True):
        event = pair_event(row)
        before = held.get(event.event_id)
        if before is None:
            fresh.append(event)
        elif _told(before) == dict(event.fields) and not before.retracted:
            unchanged += 1
        else:
            fresh.append(event.model_copy(update={"version": before.version + 1}))
            changed += 1
    ledger.admit(fresh, observed_us=to_us(now))
    return Recorded(len(fresh) - changed, changed, unchanged)


def _told(event: Event) -> dict[str, FieldValue]:
    return {name: value for name, value in event.fields.items() if value is not None}


def _latest(events: Iterable[Event]) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for event in events:
        before = found.get(event.event_id)
        if event.kind == PAIR and (before is None or event.version > before.version):
            found[event.event_id] = event
    return found
