"""The record table: written once in the scoring transaction, read by the console and the feed.

Writing goes through the ledger's own connection, inside its transaction. Reading goes through a
connection of its own, which sees only what is committed.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from features.contracts.errors import NotFoundError
from features.contracts.events import Event
from features.contracts.verdicts import AnomalyRecord, Verdict
from features.store.database import Database
from serving.store import cells

COLUMNS: Final = (
    "record_id, request_digest, verdict, vector, "
    "scenario, kind, event_id, version, seq, p_value, band, scored_us, amount_minor, currency"
)
_INSERT = f"INSERT INTO record ({COLUMNS}) VALUES ({', '.join('?' * 14)})"  # noqa: S608
_SELECT = f"SELECT {COLUMNS} FROM record"  # noqa: S608
_HELD = (
    "SELECT request_digest, verdict FROM record "
    "WHERE scenario = ? AND kind = ? AND event_id = ? AND version = ?"
)
_KNOWN = (
    "SELECT 1 FROM event WHERE scenario = CAST(? AS TEXT) AND kind = ? AND event_id = ? LIMIT 1"
)


class Row(NamedTuple):
    """One record as stored; the fields are the table's columns in the order of the seal."""

    record_id: str
    request_digest: str
    verdict: str
    vector: str
    scenario: str
    kind: str
    event_id: str
    version: int
    seq: int
    p_value: float
    band: str
    scored_us: int
    amount_minor: int | None
    currency: str

    @property
    def sealed(self) -> list[Any]:
        """What the audit row's content digest covers: everything but the id, which it names."""
        return list(self[1:])

    def record(self) -> AnomalyRecord:
        """The record as it crosses the border."""
        return AnomalyRecord.model_construct(
            schema_="anomaly_record/1",
            verdict=Verdict.model_validate_json(self.verdict),
            vector=cells.values(self.vector),
            amount_minor=self.amount_minor,
            currency=self.currency,
            withheld=0,
        )


def insert(connection: Database, row: Row) -> None:
    """Store one record, within the caller's transaction."""
    connection.execute(_INSERT, row)


def held(connection: Database, event: Event) -> tuple[str, str] | None:
    """Request digest and verdict of the record with the event's natural key, or None."""
    key = (event.scenario, event.kind, event.event_id, event.version)
    found = connection.execute(_HELD, key).fetchone()
    return None if found is None else (str(found[0]), str(found[1]))


def known_as(connection: Database, event: Event, kinds: Sequence[str]) -> str | None:
    """The first of `kinds` under which the ledger holds the event's id, or None."""
    for kind in kinds:
        if connection.execute(_KNOWN, (event.scenario, kind, event.event_id)).fetchone():
            return kind
    return None


def by_id(connection: Database, record_id: str) -> Row:
    """The record of that id.

    Raises
    ------
    NotFoundError
        There is none.
    """
    found = connection.execute(f"{_SELECT} WHERE record_id = ?", (record_id,)).fetchone()
    if found is None:
        raise NotFoundError("no record has this id; ids are in the answers of POST /v1/score")
    return Row(*found)


def after(connection: Database, cursor: int, limit: int) -> list[tuple[int, Row]]:
    """The next `limit` records behind `cursor` in the order of storing, each with its place."""
    found = connection.execute(
        f"SELECT record, {COLUMNS} FROM record WHERE record > ? ORDER BY record LIMIT ?",  # noqa: S608
        (cursor, limit),
    )
    return [(int(number), Row(*rest)) for number, *rest in found.fetchall()]


def numbers(connection: Database, scenario: str) -> list[int]:
    """Places of all records of a scenario, in the order of storing."""
    found = connection.execute(
        "SELECT record FROM record WHERE scenario = ? ORDER BY record", (scenario,)
    )
    return [int(number) for (number,) in found.fetchall()]


def at(connection: Database, places: Sequence[int]) -> list[Row]:
    """The records at those places, in their order."""
    marks = ", ".join("?" * len(places))
    found = connection.execute(f"{_SELECT} WHERE record IN ({marks}) ORDER BY record", list(places))
    return [Row(*row) for row in found.fetchall()]
