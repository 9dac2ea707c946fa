"""What the console reads: a queue, a record, the subject's timeline; it writes nothing.

The console knows no database. Whoever serves it hands in a `RecordSource`; page handlers call it
from worker threads, so an implementation must be safe to call from several threads at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from features.contracts.verdicts import AnomalyRecord, Counterfactual, Reason
from serving.console.formats import TIMEZONE


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the queue; `next_cursor` is opaque and empty on the last page."""

    rows: tuple[AnomalyRecord, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened to the subject of a record, before or with it.

    `highlighted` marks evidence of a reason. An empty `currency` stands for the record's own.
    `what` names the step or the item, where the event says so.
    """

    kind: str
    effective_at: datetime
    event_id: str
    amount_minor: int | None
    highlighted: bool
    currency: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """When the event of a record happened, and whom and what it is about.

    `timezone` is that of the scenario's calendar. Each of `fields` is a field's Chinese and English
    title and its value as text. `effective_at` is None where the source does not hold the event.
    """

    effective_at: datetime | None = None
    timezone: str = TIMEZONE
    fields: tuple[tuple[str, str, str], ...] = ()


class RecordSource(Protocol):
    """Where the console's pages come from.

    `queue` filters by scenario and band where given, and by event id where `text` is not empty;
    an empty cursor asks for the first page. `record` answers None for an unknown id.
    `timeline` is in order of time, oldest first, at most `limit` events around the record's own;
    evidence of `reasons` is highlighted. What a source gives is shown: it withholds what is not for
    whoever reads.
    """

    def queue(
        self, scenario: str | None, band: str | None, text: str, *, cursor: str, limit: int
    ) -> QueuePage:
        """One page of records, the most unusual and newest first."""
        ...

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The stored record, or None."""
        ...

    def timeline(
        self, record_id: str, limit: int, reasons: Sequence[Reason] = ()
    ) -> tuple[TimelineEvent, ...]:
        """Events of the record's subject around it, oldest first."""
        ...

    def facts(self, record_id: str) -> Facts:
        """When the record's event happened, and whom and what it is about."""
        ...

    def ordinary(self, record_id: str) -> Counterfactual | None:
        """At what value of one feature the record would be no alert; None where there is none.

        BundleError where what scored it is not at hand.
        """
        ...

    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that have records."""
        ...
