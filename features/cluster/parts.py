"""Parts of the feature table: states brought together by event, finalised, and written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.batch import Cells
from features.build import table_of
from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.rows import ID, LATER, OWN, ROW, SCORED, columns_of, history_of, projected
from features.cluster.snapshots import NUMBERS
from features.contracts.vectors import Codes, Integers, Vector
from features.expression import KeyZ
from features.finalise import applied_key, finalise, impute, own_number
from features.finalisers import INSUFFICIENT, compare_keys
from features.frames import META_KEY, replace_file
from features.history import History, Slice
from features.kernels import STATE_WIDTH
from features.kernels.order import Bools
from features.spec import Atom, Key, Scenario

HEADS: Final = "heads"
"""What the rows of a part are called that its states belong to."""


def read_of(scenario: Scenario) -> frozenset[str]:
    """Fields and measures of an event that its features are finalised from."""
    names = {ID}
    for feature in scenario.features:
        number, key = own_number(feature.of), applied_key(feature.of)
        names |= {number} if number else set()
        names |= set(key or ())
    return frozenset(names)


@dataclass(frozen=True)
class Head:
    """Step: scored rows to the part that their instant lies in."""

    names: frozenset[str]
    cuts: Integers

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """The columns that a part is finalised from; the first part is never without."""
        for flows in merged(parcels).values():
            if OWN in flows:
                rows = projected(flows[OWN].filter(SCORED), self.names).drop(LATER, strict=False)
                yield Parcel(0, HEADS, rows.clear())
                bucket = np.searchsorted(self.cuts, rows["t"].to_numpy(), side="right")
                rows = rows.with_columns(pl.Series("@bucket", bucket, pl.Int32))
                yield from split(rows, "@bucket", HEADS)


@dataclass(frozen=True)
class Write:
    """Step: the features of a part's events, in time order, as a Parquet file of `folder`."""

    scenario: Scenario
    calendar: Calendar
    folder: Path
    populations: Mapping[str, Integers]

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """How many events each part has."""
        for bucket, held in merged(parcels).items():
            self.write(bucket, held)
            yield Parcel(bucket, OWN, pl.DataFrame({"events": [len(held[HEADS])]}))

    def write(self, bucket: int, held: Mapping[str, pl.DataFrame]) -> None:
        """Write the part of one bucket, all or nothing, so that it may be written again."""
        table = self._table(held)
        path = self.folder / f"part-{bucket:05d}.parquet"
        replace_file(
            path,
            lambda part: pq.write_table(table, part, compression="zstd", compression_level=1),
        )

    def _table(self, held: Mapping[str, pl.DataFrame]) -> pa.Table:
        scenario, read = self.scenario, read_of(self.scenario)
        columns = columns_of(
            held[HEADS],
            [item for item in scenario.fields if item.name in read],
            [item for item in scenario.measures if item.name in read],
        )
        history = history_of(columns, scenario, self.calendar)
        queries = np.lexsort((columns.seq, columns.o, columns.t)).astype(np.int32)
        asked = Slice(queries, 0, len(queries))
        cells = _cells(PartView(history, asked, held, self.populations))
        if ID in columns.frame.columns:
            columns.frame = columns.frame.with_columns(pl.col(ID).alias("event_id"))
        meta = {META_KEY + ".spec": scenario.spec_hash(self.calendar)}
        return table_of(history, asked, cells).replace_schema_metadata(meta)


def _cells(view: "PartView") -> Cells:
    features, n = view.history.scenario.features, len(view.asked.queries)
    shape = n, len(features)
    cells = Cells(np.empty(shape, order="F"), np.empty(shape, np.int8, order="F"))
    for k, feature in enumerate(features):
        values, status = cells.values[:, k], cells.status[:, k]
        finalise(feature.of, view, values, status)
        impute(feature.fill, values, status)
    return cells


class PartView:
    """States of a part's events, which came from the buckets of their keys."""

    def __init__(
        self,
        history: History,
        asked: Slice,
        held: Mapping[str, pl.DataFrame],
        populations: Mapping[str, Integers],
    ) -> None:
        self.history = history
        self.asked = asked
        self.populations = populations
        rows = history.columns.frame[ROW].gather(asked.queries)
        place = pl.DataFrame({ROW: rows, "@place": np.arange(len(rows), dtype=np.int64)})
        self._held = {of: frame.join(place, on=ROW) for of, frame in held.items() if of != HEADS}
        self._found = {
            name.removesuffix(".0"): frame
            for frame in self._held.values()
            for name in frame.columns
            if name.endswith(".0")
        }

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""
        return self.history.columns.t[self.asked.queries]

    def applies(self, key: Key) -> Bools:
        """Which events carry every field of `key`."""
        return self.history.carries(key, self.asked.queries)

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""
        return self.history.columns.numbers[name][self.asked.queries]

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row each event; zeros where it has not the key."""
        number = str(self.history.scenario.atoms.index(atom))
        n = len(self.asked.queries)
        if number not in self._found:
            return np.zeros((n, STATE_WIDTH), np.int64)
        frame = self._found[number]
        names = [name for name in frame.columns if name.startswith(number + ".")]
        out = np.zeros((n, len(names)), np.int64)
        places = frame["@place"].to_numpy()
        for k in range(len(names)):
            out[places, k] = frame[f"{number}.{k}"].to_numpy()
        return out

    def compared(self, of: KeyZ) -> tuple[Vector, Codes]:
        """Values and statuses of a feature that compares keys with keys."""
        n = len(self.asked.queries)
        values, status = np.full(n, np.nan), np.full(n, INSUFFICIENT, np.int8)
        frame = self._held.get(NUMBERS + of.name)
        if frame is not None:
            states = self.populations[of.name][frame["@version"].to_numpy()]
            found, codes = np.empty(len(frame)), np.empty(len(frame), np.int8)
            compare_keys(frame["@number"].to_numpy(writable=True), states, found, codes)
            places = frame["@place"].to_numpy()
            values[places], status[places] = found, codes
        return values, status
