"""Lanes: the sources and queries of one key, grouped and sorted as kernels take them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from features.kernels import CLOGC, NEVER, order, replay, tape
from features.kernels.order import CodeColumns, Rows
from features.window import Atom, Reach

_MOST_OPS: Final = 2**26
"""Entries of one tape; a longer one is made in parts."""
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
    _tapes: dict[Reach, list[Tape]] = field(default_factory=dict)

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
            _tapes={},
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

        Both are columns that rows are positions in; `own` is read by grids and near only.
        """
        out = np.empty((len(self.queries), width), np.int64)
        if len(out) == 0:
            return out
        values, done = x[self.sources], 0
        for part in (*self._plain_tapes(atom), *self._late_tapes(atom)):
            n = len(part.ends)
            asked = own[self.queries[part.asked]] if len(own) else own
            _replay(atom, part, values, asked, out[done : done + n])
            done += n
        return out

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
