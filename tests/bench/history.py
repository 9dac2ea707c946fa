"""Synthetic payouts: five years of them in order of time, made in chunks of whole days from a seed.

A chunk depends on the seed and its own days alone, so a history of any size is written to Parquet
a chunk at a time. Enterprises, policies and approvers follow Zipf-like laws; 60 % of the events
are stamped at midnight, so that many share an instant.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

DAY_US: Final = 86_400_000_000
DAYS: Final = 1826
START_US: Final = 1_577_836_800_000_000
"""2020-01-01T00:00:00Z."""
CHUNK_ROWS: Final = 1_000_000
INSTANT: Final = pl.Datetime("us", "UTC")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """Whom events fall upon: `size` codes of which the k-th most frequent weighs `k ** -slope`."""

    name: str
    size: int
    slope: float

    def codes(self, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        """Cumulative shares by rank, and the code at each rank, in no order of frequency."""
        shares = np.cumsum(np.arange(1, self.size + 1, dtype=np.float64) ** -self.slope)
        order = np.random.default_rng([seed, self.size]).permutation(self.size)
        return shares / shares[-1], order.astype(np.int32)


CROWDS: Final = (
    Crowd("enterprise", 500_000, 0.75),
    Crowd("policy", 4_000, 0.7),
    Crowd("approver", 300, 0.4),
)


@dataclass(frozen=True)
class History:
    """A history of `rows` payouts.

    Of the events, `late_share` are learned up to 60 days late, and of such a history
    `corrected_share` are corrected or retracted later, which makes as many rows more.
    """

    rows: int
    seed: int = 20_260_101
    late_share: float = 0.0
    corrected_share: float = 0.0
    crowds: tuple[Crowd, ...] = field(default=CROWDS)

    @cached_property
    def _codes(self) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]]:
        return {crowd.name: crowd.codes(self.seed) for crowd in self.crowds}

    def chunks(self) -> Iterator[pl.DataFrame]:
        """The events in order of time, about a million at once."""
        rng = np.random.default_rng([self.seed, 1])
        per_day = rng.multinomial(self.rows, np.full(DAYS, 1.0 / DAYS))
        number = np.maximum(np.cumsum(per_day) - 1, 0) // CHUNK_ROWS
        for chunk in np.unique(number):
            days = np.flatnonzero(number == chunk)
            yield self._chunk(int(chunk), np.repeat(days, per_day[days]))

    def _chunk(self, chunk: int, days: Ints) -> pl.DataFrame:
        rng = np.random.default_rng([self.seed, 2, chunk])
        n = len(days)
        inside = rng.integers(0, DAY_US, n)
        inside[rng.random(n) < 0.6] = 0
        at = np.sort(START_US + days * DAY_US + inside)
        columns = {
            "effective_at": pl.Series(at).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        }
        for name, (shares, order) in self._codes.items():
            ranks = np.searchsorted(shares, rng.random(n), side="right")
            columns[name] = pl.Series(order[np.minimum(ranks, len(order) - 1)])
        amounts = np.exp(rng.normal(13.8, 1.5, n)).astype(np.int64) + 1
        amounts[rng.random(n) < 0.02] *= -1
        return pl.DataFrame({**columns, "amount_minor": amounts})

    def frame(self) -> pl.DataFrame:
        """All rows: in order of time, or in the order in which they are learned."""
        events = pl.concat(self.chunks()).rechunk()
        if not self.late_share:
            return events
        learned = pl.col("effective_at") + self._delays(len(events)).cast(pl.Duration("us"))
        events = events.with_columns(learned.alias("observed_at"))
        if self.corrected_share:
            events = self._corrected(events)
        return events.sort("observed_at", maintain_order=True)

    def _delays(self, n: int) -> pl.Series:
        rng = np.random.default_rng([self.seed, 3])
        delays = rng.integers(1, 60 * DAY_US, n)
        delays[rng.random(n) >= self.late_share] = 0
        return pl.Series(delays)

    def _corrected(self, events: pl.DataFrame) -> pl.DataFrame:
        """Some events are learned again within 30 days: nine of ten with a new amount, or gone."""
        rng = np.random.default_rng([self.seed, 4])
        named = events.with_columns(
            event_id=pl.int_range(pl.len()).cast(pl.String),
            version=pl.lit(1, pl.Int64),
            retracted=pl.lit(value=False),
        )
        later = named.filter(pl.Series(rng.random(len(events)) < self.corrected_share))
        n = len(later)
        delay = pl.Series(rng.integers(1, 30 * DAY_US, n)).cast(pl.Duration("us"))
        later = later.with_columns(
            observed_at=pl.col("observed_at") + delay,
            version=pl.lit(2, pl.Int64),
            retracted=pl.Series(rng.random(n) < 0.1),
            amount_minor=pl.col("amount_minor") + pl.Series(rng.integers(1, 1_000_000, n)),
        )
        return pl.concat([named, later])

    def write(self, path: Path) -> Path:
        """The same events as a Parquet file, of which only a chunk is ever in memory."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            whole = Path(folder) / path.name
            if self.late_share:
                self.frame().write_parquet(whole)
            else:
                self._write_chunks(whole)
            whole.replace(path)
        return path

    def _write_chunks(self, path: Path) -> None:
        writer: pq.ParquetWriter | None = None
        for chunk in self.chunks():
            table = chunk.to_arrow()
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
