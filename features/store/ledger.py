"""The ledger: append-only event versions in one total order, over SQLite or PostgreSQL.

`seq` is the order in which versions were learned; `(observed_at, seq)` says what was known before
what. Nothing is updated and nothing deleted. One transaction writes at a time; another waits for a
while, and is refused then.

>>> ledger = Ledger.in_memory()
>>> paid = Event(scenario="payouts", kind="payout_paid", event_id="P-1",
...              effective_at="2026-03-01T09:00:00+08:00", fields={"amount_minor": 1})
>>> ledger.admit([paid, paid])
['accepted', 'duplicate']
>>> ledger.admit([paid.model_copy(update={"fields": {"amount_minor": 2}})])
['conflict']
>>> ledger.head
1
"""

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, Literal, Self

from features.calendar import Calendar
from features.contracts.errors import ConflictError, LedgerError
from features.contracts.events import Event, Stored
from features.contracts.settings import Place
from features.store.database import Database, Value, snapshot
from features.store.place import connect
from features.store.rows import COLUMNS, INSERT, SLAB, digests, natural_key, row_of, stored
from features.store.schema import migrate
from features.store.sqlite import SQLite

Outcome = Literal["accepted", "duplicate", "conflict"]
HEAD: Final = "event"
"""Under which the ledger's head is noted."""

# Of a bare parameter SQLite would look at the value, to see whether a partial index serves, and
# plan the statement anew each time; a cast hides it.
_FIND = (
    f"SELECT {COLUMNS} FROM event "  # noqa: S608
    "WHERE scenario = CAST(? AS TEXT) AND kind = ? AND event_id = ? AND version = ?"
)
_PREVIOUS = (
    f"SELECT {COLUMNS} FROM event "  # noqa: S608
    "WHERE scenario = CAST(? AS TEXT) AND kind = ? AND event_id = ? AND version <> ? ORDER BY seq"
)
_ENDS = (
    "SELECT (SELECT digest FROM event"
    " WHERE scenario = CAST(? AS TEXT) AND kind = ? AND event_id = ? AND version = ?),"
    " (SELECT max(seq) FROM event), (SELECT max(observed_us) FROM event WHERE seq > ?)"
)
"""Content under a natural key, the last place, and the newest instant behind a place."""


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        path = Path(folder) / "ledger.db"
        migrate(path)
        return path.read_bytes()


def _learned(
    events: Sequence[Event], observed_us: int | Sequence[int] | None, start: int
) -> Sequence[int]:
    """When each of a slab's events was learned."""
    if observed_us is None:
        return [event.effective_us for event in events]
    if isinstance(observed_us, int):
        return [observed_us] * len(events)
    return observed_us[start : start + len(events)]


class Ledger:
    """One open ledger; thread-safe, one writer.

    Parameters
    ----------
    connection
        A connection to a migrated database.

    Attributes
    ----------
    lock
        Held where several statements run without those of another thread between them.
    """

    def __init__(self, connection: Database) -> None:
        self.connection = connection
        self.lock = threading.RLock()
        self._newest = self._newest_before = (0, 0)
        self._is_reading = False

    @classmethod
    def open(cls, place: Place) -> Self:
        """Open (and migrate) the ledger in a file or at an address `postgresql://...`."""
        migrate(place)
        return cls(connect(place))

    @classmethod
    def in_memory(cls) -> Self:
        """An empty ledger that lives as long as the object, for tests and examples."""
        return cls(SQLite.in_memory(_empty_database()))

    def close(self) -> None:
        """Release the database."""
        self.connection.close()

    def index(self, scenario: str, subject: str) -> None:
        """Let a subject's events be found quickly, where no migration has seen to it."""
        text = self.connection.json_text("fields", subject)
        with self.transaction() as connection:
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS event_{scenario}_{subject} ON event "
                f"({text}, effective_us) WHERE scenario = '{scenario}'"
            )

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """One write transaction; everything inside is committed together or not at all.

        Raises
        ------
        LedgerBusyError
            Another process holds the ledger's head.
        """
        with self.lock:
            if self._is_reading:
                raise RuntimeError("nothing is written inside a snapshot")
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.begin()
            self._newest_before = self._newest
            try:
                yield self.connection
            except BaseException:
                self._roll_back()
                raise
            self._commit()

    def _roll_back(self) -> None:
        self._newest = self._newest_before
        self.connection.roll_back()

    def _commit(self) -> None:
        try:
            self.connection.commit()
        except LedgerError:
            self._newest = self._newest_before
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Database]:
        """Reading of one committed state, whatever others write meanwhile."""
        with self.lock, snapshot(self.connection):
            before, self._is_reading = self._is_reading, True
            try:
                yield self.connection
            finally:
                self._is_reading = before

    @property
    def head(self) -> int:
        """The last `seq`, 0 for an empty ledger."""
        with self.lock:
            row = self.connection.execute("SELECT max(seq) FROM event").fetchone()
        return int(row[0] or 0)

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        """State the scenario's currency and working-day calendar; a second statement must agree.

        Raises
        ------
        ConflictError
            The ledger already keeps this scenario in another currency or calendar.
        """
        with self.transaction() as connection:
            row = connection.execute(
                "SELECT currency, calendar FROM profile WHERE scenario = ?", (scenario,)
            ).fetchone()
            if row is None:
                connection.execute(
                    "INSERT INTO profile VALUES (?, ?, ?)",
                    (scenario, currency, calendar.model_dump_json()),
                )
                return
        self._agree(scenario, "currency", row[0], currency)
        held = Calendar.model_validate_json(row[1])
        self._agree(scenario, "calendar", held.digest, calendar.digest)

    @staticmethod
    def _agree(scenario: str, what: str, held: str, stated: str) -> None:
        if held != stated:
            message = (
                f"{scenario} is kept with {what} {held!r}, the mapping states {stated!r}; one "
                f"scenario has one {what}: use another LIANJING_HOME"
            )
            raise ConflictError(message)

    def currency(self, scenario: str) -> str:
        """Currency of `scenario`; CNY where none was declared."""
        with self.lock:
            row = self.connection.execute(
                "SELECT currency FROM profile WHERE scenario = ?", (scenario,)
            ).fetchone()
        return "CNY" if row is None else str(row[0])

    def profile(self, scenario: str) -> tuple[str, Calendar]:
        """Currency and calendar of `scenario`; CNY and the PRC's where none was declared."""
        with self.lock:
            row = self.connection.execute(
                "SELECT currency, calendar FROM profile WHERE scenario = ?", (scenario,)
            ).fetchone()
        if row is None:
            return "CNY", Calendar.prc()
        return str(row[0]), Calendar.model_validate_json(row[1])

    def admit(
        self, events: Sequence[Event], *, observed_us: int | Sequence[int] | None = None
    ) -> list[Outcome]:
        """Append `events` in the order given, in one transaction, and say what became of each.

        `observed_us` is when they were learned, all at once or each by itself; without it each
        event was known when it happened (a bulk load that declares so).
        An event whose natural key (scenario, kind, event_id, version) is there already is a
        duplicate when its content is the same, a conflict otherwise; neither is stored.
        """
        outcomes: list[Outcome] = []
        with self.transaction():
            seq = self.head
            for start in range(0, len(events), SLAB):
                known = _learned(events[start : start + SLAB], observed_us, start)
                slab = self._admit(events[start : start + SLAB], seq, known)
                seq += slab.count("accepted")
                outcomes += slab
            self.connection.noted[HEAD] = seq
        return outcomes

    def _admit(
        self, events: Sequence[Event], seq: int, observed_us: Sequence[int]
    ) -> list[Outcome]:
        """Append those of one slab that are new behind `seq`, and say what became of each."""
        told = [(event, natural_key(event), event.digest) for event in events]
        held = digests(self.connection, [key for _, key, _ in told])
        fresh: list[tuple[Value, ...]] = []
        outcomes: list[Outcome] = []
        for (event, key, digest), known in zip(told, observed_us, strict=True):
            if key in held:
                outcomes.append("duplicate" if held[key] == digest else "conflict")
                continue
            held[key], seq = digest, seq + 1
            fresh.append(row_of(event, seq, observed_us=known, digest=digest, is_live=False))
            outcomes.append("accepted")
        self.connection.executemany(INSERT, fresh)
        return outcomes

    def append(self, event: Event, *, now_us: int | None = None) -> Stored:
        """Append one live event, learned now; time in the ledger never runs backwards.

        Raises
        ------
        ConflictError
            The natural key is there already.
        """
        with self.transaction() as connection:
            known, since = self._newest
            held, head, newest = connection.execute(_ENDS, (*natural_key(event), since)).fetchone()
            if held is not None:
                message = f"{event.kind} {event.event_id} version {event.version} is in the ledger"
                raise ConflictError(message)
            seq = (head or 0) + 1
            now = time.time_ns() // 1000 if now_us is None else now_us
            observed_us = max(now, known, newest or 0)
            self._newest = observed_us, seq
            values = row_of(event, seq, observed_us=observed_us, digest=event.digest, is_live=True)
            connection.execute(INSERT, values)
            connection.noted[HEAD] = seq
            return Stored(event=event, seq=seq, observed_us=observed_us, is_live=True)

    def find(self, scenario: str, kind: str, event_id: str, version: int) -> Stored | None:
        """The stored event of that natural key, or None."""
        with self.lock:
            row = self.connection.execute(_FIND, (scenario, kind, event_id, version)).fetchone()
        return None if row is None else stored(row)

    def other_versions(self, event: Event) -> list[Stored]:
        """All other versions of the same event, oldest first."""
        with self.lock:
            rows = self.connection.execute(_PREVIOUS, natural_key(event)).fetchall()
        return [stored(row) for row in rows]

    def at(self, seqs: Sequence[int]) -> list[Stored]:
        """The stored events at those places in the order, oldest first."""
        if not seqs:
            return []
        marks = ", ".join("?" * len(seqs))
        with self.lock:
            rows = self.connection.execute(
                f"SELECT {COLUMNS} FROM event WHERE seq IN ({marks}) ORDER BY seq",  # noqa: S608
                list(seqs),
            ).fetchall()
        return [stored(row) for row in rows]

    def iter_events(self, scenario: str, *, after_seq: int = 0) -> Iterator[Stored]:
        """All events of `scenario` behind `after_seq`, in the ledger's order."""
        with self.lock:
            rows = self.connection.execute(
                f"SELECT {COLUMNS} FROM event WHERE scenario = ? AND seq > ? ORDER BY seq",  # noqa: S608
                (scenario, after_seq),
            ).fetchall()
        return (stored(row) for row in rows)
