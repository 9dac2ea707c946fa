"""Rows of a Parquet file, batch by batch, as text."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from features.contracts.errors import UnreadableSourceError
from features.sources.rows import Heed, RawRow

_BATCH = 65_536


def read_parquet(path: Path, *, heed: Heed | None = None) -> Iterator[RawRow]:
    """Yield rows keyed by column name; `line` is the row number, from 1.

    Dates and times come as ISO 8601, whole floats without a point, nulls as empty text. `heed` is
    told the column names, and may refuse them.
    """
    try:
        with parquet.ParquetFile(path) as file:
            if heed is not None:
                heed([name.strip() for name in file.schema_arrow.names])
            start = 1
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from _rows(batch, start)
                start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSourceError(f"{path.name}: no readable Parquet file ({error})") from error


def to_text(value: object) -> str:
    """A cell as the text that a CSV file would hold.

    >>> to_text(None), to_text(7.0), to_text(0.00001), to_text(date(2026, 3, 1)), to_text(True)
    ('', '7', '0.00001', '2026-03-01', 'true')
    """
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return _other_text(value)


def _other_text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def _rows(batch: pa.RecordBatch, start: int) -> Iterator[RawRow]:
    names = batch.schema.names
    columns = [[to_text(value) for value in _plain(column)] for column in batch.columns]
    for number, cells in enumerate(zip(*columns, strict=True), start):
        yield RawRow(number, number, dict(zip(names, cells, strict=True)))


def _plain(column: pa.Array) -> list[object]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[object] = column.to_pylist()
    return values
