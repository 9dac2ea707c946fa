"""Sweeps over a key's sources and queries: states of windows, a block of queries at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from features.contracts.vectors import Integers
from features.kernels import HIGH, LAST, LOW, MISSING, NEVER, S1, A, B, C, N, sweep
from features.kernels.moves import Late, Moves, late_moves, most_moves, moves
from features.kernels.order import Rows
from features.kernels.sweep import Looks
from features.window import Atom, Reach

SWEPT: Final = ("moments", "ends")
"""Operations that need no rows sorted by their key."""
BLOCK_ROWS: Final = 2**16
"""Queries whose states are held at a time: few enough for the processor's cache."""
STRETCH: Final = 8
"""Blocks whose moves are held at a time.

So many that a pass which follows all of them finds the states of its groups in the cache, where
others have left none of them before it.
"""
_KEPT: Final = ((N,), (N, S1), *[(N, S1, A, B, C)] * 3)
"""Columns of a moments state that are kept where the last that is taken is the k-th of them."""
_WIDTH: Final = {1: 1, 2: 2, 5: 8}
"""Columns that so many take in memory, so that no state lies across two lines of the cache."""
_LINE: Final = 64
_SPARE: Final = 8
"""Room for moves is kept while it is no more than so many times what is needed."""
_EXTREMES: Final = ((LOW, -1), (HIGH, 1))
_BEFORE: Final = 2**29
"""What the numbers of sources and queries together stay below."""


class _Pass(Protocol):
    """Follows some columns of the states along moves, and writes those of the queries."""

    def __call__(self, along: Moves, out: Integers, /) -> None: ...


@dataclass
class _Fronts:
    """How far the fronts of one window's length are at the ends of blocks, and the latest moves."""

    after: dict[int, Rows] = field(default_factory=lambda: {0: np.zeros(3, np.int32)})
    made: dict[tuple[int, int], Moves] = field(default_factory=dict)

    def room(self, most: int) -> Moves:
        """Room for so many moves: that of the oldest of them, where it is neither small nor vast.

        These are forgotten.
        """
        if len(self.made) == STRETCH:
            room = self.made.pop(next(iter(self.made))).base
            if room is not None and most <= len(room) <= _SPARE * most:
                return room
        return np.empty(most, np.uint32)


@dataclass
class Course:
    """Sources and queries in the order of time, whatever their key.

    Parameters
    ----------
    t, tie
        Instants and ties of the sources.
    edge, asked
        Instants and ties of the queries; a window ends before the tie.
    late
        What was known when; None where every row was known to all that come after it.
    is_same
        Whether the queries are the sources.
    rows
        Positions of the sources in their columns.
    starts
        Left edge of an atom's window for events at given instants.
    """

    t: Integers
    tie: Integers
    edge: Integers
    asked: Integers
    late: Late | None
    is_same: bool
    rows: Rows | slice
    starts: Callable[[Atom, Integers], Integers]
    _fronts: dict[Reach, _Fronts] = field(default_factory=dict)
    _edges: dict[Reach, Integers] = field(default_factory=dict)
    _taken: dict[str, tuple[Integers, bool]] = field(default_factory=dict)

    @property
    def base(self) -> int:
        """The number of the first query."""
        return 0 if self.is_same else len(self.t)

    def window(self, atom: Atom) -> tuple[Integers, int]:
        """The queries' instants, and how long before them the atom's window begins."""
        if isinstance(atom.reach, int):
            return self.edge, atom.reach
        if atom.reach not in self._edges:
            self._edges[atom.reach] = self.starts(atom, self.edge)
        return self._edges[atom.reach], 0

    def moves(self, atom: Atom, lo: int, hi: int) -> Moves:
        """The moves of the atom's window up to the queries `lo` to `hi`.

        A block begins with the first query or where one that was asked for ended; whoever asks
        again for one of the latest, a stretch of them, gets the same moves.
        """
        at = self._fronts.setdefault(atom.reach, _Fronts())
        if (lo, hi) not in at.made:
            if lo not in at.after:
                raise ValueError(f"no block ended at query {lo}; ask for what lies before")
            edge, reach = self.window(atom)
            times, late = (self.t, self.tie, edge, self.asked, reach), self.late
            n_due, fronts = 0 if late is None else len(late.due), at.after[lo].copy()
            room = at.room(most_moves(*times, fronts, n_due, lo, hi))
            if late is None:
                made = moves(*times, self.base, fronts, lo, hi, room)
            else:
                when = self.base, late.settles, late.due, late.looks
                made = late_moves(*times, *when, fronts, lo, hi, room)
            at.made[lo, hi], at.after[hi] = room[:made], fronts
        return at.made[lo, hi]

    def taken(self, name: str, x: Integers) -> tuple[Integers, bool]:
        """The sources' values in column `x` of that name, and whether none is missing."""
        if name not in self._taken:
            values = x[self.rows]
            self._taken[name] = values, bool((values != MISSING).all())
        return self._taken[name]


@dataclass(frozen=True)
class Sides:
    """A key's groups of sources and of queries.

    Parameters
    ----------
    group
        Number of each source's group, behind them that of each query's where these are others.
    groups
        How many there are; that number itself stands for rows of no group.
    """

    course: Course
    group: Rows
    groups: int

    def moments(self, atom: Atom, x: Integers, columns: frozenset[int]) -> "Sweep":
        """States of the windows' values of `x`: those columns of them that are named."""
        passes = []
        kept, values, is_full = _KEPT[max(k for k in columns if k <= C)], x, True
        if atom.value is not None:
            values, is_full = self.course.taken(atom.value, x)
        if is_full and kept == (N,):
            passes.append(self._pass(atom, sweep.counts, np.zeros(self.groups + 1, np.int32)))
        else:
            held = _in_lines(self.groups + 1, _WIDTH[len(kept)])
            passes.append(self._pass(atom, sweep.totals, values, kept, held))
        for column, sign in _EXTREMES:
            if column in columns and atom.value is not None:
                passes.append(self._pass(atom, sweep.extremes, values, sign, *self._queue()))
        return Sweep(self.course, atom, passes, max(columns) + 1)

    def ends(self, atom: Atom, x: Integers, columns: frozenset[int]) -> "Sweep":
        """Values of `x` of the windows' last events, and of the first if they are named."""
        wanted = tuple(range(max(columns) + 1))
        rows = None if wanted == (LAST,) and self.course.late is None else self._rows
        held = _in_lines(self.groups + 1, 2)
        places = held.view(np.int32)
        places[:, 2:] = self._starts[:, None]
        given = x[self.course.rows], wanted, rows, held, places
        return Sweep(self.course, atom, [self._pass(atom, sweep.ends, *given)], len(wanted))

    @property
    def _theirs(self) -> Rows:
        return self.group[: len(self.course.t)]

    @cached_property
    def _starts(self) -> Rows:
        return sweep.starts_of(self._theirs, self.groups)

    @cached_property
    def _rows(self) -> Rows:
        return sweep.side_by_side(self._theirs, self._starts)[0]

    @cached_property
    def _slots(self) -> Rows:
        return sweep.side_by_side(self._theirs, self._starts)[1]

    def _queue(self) -> tuple[Rows | None, Integers, Rows, Integers]:
        """Slots of late rows, empty states of the groups, and room for all values."""
        held = _in_lines(self.groups + 1, 4)
        places = held.view(np.int32)
        held[:, :2] = -NEVER
        places[:, 4:] = self._starts[:, None]
        slots = None if self.course.late is None else self._slots
        return slots, held, places, np.empty(len(self.course.t), np.int64)

    def _pass(
        self,
        atom: Atom,
        kernel: Callable[..., None],
        *state: Integers | Rows | tuple[int, ...] | int | None,
    ) -> _Pass:
        course = self.course
        edge, reach = course.window(atom)
        late = course.late
        looks = None if late is None else Looks.of(course.t, edge, late, self.groups)
        given = self.group, self.groups, looks, reach, course.base, *state

        def run(along: Moves, out: Integers) -> None:
            kernel(along, *given, out)

        return run


class Sweep:
    """States of one block of queries after the other.

    Parameters
    ----------
    passes
        What fills the columns of a block.
    width
        How many columns a state has; those that no pass fills are 0.
    """

    def __init__(self, course: Course, atom: Atom, passes: list[_Pass], width: int) -> None:
        self._course = course
        self._atom = atom
        self._passes = passes
        self._out = np.zeros((width, 0), np.int64).T

    def states(self, lo: int, hi: int) -> Integers:
        """States (hi - lo, k) of the queries `lo` to `hi`; to be asked for in order, each once.

        The next call writes over what this one returned.
        """
        if len(self._out) != hi - lo:
            self._out = np.zeros((self._out.shape[1], hi - lo), np.int64).T
        for first in range(lo, hi, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, hi)
            along = self._course.moves(self._atom, first, last)
            for one in self._passes:
                one(along, self._out[first - lo : last - lo])
        return self._out[: hi - lo]


def _in_lines(rows: int, width: int) -> Integers:
    """Zeros (rows, width) that begin with a line of the cache."""
    room = np.zeros(rows * width + _LINE // 8, np.int64)
    first = -room.ctypes.data % _LINE // 8
    return room[first : first + rows * width].reshape(rows, width)
