"""Live: one event's vector from the stored histories, bit for bit what batch computes.

The caller scores first and appends afterwards, in one transaction of the ledger, so an event never
sees itself.
"""

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features import admission, kernels, rules
from features.contracts.errors import ConflictError
from features.contracts.events import Event, Stored, from_us
from features.contracts.vectors import STATUS_CODES, Cell, FeatureVector, Integers
from features.contracts.verdicts import Evidence, Peers, RuleWarning
from features.finalise import Column, finalise
from features.kernels import KERNEL_VERSION, MISSING, NEVER, codes_of, grid, grids_of, moments_of
from features.measure import Ends, compute
from features.rebuild import rebuild
from features.spec import DAY_US, Atom, Feature, Key, Measure, RobustZ, Scenario, Where
from features.store.codes import Codes
from features.store.history import HEAD_COLUMNS, KIND, SEQ, HistoryStore, KeyHistory, T, tombstone
from features.store.ledger import Ledger
from features.streams import Streams

CATCH_UP: Final = 2_000
"""Most events that are appended one by one when the ledger has moved on; more are rebuilt."""

_STATE: Final = {"moments": (moments_of, 7), "codes": (codes_of, 3), "grids": (grids_of, 3)}


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
        with ledger.transaction():
            for text in self.streams.constants:
                self.codes.code(text)
            self._catch_up()

    def admit(self, event: Event) -> Event:
        """Return `event` if it is what the scenario declares, else raise `InputError`."""
        return admission.admit(event, self.scenario)

    def vector(self, event: Event, *, stored: Stored | None = None) -> FeatureVector:
        """All features of `event` as of now, or as of its place in the ledger if it is stored.

        Raises
        ------
        ConflictError
            A later version of the same event is known already.
        """
        view = self._view(event, stored)
        cells = tuple(_cell(finalise(item.of, view), item, view) for item in self.scenario.features)
        label = view.text(self.scenario.peer_group)
        return FeatureVector(
            scenario=self.scenario.name,
            spec_hash=self.spec_hash,
            kernel_version=KERNEL_VERSION,
            as_of_seq=view.mark,
            names=tuple(self.scenario.by_name),
            cells=cells,
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
        self, event: Event, feature: str, *, stored: Stored | None = None, limit: int = 5
    ) -> tuple[Evidence, ...]:
        """The latest events that `feature` of `event` was computed from, newest first."""
        view = self._view(event, stored)
        for atom in self.scenario.feature(feature).of.atoms:
            seqs = view.seqs(atom)[-limit:]
            if len(seqs):
                found = self.ledger.at([int(seq) for seq in seqs])
                found.sort(key=lambda item: (item.event.effective_us, item.event.ordinal, item.seq))
                return tuple(_evidence(item) for item in reversed(found))
        return ()

    def append(self, stored: Stored) -> None:
        """Add a stored event to the histories, inside the open transaction."""
        view = self._view(stored.event, stored, may_be_stale=True)
        self._bury(stored)
        if not stored.event.retracted and not view.is_stale:
            for stream, key in self._keys(view):
                self.store.append(stream, key, self._row(stream, view, stored))
        self._advance(stored.seq)

    def forget(self) -> None:
        """Drop what memory holds after a transaction was rolled back."""
        self._held = None
        self.store.forget()
        self.codes.forget()

    def _view(
        self, event: Event, stored: Stored | None, *, may_be_stale: bool = False
    ) -> "LiveView":
        head = self.ledger.head
        if self._held is not None and self._held.serves(event, stored, head):
            return self._held
        if head != self._head and stored is None:
            with self.ledger.transaction():
                self._catch_up()
        view = self._held = LiveView(self, event, stored)
        if view.is_stale and not may_be_stale:
            message = f"{event.kind} {event.event_id}: a version after {event.version} is known"
            raise ConflictError(message)
        view.measure()
        return view

    def _bury(self, stored: Stored) -> None:
        event = stored.event
        for other in self.ledger.other_versions(event):
            if other.event.version > event.version or other.event.retracted:
                continue
            view = LiveView(self, other.event, other)
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
            self.codes.code(event.kind),
        )
        for k, column in enumerate(self.streams.columns[stream]):
            row[HEAD_COLUMNS + k] = view.column(column, give=True)
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
        else:
            for stored in self.ledger.iter_events(self.scenario.name, after_seq=known):
                self.append(stored)
        self._advance(head)

    def _advance(self, seq: int) -> None:
        self._head = max(seq, getattr(self, "_head", 0))
        self.ledger.connection.execute(
            "INSERT OR REPLACE INTO history_head VALUES (?, ?, ?)",
            (self.scenario.name, self.spec_hash, self._head),
        )


class LiveView:
    """One event seen against the histories: the live counterpart of a batch view."""

    def __init__(self, engine: LiveEngine, event: Event, stored: Stored | None) -> None:
        self.engine = engine
        self.event = event
        self.mark = engine.ledger.head if stored is None else max(stored.seq, engine.ledger.head)
        observed, seq = (NEVER, NEVER) if stored is None else (stored.observed_us, stored.seq)
        self.query = np.array(
            [event.effective_us, event.ordinal, observed, seq, self.mark], np.int64
        )
        self.own: dict[str, int | str | None] = dict(event.fields)
        self.own["kind"] = event.kind
        self._seen: dict[tuple[int, str | None, int], tuple[KeyHistory, Integers]] = {}
        self._kept: dict[tuple[Key, int, Where | None], tuple[KeyHistory, Integers]] = {}
        self._stored = stored

    def serves(self, event: Event, stored: Stored | None, head: int) -> bool:
        """Whether this view is that of the event asked about, and nothing was learned since.

        The event itself may have been stored in between: it never sees itself.
        """
        if event is not self.event:
            return False
        if stored is None or self._stored is not None:
            return stored is self._stored and head == self.mark
        return stored.seq == head == self.mark + 1

    @property
    def t(self) -> Integers:
        """When the event happened, in microseconds."""
        return self.query[:1]

    @cached_property
    def others(self) -> list[Stored]:
        """Other versions of the same event that were known before this one."""
        found = self.engine.ledger.other_versions(self.event)
        return [item for item in found if (item.observed_us, item.seq) < tuple(self.query[2:4])]

    @property
    def is_stale(self) -> bool:
        """Whether a later version was known first."""
        return any(item.event.version > self.event.version for item in self.others)

    def measure(self) -> None:
        """Compute the event's measures, in the order of their declaration."""
        for measure in self.engine.scenario.measures:
            value = self._measured(measure)
            if measure.is_code:
                self.own[measure.name] = self.engine.codes.text(value)
            else:
                self.own[measure.name] = None if value == MISSING else value

    def _measured(self, measure: Measure) -> int:
        own = self.numbers(measure.field) if measure.field in self.own_numbers else self.t
        other = self.numbers(measure.other) if measure.other in self.own_numbers else self.t
        ends = None if measure.atom is None else self._ends(measure, measure.atom)
        return int(compute(measure, self.engine.calendar, self.t, own, other, ends)[0])

    @cached_property
    def own_numbers(self) -> frozenset[str]:
        """Names of the columns that hold numbers."""
        return frozenset(self.engine.scenario.numbers)

    def _ends(self, measure: Measure, atom: Atom) -> Ends:
        history, rows = self._rows(atom)
        values = np.full(len(rows), MISSING)
        if measure.field:
            stream = self.engine.streams.of[atom.key]
            values = history.columns[self.engine.streams.place(stream, measure.field), rows]
        if measure.how == "change_ppm":
            rows, values = rows[values != MISSING], values[values != MISSING]
        if len(rows) == 0:
            nothing = np.array([MISSING])
            return Ends(nothing, nothing, nothing)
        first, last = history.columns[T, rows[0]], history.columns[T, rows[-1]]
        return Ends(np.array([last]), np.array([first]), values[-1:])

    def applies(self, key: Key) -> NDArray[np.bool_]:
        """Whether the event carries every field of `key`."""
        return np.array([self.key(key) is not None])

    def key(self, key: Key) -> str | None:
        """The event's text under `key`, or None where a field is missing."""
        parts = [self.own.get(name) for name in key]
        return None if None in parts else "\x1f".join(str(part) for part in parts)

    def text(self, name: str) -> str | None:
        """The event's text in column `name`."""
        value = self.own.get(name)
        return None if value is None else str(value)

    def numbers(self, name: str) -> Integers:
        """The event's own integer in column `name`, as a column of one."""
        value = self.own.get(name)
        return np.array([MISSING if value is None else int(value)], np.int64)

    def column(self, name: str, *, give: bool = False) -> int:
        """What a history keeps of the event in column `name`: a number, grid step or code."""
        if name.startswith("grid:"):
            return int(grid(self.numbers(name.removeprefix("grid:")))[0])
        if name in self.own_numbers:
            return int(self.numbers(name)[0])
        text = self.text(name)
        if text is None:
            return -1
        return self.engine.codes.code(text) if give else self.engine.codes.find(text)

    def states(self, atom: Atom) -> Integers:
        """State of `atom` as one row; for `ends` the instants of last and first, or MISSING."""
        history, rows = self._rows(atom)
        if atom.op == "ends":
            found = history.columns[T, rows[[-1, 0]]] if len(rows) else np.array([MISSING, MISSING])
            return found.reshape(1, 2)
        if atom.value is None:
            return _count(len(rows))
        state_of, width = _STATE[atom.op]
        state = np.empty((1, width), np.int64)
        name = f"grid:{atom.value}" if atom.op == "grids" else atom.value
        place = self.engine.streams.place(self.engine.streams.of[atom.key], name)
        state_of(history.columns[place], rows, len(rows), state[0])
        return state

    def seqs(self, atom: Atom) -> Integers:
        """Places in the ledger of the events that `atom` is computed from, in time order."""
        history, rows = self._rows(atom)
        seqs: Integers = history.columns[SEQ, rows]
        return seqs

    def _rows(self, atom: Atom) -> tuple[KeyHistory, Integers]:
        place = atom.key, atom.days, atom.where
        if place not in self._kept:
            self._kept[place] = self._selected(atom)
        return self._kept[place]

    def _selected(self, atom: Atom) -> tuple[KeyHistory, Integers]:
        stream = self.engine.streams.of[atom.key]
        history, rows = self._visible(stream, self.key(atom.key), atom.days)
        wanted, at = self.engine.scenario.history, KIND
        if atom.where is None or atom.where.field != "kind":
            rows = self._chosen(history, rows, at, wanted, self.engine.streams.kinds)
        if atom.where is not None:
            at = self.engine.streams.place(stream, atom.where.field)
            rows = self._chosen(history, rows, at, atom.where.values, ())
        return history, rows

    def _chosen(
        self,
        history: KeyHistory,
        rows: Integers,
        at: int,
        wanted: tuple[str, ...],
        everything: tuple[str, ...],
    ) -> Integers:
        if set(wanted) == set(everything) or len(rows) == 0:
            return rows
        codes = np.array([self.engine.codes.find(text) for text in wanted])
        found: Integers = kernels.chosen(history.columns[at], rows, codes)
        return found

    def _visible(self, stream: int, key: str | None, days: int) -> tuple[KeyHistory, Integers]:
        place = stream, key, days
        if place not in self._seen:
            if key is None:
                width = HEAD_COLUMNS + self.engine.streams.widths[stream]
                self._seen[place] = (
                    KeyHistory(np.empty((width, 0), np.int64)),
                    np.empty(0, np.int64),
                )
            else:
                history = self.engine.store.read(stream, key)
                out = np.empty(history.n, np.int64)
                n = kernels.visible(history.columns, history.n, self.query, days * DAY_US, out)
                self._seen[place] = history, self._without_others(history, out[:n])
        return self._seen[place]

    def _without_others(self, history: KeyHistory, rows: Integers) -> Integers:
        if not self.others:
            return rows
        return rows[~np.isin(history.columns[SEQ, rows], [item.seq for item in self.others])]


def _count(n: int) -> Integers:
    """The moments state of `n` ones, which is what a count is made from."""
    low, high = (1, 1) if n else (NEVER, -NEVER)
    return np.array([[n, n, 0, 0, n, low, high]], np.int64)


def _cell(column: Column, feature: Feature, view: LiveView) -> Cell:
    value, status = float(column.values[0]), STATUS_CODES[int(column.status[0])]
    if not isinstance(feature.of, RobustZ) or column.peers is None:
        return Cell(value, status)
    actual = int(view.numbers(feature.of.value)[0])
    level, n, typical, lo, hi = column.peers[0]
    if np.isnan(level):
        return Cell(value, status, actual=None if actual == MISSING else float(actual))
    key = feature.of.peers[int(level)]
    label = "/".join(view.text(name) or "" for name in key)
    peers = Peers(key=label, level=int(level), n=int(n))
    return Cell(value, status, float(actual), float(typical), float(lo), float(hi), peers)


def _evidence(stored: Stored) -> Evidence:
    event = stored.event
    return Evidence(
        kind=event.kind,
        event_id=event.event_id,
        version=event.version,
        seq=stored.seq,
        effective_at=from_us(event.effective_us),
    )
