"""Live: one event's vector from the stored histories, bit for bit what batch computes.

The caller scores first and appends afterwards, in one transaction of the ledger, so an event never
sees itself.
"""

from functools import cached_property
from itertools import pairwise
from math import isnan
from typing import Final

import numpy as np

from features import admission, rules
from features.contracts.errors import ConflictError
from features.contracts.events import Event, Stored, from_us
from features.contracts.vectors import STATUS_CODES, Cell, FeatureVector, Integers
from features.contracts.verdicts import Evidence, Peers, RuleWarning
from features.kernels import KERNEL_VERSION, MISSING, NEVER, step
from features.live_kernels import live_ends, live_features, live_rows, live_states
from features.measure import Ends, compute
from features.plan import LivePlan
from features.rebuild import rebuild
from features.spec import Atom, Feature, Key, Measure, RobustZ, Scenario
from features.store.codes import Codes
from features.store.history import HEAD_COLUMNS, SEQ, HistoryStore, KeyHistory, T, tombstone
from features.store.ledger import Ledger
from features.streams import KEY_MARK, Streams

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
        self.ledger = ledger
        self.scenario = scenario
        self.currency, self.calendar = ledger.profile(scenario.name)
        self.spec_hash = scenario.spec_hash(self.calendar)
        self.streams = Streams(scenario)
        self.codes = Codes(ledger.connection)
        self._held: LiveView | None = None
        self.store = HistoryStore(
            ledger.connection, scenario.name, self.streams.widths, cache_rows=cache_rows
        )
        self.numbers = frozenset(scenario.numbers)
        self.empty = [
            KeyHistory(np.empty((HEAD_COLUMNS + width, 0), np.int64))
            for width in self.streams.widths
        ]
        with ledger.transaction():
            self.plan = LivePlan(scenario, self.streams, self.codes)
            self._catch_up()

    def admit(self, event: Event) -> Event:
        """Return `event` if it is what the scenario declares, else raise `InputError`."""
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
            view = LiveView(self, event, stored, head if as_of_seq is None else as_of_seq)
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
            view = LiveView(self, other.event, other, self.ledger.head)
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


class LiveView:
    """One event seen against the histories: its keys, measures, states and features."""

    def __init__(
        self, engine: LiveEngine, event: Event, stored: Stored | None, as_of_seq: int
    ) -> None:
        self.engine = engine
        self.event = event
        self.stored = stored
        self.mark = as_of_seq
        observed, seq = NEVER, NEVER
        if stored is not None and stored.is_live:
            self.mark = min(as_of_seq, stored.seq - 1)
        elif stored is not None:
            observed, seq = stored.observed_us, stored.seq
        self.query = np.array(
            [event.effective_us, event.ordinal, observed, seq, self.mark], np.int64
        )
        self.own: dict[str, int | str | None] = dict(event.fields)
        self.own["kind"] = event.kind
        self._is_measured = False

    def serves(self, event: Event, stored: Stored | None, as_of_seq: int | None, head: int) -> bool:
        """Whether this view is that of the event asked about, and nothing was learned since.

        The event itself may have been stored in between: it never sees itself.
        """
        if event is not self.event or as_of_seq is not None:
            return False
        if stored is None or self.stored is not None:
            return stored is self.stored and head == self.mark
        return stored.is_live and stored.seq == head == self.mark + 1

    @property
    def t(self) -> Integers:
        """When the event happened, in microseconds."""
        return self.query[:1]

    @cached_property
    def others(self) -> list[Stored]:
        """Other versions of the same event that were known before this one."""
        found = self.engine.ledger.other_versions(self.event)
        observed, seq, mark = self.query[2:].tolist()
        return [
            item
            for item in found
            if item.seq <= mark and (item.observed_us, item.seq) < (observed, seq)
        ]

    @property
    def is_stale(self) -> bool:
        """Whether a later version was known first."""
        return any(item.event.version > self.event.version for item in self.others)

    @cached_property
    def hidden(self) -> Integers:
        """Places in the ledger of the event's other versions, which it may not see."""
        return np.array([item.seq for item in self.others], np.int64)

    def measure(self) -> None:
        """Compute the event's measures once, in the order of their declaration."""
        if self._is_measured:
            return
        for measure in self.engine.scenario.measures:
            value = self._measured(measure)
            if measure.is_code:
                self.own[measure.name] = self.engine.codes.text(value)
            else:
                self.own[measure.name] = None if value == MISSING else value
        self._is_measured = True

    def _measured(self, measure: Measure) -> int:
        own = self._numbers(measure.field) if measure.field in self.engine.numbers else self.t
        other = self._numbers(measure.other) if measure.other in self.engine.numbers else self.t
        ends = None if measure.atom is None else self._ends(measure, measure.atom)
        return int(compute(measure, self.engine.calendar, self.t, own, other, ends)[0])

    def _ends(self, measure: Measure, atom: Atom) -> Ends:
        plan, history = self.engine.plan, self._history(self.engine.streams.of[atom.key])
        seen = history.columns, history.n, self.query, self.hidden
        last, first = live_ends(*seen, plan.measure_rows[atom], plan.codes, plan.spans)
        values = np.full(history.n, MISSING)
        if measure.field:
            stream = self.engine.streams.of[atom.key]
            values = history.columns[self.engine.streams.place(stream, measure.field)]
        if measure.how == "change_ppm" and last >= 0 and values[last] == MISSING:
            rows = live_rows(*seen, plan.measure_rows[atom], plan.codes, plan.spans)
            rows = rows[values[rows] != MISSING]
            last = first = rows[-1] if len(rows) else -1
        if last < 0:
            nothing = np.array([MISSING])
            return Ends(nothing, nothing, nothing)
        instants = history.columns[T]
        return Ends(instants[[last]], instants[[first]], values[[last]])

    def key(self, key: Key) -> str | None:
        """The event's text under `key`, or None where a field is missing."""
        parts = [self.own.get(name) for name in key]
        return None if None in parts else KEY_MARK.join(map(str, parts))

    def text(self, name: str) -> str | None:
        """The event's text in column `name`."""
        value = self.own.get(name)
        return None if value is None else str(value)

    def number(self, name: str) -> int:
        """The event's own integer in column `name`, or MISSING."""
        value = self.own.get(name)
        return MISSING if value is None else int(value)

    def _numbers(self, name: str) -> Integers:
        return np.array([self.number(name)], np.int64)

    def column(self, name: str) -> int:
        """What a history keeps of the event in column `name`: a number, grid step or code."""
        if name.startswith("grid:"):
            return int(step(self.number(name.removeprefix("grid:"))))
        if name in self.engine.numbers:
            return self.number(name)
        text = self.text(name)
        return -1 if text is None else self.engine.codes.code(text)

    def _history(self, stream: int) -> KeyHistory:
        text = self.key(self.engine.streams.keys[stream])
        return self.engine.empty[stream] if text is None else self.engine.store.read(stream, text)

    def cells(self) -> tuple[Cell, ...]:
        """All features of the event, in the order of the spec."""
        plan, n = self.engine.plan, len(self.engine.scenario.features)
        values, status, peers = np.empty(n), np.empty(n, np.int64), np.empty((n, 5))
        live_features(
            plan.specs,
            plan.uses,
            self._states(),
            np.array([MISSING if name is None else self.number(name) for name in plan.own]),
            np.array([key is None or self.key(key) is not None for key in plan.keys], np.int64),
            int(self.query[0]),
            values,
            status,
            peers,
        )
        rows = zip(values.tolist(), status.tolist(), peers.tolist(), strict=True)
        return tuple(
            self._cell(feature, *row)
            for feature, row in zip(self.engine.scenario.features, rows, strict=True)
        )

    def _states(self) -> Integers:
        plan = self.engine.plan
        held = [self._history(stream) for stream in range(len(plan.streams.keys))]
        states: Integers = live_states(
            tuple(item.columns for item in held),
            np.array([item.n for item in held], np.int64),
            self.query,
            self.hidden,
            plan.atom_table,
            plan.reach,
            plan.codes,
            plan.spans,
        )
        return states

    def _cell(self, feature: Feature, value: float, status: int, peers: list[float]) -> Cell:
        if not isinstance(feature.of, RobustZ):
            return Cell(value, STATUS_CODES[status])
        actual = self.number(feature.of.value)
        if actual == MISSING or isnan(peers[0]):
            known = None if actual == MISSING else float(actual)
            return Cell(value, STATUS_CODES[status], actual=known)
        level, n, typical, lo, hi = peers
        label = "/".join(self.text(name) or "" for name in feature.of.peers[int(level)])
        group = Peers(key=label, level=int(level), n=int(n))
        return Cell(value, STATUS_CODES[status], float(actual), typical, lo, hi, group)

    def seqs(self, atom: Atom) -> Integers:
        """Places in the ledger of the events that `atom` is computed from, in time order."""
        plan, history = self.engine.plan, self._history(self.engine.streams.of[atom.key])
        rows = live_rows(
            history.columns,
            history.n,
            self.query,
            self.hidden,
            plan.atom_row(atom),
            plan.codes,
            plan.spans,
        )
        seqs: Integers = history.columns[SEQ, rows]
        return seqs


def _evidence(stored: Stored) -> Evidence:
    event = stored.event
    return Evidence(
        kind=event.kind,
        event_id=event.event_id,
        version=event.version,
        seq=stored.seq,
        effective_at=from_us(event.effective_us),
    )
