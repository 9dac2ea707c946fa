"""Small tables of sources and queries, and the rule of visibility, row by row."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import MISSING, NEVER, order
from features.kernels.order import Rows

BEYOND: Final = NEVER - 1
Facts = tuple[Integers, Integers, Integers, Integers, Integers, Integers]
Asked = tuple[Integers, Integers, Integers]


@dataclass(frozen=True)
class Table:
    """Sources and queries of a few groups, each in the order of group, time and learning."""

    group: Rows
    t: Integers
    tie: Integers
    known: Integers
    seq: Integers
    gone: Integers
    gone_seq: Integers
    query_group: Rows
    query_t: Integers
    query_tie: Integers
    bound: Integers
    seq_bound: Integers
    start: Integers
    values: Integers
    own: Integers

    @property
    def spans(self) -> Integers:
        """First and last query, first and last source of every group asked about."""
        sides = [
            ((group,), np.arange(len(group), dtype=np.int32))
            for group in (self.group, self.query_group)
        ]
        both = [(*side, order.group_starts(*side)) for side in sides]
        found: Integers = order.pair(*both[0], *both[1])
        return found

    @property
    def facts(self) -> Facts:
        """What is known of the sources, as kernels take it."""
        return self.t, self.tie, self.known, self.seq, self.gone, self.gone_seq

    @property
    def asked(self) -> Asked:
        """What each query may know, as kernels take it."""
        return self.query_tie, self.bound, self.seq_bound

    def seen(self, i: int) -> list[int]:
        """The sources in the window of query i, by the rule."""
        return [j for j in self.before(i) if self.start[i] <= self.t[j] and self.knows(i, j)]

    def before(self, i: int) -> list[int]:
        """The sources of its group that happened before query i."""
        return [
            j
            for j in range(len(self.group))
            if self.group[j] == self.query_group[i] and self.tie[j] < self.query_tie[i]
        ]

    def knows(self, i: int, j: int) -> bool:
        """Whether query i knew source j, and nothing that took its place."""
        is_known = self.known[j] < self.bound[i] and self.seq[j] < self.seq_bound[i]
        is_gone = self.gone[j] <= self.bound[i] and self.gone_seq[j] <= self.seq_bound[i]
        return bool(is_known and not is_gone)


@st.composite
def tables(draw: st.DrawFn, *, late: bool) -> Table:
    """A table; without `late` all was learned as it happened and nothing superseded."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, m = draw(st.integers(0, 50)), draw(st.integers(1, 25))
    group, t, o = (rng.integers(0, k, n + m) for k in (3, 40, 2))
    known = rng.permutation(n + m) if late else np.empty(n + m, np.int64)
    if not late:
        known[np.lexsort((o, t))] = np.arange(n + m)
    place = rng.permutation(n + m) if late else known
    gone, gone_seq = np.full((2, n + m), NEVER)
    if late:
        dead = rng.random(n + m) < 0.2
        gone[dead] = known[dead] + rng.integers(1, 20, int(dead.sum()))
        gone_seq[dead] = place[dead] + rng.integers(1, 20, int(dead.sum()))
    tie = 2 * t + o
    in_order = np.lexsort((known, tie, group))
    s, q = in_order[in_order < n], in_order[in_order >= n]
    is_live = rng.random(len(q)) < 0.5
    length = draw(st.integers(1, 50))
    start = t[q] - length if draw(st.booleans()) else t[q] // length * length
    values = rng.integers(-5, 6, n + m)
    values[rng.random(n + m) < 0.2] = MISSING
    return Table(
        group=group[s].astype(np.int32),
        t=t[s],
        tie=tie[s],
        known=known[s],
        seq=place[s],
        gone=gone[s],
        gone_seq=gone_seq[s],
        query_group=group[q].astype(np.int32),
        query_t=t[q],
        query_tie=tie[q],
        bound=np.where(is_live, BEYOND, known[q]),
        seq_bound=np.where(is_live, place[q], BEYOND),
        start=start,
        values=values[s],
        own=values[q],
    )
