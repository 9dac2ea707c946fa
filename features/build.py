"""Build: features of event files, block by block, without holding all of them in memory.

Keys, amounts and instants of all events are held as integers, about 50 bytes an event of four
keys; features are computed for a block of events at a time, over a halo of the longest window, and
written as they come. The file appears under its name when it is complete.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features import batch
from features.calendar import Calendar
from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.tables import STATUS_SUFFIX
from features.frames import META_KEY, check_suffix, of_tables, replace_file
from features.history import History, Slice
from features.spec import Scenario

BLOCK_ROWS: Final = 2_000_000
_INSTANT: Final = pa.timestamp("us", tz="UTC")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What was written: events scored, features, and where."""

    events: int
    features: int
    path: Path


def build(
    paths: Sequence[Path],
    scenario: Scenario,
    out: Path,
    *,
    calendar: Calendar | None = None,
    sources: Mapping[str, Sequence[Path]] | None = None,
    block_rows: int = BLOCK_ROWS,
    progress: Progress | None = None,
) -> Built:
    """Write the features of all scored events of Parquet or CSV files, in time order.

    Each event has its id (or its row), its instant, and for every feature a value, null where it is
    missing, and a `<feature>.status`. See `features.intake` for the form of the files; `sources`
    holds those of other scenarios by name. `progress` is called with events done, events in all and
    the feature at work.

    Raises
    ------
    UnreadableSourceError
        A file is not there, or is no table of events.
    InputError
        A column breaks a rule.
    """
    check_suffix(out)
    others = {name: read_events(files) for name, files in (sources or {}).items()}
    history = of_tables(read_events(paths), scenario, calendar=calendar, sources=others)
    del others
    history.measure()
    rows = history.scored()
    tables = _tables(history, rows, block_rows, progress)
    meta = {META_KEY + ".spec": scenario.spec_hash(history.calendar)}
    replace_file(out, lambda part: _write(part, tables, out.suffix, meta))
    return Built(len(rows), len(scenario.features), out)


def read_events(paths: Sequence[Path]) -> pl.DataFrame:
    """The events of Parquet or CSV files, one after the other.

    Instants of a CSV file are microseconds or ISO 8601 with an offset.
    """
    frames = [_read(Path(path)) for path in paths]
    if not frames:
        raise UnreadableSourceError("no file to read; name at least one .parquet or .csv")
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")


def _read(path: Path) -> pl.DataFrame:
    check_suffix(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        frame = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        message = f"{path} cannot be read as a table of events ({type(error).__name__})"
        raise UnreadableSourceError(message) from error
    stamps = [
        name for name in ("effective_at", "observed_at") if frame.schema.get(name) == pl.String
    ]
    try:
        return frame.with_columns(
            pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
            for name in stamps
        )
    except pl.exceptions.PolarsError as error:
        message = f"{path}: {' and '.join(stamps)} must be ISO 8601 with an offset, or microseconds"
        raise InputError(message) from error


def _tables(
    history: History,
    rows: np.ndarray[tuple[int], np.dtype[np.int32]],
    block: int,
    progress: Progress | None,
) -> Iterator[pa.Table]:
    """Feature tables of one block of scored events after the other."""
    longest = max((atom.longest_us for atom in history.scenario.atoms), default=0)
    for start in range(0, max(len(rows), 1), block):
        queries = rows[start : start + block]
        asked = history.halo(queries, longest)

        def step(
            done: int, total: int, name: str, start: int = start, n: int = len(queries)
        ) -> None:
            if progress:
                progress(start + n * done // total, len(rows), name)

        cells = batch.compute(history, asked, progress=step)
        yield table_of(history, asked, cells)


def table_of(history: History, asked: Slice, cells: batch.Cells) -> pa.Table:
    """Ids, instants, values and statuses of the rows asked about; a missing value is null."""
    c = history.columns
    columns = {
        "event_id": c.ids(asked.queries),
        "effective_at": pa.array(c.t[asked.queries], _INSTANT),
    }
    for k, name in enumerate(history.scenario.by_name):
        values, status = cells.values[:, k], cells.status[:, k]
        columns[name] = pa.array(values, mask=np.isnan(values))
        columns[name + STATUS_SUFFIX] = pa.array(status)
    return pa.table(columns)


def _write(part: Path, tables: Iterator[pa.Table], suffix: str, meta: dict[str, str]) -> None:
    first = next(tables)
    if suffix == ".csv":
        with part.open("wb") as file:
            pl.DataFrame(pl.from_arrow(first)).write_csv(file)
            for table in tables:
                pl.DataFrame(pl.from_arrow(table)).write_csv(file, include_header=False)
        return
    schema = first.schema.with_metadata(meta)
    with pq.ParquetWriter(part, schema, compression="zstd", compression_level=1) as writer:
        writer.write_table(first)
        del first
        for table in tables:
            writer.write_table(table)
