"""Event versions as rows of the ledger's table, and back."""

import json
from collections.abc import Sequence
from typing import Any, Final

from features.contracts.events import Event, Stored, from_us
from features.store.database import Database, Value

NaturalKey = tuple[str, str, str, int]
"""Scenario, kind, event_id and version: what there is one content for."""

COLUMNS: Final = (
    "seq, scenario, kind, event_id, version, effective_us, ordinal, observed_us, is_live, "
    "retracted, currency, digest, fields"
)
INSERT: Final = f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_COMPACT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
SLAB: Final = 256
"""Most keys that are looked up with one statement."""
_SIZES: Final = (1, 16, SLAB)
_WANTED: Final = (
    "WITH wanted (scenario, kind, event_id, version) AS (VALUES {}) "
    "SELECT scenario, kind, event_id, version, digest "
    "FROM wanted JOIN event USING (scenario, kind, event_id, version)"
)


def natural_key(event: Event) -> NaturalKey:
    """The natural key of `event`."""
    return event.scenario, event.kind, event.event_id, event.version


def row_of(
    event: Event, seq: int, *, observed_us: int, digest: str, is_live: bool
) -> tuple[Value, ...]:
    """The row of `event` at place `seq`, in the order of `COLUMNS`."""
    return (
        seq,
        *natural_key(event),
        event.effective_us,
        event.ordinal,
        observed_us,
        int(is_live),
        int(event.retracted),
        event.currency,
        digest,
        _COMPACT.encode(dict(event.fields)),
    )


def stored(row: tuple[Any, ...]) -> Stored:
    """The event of a row of `COLUMNS`."""
    seq, scenario, kind, event_id, version, effective, ordinal, observed, is_live = row[:9]
    event = Event.model_construct(
        scenario=scenario,
        kind=kind,
        event_id=event_id,
        version=version,
        effective_at=from_us(effective),
        ordinal=ordinal,
        retracted=bool(row[9]),
        currency=row[10],
        fields=json.loads(row[12]),
    )
    return Stored.model_construct(event=event, seq=seq, observed_us=observed, is_live=bool(is_live))


def digests(database: Database, keys: Sequence[NaturalKey]) -> dict[NaturalKey, str]:
    """The content digests of those of at most `SLAB` keys that the ledger holds.

    The last key is repeated up to one of a few sizes, so that few statements are prepared.
    """
    size = next(size for size in _SIZES if size >= len(keys))
    padded = [*keys, *[keys[-1]] * (size - len(keys))]
    sql = _WANTED.format(", ".join(["(?, ?, ?, ?)"] * size))
    found = database.execute(sql, [part for key in padded for part in key])
    return {
        (scenario, kind, event_id, version): digest
        for scenario, kind, event_id, version, digest in found
    }
