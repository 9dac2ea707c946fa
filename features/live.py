"""Live: one event's vector from the stored histories, bit for bit what batch computes.

The caller scores first and appends afterwards, in one transaction of the ledger, so an event never
sees itself.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from features import admission, rules
from features.contracts.errors import ConflictError, InputError
from features.contracts.events import Event, Stored, from_us
from features.contracts.vectors import FeatureVector, Integers
from features.contracts.verdicts import Evidence, RuleWarning
from features.kernels import KERNEL_VERSION, NEVER
from features.live_view import Ground, LiveView
from features.rebuild import rebuild
from features.spec import Scenario
from features.store.history import HEAD_COLUMNS, tombstone
from features.store.ledger import Ledger

CATCH_UP: Final = 2_000
"""Most events that are appended one by one when the ledger has moved on; more are rebuilt."""


class LiveEngine:
    """The live path of one scenario over one ledger.

    Parameters
    ----------
    ledger
        The open ledger; histories are brought up to date with it at once.
    scenario
        What to compute.
    cache_rows
        Rows of history kept in memory.
    """

    def __init__(self, ledger: Ledger, scenario: Scenario, *, cache_rows: int = 4_000_000) -> None:
        with ledger.transaction():
            self.ground = Ground(ledger, scenario, cache_rows=cache_rows)
            self.ledger, self.scenario = ledger, scenario
            self.streams, self.codes, self.store = (
                self.ground.streams,
                self.ground.codes,
                self.ground.store,
            )
            self.spec_hash = scenario.spec_hash(self.ground.calendar)
            self._held: LiveView | None = None
            self._catch_up()

    def admit(self, event: Event) -> Event:
        """Return `event` if it is what the scenario declares, else raise `InputError`."""
        kept = self.ledger.currency(self.scenario.name)
        if event.currency != kept:
            message = (
                f"currency {event.currency!r}: {self.scenario.name} is kept in {kept!r}, and "
                "amounts of two currencies are not compared; convert, or use another LIANJING_HOME"
            )
            raise InputError(message)
        return admission.admit(event, self.scenario)

    def vector(
        self, event: Event, *, stored: Stored | None = None, as_of_seq: int | None = None
    ) -> FeatureVector:
        """All features of `event` as of now, or as of its place in the ledger if it is stored.

        With `as_of_seq` nothing is seen that the ledger learned after that place: a record's
        watermark gives back the record's vector, whatever was loaded since.

        Raises
        ------
        ConflictError
            A later version of the same event is known already.
        """
        view = self._view(event, stored, as_of_seq)
        label = view.text(self.scenario.peer_group)
        return FeatureVector(
            scenario=self.scenario.name,
            spec_hash=self.spec_hash,
            kernel_version=KERNEL_VERSION,
            as_of_seq=view.mark,
            names=tuple(self.scenario.by_name),
            cells=view.cells(),
            peer_group=label or "*",
        )

    def warnings(self, event: Event, vector: FeatureVector) -> tuple[RuleWarning, ...]:
        """The answers of the scenario's fixed rules about `event`."""
        values = {
            name: np.array([cell.value])
            for name, cell in zip(vector.names, vector.cells, strict=True)
        }
        found = []
        for rule in self.scenario.rules:
            applies = all(
                (event.kind if name == "kind" else event.fields.get(name)) in wanted
                for name, wanted in rule.applies
            )
            code = int(rules.answer(rule, values, np.array([applies]))[0])
            found.append(
                RuleWarning(
                    rule=rule.name, status=rules.ANSWERS[code], source="lianjing", detail=rule.basis
                )
            )
        return tuple(found)

    def evidence(
        self,
        event: Event,
        feature: str,
        *,
        stored: Stored | None = None,
        as_of_seq: int | None = None,
        limit: int = 5,
    ) -> tuple[Evidence, ...]:
        """The latest events that `feature` of `event` was computed from, newest first."""
        view = self._view(event, stored, as_of_seq)
        for atom in self.scenario.feature(feature).of.atoms:
            seqs = view.seqs(atom)[-limit:]
            if len(seqs):
                found = self.ledger.at([int(seq) for seq in seqs])
                found.sort(key=lambda item: (item.event.effective_us, item.event.ordinal, item.seq))
                return tuple(_evidence(item) for item in reversed(found))
        return ()

    def append(self, stored: Stored) -> None:
        """Add a stored event to the histories, inside the open transaction."""
        view = self._view(stored.event, stored, None, may_be_stale=True)
        self._bury(stored)
        if not stored.event.retracted and not view.is_stale:
            for stream, key in self._keys(view):
                self.store.append(stream, key, self._row(stream, view, stored))
        self._advance(stored.seq)

    def forget(self) -> None:
        """Drop what memory holds after a transaction was rolled back."""
        self._held, self._head = None, -1
        self.store.forget()
        self.codes.forget()

    def _view(
        self,
        event: Event,
        stored: Stored | None,
        as_of_seq: int | None,
        *,
        may_be_stale: bool = False,
    ) -> "LiveView":
        head = self.ledger.head
        view = self._held
        if view is None or not view.serves(event, stored, as_of_seq, head):
            if head != self._head and not may_be_stale:
                with self.ledger.transaction():
                    self._catch_up()
            view = LiveView(self.ground, event, stored, head if as_of_seq is None else as_of_seq)
        if view.is_stale and not may_be_stale:
            message = f"{event.kind} {event.event_id}: a version after {event.version} is known"
            raise ConflictError(message)
        if view is not self._held:
            view.measure()
            self._held = view
        return view

    def _bury(self, stored: Stored) -> None:
        event = stored.event
        for other in self.ledger.other_versions(event):
            if other.event.version > event.version or other.event.retracted:
                continue
            view = LiveView(self.ground, other.event, other, self.ledger.head)
            view.measure()
            for stream, key in self._keys(view):
                width = self.streams.widths[stream]
                mark = tombstone(width, other.seq, stored.observed_us, stored.seq)
                self.store.append(stream, key, mark)

    def _keys(self, view: "LiveView") -> list[tuple[int, str]]:
        if view.event.kind not in self.streams.kinds:
            return []
        found = []
        for stream, key in enumerate(self.streams.keys):
            text = view.key(key)
            if text is not None:
                found.append((stream, text))
        return found

    def _row(self, stream: int, view: "LiveView", stored: Stored) -> Integers:
        event = stored.event
        row = np.empty(HEAD_COLUMNS + self.streams.widths[stream], np.int64)
        row[:HEAD_COLUMNS] = (
            event.effective_us,
            event.ordinal,
            stored.observed_us,
            stored.seq,
            NEVER,
            NEVER,
            NEVER,
            self.codes.code(event.kind),
        )
        for k, column in enumerate(self.streams.columns[stream]):
            row[HEAD_COLUMNS + k] = view.column(column)
        return row

    def _catch_up(self) -> None:
        row = self.ledger.connection.execute(
            "SELECT spec_hash, seq FROM history_head WHERE scenario = ?", (self.scenario.name,)
        ).fetchone()
        known = 0 if row is None or row[0] != self.spec_hash else int(row[1])
        head = self.ledger.head
        waiting = self.ledger.connection.execute(
            "SELECT count(*) FROM event WHERE scenario = ? AND seq > ?", (self.scenario.name, known)
        ).fetchone()[0]
        self._head = head
        if known == 0 or waiting > CATCH_UP:
            rebuild(self.ledger, self.scenario, self.store, self.codes, self.streams)
        elif waiting:
            self._follow(list(self.ledger.iter_events(self.scenario.name, after_seq=known)))
        self._advance(head)

    def _follow(self, waiting: list[Stored]) -> None:
        """Append `waiting`, or rebuild where one was learned before what precedes it.

        Such a backfill may give measures, and which version ruled, another past.
        """
        until = self.ledger.connection.execute(
            "SELECT max(observed_us) FROM event WHERE scenario = ? AND seq < ?",
            (self.scenario.name, waiting[0].seq),
        ).fetchone()
        learned = [until[0] or 0, *(stored.observed_us for stored in waiting)]
        if any(later < before for before, later in pairwise(learned)):
            rebuild(self.ledger, self.scenario, self.store, self.codes, self.streams)
            return
        for stored in waiting:
            self.append(stored)

    def _advance(self, seq: int) -> None:
        self._head = max(seq, getattr(self, "_head", 0))
        self.ledger.connection.execute(
            "INSERT OR REPLACE INTO history_head VALUES (?, ?, ?)",
            (self.scenario.name, self.spec_hash, self._head),
        )


def _evidence(stored: Stored) -> Evidence:
    event = stored.event
    return Evidence(
        kind=event.kind,
        event_id=event.event_id,
        version=event.version,
        seq=stored.seq,
        effective_at=from_us(event.effective_us),
    )
