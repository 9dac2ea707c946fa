"""One live event seen against its keys' histories."""

from functools import cached_property
from math import isnan

import numpy as np

from features.contracts.events import Event, Stored
from features.contracts.vectors import STATUS_CODES, Cell, Integers
from features.contracts.verdicts import Peers
from features.kernels import MISSING, NEVER, step
from features.live_kernels import live_ends, live_features, live_rows, live_states
from features.measure import Ends, compute
from features.plan import LivePlan
from features.spec import Atom, Feature, Key, Measure, RobustZ, Scenario
from features.store.codes import Codes
from features.store.history import HEAD_COLUMNS, SEQ, HistoryStore, KeyHistory, T
from features.store.ledger import Ledger
from features.streams import KEY_MARK, Streams


class Ground:
    """What all views of one scenario over one ledger stand on; made when an engine opens.

    To be made inside a transaction: the plan gives codes to the texts it compares with.
    """

    def __init__(self, ledger: Ledger, scenario: Scenario, *, cache_rows: int) -> None:
        self.ledger = ledger
        self.scenario = scenario
        self.currency, self.calendar = ledger.profile(scenario.name)
        self.streams = Streams(scenario)
        self.codes = Codes(ledger.connection)
        self.store = HistoryStore(
            ledger.connection, scenario.name, self.streams.widths, cache_rows=cache_rows
        )
        self.plan = LivePlan(scenario, self.streams, self.codes)
        self.numbers = frozenset(scenario.numbers)
        self.empty = [
            KeyHistory(np.empty((HEAD_COLUMNS + width, 0), np.int64))
            for width in self.streams.widths
        ]


class LiveView:
    """One event seen against the histories: its keys, measures, states and features."""

    def __init__(self, ground: Ground, event: Event, stored: Stored | None, as_of_seq: int) -> None:
        self.ground = ground
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
        found = self.ground.ledger.other_versions(self.event)
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
        for measure in self.ground.scenario.measures:
            value = self._measured(measure)
            if measure.is_code:
                self.own[measure.name] = self.ground.codes.text(value)
            else:
                self.own[measure.name] = None if value == MISSING else value
        self._is_measured = True

    def _measured(self, measure: Measure) -> int:
        own = self._numbers(measure.field) if measure.field in self.ground.numbers else self.t
        other = self._numbers(measure.other) if measure.other in self.ground.numbers else self.t
        ends = None if measure.atom is None else self._ends(measure, measure.atom)
        return int(compute(measure, self.ground.calendar, self.t, own, other, ends)[0])

    def _ends(self, measure: Measure, atom: Atom) -> Ends:
        plan, history = self.ground.plan, self._history(self.ground.streams.of[atom.key])
        seen = history.columns, history.n, self.query, self.hidden
        last, first = live_ends(*seen, plan.measure_rows[atom], plan.codes, plan.spans)
        values = np.full(history.n, MISSING)
        if measure.field:
            stream = self.ground.streams.of[atom.key]
            values = history.columns[self.ground.streams.place(stream, measure.field)]
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
        if name in self.ground.numbers:
            return self.number(name)
        text = self.text(name)
        return -1 if text is None else self.ground.codes.code(text)

    def _history(self, stream: int) -> KeyHistory:
        text = self.key(self.ground.streams.keys[stream])
        return self.ground.empty[stream] if text is None else self.ground.store.read(stream, text)

    def cells(self) -> tuple[Cell, ...]:
        """All features of the event, in the order of the spec."""
        plan, n = self.ground.plan, len(self.ground.scenario.features)
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
            for feature, row in zip(self.ground.scenario.features, rows, strict=True)
        )

    def _states(self) -> Integers:
        plan = self.ground.plan
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
        typical, lo, hi = (float(f"{known:.3g}") for known in (typical, lo, hi))
        return Cell(value, STATUS_CODES[status], float(actual), typical, lo, hi, group)

    def seqs(self, atom: Atom) -> Integers:
        """Places in the ledger of the events that `atom` is computed from, in time order."""
        plan, history = self.ground.plan, self._history(self.ground.streams.of[atom.key])
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
