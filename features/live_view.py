"""One live event seen against its keys' histories."""

from functools import cached_property
from math import isnan
from typing import Final

import numpy as np

from features.contracts.events import Event, Stored
from features.contracts.vectors import STATUS_CODES, Cell, Codes, Integers, Vector
from features.contracts.verdicts import Peers
from features.expression import AmongPeers, KeyZ
from features.finalise import impute
from features.ground import Ground
from features.kernels import FIRST, LAST, MISSING, NEVER, STATE_WIDTH, step
from features.live_kernels import NO_CODE, TAKEN, light_states, live_features
from features.measure import Ends, compute
from features.plan import Part, Question
from features.spec import Feature, Key, Measure
from features.store.disk import Asked, Place
from features.store.keys import End, HeavyHistory, LightHistory
from features.store.tiles import DayTiles
from features.streams import STEPS, key_text
from features.tile_kernels import DAY_US, heavy_states

PEERS_WIDTH: Final = 5
_NONE: Final = np.empty(0, np.int64)


class LiveView:
    """One event seen against the histories: its keys, measures, states and features."""

    def __init__(
        self,
        ground: Ground,
        event: Event,
        stored: Stored | None,
        as_of_seq: int,
        *,
        has_versions: bool = True,
    ) -> None:
        self.ground = ground
        self.event = event
        self.stored = stored
        self.mark = as_of_seq
        observed, seq = NEVER, NEVER
        if stored is not None and stored.is_live:
            self.mark = min(as_of_seq, stored.seq - 1)
        elif stored is not None:
            observed, seq = stored.observed_us, stored.seq
        self.t_us = event.effective_us
        self.query = np.array([self.t_us, event.ordinal, observed, seq, self.mark], np.int64)
        self.own: dict[str, int | str | None] = {**event.fields, "kind": event.kind}
        self.is_measured = False
        if not has_versions:
            self.versions, self.others, self.hidden = [], [], _NONE

    def serves(self, event: Event, stored: Stored | None, as_of_seq: int | None, head: int) -> bool:
        """Whether this view is that of the event asked about, and nothing was learned since.

        The event itself may have been stored in between: it never sees itself.
        """
        if event is not self.event or as_of_seq is not None:
            return False
        if stored is None or self.stored is not None:
            return stored is self.stored and head == self.mark
        return stored.is_live and stored.seq == head == self.mark + 1

    @cached_property
    def versions(self) -> list[Stored]:
        """All other versions of the same event."""
        return self.ground.ledger.other_versions(self.event)

    @cached_property
    def others(self) -> list[Stored]:
        """Other versions of the same event that were known before this one."""
        observed, seq, mark = self.query[2:].tolist()
        return [
            item
            for item in self.versions
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
        if self.is_measured:
            return
        for measure in self.ground.scenario.measures:
            value = self._measured(measure)
            if measure.is_code:
                self.own[measure.name] = self.ground.codes.text(value)
            else:
                self.own[measure.name] = None if value == MISSING else value
        self.is_measured = True

    def _measured(self, measure: Measure) -> int:
        numbers, t = self.ground.numbers[None], self.query[:1]
        own = self._numbers(measure.field) if measure.field in numbers else t
        other = self._numbers(measure.other) if measure.other in numbers else t
        ends = None if measure.atom is None else self._ends(measure)
        return int(compute(measure, self.ground.calendar, t, own, other, ends)[0])

    def _ends(self, measure: Measure) -> Ends:
        (state,) = self._states_of(self.ground.plan.measures[measure.name])
        found = state[[LAST, FIRST, TAKEN]].reshape(3, 1)
        return Ends(found[0], found[1], found[2])

    def key(self, key: Key) -> str | None:
        """The event's text under `key`, or None where a field is missing."""
        if len(key) > 1:
            return key_text(key, self.own)
        value = self.own.get(key[0])
        return None if value is None else str(value)

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

    def lengths(self, question: Question) -> Integers:
        """Length of each atom's window, which is a calendar period's so far."""
        if not question.periods:
            return question.lengths
        lengths = question.lengths.copy()
        for k, _, period in question.periods:
            start = self.ground.calendar.period_starts(self.query[:1], period)[0]
            lengths[k] = self.t_us - start
        return lengths

    @cached_property
    def states(self) -> Integers:
        """States of all atoms, in the order of the plan."""
        return self._states_of(self.ground.plan.features)

    def _states_of(self, question: Question) -> Integers:
        ground = self.ground
        lengths, owns = self.lengths(question), self.owns(question)
        states = np.zeros((len(lengths), STATE_WIDTH), np.int64)
        asked, parts = self._asked(question, lengths)
        rows, heavy = list(ground.empty), []
        for one, part, history in zip(asked, parts, ground.store.read(asked), strict=True):
            if isinstance(history, LightHistory):
                rows[part.stream] = history.rows
            else:
                heavy.append((one.place, part, history))
        top = light_states(
            tuple(rows),
            self.query,
            self.hidden,
            question.groups,
            lengths,
            owns,
            ground.plan.codes,
            ground.room,
            states,
        )
        ground.widen(top)
        for place, part, history in heavy:
            groups = question.groups[part.groups]
            self._fill(place, history, groups, lengths, owns[part.groups], states)
        return states

    def _asked(self, question: Question, lengths: Integers) -> tuple[list[Asked], list[Part]]:
        """The histories that are looked at, and what of the question is asked of each."""
        longest = [part.longest for part in question.parts]
        for k, number, _ in question.periods:
            longest[number] = max(longest[number], int(lengths[k]))
        asked: list[Asked] = []
        parts: list[Part] = []
        for part, length in zip(question.parts, longest, strict=True):
            key = self.key(part.key)
            if key is not None:
                asked.append(Asked((part.stream, key), self.t_us - length))
                parts.append(part)
        return asked, parts

    def _fill(
        self,
        place: Place,
        history: HeavyHistory,
        groups: Integers,
        lengths: Integers,
        owns: Integers,
        states: Integers,
    ) -> None:
        """States of a heavy key's atoms, after reading the days that are looked at."""
        ground, tiles = self.ground, history.tiles
        ground.store.trim(history)
        is_short, top = True, 0
        while is_short:
            missing, top = heavy_states(
                history.rows,
                tiles.days,
                history.segments,
                tiles.tiles,
                self._hidden_days(tiles),
                history.last,
                self.query,
                self.hidden,
                groups,
                lengths,
                owns,
                ground.plan.codes,
                ground.room,
                states,
            )
            is_short = len(missing) > 0
            if is_short:
                ground.store.fetch(place, history, missing)
        ground.widen(top)

    def _hidden_days(self, tiles: DayTiles) -> Integers:
        """Numbers of the days on which other versions of the event happened."""
        if not self.others:
            return self.hidden
        days = {item.event.effective_us // DAY_US for item in self.others}
        return np.array([tiles.number(day) for day in days if tiles.has(day)], np.int64)

    def owns(self, question: Question) -> Integers:
        """What each group compares with of the event itself."""
        if not question.owns:
            return question.owns_none
        owns = question.owns_none.copy()
        for group, place, name in question.owns:
            owns[group, place] = self._own_code(name) if place else self.column(name)
        return owns

    def _own_code(self, name: str) -> int:
        """The code of the event's text in column `name`, one that no row has where it is new."""
        text = self.text(name)
        code = None if text is None else self.ground.codes.find(text)
        return NO_CODE if code is None else code

    def column(self, name: str, source: str | None = None) -> int:
        """What a history of a source's events keeps in column `name`: a number, step or code."""
        if name.startswith(STEPS):
            return int(step(self.number(name.removeprefix(STEPS))))
        if name in self.ground.numbers[source]:
            return self.number(name)
        text = self.text(name)
        return -1 if text is None else self.ground.codes.code(text)

    def rows(self, stored: Stored) -> list[tuple[Place, Integers]]:
        """The rows that the event adds to histories, each with its place.

        There are none where nobody will ever see them: a later version was known before it.
        """
        event = self.event
        gone = self._end()
        is_over = (gone.observed, gone.seq) < (stored.observed_us, stored.seq)
        if event.retracted or (is_over and gone.first < stored.seq):
            return []
        head = [self.t_us, event.ordinal, stored.observed_us, stored.seq]
        head += [gone.observed, gone.seq, gone.first]
        return [(place, self._row(head, place[0])) for place in self.places(event.scenario)]

    def _end(self) -> End:
        """Since when the event has been superseded by versions that are in the ledger."""
        later = [item for item in self.versions if item.event.version > self.event.version]
        pairs = [(item.observed_us, item.seq) for item in later]
        observed, seq = min(pairs, default=(NEVER, NEVER))
        return End(observed, seq, min((item.seq for item in later), default=NEVER))

    def places(self, scenario: str) -> list[tuple[int, str]]:
        """Where rows of the event stand: the streams that hold events of its scenario and kind."""
        ours = self.ground.scenario.name
        found = []
        for number, stream in enumerate(self.ground.streams.all):
            if (stream.source or ours) == scenario and self.event.kind in stream.kinds:
                key = key_text(stream.key, self.own)
                if key is not None:
                    found.append((number, key))
        return found

    def _row(self, head: list[int], number: int) -> Integers:
        stream = self.ground.streams.all[number]
        values = [self.column(name, stream.source) for name in ("kind", *stream.columns)]
        return np.array([*head, *values], np.int64)

    def finish(self) -> tuple[Vector, Codes, Vector]:
        """Values, statuses, and what comparisons with peers compared with, feature by feature."""
        plan, n = self.ground.plan, len(self.ground.scenario.features)
        values, status, peers = np.empty(n), np.empty(n, np.int8), np.empty((n, PEERS_WIDTH))
        numbers = plan.numbers_none.copy()
        for k, name in plan.numbers:
            numbers[k] = self.number(name)
        carries = [True, *(self.key(key) is not None for key in plan.keys)]
        live_features(
            plan.specs,
            plan.uses,
            self.states,
            numbers,
            np.array(carries)[plan.applies],
            self.t_us,
            values,
            status,
            peers,
        )
        self._compare_keys(values, status)
        impute(plan.fills, values, status)
        return values, status, peers

    def _compare_keys(self, values: Vector, status: Codes) -> None:
        """Fill in the features that compare keys with keys."""
        snapshots = self.ground.snapshots
        for k, feature in enumerate(self.ground.scenario.features):
            of = feature.of
            if isinstance(of, KeyZ) and self.key(of.key) is not None and snapshots is not None:
                values[k], status[k] = snapshots.compared(self, of)

    def cells(self) -> tuple[Cell, ...]:
        """All features of the event, in the order of the spec."""
        columns = (column.tolist() for column in self.finish())
        return tuple(
            self._cell(feature, *row)
            for feature, row in zip(
                self.ground.scenario.features, zip(*columns, strict=True), strict=True
            )
        )

    def _cell(self, feature: Feature, value: float, status: int, peers: list[float]) -> Cell:
        if not isinstance(feature.of, AmongPeers):
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
