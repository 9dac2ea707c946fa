"""The ledger: append-only event versions in one total order, over SQLite.

`seq` is the order in which versions were learned; `(observed_at, seq)` says what was known before
what. Nothing is updated and nothing deleted. One process writes; a second one is refused.

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

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from features.calendar import Calendar
from features.contracts.errors import ConflictError, LedgerBusyError, LedgerError
from features.contracts.events import Event, Stored, from_us
from features.store.schema import migrate

Outcome = Literal["accepted", "duplicate", "conflict"]

_COLUMNS = (
    "seq, scenario, kind, event_id, version, effective_us, ordinal, observed_us, is_live, "
    "retracted, currency, digest, fields"
)
_INSERT = f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_FIND = (
    f"SELECT {_COLUMNS} FROM event "  # noqa: S608
    "WHERE scenario = ? AND kind = ? AND event_id = ? AND version = ?"
)
_PREVIOUS = (
    f"SELECT {_COLUMNS} FROM event "  # noqa: S608
    "WHERE scenario = ? AND kind = ? AND event_id = ? AND version <> ?"
)


def _stored(row: tuple[Any, ...]) -> Stored:
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


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        path = Path(folder) / "ledger.db"
        migrate(path)
        return path.read_bytes()


class Ledger:
    """One open ledger; thread-safe, one writer.

    Parameters
    ----------
    connection
        An SQLite connection in autocommit mode over a migrated database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._lock = threading.RLock()
        self._newest = self._newest_before = (0, 0)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open (and migrate) the ledger at `path`, waiting up to 10 s for another writer."""
        migrate(path)
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10.0, cached_statements=256
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        return cls(connection)

    @classmethod
    def in_memory(cls) -> Self:
        """An empty ledger that lives as long as the object, for tests and examples."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.deserialize(_empty_database())
        return cls(connection)

    def close(self) -> None:
        """Release the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; everything inside is committed together or not at all.

        Raises
        ------
        LedgerBusyError
            Another process holds the ledger's head.
        """
        with self._lock:
            if self.connection.in_transaction:
                yield self.connection
                return
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                message = f"the ledger is being written by another process ({error}); try again"
                raise LedgerBusyError(message) from error
            self._newest_before = self._newest
            try:
                yield self.connection
            except BaseException:
                self._roll_back()
                raise
            self._commit()

    def _roll_back(self) -> None:
        self._newest = self._newest_before
        if self.connection.in_transaction:  # on a full disk SQLite has done it already
            self.connection.execute("ROLLBACK")

    def _commit(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back()
            message = f"the ledger could not be written ({error}); nothing was stored"
            raise LedgerError(message) from error

    @property
    def head(self) -> int:
        """The last `seq`, 0 for an empty ledger."""
        with self._lock:
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
        with self._lock:
            row = self.connection.execute(
                "SELECT currency FROM profile WHERE scenario = ?", (scenario,)
            ).fetchone()
        return "CNY" if row is None else str(row[0])

    def profile(self, scenario: str) -> tuple[str, Calendar]:
        """Currency and calendar of `scenario`; CNY and the PRC's where none was declared."""
        with self._lock:
            row = self.connection.execute(
                "SELECT currency, calendar FROM profile WHERE scenario = ?", (scenario,)
            ).fetchone()
        if row is None:
            return "CNY", Calendar.prc()
        return str(row[0]), Calendar.model_validate_json(row[1])

    def admit(self, events: Sequence[Event], *, observed_us: int | None = None) -> list[Outcome]:
        """Append `events` in the order given, in one transaction, and say what became of each.

        Without `observed_us` each event was known when it happened (a bulk load that declares so).
        An event whose natural key (scenario, kind, event_id, version) is there already is a
        duplicate when its content is the same, a conflict otherwise; neither is stored.
        """
        with self.transaction():
            seq = self.head
            outcomes: list[Outcome] = []
            for event in events:
                digest = event.digest
                held = self._digest(event)
                if held is None:
                    seq += 1
                    self._insert(event, seq, observed_us, digest=digest, is_live=False)
                    outcomes.append("accepted")
                else:
                    outcomes.append("duplicate" if held == digest else "conflict")
            return outcomes

    def append(self, event: Event, *, now_us: int | None = None) -> Stored:
        """Append one live event, learned now; time in the ledger never runs backwards.

        Raises
        ------
        ConflictError
            The natural key is there already.
        """
        with self.transaction() as connection:
            if self._digest(event) is not None:
                message = f"{event.kind} {event.event_id} version {event.version} is in the ledger"
                raise ConflictError(message)
            head = self.head
            known, seq = self._newest
            now = time.time_ns() // 1000 if now_us is None else now_us
            observed_us = max(now, known, self._newest_since(connection, seq))
            self._newest = observed_us, head + 1
            self._insert(event, head + 1, observed_us, digest=event.digest, is_live=True)
            return Stored(event=event, seq=head + 1, observed_us=observed_us, is_live=True)

    @staticmethod
    def _newest_since(connection: sqlite3.Connection, seq: int) -> int:
        row = connection.execute(
            "SELECT max(observed_us) FROM event WHERE seq > ?", (seq,)
        ).fetchone()
        return int(row[0] or 0)

    def _digest(self, event: Event) -> str | None:
        row = self.connection.execute(
            "SELECT digest FROM event "
            "WHERE scenario = ? AND kind = ? AND event_id = ? AND version = ?",
            (event.scenario, event.kind, event.event_id, event.version),
        ).fetchone()
        return None if row is None else str(row[0])

    def _insert(
        self, event: Event, seq: int, observed_us: int | None, *, digest: str, is_live: bool
    ) -> None:
        effective = event.effective_us
        self.connection.execute(
            _INSERT,
            (
                seq,
                event.scenario,
                event.kind,
                event.event_id,
                event.version,
                effective,
                event.ordinal,
                effective if observed_us is None else observed_us,
                int(is_live),
                int(event.retracted),
                event.currency,
                digest,
                json.dumps(dict(event.fields), separators=(",", ":"), ensure_ascii=False),
            ),
        )

    def find(self, scenario: str, kind: str, event_id: str, version: int) -> Stored | None:
        """The stored event of that natural key, or None."""
        with self._lock:
            row = self.connection.execute(_FIND, (scenario, kind, event_id, version)).fetchone()
        return None if row is None else _stored(row)

    def other_versions(self, event: Event) -> list[Stored]:
        """All other versions of the same event, oldest first."""
        key = (event.scenario, event.kind, event.event_id, event.version)
        with self._lock:
            rows = self.connection.execute(f"{_PREVIOUS} ORDER BY seq", key).fetchall()
        return [_stored(row) for row in rows]

    def at(self, seqs: Sequence[int]) -> list[Stored]:
        """The stored events at those places in the order, oldest first."""
        marks = ", ".join("?" * len(seqs))
        with self._lock:
            rows = self.connection.execute(
                f"SELECT {_COLUMNS} FROM event WHERE seq IN ({marks}) ORDER BY seq",  # noqa: S608
                list(seqs),
            ).fetchall()
        return [_stored(row) for row in rows]

    def iter_events(self, scenario: str, *, after_seq: int = 0) -> Iterator[Stored]:
        """All events of `scenario` behind `after_seq`, in the ledger's order."""
        with self._lock:
            rows = self.connection.execute(
                f"SELECT {_COLUMNS} FROM event WHERE scenario = ? AND seq > ? ORDER BY seq",  # noqa: S608
                (scenario, after_seq),
            ).fetchall()
        return (_stored(row) for row in rows)
