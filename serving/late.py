"""The console's view of records, handed out before the ledger is open."""

from collections.abc import Callable

from features.contracts.errors import LedgerError
from features.contracts.verdicts import AnomalyRecord, Counterfactual
from serving.console.source import Facts, QueuePage, TimelineEvent
from serving.store.reading import Records

Ways = Callable[[str], Counterfactual | None]


class LateRecords:
    """A `RecordSource` that answers once the service has started."""

    def __init__(self) -> None:
        self.records: Records | None = None
        self.ways: Ways | None = None

    def _open(self) -> Records:
        if self.records is None:
            raise LedgerError("the service is starting; try again in a moment")
        return self.records

    def queue(
        self, scenario: str | None, band: str | None, text: str, *, cursor: str, limit: int
    ) -> QueuePage:
        """One page of records, the most unusual and newest first."""
        return self._open().queue(scenario, band, text, cursor=cursor, limit=limit)

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The stored record, or None."""
        return self._open().record(record_id)

    def timeline(self, record_id: str, limit: int) -> tuple[TimelineEvent, ...]:
        """Events of the record's subject around it, oldest first."""
        return self._open().timeline(record_id, limit)

    def facts(self, record_id: str) -> Facts:
        """When the record's event happened, and whom and what it is about."""
        return self._open().facts(record_id)

    def ordinary(self, record_id: str) -> Counterfactual | None:
        """At what value of one feature the record would be ordinary."""
        self._open()
        return self.ways and self.ways(record_id)

    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that have records."""
        return self._open().scenarios()
