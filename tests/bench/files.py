"""Paths over event tables and files: shuffled rows, slices of time, and clusters."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import polars as pl

from features import cluster
from features.build import build
from features.frames import compute
from tests.bench.engine import floats
from tests.bench.scenario import scenario

SLICES: Final = 7
HEAVY: Final = 100
"""A key with more than one in so many events is divided in time."""


def shuffled(events: pl.DataFrame) -> pl.DataFrame:
    """Computed from the rows in another order, which say which was learned first."""
    rows = events.with_columns(seq=pl.int_range(1, pl.len() + 1))
    mixed = rows.sample(fraction=1.0, shuffle=True, seed=1)
    cells = compute(mixed, scenario("live"))
    return cells.with_columns(mixed.filter(~pl.col("retracted"))["seq"]).sort("seq").drop("seq")


def sliced(events: pl.DataFrame) -> pl.DataFrame:
    """Built from a file to a file, one slice of time after the other."""
    with _files(events) as (source, folder):
        out = folder / "features.parquet"
        build([source], scenario("live"), out, block_rows=len(events) // SLICES)
        return _in_order(events, pl.read_parquet(out))


def spark(events: pl.DataFrame) -> pl.DataFrame:
    """Built on Spark, the heaviest keys divided in time."""
    return _on_cluster(events, "spark")


def dask(events: pl.DataFrame) -> pl.DataFrame:
    """Built on Dask, the heaviest keys divided in time."""
    return _on_cluster(events, "dask")


def _on_cluster(events: pl.DataFrame, engine: Literal["spark", "dask"]) -> pl.DataFrame:
    with _files(events) as (source, folder):
        out, heavy = folder / "parts", len(events) // HEAVY
        cluster.build([source], scenario("live"), out, engine=engine, heavy_rows=heavy)
        return _in_order(events, pl.read_parquet(sorted(out.iterdir())))


@contextmanager
def _files(events: pl.DataFrame) -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "events.parquet"
        events.write_parquet(source)
        yield source, Path(folder)


def _in_order(events: pl.DataFrame, built: pl.DataFrame) -> pl.DataFrame:
    """The features of a table in time order, in the order in which the events were learned."""
    scored = events.filter(~pl.col("retracted")).with_row_index("row")
    in_time = scored.sort("effective_at", maintain_order=True)
    if not in_time["event_id"].equals(built["event_id"]):
        raise SystemExit("a file holds other events than the batch table")
    cells = built.select(list(scenario("live").by_name)).with_columns(in_time["row"])
    return floats(cells.sort("row").drop("row"))
