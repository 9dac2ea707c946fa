"""Histories in columns: a scenario's events, and those of its sources, as lanes by key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from features import network
from features.calendar import Calendar
from features.columns import Columns, Texts, grouped
from features.contracts.errors import InputError
from features.contracts.vectors import Integers
from features.declared import Graph
from features.kernels import FIRST, LAST, MISSING, NEVER, S1, N, grid, order
from features.kernels.gather import gathered
from features.kernels.moves import Late
from features.kernels.number import numbered
from features.kernels.order import Bools, CodeColumns, Rows
from features.lane import BEYOND, Bounds, Clock, Lane
from features.measure import FIRST as START
from features.measure import Component, Ends, bits_of, compute, of_component
from features.spec import Atom, Key, Measure, Scenario, Where
from features.sweeps import Course, Sides

_MERGED: Final = ("t", "o", "observed", "seq")


@dataclass(frozen=True)
class Slice:
    """Which rows are asked about, in time order, and which they may look at.

    These are the rows from `first` up to `last` in time order.
    """

    queries: Rows
    first: int
    last: int


@dataclass
class _Seen:
    """What was made of the rows asked about last, which several features look at."""

    asked: Slice | None
    queries: Rows | slice
    rows: dict[str | None, Rows | slice] = field(default_factory=dict)
    numbers: dict[tuple[Key, str | None], tuple[Rows, Rows, int]] = field(default_factory=dict)
    instants: dict[str | None, tuple[Integers, Integers]] = field(default_factory=dict)
    courses: dict[tuple[Where | None, str | None], tuple[Course, Rows | None]] = field(
        default_factory=dict
    )
    sides: dict[tuple[Key, Where | None, str | None], Sides] = field(default_factory=dict)


class History:
    """A scenario's columns with their measures, and the columns of its sources.

    Parameters
    ----------
    columns
        The scenario's own events.
    scenario
        What is declared about them.
    calendar
        Working days and local time.
    sources
        Columns of other scenarios by name, for features that look at them.
    """

    def __init__(
        self,
        columns: Columns,
        scenario: Scenario,
        calendar: Calendar,
        sources: Mapping[str, Columns] | None = None,
    ) -> None:
        self.columns = columns
        self.scenario = scenario
        self.calendar = calendar
        self.others = dict(sources or {})
        for source in scenario.sources:
            if source.scenario not in self.others:
                message = (
                    f"{scenario.name} looks at events of {source.scenario!r}, which are not given; "
                    "pass them as a source"
                )
                raise InputError(message)
        self._seen = _Seen(None, slice(0, 0))
        self._steps: dict[tuple[str | None, str], Integers] = {}
        self._clocks: dict[str, tuple[Clock, Bounds]] = {}
        self._full: dict[tuple[str | None, str | None], bool] = {}
        self._components: tuple[Graph, Slice, Integers] | None = None

    @cached_property
    def clock(self) -> Clock:
        """Order and knowledge of the scenario's own rows."""
        return _clock(self.columns)

    @cached_property
    def bounds(self) -> Bounds:
        """What each of the scenario's own rows may know."""
        c = self.columns
        live = c.is_live
        if self.clock.is_plain:
            return Bounds(c.t, self.clock.tie, c.known, c.known)
        rank, seq = np.where(live, BEYOND, c.known), np.where(live, c.seq, BEYOND)
        return Bounds(c.t, self.clock.tie, rank, seq)

    def clocks(self, source: str | None) -> tuple[Clock, Bounds]:
        """The clock of a source's rows and what our own may know of them; None for our own."""
        if source is None:
            return self.clock, self.bounds
        if source not in self._clocks:
            self._clocks[source] = _merged(self.others[source], self.columns)
        return self._clocks[source]

    def ties_before(self, source: str | None, t: Integers) -> Integers:
        """Numbers in the order of the clock's ties that stand before every row at `t`."""
        c = self.columns if source is None else self.others[source]
        clock, _ = self.clocks(source)
        if clock.tie is c.t:
            return t
        rows = c.order
        place = np.searchsorted(c.t[rows], t)
        return np.append(clock.tie[rows], NEVER)[place]

    def groups(self, key: Key, source: str | None) -> tuple[Rows, Rows]:
        """Groups of our own rows and of a source's, of equal codes for equal keys.

        A key of the source that no event of ours has is a group of its own.
        """
        if source is None:
            ours = self.columns.group(key).astype(np.int32)
            return ours, ours
        other, n = self.others[source], len(self.columns)
        both = [
            np.concatenate([self.columns.codes[name], _told_apart(other, self.columns, name)])
            for name in key
        ]
        groups = grouped(both).astype(np.int32)
        return groups[:n], groups[n:]

    def sources_between(self, atom: Atom, first: int, last: int) -> Rows:
        """Source rows of `atom`, of every key, in time order from `first` up to `last`."""
        c = self.columns if atom.source is None else self.others[atom.source]
        chosen = self._chosen(c, atom.where, atom.source)
        lo, hi = np.searchsorted(c.in_time, [first, last])
        rows = c.order[lo:hi]
        return rows[chosen[rows]]

    def applies(self, conditions: tuple[tuple[str, tuple[str, ...]], ...]) -> Bools:
        """Which rows fulfil all of a rule's field conditions."""
        chosen = np.ones(len(self.columns), bool)
        for name, values in conditions:
            chosen &= self.columns.chosen(name, values)
        return chosen

    def carries(self, key: Key, rows: Rows | slice) -> Bools:
        """Which of the rows have every field of `key`."""
        n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        has = np.ones(n, bool)
        for name in key:
            if not self.columns.is_complete(name):
                has &= self.columns.codes[name][rows] >= 0
        return has

    def instants(self, source: str | None) -> Integers:
        """When the events of a source happened, in microseconds; None stands for our own."""
        return (self.columns if source is None else self.others[source]).t

    def everything(self) -> Slice:
        """All rows asked about, all of them to be looked at."""
        return Slice(self.columns.order, 0, len(self.columns))

    def halo(self, queries: Rows, longest_us: int) -> Slice:
        """Rows in time order, and the part of the time order that their longest window covers."""
        t = self.columns.t
        if len(queries) == 0:
            return Slice(queries, 0, 0)
        first = np.searchsorted(self.columns.in_time, t[queries[0]] - longest_us)
        last = np.searchsorted(self.columns.in_time, t[queries[-1]], side="right")
        return Slice(queries, int(first), int(last))

    def starts(self, atom: Atom, t: Integers) -> Integers:
        """Left edge of the atom's window for events at `t`."""
        if isinstance(atom.reach, int):
            return t - atom.reach
        return self.calendar.period_starts(t, atom.reach)

    def sides(
        self,
        key: Key,
        where: Where | None,
        source: str | None,
        asked: Slice,
        *,
        among: Bools | None = None,
    ) -> Sides:
        """The sources and queries of `key` in the order of time, for the rows asked about.

        `among` narrows the sources down further; None stands for every row.
        """
        if among is not None:
            return self._grouped(key, source, asked, self._course(where, source, asked, among))
        seen, name = self._of(asked), (key, where, source)
        if (where, source) not in seen.courses:
            seen.courses[where, source] = self._course(where, source, asked, None)
        if name not in seen.sides:
            course = seen.courses[where, source]
            seen.sides[name] = self._grouped(key, source, asked, course)
        return seen.sides[name]

    def _of(self, asked: Slice) -> "_Seen":
        """What was made for the rows asked about, or for no others."""
        if self._seen.asked is not asked:
            self._seen = _Seen(asked, positions(asked.queries))
        return self._seen

    def _course(
        self, where: Where | None, source: str | None, asked: Slice, among: Bools | None
    ) -> tuple[Course, Rows | None]:
        """Sources and queries of every key, and which looked at are the sources; None: all are."""
        c = self.columns if source is None else self.others[source]
        rows, kept = self._looked_at(source, asked), None
        chosen = self._chosen(c, where, source)[rows]
        if among is not None:
            chosen &= among[rows]
        if not chosen.all():
            kept = np.flatnonzero(chosen).astype(np.int32)
            rows = kept + rows.start if isinstance(rows, slice) else rows[kept]
        clock, _ = self.clocks(source)
        t = clock.t[rows]
        course = Course(
            t,
            t if clock.tie is clock.t else clock.tie[rows],
            *self._asking(source, asked),
            None if clock.is_plain else self._late(source, asked, rows),
            source is None and same(rows, self.places(asked)),
            rows,
            self.starts,
        )
        return course, kept

    def _grouped(
        self, key: Key, source: str | None, asked: Slice, of: tuple[Course, Rows | None]
    ) -> Sides:
        """The groups of a course by their key."""
        theirs, ours, groups = self._numbered(key, source, asked)
        course, kept = of
        if course.is_same:
            return Sides(course, ours, groups)
        if kept is not None:
            theirs = theirs[kept]
        return Sides(course, np.concatenate([theirs, ours]), groups)

    def _looked_at(self, source: str | None, asked: Slice) -> Rows | slice:
        """Positions of a source's rows in time order, those before any filter."""
        seen = self._of(asked).rows
        if source not in seen:
            rows = self._seen_by(asked) if source is None else self.others[source].order
            seen[source] = positions(rows)
        return seen[source]

    def places(self, asked: Slice) -> Rows | slice:
        """Positions of the rows asked about, a slice where they are a run."""
        return self._of(asked).queries

    def _numbered(self, key: Key, source: str | None, asked: Slice) -> tuple[Rows, Rows, int]:
        """Numbers of the sources' groups and of the queries', and how many there are."""
        seen = self._of(asked).numbers
        if (key, source) not in seen:
            rows, queries = self._looked_at(source, asked), self.places(asked)
            ours = [self.columns.codes[name][queries] for name in key]
            if source is None and same(rows, queries):
                found, groups = numbered(tuple(ours))
                seen[key, source] = found, found, groups
            else:
                theirs = [self._codes(name, source)[rows] for name in key]
                found, groups = numbered(tuple(map(np.concatenate, zip(theirs, ours, strict=True))))
                n = len(theirs[0])
                seen[key, source] = found[:n], found[n:], groups
        return seen[key, source]

    def _codes(self, name: str, source: str | None) -> Rows:
        """Codes of a source's column `name`, in those of our own."""
        if source is None:
            return self.columns.codes[name]
        return _translated(self.others[source], self.columns, name)

    def _asking(self, source: str | None, asked: Slice) -> tuple[Integers, Integers]:
        """Instants and ties of the rows asked about."""
        seen = self._of(asked).instants
        if source not in seen:
            rows, (_, bounds) = self.places(asked), self.clocks(source)
            t = bounds.t[rows]
            seen[source] = t, t if bounds.tie is bounds.t else bounds.tie[rows]
        return seen[source]

    def _late(self, source: str | None, asked: Slice, rows: Rows | slice) -> Late:
        """What was known when of a source's rows."""
        clock, bounds = self.clocks(source)
        nothing, queries = np.empty(0, np.int64), self.places(asked)
        has_gone = clock.gone.strides != (0,)
        gone = (clock.gone[rows], clock.gone_seq[rows]) if has_gone else (nothing, nothing)
        facts = clock.known[rows], clock.seq[rows], *gone
        may_know = bounds.rank[queries], bounds.seq[queries]
        _, tie = self._asking(source, asked)
        return Late.of(clock.tie[rows], facts, tie, may_know)

    def _seen_by(self, asked: Slice) -> Rows:
        return self.columns.order[asked.first : asked.last]

    def lane(self, key: Key, where: Where | None, source: str | None, asked: Slice) -> Lane:
        """The lane of `key` for the rows asked about."""
        if source is not None:
            ours = tuple(self.columns.codes[name] for name in key)
            queries = _grouped(asked.queries, ours, self.columns, key)
            return self._foreign(key, where, source, queries, asked)
        ours = tuple(self.columns.codes[name] for name in key)
        queries = _grouped(asked.queries, ours, self.columns, key)
        rows, chosen = self._seen_by(asked), self._chosen(self.columns, where)
        rows = rows if chosen.all() else rows[chosen[rows]]
        sources = _grouped(rows, ours, self.columns, key)
        if np.array_equal(sources, queries):
            sources = queries
        return Lane(
            self.clock,
            self.bounds,
            sources,
            queries,
            ours,
            ours,
            _places(asked.queries, queries, len(self.columns)),
            self.starts,
        )

    def _foreign(
        self, key: Key, where: Where | None, source: str, queries: Rows, asked: Slice
    ) -> Lane:
        other = self.others[source]
        theirs = tuple(_translated(other, self.columns, name) for name in key)
        chosen = self._chosen(other, where, source)
        sources = _grouped(other.order[chosen[other.order]], theirs, self.columns, key)
        clock, bounds = self.clocks(source)
        return Lane(
            clock,
            bounds,
            sources,
            queries,
            theirs,
            tuple(self.columns.codes[name] for name in key),
            _places(asked.queries, queries, len(self.columns)),
            self.starts,
        )

    def _chosen(self, columns: Columns, where: Where | None, source: str | None = None) -> Bools:
        kinds = self.scenario.history if source is None else self.scenario.source(source).kinds
        by_kind = where is not None and where.field == "kind"
        chosen = ~columns.retracted
        if not by_kind:
            chosen = chosen & columns.chosen("kind", kinds)
        if where is not None:
            chosen = chosen & columns.chosen(where.field, where.values)
        return chosen

    def values(self, atom: Atom) -> Integers:
        """The column that the atom is made of, a row each event of its source."""
        c = self.columns if atom.source is None else self.others[atom.source]
        if atom.value is None:
            return c.ones
        if atom.op == "codes":
            return c.codes[atom.value].astype(np.int64)
        if atom.op != "grids":
            return c.numbers[atom.value]
        if (atom.source, atom.value) not in self._steps:
            self._steps[atom.source, atom.value] = grid(c.numbers[atom.value])
        return self._steps[atom.source, atom.value]

    def is_full(self, atom: Atom) -> bool:
        """Whether no event lacks the number that the atom is made of."""
        name = atom.source, atom.value
        if name not in self._full:
            self._full[name] = bool((self.values(atom) != MISSING).all())
        return self._full[name]

    def own(self, atom: Atom) -> Integers:
        """The events' own column that the atom compares with; empty where it compares nothing."""
        if atom.op not in ("grids", "near") or atom.value is None:
            return np.empty(0, np.int64)
        if atom.source is None:
            return self.values(atom)
        own = self.columns.numbers[atom.value]
        return grid(own) if atom.op == "grids" else own

    def measure(self) -> None:
        """Compute the scenario's measures for all rows and add them to the columns."""
        asked = self.everything()
        for measure in self.scenario.measures:
            values = np.empty(len(self.columns), np.int64)
            values[asked.queries] = self.measured(measure, asked)
            if measure.is_code:
                self.columns.codes[measure.name] = values.astype(np.int32)
                self.columns.texts[measure.name] = self.texts_of(measure)
            else:
                self.columns.numbers[measure.name] = values

    def texts_of(self, measure: Measure) -> Texts:
        """What the codes of a measure stand for: those of its field, and its start behind them."""
        texts = self.columns.texts[measure.field]
        if not measure.start or measure.start in texts:
            return texts
        return [*map(str, texts), measure.start]

    def measured(self, measure: Measure, asked: Slice) -> Integers:
        """Values of `measure` for the rows asked about."""
        if measure.graph is not None:
            return of_component(measure, self._component(measure, measure.graph, asked))
        c, atom, rows = self.columns, measure.atom, asked.queries
        own, other = c.numbers.get(measure.field, c.t), c.numbers.get(measure.other, c.t)
        if measure.how == "limit":
            own = self._classes(measure)
        if measure.how == "steps" and atom is not None:
            return self._gathered(measure, atom)[rows]
        if atom is None:
            own = self._met(measure, own)
            return compute(measure, self.calendar, c.t[rows], own[rows], other[rows], None)
        among = own != MISSING if measure.how == "change_ppm" else None
        held = c.codes[measure.field].astype(np.int64) if measure.is_code else own
        sides = self.sides(atom.key, atom.where, None, asked, among=among)
        both, latest = frozenset((LAST, FIRST)), frozenset((LAST,))
        last, first = sides.ends(atom, c.t, both).states(0, len(rows)).T
        value = sides.ends(atom, held, latest).states(0, len(rows))[:, LAST]
        for k in np.flatnonzero(c.is_stale[rows]):
            seen = self._without_its_versions(atom, int(rows[k]), among)
            ends = seen[[-1, 0]] if len(seen) else None
            last[k], first[k] = (MISSING, MISSING) if ends is None else c.t[ends]
            value[k] = MISSING if ends is None else held[ends[0]]
        found = compute(
            measure, self.calendar, c.t[rows], own[rows], other[rows], Ends(last, first, value)
        )
        if not measure.start:
            return found
        code = list(self.texts_of(measure)).index(measure.start)
        start = np.where(self.carries(atom.key, rows), code, -1)
        return np.where(found == START, start, found)

    def _gathered(self, measure: Measure, atom: Atom) -> Integers:
        """Sets of steps of all rows, each joined with what its key's last row before it had."""
        c, asked = self.columns, self.everything()
        rows = np.arange(len(c))
        sides = self.sides(atom.key, atom.where, None, asked)
        found = sides.ends(atom, rows, frozenset((LAST,))).states(0, len(rows))[:, LAST]
        before = np.empty(len(c), np.int64)
        before[asked.queries] = found
        for row in np.flatnonzero(c.is_stale):
            seen = self._without_its_versions(atom, int(row), None)
            before[row] = seen[-1] if len(seen) else MISSING
        bits = np.array([*(bits_of(str(text)) for text in c.texts[measure.field]), 0], np.int64)
        return gathered(bits[c.codes[measure.field]], before, c.order)

    def _classes(self, measure: Measure) -> Integers:
        """Position of each row's class among the limits of `measure`, -1 where it has none."""
        texts = self.columns.texts[measure.field]
        table = np.array([*(measure.place_of(str(text)) for text in texts), -1])
        places: Integers = table[self.columns.codes[measure.field]]
        return places

    def _met(self, measure: Measure, own: Integers) -> Integers:
        """The events' own numbers, MISSING of those that the measure is not for."""
        where = measure.where
        if where is None:
            return own
        return np.where(self.columns.chosen(where.field, where.values), own, MISSING)

    def _component(self, measure: Measure, graph: Graph, asked: Slice) -> Component:
        """The components of the rows asked about, searched once for all measures of a network."""
        c, atom, rows = self.columns, graph.money, asked.queries
        if self._components is None or self._components[:2] != (graph, asked):
            start = self.starts(atom, c.t[rows])
            chosen = self._chosen(c, graph.who.where), self._chosen(c, atom.where)
            found = network.components(graph, c, self.clock, self.bounds, chosen, rows, start)
            self._components = graph, asked, found
        members, money, n = self._components[2].T
        return Component(members, money, n, *self._total(measure, asked))

    def _total(self, measure: Measure, asked: Slice) -> tuple[Integers, Integers]:
        """Sum and number of the amounts of all that a network's events are among."""
        atom, c = measure.atom, self.columns
        if atom is None:
            raise ValueError(f"measure {measure.name} is of no network")
        x = self.values(atom)
        sides = self.sides(atom.key, atom.where, None, asked)
        state = sides.moments(atom, x, frozenset((N, S1))).states(0, len(asked.queries))
        total, n = state[:, S1].copy(), state[:, N].copy()
        for k in np.flatnonzero(c.is_stale[asked.queries]):
            seen = self._without_its_versions(atom, int(asked.queries[k]), x != MISSING)
            total[k], n[k] = x[seen].sum(), len(seen)
        return total, n

    def _without_its_versions(self, atom: Atom, row: int, among: Bools | None) -> Rows:
        """What a row sees that was learned after a later version of its event, in time order.

        Everybody else finds an earlier version superseded; only such a row knows a later one, and
        no event is compared with itself.
        """
        c, clock, rank, seq = self.columns, self.clock, self.bounds.rank[row], self.bounds.seq[row]
        its = c.frame.select(
            (pl.col("kind") == c.frame["kind"][row])
            & (pl.col("event_id") == c.frame["event_id"][row])
        )
        seen = self._chosen(c, atom.where) & ~its.to_series().to_numpy()
        for name in atom.key:
            seen &= (c.codes[name] == c.codes[name][row]) & (c.codes[name] >= 0)
        seen &= (clock.t >= self.starts(atom, c.t[row : row + 1])) & (clock.tie < clock.tie[row])
        seen &= (clock.known < rank) & (clock.seq < seq)
        seen &= (clock.gone > rank) | (clock.gone_seq > seq)
        if among is not None:
            seen &= among
        found: Rows = c.order[seen[c.order]]
        return found

    def scored(self) -> Rows:
        """Rows of scored events in (t, o, seq) order, an id's later kinds left out."""
        c = self.columns
        chosen, earlier = np.zeros(len(c), bool), np.zeros(len(c), bool)
        for place, kind in enumerate(self.scenario.scored):
            of_kind = c.chosen("kind", (kind,)) & ~c.retracted
            fresh = of_kind & ~c.is_stale
            chosen |= fresh & ~_known_before(c, of_kind, earlier) if place else fresh
            earlier |= of_kind
        rows = c.order if chosen.all() else c.order[chosen[c.order]]
        if _is_rising(c.seq, rows):
            return rows
        return rows[np.lexsort((c.seq[rows], c.o[rows], c.t[rows]))]


def positions(rows: Rows) -> Rows | slice:
    """The rows as a slice where they are a run, so that columns need not be copied."""
    if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and order.is_run(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def same(rows: Rows | slice, others: Rows | slice) -> bool:
    """Whether both are the same positions."""
    if isinstance(rows, slice) or isinstance(others, slice):
        return isinstance(rows, slice) and isinstance(others, slice) and rows == others
    return np.array_equal(rows, others)


def _known_before(c: Columns, of_kind: Bools, earlier: Bools) -> Bools:
    """Rows of a kind whose event id was known under an earlier kind before them.

    Where no ids are given every row is an event of its own.
    """
    out = np.zeros(len(c), bool)
    if "event_id" not in c.frame.columns:
        return out
    table = c.frame.select(
        "event_id", known=c.known, seq=c.seq, live=c.is_live, row=np.arange(len(c))
    )
    first = table.filter(earlier).group_by("event_id").agg(pl.col("known", "seq").min())
    asked = table.filter(of_kind).join(first, on="event_id", suffix="_first")
    is_known = (
        pl.when("live")
        .then(pl.col("seq_first") < pl.col("seq"))
        .otherwise(pl.col("known_first") < pl.col("known"))
    )
    out[asked.filter(is_known)["row"].to_numpy()] = True
    return out


def _clock(c: Columns) -> Clock:
    tie = _ties(c.t, c.o, c.order)
    is_plain = (
        c.gone.strides == (0,)
        and _is_rising(c.known, c.order)
        and (not c.is_live.any() or _is_rising(c.seq, c.order))
    )
    return Clock(c.t, tie, c.known, c.seq, c.gone, c.gone_seq, is_plain)


def _is_rising(values: Integers, rows: Rows) -> bool:
    """Whether values stand in their order, row after row."""
    taken = values[positions(rows)]
    return bool(order.is_sorted(taken, taken))


def _ties(t: Integers, o: Integers, in_order: Integers | Rows) -> Integers:
    """Numbers with the order of `(t, o)`: the instants themselves where no ordinal is given."""
    if not o.any():
        return t
    t, o = t[in_order], o[in_order]
    out = np.empty(len(t), np.int64)
    is_new = (np.diff(t, prepend=t[:1]) != 0) | (np.diff(o, prepend=o[:1]) != 0)
    out[in_order] = np.cumsum(is_new)
    return out


def _merged(theirs: Columns, ours: Columns) -> tuple[Clock, Bounds]:
    """Their clock and our bounds in one order of `(t, o)` and of `(observed_at, seq)`."""
    n = len(theirs)
    both = [np.concatenate([getattr(c, name) for c in (theirs, ours)]) for name in _MERGED]
    t, o, observed, seq = both
    known = _ties(observed, seq, np.lexsort((seq, observed)))
    tie = _ties(t, o, np.lexsort((o, t)))
    gone = np.where(theirs.gone_row >= 0, known[theirs.gone_row], NEVER)
    clock = Clock(theirs.t, tie[:n], known[:n], theirs.seq, gone, theirs.gone_seq, is_plain=False)
    rank = np.where(ours.is_live, BEYOND, known[n:])
    bounds = Bounds(ours.t, tie[n:], rank, np.where(ours.is_live, ours.seq, BEYOND))
    return clock, bounds


def _grouped(rows: Rows, codes: CodeColumns, columns: Columns, key: Key) -> Rows:
    """Rows in time order, sorted by their key; those that lack a field are left out."""
    for name, column in zip(reversed(key), reversed(codes), strict=True):
        rows = order.by_code(rows, column, len(columns.texts[name]))
    return rows


def _places(asked: Rows, queries: Rows, n: int) -> Rows:
    """For each of `queries` its place in `asked`."""
    run = positions(asked)
    if isinstance(run, slice):
        return np.asarray(queries - run.start, np.int32)
    place = np.empty(n, np.int32)
    place[asked] = np.arange(len(asked), dtype=np.int32)
    return place[queries]


def _told_apart(columns: Columns, like: Columns, name: str) -> Rows:
    """Codes of `columns` in those of `like`, further ones for texts that it has not."""
    held = {str(text): code for code, text in enumerate(like.texts[name])}
    table = [held.setdefault(str(text), len(held)) for text in columns.texts[name]]
    return np.array([*table, -1], np.int32)[columns.codes[name]]


def _translated(columns: Columns, like: Columns, name: str) -> Rows:
    """Codes of `columns` in those of `like`, -1 for texts that it has not."""
    held = {str(text): code for code, text in enumerate(like.texts[name])}
    table = [held.get(str(text), -1) for text in columns.texts[name]]
    return np.array([*table, -1], np.int32)[columns.codes[name]]
