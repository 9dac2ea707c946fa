"""One live event seen against its keys' histories."""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from math import isnan
from typing import Final, Self

import numpy as np

from features.contracts.events import Event, Stored
from features.contracts.vectors import STATUS_CODES, Cell, Codes, Integers, Matrix, Vector
from features.contracts.verdicts import Peers
from features.expression import AmongPeers
from features.finalise import impute
from features.kernels import FIRST, LAST, MISSING, NEVER, S1, STATE_WIDTH, N, step
from features.kernels.alone import combined
from features.live.finish import answered, finished
from features.live.ground import Ground
from features.live.network import component
from features.live.plan import GraphPlan, Part, Question
from features.live.streams import STEPS, key_text
from features.measure import FIRST as START
from features.measure import Ends, Joined, Plain, Sum, bits_of, compute, of_one
from features.scan.light import NO_CODE, NOWHERE, Marks, knows_all, light_states
from features.scan.reduce import TAKEN
from features.scan.tiles import DAY_US, heavy_states
from features.spec import Feature, Key, Measure
from features.store.bundle import EMPTY, array
from features.store.disk import Asked, Place
from features.store.keys import End, HeavyHistory, KeyHistory, LightHistory
from features.store.tiles import DayTiles

_NONE: Final = np.empty(0, np.int64)
_NO_BUNDLE: Final = array(EMPTY)

Looked = tuple[list[Asked], list[Part]]
"""Histories that are looked at, and what of a question is asked of each."""


class LiveView:
    """One event seen against the histories: its keys, measures, states and features."""

    def __init__(self, ground: Ground, event: Event, stored: Stored | None = None) -> None:
        self.ground = ground
        self.event = event
        self.stored = stored
        self.t_us = event.effective_us
        self.own: dict[str, int | str | None] = {**event.fields, "kind": event.kind}
        self.is_measured = False
        self._columns: dict[str | None, dict[str, int]] = {}
        self._code_of: dict[str, int] = {}
        self._looked: Looked | None = None
        self._at_hand: list[tuple[Part, KeyHistory]] | None = None
        self._found: dict[GraphPlan, Joined | None] = {}

    def standing(self, mark: int, *, has_versions: bool = True, is_newest: bool = False) -> Self:
        """The same view, seeing what the ledger learned up to place `mark` and might know.

        The newest knows all that the histories hold.
        """
        observed, seq, stored = NEVER, NEVER, self.stored
        if stored is not None and stored.is_live:
            mark = min(mark, stored.seq - 1)
        elif stored is not None:
            observed, seq = stored.observed_us, stored.seq
        self.mark, self.is_newest = mark, is_newest
        self.clocks = [self.t_us, self.event.ordinal, observed, seq, mark]
        if not has_versions:
            self.versions, self.others, self.hidden = [], [], _NONE
        return self

    @cached_property
    def query(self) -> Integers:
        """When it happened and what it may know, as kernels take it."""
        return np.array(self.clocks)

    @cached_property
    def t(self) -> Integers:
        """When the event happened, as a column."""
        return np.array([self.t_us])

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
        observed, seq, mark = self.clocks[2:]
        return [
            item
            for item in self.versions
            if item.seq <= mark and (item.observed_us, item.seq) < (observed, seq)
        ]

    @property
    def is_stale(self) -> bool:
        """Whether a later version was known first."""
        others = self.others
        return bool(others) and max(of.event.version for of in others) > self.event.version

    @cached_property
    def hidden(self) -> Integers:
        """Places in the ledger of the event's other versions, which it may not see."""
        return np.array([item.seq for item in self.others], np.int64)

    def measure(self, *, is_kept: bool = False) -> None:
        """Compute the event's measures once, in the order of their declaration.

        Where the event `is_kept` and not told of, those that a search is for are left out, unless
        they stand in histories.
        """
        if self.is_measured:
            return
        plan = self.ground.plan
        for measure in self.ground.scenario.measures:
            if is_kept and measure.name in plan.graphs and measure.name not in plan.kept:
                continue
            value = self._measured(measure)
            if measure.is_code:
                self.own[measure.name] = self._text_of(measure, value)
            else:
                self.own[measure.name] = None if value == MISSING else value
            self._looked = self._at_hand = None
            self._columns.clear()
            self._code_of.clear()
        self.is_measured = True

    def _text_of(self, measure: Measure, code: int) -> str | None:
        """What the code of a measure stands for; its start where no event came before."""
        if code == START:
            return None if self.key(measure.key) is None else measure.start
        return self.ground.codes.text(code)

    def _measured(self, measure: Measure) -> int:
        plan = self.ground.plan.graphs.get(measure.name)
        if plan is not None:
            return self._of_component(measure, plan)
        plain = self.ground.plan.plain.get(measure.name)
        if plain is not None:
            return self._of_itself(measure, plain)
        numbers, t = self.ground.numbers[None], self.t
        own = self._numbers(measure.field) if measure.field in numbers else t
        if measure.how == "steps":
            own = np.array([bits_of(self.text(measure.field))])
        other = self._numbers(measure.other) if measure.other in numbers else t
        ends = None if measure.atom is None else self._ends(measure)
        if measure.how == "limit":
            own = np.array([measure.place_of(self.text(measure.field))])
        if ends is None and not self._meets(measure):
            own = np.array([MISSING])
        return int(compute(measure, self.ground.calendar, t, own, other, ends)[0])

    def _of_itself(self, measure: Measure, plain: Plain) -> int:
        """What the event's own numbers make."""
        own = self._number_or_instant(measure.field) if self._meets(measure) else MISSING
        other = self._number_or_instant(measure.other)
        return int(combined(plain.op, own, other, plain.low, plain.high))

    def _number_or_instant(self, name: str) -> int:
        """The event's own integer in column `name`, or when it happened where that is no column."""
        return self.number(name) if name in self.ground.numbers[None] else self.t_us

    def _meets(self, measure: Measure) -> bool:
        """Whether the measure is for this event, by a condition on the event itself."""
        where = measure.where
        return where is None or self.text(where.field) in where.values

    def _of_component(self, measure: Measure, plan: GraphPlan) -> int:
        """A network's number, from a search that its measures have in common."""
        if plan not in self._found:
            self._found[plan] = component(self, plan)
        found, whole = self._found[plan], Sum(0, 0)
        if found is not None and measure.how == "network_share_ppm":
            (state,) = self._states_of(self.ground.plan.measures[measure.name])
            whole = Sum(int(state[S1]), int(state[N]))
        return of_one(measure, found, whole)

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
            lengths[k] = self._so_far(period)
        return lengths

    def _so_far(self, period: str) -> int:
        """Microseconds since the calendar period of the event began."""
        return self.t_us - int(self.ground.calendar.period_starts(self.t, period)[0])

    def is_at_hand(self) -> bool:
        """Whether nothing has to be read of what the features look at; it is held then.

        Only where no measure has to be known first.
        """
        if self.ground.plan.measures:
            return False
        found, at_hand = [], self.ground.store.at_hand
        for part, place, since in self._looks(self.ground.plan.features):
            history = at_hand(place, since)
            if history is None:
                return False
            found.append((part, history))
        self._at_hand = found
        return True

    def _held(self) -> list[tuple[Part, KeyHistory]]:
        """The histories that the features look at, and what is asked of each."""
        if self._at_hand is None:
            asked, parts = self.asked
            self._at_hand = list(zip(parts, self.ground.store.read(asked), strict=True))
        return self._at_hand

    @property
    def asked(self) -> Looked:
        """What of the histories the features look at, as far as the event names it by now."""
        if self._looked is None:
            self._looked = self._asked(self.ground.plan.features)
        return self._looked

    @property
    def wanted(self) -> list[Asked]:
        """What of the histories measures and features look at, as the event's fields name it."""
        measures = self.ground.plan.measures
        if not measures:
            return self.asked[0]
        most: dict[Place, Asked] = {}
        graphs = dict.fromkeys(self.ground.plan.graphs.values())
        questions = chain(measures.values(), (one.question for one in graphs))
        parts = [self._asked(question)[0] for question in questions]
        for one in chain(*parts, self.asked[0]):
            held = most.setdefault(one.place, one)
            most[one.place] = min(held, one, key=lambda asked: asked.since)
        return list(most.values())

    @property
    def unknown(self) -> list[str]:
        """Texts whose codes rows are compared with, as far as these are not in memory."""
        own, code_of, out = self.own, self.ground.codes.held, []
        for name in self.ground.plan.own_codes:
            value = own.get(name)
            if value is not None:
                text = str(value)
                if text in code_of:
                    self._code_of[name] = code_of[text]
                else:
                    out.append(text)
        return out

    @property
    def compared(self) -> list[str]:
        """Texts of the event whose codes rows are compared with."""
        own = self.own
        return [str(own[name]) for name in self.ground.plan.own_codes if own.get(name) is not None]

    def _states_of(self, question: Question, looked: Looked | None = None) -> Integers:
        ground = self.ground
        lengths, owns = self.lengths(question), self.owns(question)
        states = np.zeros((len(lengths), STATE_WIDTH), np.int64)
        asked, parts = looked or self._asked(question)
        rows, heavy = list(ground.empty), []
        for one, part, history in zip(asked, parts, ground.store.read(asked), strict=True):
            if isinstance(history, LightHistory):
                rows[part.stream] = self.rows_of(history)
            else:
                heavy.append((one.place, part, history))
        light_states(
            tuple(rows),
            rows[0],
            NOWHERE,
            self.query,
            self.hidden,
            question.groups,
            lengths,
            owns,
            ground.plan.codes,
            states,
        )
        for place, part, history in heavy:
            groups = question.groups[part.groups]
            self._fill(place, history, groups, lengths, owns[part.groups], states)
        return states

    def rows_of(self, history: LightHistory) -> Integers:
        """Rows of a light key; those that are gone are among them if the event may not know it."""
        if self.is_newest:
            return history.rows
        return history.rows if knows_all(history.rows[-1], self.query) else history.whole

    def _asked(self, question: Question) -> Looked:
        """The histories that are looked at, and what of the question is asked of each."""
        looks = list(self._looks(question))
        return [Asked(place, since) for _, place, since in looks], [part for part, _, _ in looks]

    def _looks(self, question: Question) -> Iterator[tuple[Part, Place, int]]:
        """What is asked of a stream, of which key there, and since when."""
        so_far: dict[int, int] = {}
        for _, number, period in question.periods:
            so_far[number] = max(so_far.get(number, 0), self._so_far(period))
        t, key_of = self.t_us, self.key
        for number, part in enumerate(question.parts):
            key = key_of(part.key)
            if key is not None:
                length = max(part.longest, so_far.get(number, 0)) if so_far else part.longest
                yield part, (part.stream, key), t - length

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
        is_short = True
        while is_short:
            missing = heavy_states(
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
                states,
            )
            is_short = len(missing) > 0
            if is_short:
                ground.store.fetch(place, history, missing)

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
        value = self.own.get(name)
        code = None if value is None else self.ground.codes.find(str(value))
        return NO_CODE if code is None else code

    def column(self, name: str, source: str | None = None) -> int:
        """What a history of a source's events keeps in column `name`: a number, step or code."""
        known = self._columns.setdefault(source, {})
        if name not in known:
            known[name] = self._in_column(name, source)
        return known[name]

    def _in_column(self, name: str, source: str | None) -> int:
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
                key = self.key(stream.key)
                if key is not None:
                    found.append((number, key))
        return found

    def _row(self, head: list[int], number: int) -> Integers:
        stream = self.ground.streams.all[number]
        known = self._columns.setdefault(stream.source, {})
        values = [known[k] if k in known else self.column(k, stream.source) for k in stream.told]
        return np.array([*head, *values], np.int64)

    def finish(self) -> tuple[Vector, Codes, Vector]:
        """Values, statuses, and what comparisons with peers compared with, feature by feature.

        The last holds until the next call, of any view of the plan.
        """
        plan, n = self.ground.plan, len(self.ground.plan.specs)
        values, status, peers = np.empty(n), np.empty(n, np.int8), plan.peers
        if not self._is_answered(values, status, peers):
            numbers = plan.numbers_none.copy()
            for k, name in plan.numbers:
                numbers[k] = self.number(name)
            finished(
                plan.specs,
                plan.uses,
                self._states_of(plan.features, self.asked),
                numbers,
                self._applies(),
                self.t_us,
                values,
                status,
                peers,
            )
        for k, of in plan.compared:
            if self.key(of.key) is not None and self.ground.snapshots is not None:
                values[k], status[k] = self.ground.snapshots.compared(self, of)
        impute(plan.fills, values, status)
        return values, status, peers

    def _is_answered(self, values: Vector, status: Codes, peers: Matrix) -> bool:
        """Fill in all features with one call, which serves light keys that are in order."""
        ground, is_newest = self.ground, self.is_newest
        plan, rows, bundle, stream = ground.plan, [*ground.empty], _NO_BUNDLE, NOWHERE
        for part, history in self._held():
            if not isinstance(history, LightHistory):
                return False
            held = history.held
            if held is None and stream == NOWHERE and history.is_bundled:
                bundle, stream = array(history.bundle), part.stream
            elif held is not None and is_newest:
                rows[part.stream] = held
            else:
                rows[part.stream] = self.rows_of(history)
        own, code_of = self.clocks.copy(), self._code_of
        for name, is_code in plan.own_values:
            if not is_code:
                own.append(self.number(name))
            else:
                code = code_of.get(name)
                own.append(self._own_code(name) if code is None else code)
        is_done: bool = answered(
            tuple(rows),
            bundle,
            stream,
            plan.tell(own),
            self.hidden,
            self.lengths(plan.features),
            self._applies(),
            plan.program,
            values,
            status,
            peers,
        )
        return is_done

    def _applies(self) -> Marks:
        """Which features have their key in the event."""
        plan = self.ground.plan
        if None not in map(self.own.get, plan.key_fields):
            return plan.applies_all
        carries = [True, *(self.key(key) is not None for key in plan.keys)]
        return np.array(carries)[plan.applies]

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
