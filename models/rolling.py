"""The rolling window: the scores of the latest events, and the line that a budget draws there.

Scores drift, since histories grow and habits change; a line drawn once then selects a multiple of
what reviewers have room for, or nothing. The line of the latest events moves along.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from math import inf, isfinite
from typing import Final, Self

import numpy as np

from features.contracts.errors import CorruptBundleError, InputError
from features.contracts.vectors import Integers, Vector
from models.arrays import Array, Arrays, take
from models.calibrate import line_rank

SIZE: Final = 2_000
"""Events of a window where no budget asks for more."""
_RANKS: Final = 2.0
"""Events of a full window that a budget selects at least, so that one event moves no line far."""
_GOLDEN: Final = 2_654_435_769
_WORD: Final = 1 << 32


def size_for(budget: float) -> int:
    """Events that a window needs to tell a `budget` (share of events).

    >>> size_for(0.01), size_for(0.001), size_for(0.0001)
    (2000, 2000, 20000)
    """
    return max(SIZE, round(_RANKS / budget))


def stand_ins(held_out: Vector, size: int) -> list[float]:
    """At most `size` scores that stand for all `held_out` ones, in an order spread over the ranks.

    Of more than `size` scores evenly spaced ranks stand for all, so that the line starts where the
    calibration draws it. Those first in the order leave a window first.

    >>> stand_ins(np.arange(100.0), 4)
    [12.0, 62.0, 37.0, 87.0]
    """
    ranked = np.sort(held_out)
    if ranked.size > size:
        ranked = ranked[(2 * np.arange(size) + 1) * ranked.size // (2 * size)]
    leaving = sorted(range(ranked.size), key=lambda rank: (rank * _GOLDEN % _WORD, rank))
    return [float(ranked[rank]) for rank in leaving]


class RollingWindow:
    """The scores of the latest `size` events, exact, whatever the order they were told in.

    Each event has a place in the ledger's order; a window keeps those with the highest places, so
    the same history gives the same window, and two windows merge into that of both histories.
    Memory is bounded by `size`; telling one costs a search and two moves in a sorted list.

    >>> window = RollingWindow(3)
    >>> for place, score in enumerate([5.0, 1.0, 2.0, 3.0]):
    ...     window.observe(place, score)
    >>> window.scores, window.threshold(0.25), window.p_value(3.5)
    ([1.0, 2.0, 3.0], 3.0, 0.25)
    """

    __slots__ = ("_places", "_scores", "size")

    def __init__(self, size: int) -> None:
        if size < 1:
            raise InputError(f"a window of {size} events holds nothing; give 1 or more")
        self.size = size
        self._places: list[tuple[int, float]] = []
        self._scores: list[float] = []

    @classmethod
    def seeded(cls, held_out: Vector, size: int) -> Self:
        """A window that begins with held-out scores, which leave as events come.

        They stand as `stand_ins` has them, at places below 0.
        """
        standing = stand_ins(held_out, size)
        window = cls(size)
        window.extend(enumerate(standing, start=-len(standing)))
        return window

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def scores(self) -> list[float]:
        """The scores, lowest first."""
        return list(self._scores)

    def observe(self, place: int, score: float) -> None:
        """Take in the event at `place`; one that was told before, or is too old, changes nothing.

        Raises
        ------
        InputError
            The score is not finite.
        """
        if not isfinite(score):
            raise InputError(f"a score of {score} at place {place} cannot be ranked; it is finite")
        at = bisect_left(self._places, (place, -inf))
        known = at < len(self._places) and self._places[at][0] == place
        if known or (at == 0 and len(self._places) >= self.size):
            return
        self._places.insert(at, (place, score))
        insort(self._scores, score)
        if len(self._places) > self.size:
            _, oldest = self._places.pop(0)
            del self._scores[bisect_left(self._scores, oldest)]

    def extend(self, seen: Iterable[tuple[int, float]]) -> None:
        """Take in many events."""
        for place, score in seen:
            self.observe(place, score)

    def merge(self, other: "RollingWindow") -> "RollingWindow":
        """The window of both histories; places that both know are one event."""
        merged = RollingWindow(max(self.size, other.size))
        merged.extend(sorted({**dict(other._places), **dict(self._places)}.items()))  # noqa: SLF001
        return merged

    def threshold(self, budget: float) -> float:
        """The score that must be exceeded for the event to be among a `budget` of the latest.

        Infinite where the window holds too few events to tell so small a share.
        """
        rank = line_rank(len(self._scores), budget)
        if rank == 0:
            return inf
        return self._scores[-rank] if rank <= len(self._scores) else -inf

    def p_value(self, score: float) -> float:
        """Share of the latest events at least as unusual, this one counted among them."""
        n = len(self._scores)
        return (1 + n - bisect_left(self._scores, score)) / (n + 1)

    def arrays(self) -> dict[str, Array]:
        """Size, places and scores: all that there is."""
        places: Integers = np.array([place for place, _ in self._places], dtype=np.int64)
        scores: Vector = np.array([score for _, score in self._places], dtype=np.float64)
        return {"size": np.array([self.size], dtype=np.int64), "places": places, "scores": scores}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; places must rise and fit into the size."""
        size = int(take(arrays, "size", np.int64, (1,))[0])
        places = take(arrays, "places", np.int64, (None,))
        scores = take(arrays, "scores", np.float64, places.shape)
        if size < max(1, places.size) or not (np.diff(places) > 0).all():
            raise CorruptBundleError("array 'places' must rise, and be no longer than 'size'")
        window = cls(size)
        window.extend(zip(places.tolist(), scores.tolist(), strict=True))
        return window
