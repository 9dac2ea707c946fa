"""How far the histories of a scenario have come, and what other processes did to them.

`number` counts what was appended to a scenario's histories, whoever did it. A process that finds a
number it does not know learns from the log what changed, or starts afresh from disk where the log
does not reach back so far or is not kept, as in a file that one process owns.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from features.contracts.events import Event
from features.store.database import Database
from features.store.disk import RANGE, Asked, Disk, in_order
from features.store.ledger import HEAD
from features.store.rows import natural_key

LOGGED: Final = 4096
"""Entries of the log that are kept at least."""
Entry = Sequence[Sequence[int | str]]
"""What one append changed: each a word and its numbers, as `features.live.writer` writes them."""

_POSITION: Final = (
    "SELECT (SELECT max(seq) FROM event), spec_hash, seq, number, observed_us "
    "FROM history_head WHERE scenario = ?"
)
_HEAD: Final = -1
_CODE: Final = -2
"""What the first column of a look says of a row: the position, the first code (the next is one
less), and from 0 on the number of the range that a chunk is of."""
_LOOK: Final = (
    "SELECT CAST(-1 AS INTEGER) AS place, (SELECT max(seq) FROM event) AS t0, number AS s, "
    "CASE WHEN EXISTS (SELECT 1 FROM event WHERE scenario = CAST(? AS TEXT) AND kind = ? "
    "AND event_id = ? AND version <> ?) THEN 1 ELSE 0 END AS n, CAST(NULL AS BYTEA) AS data "
    "FROM history_head WHERE scenario = ? AND spec_hash = ?"
)
_FIND_CODE: Final = (
    "SELECT CAST(? AS INTEGER) AS place, code AS t0, 0 AS s, 0 AS n, CAST(NULL AS BYTEA) AS data "
    "FROM code WHERE text = ?"
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


@lru_cache
def _statement(texts: int, chunks: int) -> str:
    return " UNION ALL ".join([_LOOK, *[_FIND_CODE] * texts, *[RANGE] * chunks])


class Position(NamedTuple):
    """The ledger's head, and what the histories were made of: spec, last event, number."""

    head: int
    spec_hash: str
    seq: int
    number: int
    observed_us: int


class Wanted(NamedTuple):
    """What an event needs that is not in memory: chunks, and codes of texts."""

    disk: Disk
    chunks: Sequence[Asked]
    texts: Sequence[str]


class Look(NamedTuple):
    """One state of the database: the ledger's head, the histories' number, and what was wanted.

    `has_versions` says whether the event asked about has other versions.
    """

    head: int
    number: int
    has_versions: bool
    found: list[bytes]
    codes: dict[str, int]


NOWHERE: Final = Position(-1, "", 0, -1, 0)


class Marks:
    """The position of one scenario's histories in the database, and the log of their changes."""

    def __init__(self, connection: Database, scenario: str, *, is_shared: bool) -> None:
        self.connection, self.scenario, self.is_shared = connection, scenario, is_shared
        self._number = f"history {scenario}"
        self._noted = connection.noted
        self._others: int | None = None

    def position(self) -> Position | None:
        """Where the ledger and the histories stand; None where there are none."""
        row = self.connection.execute(_POSITION, (self.scenario,)).fetchone()
        return None if row is None else Position(row[0] or 0, *row[1:])

    def is_as_left(self, head: int, number: int) -> bool:
        """Whether ledger and histories still stand where they were, as far as memory tells.

        They do where a look found them there, or this connection brought them there since, and no
        other has committed meanwhile.
        """
        noted = self._noted
        if self._others is None or noted.get(HEAD) != head or noted.get(self._number) != number:
            return False
        is_alone = self.connection.others() == self._others
        if not is_alone:
            self._others = None
        return is_alone

    def look(self, event: Event, spec_hash: str, wanted: Wanted) -> Look | None:
        """What an event is told of, in one statement; None where no histories are of that spec."""
        disk, asked, texts = wanted
        parameters: list[int | str] = [*natural_key(event), self.scenario, spec_hash]
        for number, text in enumerate(texts):
            parameters += [_CODE - number, text]
        if asked:
            parameters += disk.parameters(asked)
        sql = _statement(len(texts), len(asked))
        if self._others is None:
            self._others = self.connection.others()
        head: tuple[int, int, int] | None = None
        codes: dict[str, int] = {}
        chunks = []
        for row in self.connection.execute(sql, parameters).fetchall():
            if row[0] >= 0:
                chunks.append(row)
            elif row[0] == _HEAD:
                head = row[1:4]
            else:
                codes[texts[_CODE - row[0]]] = row[1]
        if head is None:
            return None
        found = in_order(asked, chunks) if asked else []
        self._noted.update({HEAD: head[0] or 0, self._number: head[1]})
        return Look(head[0] or 0, head[1], bool(head[2]), found, codes)

    def advance(self, at: Position, seq: int, observed_us: int) -> int | None:
        """Count one append behind `at`; None where somebody else was there first."""
        parameters = (seq, observed_us, self.scenario, at.spec_hash, at.number)
        row = self.connection.execute(_ADVANCE, parameters).fetchone()
        if row is None:
            return None
        number = self._noted[self._number] = int(row[0])
        return number

    def restart(self, spec_hash: str, seq: int, observed_us: int) -> None:
        """State that the histories were made anew; no log leads there."""
        parameters = (self.scenario, spec_hash, seq, 2 * LOGGED, observed_us)
        self.connection.execute(_SET, parameters)
        self._noted.pop(self._number, None)

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
