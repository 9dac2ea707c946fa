"""Buckets: where the rows of a key go, and keys with so many rows that they are divided in time.

A key's rows go to the bucket that its hash names. A key with too many rows is divided into units:
each is asked about the rows of one span of time and is shown the rows before it that their longest
window can reach.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.rows import ASKED, OWN, ROW, SCORED, UNIT, projected
from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.spec import Atom, Key

_TICKS: Final = 64
"""Instants of a key that a partition reports, evenly spread over its rows."""
_HASH: Final = "@hash"
UNITS: Final = pl.Schema(
    {_HASH: pl.UInt64, UNIT: pl.Int32, "@edge": pl.Int64, "@start": pl.Int64, "@end": pl.Int64}
)
"""Spans of time of divided keys, and from where on their rows are shown."""


def placed(frame: pl.DataFrame, key: Key, units: pl.DataFrame, n: int) -> pl.DataFrame:
    """The rows with their `@bucket` and unit; those of divided keys once for each unit they are in.

    A row that lacks a field of the key goes anywhere.
    """
    frame = frame.with_columns(hashed(key).alias(_HASH))
    usual = frame if units.is_empty() else frame.join(units, on=_HASH, how="anti")
    usual = usual.with_columns(
        (pl.col(_HASH) % n).cast(pl.Int32).alias("@bucket"), pl.lit(0, pl.Int32).alias(UNIT)
    )
    if units.is_empty():
        return usual.drop(_HASH)
    t = pl.col("t")
    divided = (
        frame.join(units, on=_HASH)
        .filter((t >= pl.col("@edge")) & (t < pl.col("@end")))
        .with_columns((pl.col(UNIT) % n).alias("@bucket"), pl.col(ASKED) & (t >= pl.col("@start")))
    )
    return pl.concat([usual, divided.select(usual.columns)]).drop(_HASH)


def hashed(key: Key) -> pl.Expr:
    """A number for the key's texts, the same for text and for integers that read the same."""
    parts = [pl.col(name).cast(pl.String).hash(seed) for seed, name in enumerate(key)]
    missing = pl.any_horizontal(pl.col(name).is_null() for name in key)
    return pl.when(missing).then(pl.col(ROW).hash()).otherwise(reduce(xor, parts))


@dataclass(frozen=True)
class Weigh:
    """Step: keys with more than `floor` rows in a partition, and when these happened.

    The empty key stands for all scored rows.
    """

    keys: tuple[Key, ...]
    floor: int

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """One parcel of a row each key and hash."""
        for bucket, flows in merged(parcels).items():
            for of, frame in flows.items():
                for key in self.keys:
                    yield Parcel(bucket, of, self._weights(frame, key))

    def _weights(self, frame: pl.DataFrame, key: Key) -> pl.DataFrame:
        if key:
            rows = frame.drop_nulls(key).select(hashed(key).alias(_HASH), "t")
            rows = rows.filter(pl.len().over(_HASH) > self.floor)
        else:
            rows = frame.filter(SCORED).select(pl.lit(0, pl.UInt64).alias(_HASH), "t")
        place = pl.int_range(0, _TICKS) * pl.len() // _TICKS
        weights = rows.group_by(_HASH).agg(
            pl.len().cast(pl.Int64).alias("n"), pl.col("t").sort().gather(place).alias("ticks")
        )
        ticks = pl.col("ticks").cast(pl.List(pl.Int64))
        return weights.select(pl.lit(" ".join(key)).alias("key"), _HASH, "n", ticks)


def cuts_of(weights: pl.DataFrame, parts: int) -> Integers:
    """Instants that divide the rows weighed into about equal parts."""
    ticks = weights.select(pl.col("ticks"), pl.col("n") / _TICKS).explode("ticks").sort("ticks")
    if parts == 1 or ticks.is_empty():
        return np.empty(0, np.int64)
    share = ticks["n"].cum_sum() / ticks["n"].sum()
    places = share.search_sorted(pl.Series(np.arange(1, parts) / parts))
    return np.unique(ticks["ticks"].gather(places).to_numpy())


def units_of(
    weights: pl.DataFrame, most: int, edge: Callable[[Integers], Integers]
) -> pl.DataFrame:
    """Units of those keys that have more than `most` rows; `edge` says how far back they look."""
    units: list[pl.DataFrame] = []
    done = 0
    for (code,), group in sorted(weights.group_by(_HASH)):
        n = int(group["n"].sum())
        if n <= most:
            continue
        cuts = cuts_of(group, -(-n // most))
        if len(cuts) == 0:
            continue
        first = np.array([-NEVER])
        units.append(
            pl.DataFrame(
                {
                    _HASH: [code] * (len(cuts) + 1),
                    UNIT: np.arange(done + 1, done + len(cuts) + 2),
                    "@edge": np.concatenate([first, edge(cuts)]),
                    "@start": np.concatenate([first, cuts]),
                    "@end": np.concatenate([cuts, [NEVER]]),
                },
                schema=UNITS,
            )
        )
        done += len(cuts) + 1
    return pl.concat(units) if units else UNITS.to_frame()


def edge_of(atoms: Iterable[Atom], calendar: Calendar) -> Callable[[Integers], Integers]:
    """How far the windows of the atoms reach back from an instant."""
    reaches = {atom.reach for atom in atoms}

    def edge(t: Integers) -> Integers:
        edges = [
            t - reach if isinstance(reach, int) else calendar.period_starts(t, reach)
            for reach in reaches
        ]
        earliest: Integers = np.minimum.reduce(edges)
        return earliest

    return edge


@dataclass(frozen=True)
class Place:
    """Step: rows to their buckets by `key`.

    With `names` those that carry the key, the columns named of them, and a bucket is asked about
    scored rows of our own; without them all rows, whole, all asked about.
    """

    key: Key
    units: pl.DataFrame
    n: int
    names: frozenset[str] | None = None

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """The rows, a parcel for each bucket."""
        for flows in merged(parcels).values():
            for of, frame in flows.items():
                rows = self._rows(frame, of)
                yield from split(placed(rows, self.key, self.units, self.n), "@bucket", of)

    def _rows(self, frame: pl.DataFrame, of: str) -> pl.DataFrame:
        if self.names is None:
            return frame.with_columns(pl.lit(value=True).alias(ASKED))
        asked = pl.col(SCORED) if of == OWN else pl.lit(value=False)
        return projected(frame.with_columns(asked.alias(ASKED)), self.names).drop_nulls(self.key)
