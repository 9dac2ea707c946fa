"""Lanes: the sources and queries of one key, grouped and sorted as kernels take them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from features.finalise import Runs
from features.kernels import CLOGC, NEVER, S1, STATE_WIDTH, order, ranges, replay, tape
from features.kernels.order import CodeColumns, Rows
from features.window import Atom, Reach

_MOST_OPS: Final = 2**26
"""Entries of one tape; a longer one is made in parts."""
_NO_TOTALS: Final = np.zeros((1, 2), np.int64)
BEYOND: Final = NEVER - 1
"""A bound that nothing known reaches."""


@dataclass(frozen=True)
class Clock:
    """What orders rows: when they happened, and when they were known and superseded.

    `tie` has the order of `(t, o)`. Where `is_plain`, every row was learned in that order, none
    was superseded, and the other columns are not read.
    """

    t: Integers
    tie: Integers
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    is_plain: bool


@dataclass(frozen=True)
class Bounds:
    """What each row may know as a query: the rank and the place it stays under."""

    t: Integers
    tie: Integers
    rank: Integers
    seq: Integers


@dataclass(frozen=True, slots=True)
class Tape:
    """Which rows enter and leave the windows of the queries `asked`."""

    ops: Rows
    ends: Integers
    asked: Rows


@dataclass
class Lane:
    """One key's sources and queries; rows are positions in the columns they were taken from.

    States have a row for each query in the lane's own order, groups without late rows first;
    `at` says which row of the asked ones each is about.

    Parameters
    ----------
    sources, queries
        Rows in the order of their key's codes, then of time.
    source_codes, query_codes
        The key's code columns, of equal meaning on both sides.
    places
        For each query its row among those asked about.
    starts
        Left edge of an atom's window for events at given instants.
    """

    clock: Clock
    bounds: Bounds
    sources: Rows
    queries: Rows
    source_codes: CodeColumns
    query_codes: CodeColumns
    places: Rows
    starts: Callable[[Atom, Integers], Integers]
    _firsts: dict[Reach, Rows] = field(default_factory=dict)
    _tapes: dict[Reach, list[Tape]] = field(default_factory=dict)
    _values: dict[str, Integers] = field(default_factory=dict)
    _running: dict[tuple[str, bool], Integers] = field(default_factory=dict)

    def split(self, rows: int) -> Iterator["Lane"]:
        """The lane in parts of about so many queries, none of which divides a group."""
        spans, n = self._spans, len(self.queries)
        cuts = np.searchsorted(spans[:, 1], np.arange(rows, n + rows, rows)) + 1
        start = 0
        for end in np.unique(np.minimum(cuts, len(spans))).tolist():
            part = spans[start:end]
            there = part[part[:, 3] > part[:, 2]]
            sources = (int(there[0, 2]), int(there[-1, 3])) if len(there) else (0, 0)
            yield self._part(part, *sources)
            start = end

    def _part(self, spans: Integers, first: int, last: int) -> "Lane":
        queries = slice(int(spans[0, 0]), int(spans[-1, 1]))
        sources = self.sources[first:last]
        is_same = self.queries is self.sources
        part = replace(
            self,
            sources=sources,
            queries=sources if is_same else self.queries[queries],
            places=self.places[queries],
            _firsts={},
            _tapes={},
            _values={},
            _running={},
        )
        part._spans = spans - np.array([spans[0, 0]] * 2 + [first] * 2)  # noqa: SLF001  (our own)
        part._spans[spans[:, 3] == spans[:, 2], 2:] = 0  # noqa: SLF001
        return part

    @cached_property
    def at(self) -> Rows:
        """For each row of a state the row that was asked about."""
        plain, late = self._parts
        if len(late) == 0:
            return self.places
        rows: Rows = self.places[np.concatenate([tape.asked(plain), tape.asked(late)])]
        return rows

    def states(self, atom: Atom, x: Integers, own: Integers, width: int) -> Integers:
        """States of `atom` (queries, width), for source values `x` and the queries' `own` values.

        Both are columns that rows are positions in; `own` is read by grids and near only. Of
        `ends` the state is the rows of the last and the first event, -1 where there is none.
        """
        out = np.empty((len(self.queries), width), np.int64)
        if len(out) == 0:
            return out
        if atom.op == "ends":
            self._ends(atom, out)
        elif atom.op == "moments":
            self._moments(atom, x, out)
        else:
            values, done = x[self.sources], 0
            for part in (*self._plain_tapes(atom), *self._late_tapes(atom)):
                n = len(part.ends)
                asked = own[self.queries[part.asked]] if len(own) else own
                _replay(atom, part, values, asked, out[done : done + n])
                done += n
        return out

    def _moments(self, atom: Atom, x: Integers, out: Integers) -> None:
        late = self._parts[1]
        done = len(out) - (len(tape.asked(late)) if len(late) else 0)
        if done:
            self._ranges(atom, x, out[:done])
        values = np.ones(1, np.int64) if not len(late) else x[self.sources]
        for part in self._late_tapes(atom):
            n = len(part.ends)
            state = out[done : done + n]
            replayed = replay.sums if out.shape[1] == S1 + 1 else replay.squares
            replayed(part.ops, part.ends, values, state)
            if out.shape[1] == STATE_WIDTH:
                replay.extremes(part.ops, part.ends, values, state)
            done += n

    def runs(self, atom: Atom, x: Integers, width: int) -> Runs | None:
        """The windows of a moments atom as runs of rows; None where groups have late rows."""
        if len(self._parts[1]) or atom.op != "moments":
            return None
        return Runs(*self._run(atom), self._totals(atom, x, width))

    def _ranges(self, atom: Atom, x: Integers, out: Integers) -> None:
        lo, hi = self._run(atom)
        if atom.value is None:
            ranges.counts(lo, hi, out)
            return
        ranges.sums(lo, hi, self._totals(atom, x, out.shape[1]), out)
        if out.shape[1] == STATE_WIDTH:
            ranges.extremes(lo, hi, self._values[atom.value], out)

    def _totals(self, atom: Atom, x: Integers, width: int) -> Integers:
        """Running moments (rows + 1, k) of the atom's values; of ones none are needed."""
        if atom.value is None:
            return _NO_TOTALS
        if atom.value not in self._values:
            self._values[atom.value] = x[self.sources]
        with_squares = width > S1 + 1
        if (atom.value, with_squares) not in self._running:
            running = ranges.running_squares if with_squares else ranges.running_sums
            self._running[atom.value, with_squares] = running(self._values[atom.value])
        return self._running[atom.value, with_squares]

    def _ends(self, atom: Atom, out: Integers) -> None:
        start, done = self.starts(atom, self._asked_t), 0
        is_plain = self.clock.is_plain
        known = (self._t,) * 4 if is_plain else self._known
        may_know = (self._asked_t,) * 2 if is_plain else self._may_know
        for spans, is_late in zip(self._parts, (False, True), strict=True):
            n = len(tape.asked(spans)) if len(spans) else 0
            found = out[done : done + n]
            replay.ends_of(
                spans,
                is_late,
                self._t,
                self._tie,
                *known,
                self._asked_tie,
                *may_know,
                start,
                found,
            )
            done += n
        is_there = out >= 0
        out[is_there] = self.sources[out[is_there]]

    @cached_property
    def _spans(self) -> Integers:
        """First and last query, first and last source of every group with queries."""
        asked = order.group_starts(self.query_codes, self.queries)
        if self.queries is self.sources:
            return np.stack([asked[:-1], asked[1:]] * 2, axis=1)
        there = order.group_starts(self.source_codes, self.sources)
        sources = self.source_codes, self.sources, there
        spans: Integers = order.pair(*sources, self.query_codes, self.queries, asked)
        return spans

    @cached_property
    def _parts(self) -> tuple[Integers, Integers]:
        """First and last query, first and last source of every group: without late rows, with."""
        spans = self._spans
        if self.clock.is_plain:
            return spans, spans[:0]
        known, seq, gone, _ = self._known
        late = order.late_groups(
            spans, self._tie, known, seq, gone, self._asked_tie, *self._may_know
        )
        return spans[~late], spans[late]

    @cached_property
    def _t(self) -> Integers:
        return self.clock.t[self.sources]

    @cached_property
    def _tie(self) -> Integers:
        return self._t if self.clock.tie is self.clock.t else self.clock.tie[self.sources]

    @cached_property
    def _asked_t(self) -> Integers:
        is_same = self.queries is self.sources and self.bounds.t is self.clock.t
        return self._t if is_same else self.bounds.t[self.queries]

    @cached_property
    def _asked_tie(self) -> Integers:
        bounds = self.bounds
        return self._asked_t if bounds.tie is bounds.t else bounds.tie[self.queries]

    @cached_property
    def _known(self) -> tuple[Integers, Integers, Integers, Integers]:
        c, rows = self.clock, self.sources
        return c.known[rows], c.seq[rows], c.gone[rows], c.gone_seq[rows]

    @cached_property
    def _may_know(self) -> tuple[Integers, Integers]:
        return self.bounds.rank[self.queries], self.bounds.seq[self.queries]

    def _run(self, atom: Atom) -> tuple[Rows, Rows]:
        """First row of every plain query's window, and the first behind it."""
        if atom.reach not in self._firsts:
            reach = atom.reach if isinstance(atom.reach, int) else 0
            edge = self._asked_t if reach else self.starts(atom, self._asked_t)
            plain = self._parts[0]
            self._firsts[atom.reach] = ranges.firsts(plain, self._t, edge, reach, self._behind)
        return self._firsts[atom.reach], self._behind

    @cached_property
    def _behind(self) -> Rows:
        found: Rows = ranges.behind(self._parts[0], self._tie, self._asked_tie)
        return found

    def _plain_tapes(self, atom: Atom) -> list[Tape]:
        spans = self._parts[0]
        if len(spans) == 0:
            return []
        start = self.starts(atom, self._asked_t)
        made = tape.slide(spans, self._t, self._tie, self._asked_tie, start)
        return [Tape(*made, tape.asked(spans))]

    def _late_tapes(self, atom: Atom) -> list[Tape]:
        if atom.reach not in self._tapes:
            self._tapes[atom.reach] = list(self._made(atom))
        return self._tapes[atom.reach]

    def _made(self, atom: Atom) -> Iterator[Tape]:
        start, late = self.starts(atom, self._asked_t), self._parts[1]
        while len(late):
            ops, ends, n = tape.late(
                late,
                self._t,
                self._tie,
                *self._known,
                self._asked_tie,
                *self._may_know,
                start,
                _MOST_OPS,
            )
            yield Tape(ops, ends, tape.asked(late[:n]))
            late = late[n:]


def _replay(atom: Atom, part: Tape, x: Integers, own: Integers, out: Integers) -> None:
    if atom.op == "codes":
        replay.codes(part.ops, part.ends, x, out)
        if out.shape[1] > CLOGC:
            replay.entropies(part.ops, part.ends, x, out)
    elif atom.op == "orders":
        replay.orders(part.ops, part.ends, x, out)
    elif atom.op == "grids":
        replay.grids(part.ops, part.ends, x, own, out)
    else:
        replay.near(part.ops, part.ends, x, own, atom.near, out)
