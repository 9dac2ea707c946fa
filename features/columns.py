"""A scenario's events as integer columns: the only form that kernels see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import MISSING, NEVER
from features.spec import Key, Scenario
from features.store.ledger import Ledger

_QUERY: Final = (
    "SELECT seq, kind, event_id, version, effective_us, ordinal, observed_us, is_live, retracted, "
    "fields "
    "FROM event WHERE scenario = ? ORDER BY seq"
)
_SCHEMA: Final = {
    "seq": pl.Int64,
    "kind": pl.String,
    "event_id": pl.String,
    "version": pl.Int64,
    "t": pl.Int64,
    "o": pl.Int64,
    "observed": pl.Int64,
    "is_live": pl.Int64,
    "retracted": pl.Int64,
    "fields": pl.String,
}


@dataclass
class Columns:
    """All event versions of a scenario, one position a version, in the ledger's order.

    `known` is the rank of `(observed_at, seq)`, `gone` the rank and `gone_seq` the place in the
    ledger from which on a later version took the row's place (`gone_row` is the one that ranks
    first). `is_live` rows were learned as they happened. `codes` hold dense codes (-1 for
    missing), `texts` what each code stands for,
    `numbers` integers (MISSING for missing).
    """

    frame: pl.DataFrame
    t: Integers
    o: Integers
    observed: Integers
    seq: Integers
    known: Integers
    gone: Integers
    gone_seq: Integers
    gone_row: Integers
    is_live: NDArray[np.bool_]
    retracted: NDArray[np.bool_]
    codes: dict[str, Integers]
    texts: dict[str, list[str]]
    numbers: dict[str, Integers]

    @classmethod
    def read(cls, ledger: Ledger, scenario: Scenario) -> Self:
        """All versions of `scenario` in the ledger."""
        rows = ledger.connection.execute(_QUERY, (scenario.name,)).fetchall()
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        types: Mapping[str, type[pl.DataType]] = {
            item.name: pl.String if item.kind in ("key", "category") else pl.Int64
            for item in scenario.fields
        }
        struct = pl.Struct([pl.Field(name, kind) for name, kind in types.items()])
        frame = frame.with_columns(pl.col("fields").str.json_decode(struct)).unnest("fields")
        return cls.of(frame, scenario)

    @classmethod
    def of(cls, frame: pl.DataFrame, scenario: Scenario) -> Self:
        """Columns of a frame that holds what the ledger's query and the fields give."""
        observed, seq = frame["observed"].to_numpy(), frame["seq"].to_numpy()
        known = np.empty(len(frame), np.int64)
        known[np.lexsort((seq, observed))] = np.arange(len(frame))
        gone, gone_seq, gone_row = _gone(frame, known)
        columns = cls(
            frame=frame,
            t=frame["t"].to_numpy(),
            o=frame["o"].to_numpy(),
            observed=observed,
            seq=seq,
            known=known,
            gone=gone,
            gone_seq=gone_seq,
            gone_row=gone_row,
            is_live=frame["is_live"].to_numpy() != 0,
            retracted=frame["retracted"].to_numpy() != 0,
            codes={},
            texts={},
            numbers={},
        )
        for item in scenario.fields:
            if item.kind in ("key", "category"):
                columns.encode(item.name)
            else:
                columns.numbers[item.name] = frame[item.name].fill_null(MISSING).to_numpy()
        columns.encode("kind")
        return columns

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def is_stale(self) -> NDArray[np.bool_]:
        """Rows of which a later version was known when they were learned."""
        return np.where(self.is_live, self.gone_seq < self.seq, self.gone < self.known)

    def encode(self, name: str) -> None:
        """Give the texts of column `name` dense codes in the order of the texts."""
        texts = self.frame[name]
        self.codes[name] = (texts.rank("dense").cast(pl.Int64) - 1).fill_null(-1).to_numpy()
        self.texts[name] = texts.drop_nulls().unique().sort().to_list()

    def chosen(self, name: str, values: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which rows have one of `values` in column `name`."""
        wanted = [k for k, text in enumerate(self.texts[name]) if text in values]
        return np.isin(self.codes[name], wanted)

    def group(self, key: Key) -> Integers:
        """One dense code a combination of the key's fields, -1 where any is missing."""
        combined = self.codes[key[0]].copy()
        for name in key[1:]:
            codes = self.codes[name]
            missing = (combined < 0) | (codes < 0)
            combined = combined * (int(codes.max(initial=0)) + 1) + codes
            combined[missing] = -1
            combined = _dense(combined)
        return combined


def _dense(codes: Integers) -> Integers:
    values, inverse = np.unique(codes, return_inverse=True)
    return inverse.astype(np.int64) - (1 if len(values) and values[0] < 0 else 0)


def _gone(frame: pl.DataFrame, known: Integers) -> tuple[Integers, Integers, Integers]:
    """First rank, first place in the ledger, and first-ranked row, of each row's later versions.

    NEVER, NEVER and -1 where there is none.
    """
    gone, gone_seq = np.full((2, len(frame)), NEVER)
    row = np.full(len(frame), -1)
    seq = frame["seq"].to_numpy()
    several = (
        frame.with_row_index("row")
        .select("row", "kind", "event_id", "version")
        .filter(pl.len().over("kind", "event_id") > 1)
        .sort("kind", "event_id", "version", descending=[False, False, True])
    )
    last, best, first = None, -1, NEVER
    for index, kind, event_id, _ in several.iter_rows():
        if (kind, event_id) != last:
            last, best, first = (kind, event_id), -1, NEVER
        if best >= 0:
            gone[index], gone_seq[index], row[index] = known[best], first, best
        best = index if best < 0 or known[index] < known[best] else best
        first = min(first, int(seq[index]))
    return gone, gone_seq, row
