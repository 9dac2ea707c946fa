"""A record source held in memory, for demonstrations and tests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import TypeAdapter

from features.contracts.verdicts import AnomalyRecord, Counterfactual, Reason
from serving.console.source import Facts, QueuePage, TimelineEvent

_EVENTS: Final = TypeAdapter(tuple[TimelineEvent, ...])
_WAYS: Final = TypeAdapter(dict[str, Counterfactual])
_FACTS: Final = TypeAdapter(dict[str, Facts])


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Records and timelines in memory; the cursor is the number of rows already shown.

    >>> MemorySource(()).queue(None, None, "", cursor="", limit=10)
    QueuePage(rows=(), next_cursor='')
    """

    records: Sequence[AnomalyRecord]
    timelines: Mapping[str, tuple[TimelineEvent, ...]] = field(default_factory=dict)
    known: Mapping[str, Facts] = field(default_factory=dict)
    ways: Mapping[str, Counterfactual] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read records, and timelines and facts of some of them, from one JSON document."""
        document = json.loads(path.read_text("utf-8"))
        return cls(
            tuple(AnomalyRecord.model_validate(record) for record in document["records"]),
            {
                record_id: _EVENTS.validate_python(events)
                for record_id, events in document["timelines"].items()
            },
            _FACTS.validate_python(document.get("facts", {})),
            _WAYS.validate_python(document.get("ways", {})),
        )

    def queue(
        self, scenario: str | None, band: str | None, text: str, *, cursor: str, limit: int
    ) -> QueuePage:
        """One page of records, the most unusual and newest first."""
        found = [
            record
            for record in self.records
            if scenario in {None, record.verdict.scenario}
            and band in {None, record.verdict.scores.band.value}
            and text.casefold() in record.verdict.event_id.casefold()
        ]
        found.sort(
            key=lambda record: (record.verdict.scores.percentile, record.verdict.scored_at),
            reverse=True,
        )
        start = int(cursor or 0)
        end = start + limit
        return QueuePage(tuple(found[start:end]), str(end) if end < len(found) else "")

    def record(self, record_id: str) -> AnomalyRecord | None:
        """The record of that id, or None."""
        return next((each for each in self.records if each.verdict.record_id == record_id), None)

    def timeline(
        self,
        record_id: str,
        limit: int,
        reasons: Sequence[Reason] = (),  # noqa: ARG002  (evidence is marked in what it holds)
    ) -> tuple[TimelineEvent, ...]:
        """The last `limit` events of the record's subject, oldest first."""
        return self.timelines.get(record_id, ())[-limit:]

    def facts(self, record_id: str) -> Facts:
        """What is known of the record's event."""
        return self.known.get(record_id, Facts())

    def ordinary(self, record_id: str) -> Counterfactual | None:
        """At what value of one feature the record would be no alert."""
        return self.ways.get(record_id)

    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that have records."""
        return tuple(sorted({record.verdict.scenario for record in self.records}))
