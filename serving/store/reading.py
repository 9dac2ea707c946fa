"""Reading of records over a connection of its own: the console's `RecordSource` and the feed."""

import threading
from collections.abc import Sequence

from features.contracts.errors import NotFoundError
from features.contracts.settings import Place
from features.contracts.verdicts import AnomalyRecord, Reason
from features.store.database import Database
from features.store.place import connect
from serving.console.source import Facts, QueuePage, TimelineEvent
from serving.store import queue, records, timeline

_SCENARIOS = """
WITH RECURSIVE found(name) AS (
  SELECT min(scenario) FROM record
  UNION ALL
  SELECT (SELECT min(scenario) FROM record WHERE scenario > name) FROM found WHERE name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""


def read_only(place: Place) -> Database:
    """A connection to the ledger's database that sees what is committed and can write nothing."""
    return connect(place, is_read_only=True)


class Records:
    """Committed records, read only; safe to call from several threads.

    Parameters
    ----------
    connection
        A connection that no one else uses; see `read_only`.
    """

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def alive(self) -> bool:
        """Whether the database answers."""
        with self._lock:
            return bool(self._connection.execute("SELECT 1 FROM alembic_version").fetchone())

    def row(self, record_id: str) -> records.Row:
        """The stored row of that id; `NotFoundError` when there is none."""
        with self._lock:
            return records.by_id(self._connection, record_id)

    def feed(self, cursor: int, limit: int) -> list[tuple[int, records.Row]]:
        """The next records behind `cursor` in the order they were stored, each with its place."""
        with self._lock:
            return records.after(self._connection, cursor, limit)

    def queue(
        self, scenario: str | None, band: str | None, text: str, *, cursor: str, limit: int
    ) -> QueuePage:
        """One page of records, the most unusual and newest first."""
        wanted = queue.Filter(scenario, band, text)
        with self._lock:
            rows, more = queue.page(self._connection, wanted, cursor=cursor, limit=limit)
        return QueuePage(tuple(row.record() for row in rows), more)

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The stored record, or None."""
        try:
            return self.row(record_id).record()
        except NotFoundError:
            return None

    def timeline(
        self, record_id: str, limit: int, reasons: Sequence[Reason] = ()
    ) -> tuple[TimelineEvent, ...]:
        """Events of the record's subject around it, oldest first."""
        with self._lock:
            row = records.by_id(self._connection, record_id)
            return timeline.around(self._connection, row, limit, reasons)

    def facts(self, record_id: str) -> Facts:
        """When the record's event happened, and whom and what it is about."""
        with self._lock:
            row = records.by_id(self._connection, record_id)
            return timeline.facts(self._connection, row)

    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that have records."""
        with self._lock:
            found = self._connection.execute(_SCENARIOS).fetchall()
        return tuple(sorted(name for (name,) in found))
