"""The features of single events by their definition, straight from all events.

Slow, and shares nothing with an engine: integers of Python, `statistics` where it rounds.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from features.spec import Expression, Share, Since, Window

DAY_US: Final = 86_400_000_000
NAN: Final = float("nan")
Rows = npt.NDArray[np.intp]


def _mad(values: list[int]) -> float:
    middle = statistics.median(values)
    return statistics.median([abs(value - middle) for value in values])


_LEAST: Final = {"count": 0, "sum": 0, "std": 2}
_AGGREGATES: Final[dict[str, Callable[[list[int]], float]]] = {
    "count": len,
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "std": statistics.stdev,
    "min": min,
    "max": max,
    "distinct": lambda values: len(set(values)),
    "median": statistics.median,
    "mad": _mad,
}


class Definition:
    """Events in the order in which they became known, and what each knew of the earlier ones."""

    def __init__(self, events: pl.DataFrame) -> None:
        self._t = events["effective_at"].dt.epoch("us").to_numpy()
        self._columns = {name: events[name].to_numpy() for name in events.columns}

    def cells(self, rows: Sequence[int], features: Sequence[Expression]) -> pl.DataFrame:
        """One Float64 column a feature, one row for each of `rows`."""
        return pl.DataFrame(
            {of.name: [self._cell(of, row) for row in rows] for of in features},
            schema={of.name: pl.Float64 for of in features},
        )

    def _cell(self, of: Expression, row: int) -> float:
        match of:
            case Window():
                return self._aggregate(of, self._seen(row, of.key, of.days or 0))
            case Since():
                seen = self._t[self._seen(row, of.key, of.days or 0)]
                return float((self._t[row] - seen.max()) / DAY_US) if len(seen) else NAN
            case Share():
                part, whole = (len(self._seen(row, key, of.days or 0)) for key in (of.key, of.of))
                return part / whole if whole >= of.min_n else NAN
            case _:
                raise NotImplementedError(of.name)

    def _seen(self, row: int, key: Sequence[str], days: int) -> Rows:
        """Rows of the key that were known before `row` and lie in its window, without ties."""
        t = self._t[:row]
        seen = (t >= self._t[row] - days * DAY_US) & (t < self._t[row])
        for name in key:
            seen &= self._columns[name][:row] == self._columns[name][row]
        return np.flatnonzero(seen)

    def _aggregate(self, of: Window, seen: Rows) -> float:
        if len(seen) < _LEAST.get(of.agg, 1):
            return NAN
        values = self._columns[of.value][seen].tolist() if of.value else seen.tolist()
        return float(_AGGREGATES[of.agg](values))
