"""The console's view of records, handed out before the ledger is open.

It is what everybody may see. A supervisor's session has a view of its own, by which a case that
holds measures of persons is shown in full, after the look was sealed into the audit chain.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from features.contracts.errors import LedgerError
from features.contracts.verdicts import AnomalyRecord, Counterfactual, Reason
from serving.console.source import Facts, QueuePage, TimelineEvent
from serving.desk import Desk
from serving.ordinary import ordinary_of
from serving.scorer import now_us
from serving.store import audit
from serving.store.reading import Records
from serving.veil import Veil

Ways = Callable[[str], Counterfactual | None]
Note = Callable[[audit.Entry], None]


class LateRecords:
    """A `RecordSource` that answers once the service has started."""

    def __init__(self) -> None:
        self.records: Records | None = None
        self.ways: Ways | None = None
        self.note: Note | None = None
        self.veil = Veil({})

    def open(self, desk: Desk) -> None:
        """Answer from the desk from now on."""
        self.records, self.veil, self.note = desk.records, desk.veil, desk.note
        self.ways = partial(ordinary_of, desk)

    def close(self) -> None:
        """Answer no more."""
        self.records = self.ways = self.note = None

    def _open(self) -> Records:
        if self.records is None:
            raise LedgerError("the service is starting; try again in a moment")
        return self.records

    def queue(
        self, scenario: str | None, band: str | None, text: str, *, cursor: str, limit: int
    ) -> QueuePage:
        """One page of records, the most unusual and newest first."""
        page = self._open().queue(scenario, band, text, cursor=cursor, limit=limit)
        return replace(page, rows=tuple(self.veil.record(record) for record in page.rows))

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The stored record, or None."""
        found = self.stored(record_id)
        return found and self.veil.record(found)

    def stored(self, record_id: str) -> AnomalyRecord | None:
        """The record with everything in it, which is not for everybody."""
        return self._open().record(record_id)

    def timeline(
        self, record_id: str, limit: int, reasons: Sequence[Reason] = ()
    ) -> tuple[TimelineEvent, ...]:
        """Events of the record's subject around it, oldest first."""
        return self._open().timeline(record_id, limit, reasons)

    def facts(self, record_id: str) -> Facts:
        """When the record's event happened, and whom and what it is about."""
        return self._open().facts(record_id)

    def ordinary(self, record_id: str) -> Counterfactual | None:
        """At what value of one feature the record would be ordinary."""
        way = self.way(record_id)
        return way and self.veil.way(self._scenario(record_id), way)

    def way(self, record_id: str) -> Counterfactual | None:
        """The same whatever the feature tells of, which is not for everybody."""
        self._open()
        return self.ways and self.ways(record_id)

    def _scenario(self, record_id: str) -> str:
        return self._open().row(record_id).scenario

    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that have records."""
        return self._open().scenarios()

    def cleared(self, session: str) -> "ClearedRecords":
        """What a supervisor's session of that name sees."""
        return ClearedRecords(self, session)


class ClearedRecords:
    """A `RecordSource` for one supervisor's session: cases in full, each look in the audit chain.

    The queue is everybody's, so that who looks through it looks at no person.
    """

    def __init__(self, late: LateRecords, session: str) -> None:
        self._late, self._session = late, session
        self.queue, self.facts, self.timeline = late.queue, late.facts, late.timeline
        self.scenarios, self.ordinary = late.scenarios, late.way

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The stored record, or None; without a row in the audit chain there is no look.

        Raises
        ------
        LedgerError
            The look cannot be noted.
        """
        found = self._late.stored(record_id)
        seen = self._late.veil.withheld(found) if found else ()
        if seen:
            self._note(record_id, seen)
        return found

    def _note(self, record_id: str, seen: tuple[str, ...]) -> None:
        if self._late.note is None:
            raise LedgerError("the service is stopping; try again in a moment")
        actor, content = f"supervisor:{self._session}", audit.digest([*seen])
        self._late.note(audit.Entry(now_us(), actor, audit.LOOKED, record_id, content))
