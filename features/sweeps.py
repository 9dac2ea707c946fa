"""Sweeps over a key's sources and queries: states of windows, a block of queries at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from features.contracts.vectors import Integers
from features.kernels import HIGH, LOW, NEVER, S1, A, B, C, N, sweep
from features.kernels.order import Rows
from features.kernels.sweep import Late, Queries, Sources, Waiting
from features.window import Atom

SWEPT: Final = ("moments", "ends")
"""Operations that need no rows sorted by their key."""
_KEPT: Final = ((N,), (N, S1), *[(N, S1, A, B, C)] * 3)
"""Columns of a moments state that are kept where the last that is taken is the k-th of them."""
_EXTREMES: Final = ((LOW, -1), (HIGH, 1))


class _Pass(Protocol):
    """Writes some columns of the states of the queries `lo` to `hi`."""

    def __call__(self, lo: int, hi: int, out: Integers, /) -> None: ...


@dataclass(frozen=True)
class Sides:
    """A key's sources and queries in the order of time, and how many groups they fall into.

    Parameters
    ----------
    late
        What was known when; None where every row was known to all that come after it.
    rows
        Positions of the sources in their columns.
    starts
        Left edge of an atom's window for events at given instants.
    """

    sources: Sources
    queries: Queries
    late: Late | None
    groups: int
    rows: Rows | slice
    starts: Callable[[Atom, Integers], Integers]

    def moments(self, atom: Atom, x: Integers, columns: frozenset[int]) -> "Sweep":
        """States of the windows' values of `x`: those columns of them that are named."""
        values = None if atom.value is None else x[self.rows]
        kept = _KEPT[max(k for k in columns if k <= C)]
        held = np.zeros((self.groups + 1, len(kept)), np.int64)
        passes = [self._pass(atom, sweep.totals, values, kept, held)]
        for column, sign in _EXTREMES:
            if column in columns and values is not None:
                links = np.empty((2, len(values)), np.int32)
                queue = *self._heads(), *links, np.full(self.groups + 1, -NEVER)
                passes.append(self._pass(atom, sweep.extremes, values, sign, *queue))
        return Sweep(passes, max(columns) + 1)

    def ends(self, atom: Atom, x: Integers) -> "Sweep":
        """Values of `x` of the windows' last and first events."""
        links = sweep.chain(self.sources.group, self.groups)
        return Sweep([self._pass(atom, sweep.ends, x[self.rows], *self._heads(), *links)], 2)

    def _heads(self) -> Rows:
        """Oldest and newest row of each group: none yet."""
        return np.full((2, self.groups + 1), -1, np.int32)

    def _pass(
        self,
        atom: Atom,
        kernel: Callable[..., None],
        *state: Integers | Rows | tuple[int, ...] | int | None,
    ) -> _Pass:
        queries, reach = self.queries, atom.reach
        if not isinstance(reach, int):
            queries, reach = queries._replace(edge=self.starts(atom, queries.edge)), 0
        waiting = None if self.late is None else Waiting.of(self.sources, self.groups)
        given = self.sources, queries, self.late, waiting, np.zeros(2, np.int64), reach, *state

        def run(lo: int, hi: int, out: Integers) -> None:
            kernel(*given, lo, hi, out)

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

    def __init__(self, passes: list[_Pass], width: int) -> None:
        self._passes = passes
        self._out = np.zeros((0, width), np.int64)

    def states(self, lo: int, hi: int) -> Integers:
        """States (hi - lo, k) of the queries `lo` to `hi`; to be asked for in order, each once.

        The next call writes over what this one returned.
        """
        if len(self._out) < hi - lo:
            self._out = np.zeros((hi - lo, self._out.shape[1]), np.int64)
        for one in self._passes:
            one(lo, hi, self._out)
        return self._out[: hi - lo]
