"""The audit chain: one row a change or a look at persons, sealed with the hash of the one before.

An edit, a deletion or a change of order breaks the chain at the row where it happened. Rows that
were cut from the end leave records without their row, which is found as well.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from features.store.database import Database, paged
from features.store.ledger import Ledger
from serving.store.records import COLUMNS

GENESIS: Final = "0" * 64
SCORED: Final = "score"
LEARNED: Final = "learn"
LOOKED: Final = "look"

_LAST = "SELECT audit, hash FROM audit ORDER BY audit DESC LIMIT 1"
_INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ROWS = (
    "SELECT audit, at_us, actor, action, object, content, previous, hash FROM audit "
    "WHERE audit > ? ORDER BY audit LIMIT ?"
)
_SEALED = (
    "SELECT audit, object, content FROM audit WHERE action = ? AND audit > ? ORDER BY audit LIMIT ?"
)
_RECORDS = f"SELECT record, {COLUMNS} FROM record WHERE record > ? ORDER BY record LIMIT ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which object, and the digest of what came of it."""

    at_us: int
    actor: str
    action: str
    object: str
    content: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold: a row of `audit` or a record, and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where} {self.why}"


def seal(number: int, entry: Entry, previous: str) -> str:
    """The hash of one row, over all its values and the hash before it."""
    told = [number, entry.at_us, entry.actor, entry.action, entry.object, entry.content, previous]
    return digest(told)


def digest(values: list[Any]) -> str:
    """SHA-256 of `values` as compact JSON."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def append(connection: Database, entry: Entry) -> None:
    """Seal `entry` to the end of the chain, within the caller's transaction."""
    number, previous = connection.execute(_LAST).fetchone() or (0, GENESIS)
    sealed = seal(number + 1, entry, previous)
    row = (number + 1, entry.at_us, entry.actor, entry.action, entry.object, entry.content)
    connection.execute(_INSERT, (*row, previous, sealed))


def note(ledger: Ledger, entry: Entry) -> None:
    """Seal `entry` to the end of the chain, in a transaction of its own."""
    with ledger.transaction() as connection:
        append(connection, entry)


def verify(ledger: Ledger) -> Break | None:
    """Check every row and every record; None when all is whole, else the first break."""
    with ledger.snapshot() as connection:
        return _chain_break(connection) or _record_break(connection)


def _chain_break(connection: Database) -> Break | None:
    expected, before = 1, GENESIS
    for number, *values, previous, sealed in paged(connection, _ROWS):
        entry = Entry(*values)
        if number != expected:
            return Break(f"audit row {expected}", f"is missing; row {number} follows")
        if previous != before:
            return Break(f"audit row {number}", "does not follow from the row before it")
        if seal(number, entry, previous) != sealed:
            return Break(f"audit row {number}", "was changed after it was sealed")
        expected, before = number + 1, sealed
    return None


def _record_break(connection: Database) -> Break | None:
    sealed = ((held, content) for _, held, content in paged(connection, _SEALED, (SCORED,)))
    for _, record_id, *values in paged(connection, _RECORDS):
        held, content = next(sealed, ("", ""))
        if held != record_id:
            named = f"record {held or record_id}"
            return Break(named, "is missing" if held else "has no audit row: the chain was cut")
        if digest(values) != content:
            return Break(f"record {record_id}", "was changed after it was sealed")
    left = next(sealed, None)
    return None if left is None else Break(f"record {left[0]}", "is missing")
