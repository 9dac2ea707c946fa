"""A subject's timeline: what the ledger had learned of it when the record was made."""

import json
import sqlite3

from features.contracts.events import from_us
from features.contracts.verdicts import Verdict
from features.scenarios import catalog
from serving.console.source import TimelineEvent
from serving.store.records import Row

_OWN = (
    "SELECT json_extract(fields, '$.{subject}'), effective_us, observed_us, seq "
    "FROM event WHERE seq = ?"
)
_AROUND = """
SELECT kind, effective_us, event_id, fields, currency, version
FROM event AS e
WHERE scenario = '{scenario}' AND json_extract(fields, '$.{subject}') = ?1
  AND effective_us <= ?2 AND (observed_us, seq) <= (?3, ?4) AND seq <= ?5 AND retracted = 0
  AND NOT EXISTS (
    SELECT 1 FROM event AS later
    WHERE later.scenario = e.scenario AND later.kind = e.kind AND later.event_id = e.event_id
      AND later.version > e.version AND (later.observed_us, later.seq) <= (?3, ?4)
      AND later.seq <= ?5)
ORDER BY effective_us DESC, seq DESC LIMIT ?6
"""


def around(connection: sqlite3.Connection, row: Row, limit: int) -> tuple[TimelineEvent, ...]:
    """The last `limit` events of the record's subject up to its own, oldest first.

    Only what the ledger held at the record's watermark is shown, and the event itself: the latest
    version of each event, nothing retracted. A record of a scenario that is no longer in the
    catalogue, or of an event without subject, has no timeline.
    """
    if row.scenario not in catalog.NAMES:
        return ()
    subject = catalog.load(row.scenario).subject
    own = connection.execute(_OWN.format(subject=subject), (row.seq,)).fetchone()
    if own is None or own[0] is None:
        return ()
    sql = _AROUND.format(scenario=row.scenario, subject=subject)
    verdict = Verdict.model_validate_json(row.verdict)
    mark = max(verdict.provenance.as_of_seq, row.seq)
    found = connection.execute(sql, (*own, mark, limit)).fetchall()
    evidence = _evidence(verdict)
    return tuple(
        TimelineEvent(
            kind=kind,
            effective_at=from_us(effective_us),
            event_id=event_id,
            amount_minor=json.loads(fields).get("amount_minor"),
            highlighted=(kind, event_id, version) in evidence,
            currency=currency,
        )
        for kind, effective_us, event_id, fields, currency, version in reversed(found)
    )


def _evidence(verdict: Verdict) -> set[tuple[str, str, int]]:
    return {
        (one.kind, one.event_id, one.version)
        for reason in verdict.reasons
        for one in reason.evidence
    }
