"""Inputs: Parquet files of events, of which the driver knows the columns and counts the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from features import intake
from features.cluster.engine import Parcel
from features.cluster.rows import OWN, ROW
from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.events import EventField
from features.frames import usual_kind
from features.spec import Scenario, Source

PIECE_ROWS: Final = 500_000
"""Rows that a worker reads at a time."""


@dataclass(frozen=True)
class Input:
    """The files of one scenario's events: the columns of all of them, and the rows of each."""

    of: str
    fields: tuple[EventField, ...]
    kind: str
    kinds: tuple[str, ...] | None
    files: tuple[tuple[Path, int], ...]
    schema: pl.Schema

    @classmethod
    def own(cls, scenario: Scenario, paths: Sequence[Path]) -> "Input":
        """The files of the scenario's own events."""
        kinds = usual_kind(scenario), scenario.kinds
        return cls._found(OWN, scenario.fields, *kinds, paths)

    @classmethod
    def source(cls, source: Source, paths: Sequence[Path]) -> "Input":
        """The files of a source's events."""
        return cls._found(source.scenario, source.fields, source.kinds[0], None, paths)

    @classmethod
    def _found(
        cls,
        of: str,
        fields: tuple[EventField, ...],
        kind: str,
        kinds: tuple[str, ...] | None,
        paths: Sequence[Path],
    ) -> "Input":
        """Files and folders of Parquet files, in the order given, folders in that of their names.

        Raises
        ------
        UnreadableSourceError
            There is no such file, or it is no Parquet file.
        InputError
            Files differ in the type of a column, or a column breaks a rule.
        """
        files = [file for path in paths for file in _files(Path(path))]
        if not files:
            raise UnreadableSourceError("no file to read; name at least one .parquet or a folder")
        counts, schemas = zip(*map(_looked_at, files), strict=True)
        given = cls(of, fields, kind, kinds, tuple(zip(files, counts, strict=True)), _all(schemas))
        intake.rows(given.schema.to_frame(), fields, kind, kinds)
        return given

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(count for _, count in self.files)

    def has(self, name: str) -> bool:
        """Whether any file has the column."""
        return name in self.schema

    def pieces(self) -> Iterator[Parcel]:
        """Parts of files: the path, the first row in it, how many, and how many rows before."""
        before = 0
        for file, count in self.files:
            for number, first in enumerate(range(0, count, PIECE_ROWS)):
                n = min(PIECE_ROWS, count - first)
                piece = {"path": str(file.absolute()), "first": first, "n": n, "before": before}
                yield Parcel(number, self.of, pl.DataFrame([piece]))
                before += n

    def read(self, path: str, first: int, n: int, before: int) -> pl.DataFrame:
        """Checked rows with their place in the input; a field that no file has takes no room."""
        events = pl.scan_parquet(path).slice(first, n).collect()
        missing = [name for name in self.schema if name not in events.columns]
        events = events.with_columns(
            pl.lit(None, self.schema[name]).alias(name) for name in missing
        )
        frame = intake.rows(events, self.fields, self.kind, self.kinds)
        place = pl.int_range(before, before + len(frame), dtype=pl.Int64).alias(ROW)
        return frame.with_columns(place, *map(self._typed, self.fields))

    def _typed(self, item: EventField) -> pl.Expr:
        """A field as the type that it has in every piece, also in one where it is empty."""
        if not self.has(item.name):
            return pl.lit(None).alias(item.name)
        kind = self.schema[item.name]
        if item.kind not in ("key", "category") or not kind.is_numeric():
            return pl.col(item.name)
        return pl.col(item.name).cast(kind if kind.is_integer() else pl.Int64)


def _looked_at(file: Path) -> tuple[int, pl.Schema]:
    """How many rows and which columns a file has."""
    try:
        rows = pl.scan_parquet(file)
        return int(rows.select(pl.len()).collect().item()), rows.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        message = f"{file} cannot be read as a table of events ({type(error).__name__})"
        raise UnreadableSourceError(message) from error


def _all(schemas: Sequence[pl.Schema]) -> pl.Schema:
    """Every column of any file, each of one type."""
    found: dict[str, pl.DataType] = {}
    for schema in schemas:
        for name, kind in schema.items():
            if found.setdefault(name, kind) != kind:
                message = f"column {name!r} is {kind} in one file and {found[name]} in another"
                raise InputError(f"{message}; give it one type")
    return pl.Schema(found)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.parquet") if not file.name.startswith((".", "_")))
