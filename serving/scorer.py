"""Scoring: one event in, one verdict out, committed before it is answered.

Everything a verdict changes (event, live history, record, audit row) is one transaction. The
natural key of an event makes retries safe: the same request gets the stored verdict, byte for
byte; another body under the same key is refused.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from features.contracts.errors import ConflictError, InputError
from features.contracts.events import Event, Stored, from_us, to_us
from features.contracts.vectors import FeatureVector
from features.contracts.verdicts import (
    Band,
    Evidence,
    Provenance,
    Reason,
    Reliability,
    RuleWarning,
    Status,
    Verdict,
)
from features.store.database import Database
from features.store.ledger import Ledger, Outcome
from models.budget import ReviewRule
from models.bundle import Bundle
from models.control import review_id
from models.explain import reasons, story
from serving.door import Door
from serving.relation import merge, relate
from serving.reviewing import Reviewer
from serving.store import audit, cells, records
from serving.ulid import Ulids

TOP_REASONS: Final = 5
_SKEW_US: Final = 86_400_000_000
"""How far a host's clock may run ahead of ours: a day, in microseconds."""
EVIDENCE: Final = 5


class Engine(Protocol):
    """What scoring needs of the live feature engine."""

    spec_hash: str
    rules_hash: str

    def admit(self, event: Event) -> Event:
        """Check kind and fields against the scenario."""
        ...

    def vector(self, event: Event, *, stored: Stored | None = None) -> FeatureVector:
        """The features as of now, or as of a stored event."""
        ...

    def warnings(
        self, event: Event, vector: FeatureVector, *, stored: Stored | None = None
    ) -> tuple[RuleWarning, ...]:
        """Our own fixed rules' answers."""
        ...

    def evidence(
        self,
        event: Event,
        feature: str,
        *,
        stored: Stored | None = None,
        as_of_seq: int | None = None,
        limit: int = 5,
    ) -> tuple[Evidence, ...]:
        """The events that a feature was computed from, none learned after `as_of_seq`."""
        ...

    def append(self, stored: Stored) -> None:
        """Add to the live histories, inside the open transaction."""
        ...

    def forget(self) -> None:
        """Drop what memory holds beyond the database, after a rollback."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """The bundle that serves a scenario, and under which name."""

    bundle: Bundle
    digest: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict as it was stored, and whether this call made it."""

    body: str
    band: Band
    is_alert: bool
    is_fresh: bool
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One scoring call after the door: what is asked, by whom, and the digest of the asking."""

    event: Event
    warnings: tuple[RuleWarning, ...]
    explain: bool
    actor: str

    @property
    def digest(self) -> str:
        """SHA-256 of event and warnings; whether reasons were asked for does not count."""
        told = [[one.rule, one.status, one.detail] for one in self.warnings]
        return audit.digest([self.event.digest, told])


def now_us() -> int:
    """The wall clock in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


class Scorer:
    """Scores the events of one scenario, one at a time.

    Parameters
    ----------
    ledger
        The ledger that is written.
    engine
        The live features of the scenario, over the same ledger.
    champion
        Gives the bundle that serves now; raises `NoChampionError` when there is none.
    scored
        Kinds of events that are scored, in the order of the business; the others are history, and
        so is an event whose id is known under an earlier one of them.
    budget
        Share of the events that reviewers have room for, where no `reviewer` is given.
    reviewer
        Says which events are looked at; by default those whose p-value is within the budget.
    enter
        Replaces personal identifiers by pseudonyms.
    clock
        Microseconds since 1970.
    """

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        champion: Callable[[], Serving],
        *,
        scored: Sequence[str],
        budget: float = 0.01,
        reviewer: Reviewer | None = None,
        enter: Door = lambda event: event,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._ledger, self._engine, self._champion = ledger, engine, champion
        self._reviewer = reviewer or Reviewer(ReviewRule(budget=budget))
        self._enter, self._clock = enter, clock
        self._scored = tuple(scored)
        self._lock = threading.Lock()
        self._ids = Ulids()
        self._is_touched = False

    @property
    def alert_budget(self) -> float:
        """Share of the events that are to be alerts."""
        return self._reviewer.rule.alert_budget

    def admit(self, event: Event) -> Event:
        """The event as the ledger may hold it: pseudonyms for persons, fields checked.

        Raises
        ------
        InputError
            Kind or a field breaks a rule of the scenario.
        """
        if event.effective_us > self._clock() + _SKEW_US:
            raise InputError(
                "effective_at lies more than a day after the present; send what has happened"
            )
        return self._engine.admit(self._enter(event))

    def score(self, event: Event, warnings: Sequence[RuleWarning] = ()) -> Verdict:
        """Score `event`, with the fixed rules' warnings that the host raised about it."""
        return Verdict.model_validate_json(self.answer(event, warnings).body)

    def answer(
        self,
        event: Event,
        warnings: Sequence[RuleWarning] = (),
        *,
        explain: bool = False,
        actor: str = "",
    ) -> Answer:
        """Score `event` and give the verdict as stored; an equal request gets the same bytes.

        Raises
        ------
        InputError
            A retraction, or an event that breaks a rule of its scenario.
        ConflictError
            The natural key is there already with other content, or the event's id under an earlier
            kind that is scored.
        """
        request = Request(self._scorable(event), tuple(warnings), explain, actor)
        digest = request.digest
        with self._transaction() as connection:
            held = records.held(connection, request.event)
            if held is not None:
                return self._repeat(held, digest, request.event)
            self._check_first(connection, request.event)
            return self._score(connection, request, digest)

    def _scorable(self, event: Event) -> Event:
        if event.retracted:
            raise InputError("a retraction is not scored; send it to POST /v1/events")
        admitted = self.admit(event)
        if admitted.kind not in self._scored:
            raise InputError(
                f"a {admitted.kind} is history and not scored (scored: {', '.join(self._scored)}); "
                "send it to POST /v1/events"
            )
        return admitted

    def _repeat(self, held: tuple[str, str], digest: str, event: Event) -> Answer:
        if held[0] != digest:
            same_event = self._loaded(event) is not None
            raise ConflictError(_other_warnings(event) if same_event else _conflict(event))
        scores = Verdict.model_validate_json(held[1]).scores
        return Answer(held[1], scores.band, scores.is_alert, is_fresh=False)

    def _check_first(self, connection: Database, event: Event) -> None:
        earlier = self._scored[: self._scored.index(event.kind)]
        kind = records.known_as(connection, event, earlier)
        if kind is not None:
            raise ConflictError(
                f"this {event.kind} has the event_id of a {kind} that is known already, and an id "
                "is scored once, under its first kind; send it to POST /v1/events"
            )

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        with self._lock:
            self._is_touched = False
            try:
                with self._ledger.transaction() as connection:
                    yield connection
            except BaseException:
                if self._is_touched:
                    self._engine.forget()
                raise

    def _score(self, connection: Database, request: Request, digest: str) -> Answer:
        event, serving = request.event, self._champion()
        loaded = self._loaded(event)
        self._is_touched = True
        vector = self._engine.vector(event, stored=loaded)
        verdict = self._judge(request, serving, vector, loaded)
        stored = loaded or self._append(event)
        row = _row(verdict, digest, vector, stored)
        records.insert(connection, row)
        entry = audit.Entry(
            row.scored_us, request.actor, audit.SCORED, row.record_id, audit.digest(row.sealed)
        )
        audit.append(connection, entry)
        scores = verdict.scores
        is_control = verdict.review is not None and verdict.review.is_control
        return Answer(row.verdict, scores.band, scores.is_alert, True, is_control)

    def _loaded(self, event: Event) -> Stored | None:
        stored = self._ledger.find(event.scenario, event.kind, event.event_id, event.version)
        if stored is not None and stored.event.digest != event.digest:
            raise ConflictError(_conflict(event))
        return stored

    def _append(self, event: Event) -> Stored:
        stored = self._ledger.append(event, now_us=self._clock())
        self._engine.append(stored)
        return stored

    def _judge(
        self, request: Request, serving: Serving, vector: FeatureVector, loaded: Stored | None
    ) -> Verdict:
        event, now = request.event, self._clock()
        record_id, score = self._ids.at(now), serving.bundle.score_row(vector.values)
        review = self._reviewer.select(
            serving.bundle,
            serving.digest,
            review_id(event.scenario, event.event_id),
            score,
            at_us=event.effective_us,
            record_id=record_id,
        )
        scores = serving.bundle.scores_of(score, is_alert=review.is_alert)
        rules = merge(request.warnings, self._engine.warnings(event, vector, stored=loaded))
        is_told = request.explain or scores.is_alert or scores.band is not Band.INFO
        return Verdict(
            record_id=record_id,
            scenario=event.scenario,
            kind=event.kind,
            event_id=event.event_id,
            version=event.version,
            scored_at=from_us(now),
            scores=scores,
            relation=relate(rules, is_alert=scores.is_alert),
            rules=rules,
            reasons=self._reasons(serving.bundle, vector, event, loaded) if is_told else (),
            provenance=_provenance(serving, vector, self._engine.rules_hash),
            reliability=_reliability(serving.bundle, vector),
            review=review,
            story=story(serving.bundle, vector) if is_told else None,
        )

    def _reasons(
        self,
        bundle: Bundle,
        vector: FeatureVector,
        event: Event,
        stored: Stored | None,
        *,
        as_of_seq: int | None = None,
    ) -> tuple[Reason, ...]:
        known = partial(
            self._engine.evidence, event, stored=stored, as_of_seq=as_of_seq, limit=EVIDENCE
        )
        found = reasons(bundle, vector, top=TOP_REASONS, currency=event.currency)
        return tuple(
            reason.model_copy(update={"evidence": known(reason.feature)}) for reason in found
        )

    def explain(self, row: records.Row, bundle: Bundle) -> tuple[Reason, ...]:
        """The reasons of a stored record, derived again from its vector and its bundle.

        Evidence is what the ledger held at the record's watermark; later knowledge is not shown.
        """
        verdict = Verdict.model_validate_json(row.verdict)
        if verdict.reasons:
            return verdict.reasons
        mark = verdict.provenance.as_of_seq
        with self._lock:
            (stored,) = self._ledger.at([row.seq])
            vector = cells.read(row.vector)
            return self._reasons(bundle, vector, stored.event, stored, as_of_seq=mark)

    def learn(self, events: Sequence[Event], *, actor: str = "") -> list[Outcome]:
        """Append admitted events as history without scoring them; all of them or none.

        An event that is there already is a duplicate when it says the same, a conflict otherwise.
        """
        with self._transaction() as connection:
            outcomes = [self._learn(event) for event in events]
            taken = [
                event.digest
                for event, outcome in zip(events, outcomes, strict=True)
                if outcome == "accepted"
            ]
            if taken:
                told = audit.digest([*taken])
                entry = audit.Entry(
                    self._clock(), actor, audit.LEARNED, f"{len(taken)} events", told
                )
                audit.append(connection, entry)
            return outcomes

    def _learn(self, event: Event) -> Outcome:
        key: tuple[Any, ...] = (event.scenario, event.kind, event.event_id, event.version)
        stored = self._ledger.find(*key)
        if stored is not None:
            return "duplicate" if stored.event.digest == event.digest else "conflict"
        self._is_touched = True
        self._append(event)
        return "accepted"


def _conflict(event: Event) -> str:
    return (
        f"this {event.kind} is known with other content under the same event_id and version "
        f"{event.version}; send a correction as version {event.version + 1}"
    )


def _other_warnings(event: Event) -> str:
    return (
        f"this {event.kind} was scored with other rule_warnings; the event itself is the same: "
        "repeat the warnings of the first call, or send the event once more as version "
        f"{event.version + 1}"
    )


def _reliability(bundle: Bundle, vector: FeatureVector) -> Reliability:
    """How many of the model's measures the event could be compared in."""
    used = set(bundle.manifest.model_features)
    known = zip(vector.names, vector.cells, strict=True)
    usable = sum(name in used and cell.status is Status.OK for name, cell in known)
    missing = sum(vector.cells[at].status is not Status.OK for at in bundle.leading)
    return Reliability(
        usable=usable,
        features=len(used),
        is_thin=2 * usable < len(used),
        leading=len(bundle.leading),
        leading_missing=missing,
    )


def _provenance(serving: Serving, vector: FeatureVector, rules_hash: str) -> Provenance:
    return Provenance(
        bundle_digest=serving.digest,
        model_version=serving.model_version,
        spec_hash=vector.spec_hash,
        kernel_version=vector.kernel_version,
        as_of_seq=vector.as_of_seq,
        vector_digest=vector.digest,
        rules_hash=rules_hash,
    )


def _row(verdict: Verdict, digest: str, vector: FeatureVector, stored: Stored) -> records.Row:
    amount = stored.event.fields.get("amount_minor")
    return records.Row(
        record_id=verdict.record_id,
        request_digest=digest,
        verdict=verdict.model_dump_json(),
        vector=cells.write(vector),
        scenario=verdict.scenario,
        kind=verdict.kind,
        event_id=verdict.event_id,
        version=verdict.version,
        seq=stored.seq,
        p_value=verdict.scores.p_value,
        band=verdict.scores.band.value,
        scored_us=to_us(verdict.scored_at),
        amount_minor=amount if isinstance(amount, int) else None,
        currency=stored.event.currency,
    )
