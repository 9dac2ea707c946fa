"""How far the histories of a scenario have come, and what other processes did to them.

`number` counts what was appended to a scenario's histories, whoever did it. A process that finds a
number it does not know learns from the log what changed, or starts afresh from disk where the log
does not reach back so far or is not kept, as in a file that one process owns.
"""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from features.contracts.events import Event
from features.store.database import Database
from features.store.rows import natural_key

LOGGED: Final = 4096
"""Entries of the log that are kept at least."""
Entry = Sequence[Sequence[int | str]]
"""What one append changed: each a word and its numbers, as `features.live_writer` writes them."""

_POSITION: Final = (
    "SELECT (SELECT max(seq) FROM event), spec_hash, seq, number, observed_us, EXISTS ("
    "SELECT 1 FROM event "
    "WHERE scenario = CAST(? AS TEXT) AND kind = ? AND event_id = ? AND version <> ?) "
    "FROM history_head WHERE scenario = ?"
)
_ADVANCE: Final = (
    "UPDATE history_head SET seq = ?, number = number + 1, observed_us = ? "
    "WHERE scenario = ? AND spec_hash = ? AND number = ? RETURNING number"
)
_SET: Final = (
    "INSERT INTO history_head (scenario, spec_hash, seq, number, observed_us) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (scenario) DO UPDATE SET spec_hash = excluded.spec_hash, "
    "seq = excluded.seq, number = history_head.number + excluded.number, "
    "observed_us = excluded.observed_us"
)
_LOG: Final = "INSERT INTO history_log (scenario, number, entry) VALUES (?, ?, ?)"
_READ: Final = (
    "SELECT entry FROM history_log WHERE scenario = ? AND number > ? AND number <= ? "
    "ORDER BY number"
)
_PRUNE: Final = "DELETE FROM history_log WHERE scenario = ? AND number <= ?"


class Position(NamedTuple):
    """The ledger's head, and what the histories were made of: spec, last event, number.

    `has_versions` says whether the event asked about has other versions.
    """

    head: int
    spec_hash: str
    seq: int
    number: int
    observed_us: int
    has_versions: bool = False


NOWHERE: Final = Position(-1, "", 0, -1, 0)
_NO_EVENT: Final = ("", "", "", 0)


class Marks:
    """The position of one scenario's histories in the database, and the log of their changes."""

    def __init__(self, connection: Database, scenario: str, *, is_shared: bool) -> None:
        self.connection, self.scenario, self.is_shared = connection, scenario, is_shared

    def position(self, event: Event | None = None) -> Position | None:
        """Where the ledger and the histories stand; None where there are none."""
        key = _NO_EVENT if event is None else natural_key(event)
        row = self.connection.execute(_POSITION, (*key, self.scenario)).fetchone()
        if row is None:
            return None
        head, spec_hash, seq, number, observed_us, has_versions = row
        return Position(head or 0, spec_hash, seq, number, observed_us, bool(has_versions))

    def advance(self, at: Position, seq: int, observed_us: int) -> int | None:
        """Count one append behind `at`; None where somebody else was there first."""
        parameters = (seq, observed_us, self.scenario, at.spec_hash, at.number)
        row = self.connection.execute(_ADVANCE, parameters).fetchone()
        return None if row is None else int(row[0])

    def restart(self, spec_hash: str, seq: int, observed_us: int) -> None:
        """State that the histories were made anew; no log leads there."""
        parameters = (self.scenario, spec_hash, seq, 2 * LOGGED, observed_us)
        self.connection.execute(_SET, parameters)

    def log(self, number: int, entry: Entry) -> None:
        """Write what the append of that number changed, where other processes may ask."""
        if not self.is_shared:
            return
        self.connection.execute(_LOG, (self.scenario, number, json.dumps(entry)))
        if number % LOGGED == 0:
            self.connection.execute(_PRUNE, (self.scenario, number - LOGGED))

    def changes(self, after: int, until: int) -> list[Entry] | None:
        """What was changed by the appends of those numbers; None where that is not known."""
        if not self.is_shared or not 0 <= after < until:
            return None
        rows = self.connection.execute(_READ, (self.scenario, after, until)).fetchall()
        entries: list[Entry] = [json.loads(row[0]) for row in rows]
        return entries if len(entries) == until - after else None
