"""Histories in columns: a scenario's events, and those of its sources, as lanes by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.columns import Columns, grouped
from features.contracts.errors import InputError
from features.contracts.vectors import Integers
from features.kernels import FIRST, LAST, MISSING, NEVER, grid, order
from features.kernels.order import Bools, CodeColumns, Rows
from features.lane import BEYOND, Bounds, Clock, Lane
from features.measure import Ends, compute
from features.spec import Atom, Key, Measure, Scenario, Where

PART_ROWS: Final = 2**20
"""Queries of a lane that are worked on at a time."""
_MERGED: Final = ("t", "o", "observed", "seq")


@dataclass(frozen=True)
class Slice:
    """Which rows are asked about, in time order, and the part of it that they may look at."""

    queries: Rows
    first: int
    last: int


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
        self._steps: dict[tuple[str | None, str], Integers] = {}
        self._clocks: dict[str, tuple[Clock, Bounds]] = {}

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

    def carries(self, key: Key, rows: Rows) -> Bools:
        """Which of the rows have every field of `key`."""
        has = np.ones(len(rows), bool)
        for name in key:
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

    def lanes(
        self, key: Key, where: Where | None, source: str | None, asked: Slice
    ) -> Iterator[tuple[Rows | None, Lane]]:
        """The lane of `key` in parts by its first field, and which of the rows asked each is about.

        None stands for all of them. Parts of a million rows keep what is looked up out of order
        within the processor's reach, however long the history.
        """
        n_parts = -(-len(asked.queries) // PART_ROWS)
        if n_parts < 2 or source is not None:  # noqa: PLR2004  (one part is the whole)
            yield None, self.lane(key, where, source, asked)
            return
        codes = self.columns.codes[key[0]]
        part = _parts(codes, asked.queries, n_parts)
        looked_at = self.columns.order[asked.first : asked.last]
        sources = order.by_code(looked_at, part, n_parts)
        sizes = np.bincount(part[looked_at] + 1, minlength=n_parts + 1)[1:]
        ends, m = np.cumsum(sizes), len(asked.queries)
        which = part[asked.queries]
        for k in range(n_parts):
            rows = np.flatnonzero(which == k).astype(np.int32)
            if len(rows) and m:
                mine = Slice(asked.queries[rows], 0, 0)
                yield rows, self._own(key, where, mine, sources[ends[k] - sizes[k] : ends[k]])

    def lane(
        self,
        key: Key,
        where: Where | None,
        source: str | None,
        asked: Slice,
        *,
        among: Bools | None = None,
    ) -> Lane:
        """The lane of `key` for the rows asked about.

        `among` narrows the sources down further; None stands for every row.
        """
        if source is not None:
            ours = tuple(self.columns.codes[name] for name in key)
            queries = _grouped(asked.queries, ours, self.columns, key)
            return self._foreign(key, where, source, queries, asked)
        rows = self.columns.order[asked.first : asked.last]
        return self._own(key, where, asked, rows, among=among)

    def _own(
        self,
        key: Key,
        where: Where | None,
        asked: Slice,
        rows: Rows,
        *,
        among: Bools | None = None,
    ) -> Lane:
        """The lane of `key` over `rows`, which stand in time order."""
        ours = tuple(self.columns.codes[name] for name in key)
        queries = _grouped(asked.queries, ours, self.columns, key)
        chosen = self._chosen(self.columns, where)
        if among is not None:
            chosen &= among
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
                self.columns.texts[measure.name] = self.columns.texts[measure.field]
            else:
                self.columns.numbers[measure.name] = values

    def measured(self, measure: Measure, asked: Slice) -> Integers:
        """Values of `measure` for the rows asked about."""
        c, atom, rows = self.columns, measure.atom, asked.queries
        own = c.numbers.get(measure.field, c.t)
        other = c.numbers.get(measure.other, c.t)
        if atom is None:
            return compute(measure, self.calendar, c.t[rows], own[rows], other[rows], None)
        among = own != MISSING if measure.how == "change_ppm" else None
        lane = self.lane(atom.key, atom.where, None, asked, among=among)
        ends = np.full((len(rows), 2), -1)
        for part in lane.split(2**17):
            ends[part.at] = part.states(atom, c.t, c.t, 2)
        held = c.codes[measure.field].astype(np.int64) if measure.is_code else own
        found = Ends(
            taken(c.t, ends[:, LAST]), taken(c.t, ends[:, FIRST]), taken(held, ends[:, LAST])
        )
        return compute(measure, self.calendar, c.t[rows], own[rows], other[rows], found)

    def scored(self) -> Rows:
        """Rows of scored events in (t, o, seq) order, an id's later kinds left out."""
        c = self.columns
        chosen, earlier = np.zeros(len(c), bool), np.zeros(len(c), bool)
        for place, kind in enumerate(self.scenario.scored):
            of_kind = c.chosen("kind", (kind,)) & ~c.retracted
            fresh = of_kind & ~c.is_stale
            chosen |= fresh & ~_known_before(c, of_kind, earlier) if place else fresh
            earlier |= of_kind
        rows = c.order[chosen[c.order]]
        if order.is_sorted(c.seq[rows], c.seq[rows]):
            return rows
        return rows[np.lexsort((c.seq[rows], c.o[rows], c.t[rows]))]


def _parts(codes: Rows, queries: Rows, n_parts: int) -> Rows:
    """For each row the part that its code lies in, parts having about equally many queries."""
    held = np.bincount(codes[queries] + 1, minlength=int(codes.max(initial=-1)) + 2)[1:]
    before = np.cumsum(held) - held
    table = before * n_parts // max(int(held.sum()), 1)
    return np.append(table, -1).astype(np.int32)[codes]


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


def taken(held: Integers, rows: Integers) -> Integers:
    """Values of `held` at `rows`, MISSING where a row is -1."""
    out = np.full(len(rows), MISSING)
    found = rows >= 0
    out[found] = held[rows[found]]
    return out


def _clock(c: Columns) -> Clock:
    tie = _ties(c.t, c.o, c.order)
    is_plain = (
        c.gone.strides == (0,)
        and order.is_sorted(c.known[c.order], c.known[c.order])
        and (not c.is_live.any() or order.is_sorted(c.seq[c.order], c.seq[c.order]))
    )
    return Clock(c.t, tie, c.known, c.seq, c.gone, c.gone_seq, is_plain)


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
    if len(asked) and int(asked[-1]) - int(asked[0]) == len(asked) - 1 and order.is_run(asked):
        return np.asarray(queries - asked[0], np.int32)
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
