"""Reading: the rows of files, piece by piece, and all versions of an event settled together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from features import intake
from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.inputs import Input
from features.cluster.measuring import with_measures
from features.cluster.rows import (
    ASKED,
    ID,
    LATER,
    OWN,
    ROW,
    SCORED,
    TWIN,
    columns_of,
    history_of,
    taken,
)
from features.columns import Columns
from features.contracts.errors import ConflictError
from features.spec import Measure, Scenario


@dataclass(frozen=True)
class Read:
    """Step: the rows of pieces, checked; with event ids, to the bucket of their event."""

    given: Input
    n: int

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Rows of every piece."""
        bucket = (pl.col("event_id").hash() % self.n).cast(pl.Int32).alias("@bucket")
        for parcel in parcels:
            for piece in parcel.frame.iter_rows():
                rows = self.given.read(*piece)
                if self.given.has("event_id"):
                    yield from split(rows.with_columns(bucket), "@bucket", self.given.of)
                else:
                    yield Parcel(parcel.bucket, self.given.of, rows)


@dataclass(frozen=True)
class Places:
    """Step: the places in the order of learning that the rows of pieces state, to their bucket."""

    n: int

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Places alone, in one column."""
        bucket = (pl.col("seq") % self.n).cast(pl.Int32).alias("@bucket")
        for parcel in parcels:
            for path, first, n, _ in parcel.frame.iter_rows():
                given = pl.scan_parquet(path).select(pl.col("seq").cast(pl.Int64))
                places = given.slice(first, n).collect()
                yield from split(places.with_columns(bucket), "@bucket", parcel.of)


@dataclass(frozen=True)
class Once:
    """Step: nothing, once no place is stated twice."""

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Nothing.

        Raises
        ------
        ConflictError
            A place is stated twice.
        """
        for flows in merged(parcels).values():
            for places in flows.values():
                if places["seq"].n_unique() < len(places):
                    message = (
                        "column 'seq' gives several rows one place in the order of learning; "
                        "number them"
                    )
                    raise ConflictError(message)
        yield from ()


@dataclass(frozen=True)
class Settle:
    """Step: which rows are scored and which may count, and what is measured of each by itself.

    All versions of an event are in one partition. Retracted rows are left out: what they take the
    place of says so from here on.
    """

    scenario: Scenario
    calendar: Calendar
    measures: tuple[Measure, ...]

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """The same rows, settled."""
        for bucket, flows in merged(parcels).items():
            for of, frame in flows.items():
                settled = self._settled(frame.sort(ROW), of)
                if of == OWN:
                    settled = self._measured(settled)
                yield Parcel(bucket, of, settled)

    def _settled(self, frame: pl.DataFrame, of: str) -> pl.DataFrame:
        if "event_id" in frame.columns:
            intake.check_once(frame)
        if "seq" in frame.columns:
            columns = Columns.of(frame, ())
        else:
            columns = Columns.of(frame.with_columns(seq=pl.col(ROW) + 1), ())
        if of == OWN:
            is_scored = np.zeros(len(frame), bool)
            is_scored[history_of(columns, self.scenario, self.calendar).scored()] = True
            frame = frame.with_columns(pl.Series(SCORED, is_scored))
        if "event_id" in frame.columns:
            frame = _with_later(frame, columns).rename({"event_id": ID})
        return frame.filter(pl.col("retracted") == 0).drop("retracted", "is_live")

    def _measured(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.measures:
            return frame
        columns = columns_of(
            frame.with_columns(pl.lit(value=True).alias(ASKED)), self.scenario.fields
        )
        history = history_of(columns, self.scenario, self.calendar)
        return with_measures(history, self.measures, frame.columns)


def _with_later(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    row, observed, seq, version = LATER
    places = columns.gone_row
    made = {
        row: taken(frame[ROW], places),
        observed: taken(pl.Series(columns.observed), places),
        version: taken(frame["version"], places),
    }
    if "seq" in frame.columns:
        made[seq] = taken(frame["seq"], places)
    first = pl.col(ROW).min().over("kind", "event_id").alias(TWIN)
    return frame.with_columns(first, *(held.alias(name) for name, held in made.items()))
