"""A record's event and its subject's timeline, as the ledger knew them at the record."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from features.contracts.events import EventField, from_us
from features.contracts.verdicts import Reason, Verdict
from features.scenarios import catalog
from features.store.database import Database
from serving.console.formats import TIMEZONE
from serving.console.source import Facts, TimelineEvent
from serving.store.records import Row

MAIN_FIELDS: Final = {
    "payouts": ("enterprise", "authority", "category", "officer", "agent"),
    "approvals": ("project", "activity", "officer", "office", "owner"),
    "credit_repairs": ("enterprise", "authority", "penalty_class", "penalty", "handler", "agent"),
    "assignments": ("agency", "officer", "owner", "specialty", "project"),
    "small_works": ("buyer", "supplier", "category", "officer", "method"),
}
"""The fields that say whom and what an event is about, in the order they are shown."""
_WHAT: Final = {
    "payouts": "category",
    "approvals": "activity",
    "credit_repairs": "penalty_class",
    "assignments": "specialty",
    "small_works": "category",
}
_MOST: Final = 5
_EVENT = "SELECT effective_us, fields FROM event WHERE seq = ?"
_ZONE = "SELECT {zone} FROM profile WHERE scenario = ?"
_OWN = "SELECT {subject}, effective_us, observed_us, seq FROM event WHERE seq = ?"
_AROUND = """
SELECT kind, effective_us, event_id, fields, currency, version
FROM event AS e
WHERE scenario = '{scenario}' AND {subject} = ?
  AND effective_us <= ? AND (observed_us, seq) <= (?, ?) AND seq <= ? AND retracted = 0
  AND NOT EXISTS (
    SELECT 1 FROM event AS later
    WHERE later.scenario = e.scenario AND later.kind = e.kind AND later.event_id = e.event_id
      AND later.version > e.version AND (later.observed_us, later.seq) <= (?, ?)
      AND later.seq <= ?)
ORDER BY effective_us DESC, seq DESC LIMIT ?
"""


def around(
    connection: Database, row: Row, limit: int, reasons: Sequence[Reason] = ()
) -> tuple[TimelineEvent, ...]:
    """The last `limit` events of the record's subject up to its own, oldest first.

    What is evidence of `reasons` is highlighted.
    Only what the ledger held at the record's watermark is shown, and the event itself: the latest
    version of each event, nothing retracted. A record of a scenario that is no longer in the
    catalogue, or of an event without subject, has no timeline.
    """
    if row.scenario not in catalog.names():
        return ()
    declared = catalog.load(row.scenario)
    subject, peers = connection.json_text("fields", declared.subject), declared.peer_group
    own = connection.execute(_OWN.format(subject=subject), (row.seq,)).fetchone()
    if own is None or own[0] is None:
        return ()
    sql = _AROUND.format(scenario=row.scenario, subject=subject)
    verdict = Verdict.model_validate_json(row.verdict)
    known = *own[2:], max(verdict.provenance.as_of_seq, row.seq)
    found = connection.execute(sql, (*own[:2], *known, *known, limit)).fetchall()
    evidence = _evidence(reasons)
    return tuple(
        TimelineEvent(
            kind=kind,
            effective_at=from_us(effective_us),
            event_id=event_id,
            amount_minor=fields.get("amount_minor"),
            highlighted=(kind, event_id, version) in evidence,
            currency=currency,
            what=_shown(row.scenario, _WHAT.get(row.scenario, peers), fields),
        )
        for kind, effective_us, event_id, fields, currency, version in _parsed(reversed(found))
    )


def facts(connection: Database, row: Row) -> Facts:
    """When the record's event happened, in the scenario's time zone, and its main fields.

    Fields that are missing are left out, and so are pseudonyms: they tell a reader nothing.
    """
    zone = connection.execute(
        _ZONE.format(zone=connection.json_text("calendar", "tz")), (row.scenario,)
    ).fetchone()
    timezone = str(zone[0]) if zone else TIMEZONE
    event = connection.execute(_EVENT, (row.seq,)).fetchone()
    if event is None:
        return Facts(timezone=timezone)
    return Facts(from_us(event[0]), timezone, _main_fields(row.scenario, json.loads(event[1])))


def _main_fields(scenario: str, held: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    declared = _declared(scenario)
    return tuple(
        (declared[name].title_zh, declared[name].title_en, text)
        for name in MAIN_FIELDS.get(scenario) or _keys(declared.values())
        if (text := _shown(scenario, name, held))
    )


def _keys(fields: Iterable[EventField]) -> tuple[str, ...]:
    """The main fields of a scenario of which nothing is said here: its first keys."""
    return tuple(field.name for field in fields if field.kind == "key")[:_MOST]


def _shown(scenario: str, name: str, held: Mapping[str, Any]) -> str:
    """A field's value as text; empty where it is missing, not declared, or replaced at the door."""
    field = _declared(scenario).get(name)
    value = held.get(name)
    return "" if field is None or field.is_replaced or value is None else str(value)


def _declared(scenario: str) -> dict[str, EventField]:
    if scenario not in catalog.names():
        return {}
    return {field.name: field for field in catalog.load(scenario).fields}


def _parsed(found: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Rows of `_AROUND` with their fields read."""
    for kind, effective_us, event_id, fields, *rest in found:
        yield kind, effective_us, event_id, json.loads(fields), *rest


def _evidence(reasons: Sequence[Reason]) -> set[tuple[str, str, int]]:
    return {(one.kind, one.event_id, one.version) for reason in reasons for one in reason.evidence}
