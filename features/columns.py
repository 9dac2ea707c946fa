"""A scenario's events as integer columns: the only form that kernels see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.contracts.errors import InputError
from features.contracts.events import EventField
from features.contracts.vectors import Integers
from features.kernels import MISSING, NEVER
from features.kernels.order import Bools, Rows, is_run, is_sorted
from features.store.ledger import Ledger
from features.window import Key

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
_LOAD_ANEW: Final = (
    "load its scenario into another LIANJING_HOME, and the outcome with the instant it was learned"
)
_MOST_SPREAD: Final = 4
"""Integer keys within so many times their number are codes as they are."""

Texts = Sequence[str] | range
"""What each code stands for."""


@dataclass
class Columns:
    """All event versions of a scenario, one position a version.

    `known` is the rank of `(observed_at, seq)`, `gone` the rank and `gone_seq` the place in the
    ledger from which on a later version took the row's place (`gone_row` is the one that ranks
    first). `is_live` rows were learned as they happened. `codes` hold dense codes (-1 for
    missing), `texts` what each code stands for, `numbers` integers (MISSING for missing).
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
    is_live: Bools
    retracted: Bools
    order: Rows
    """Rows in the order of `(t, o, known)`."""
    codes: dict[str, Rows] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    numbers: dict[str, Integers] = field(default_factory=dict)
    _complete: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger, name: str, fields: Sequence[EventField]) -> Self:
        """All versions of scenario `name` in the ledger, with the fields given.

        Raises
        ------
        InputError
            A load is said to have known an outcome when its event happened.
        """
        rows = ledger.connection.execute(_QUERY, (name,)).fetchall()
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        types: Mapping[str, type[pl.DataType]] = {
            item.name: pl.String if item.kind in ("key", "category") else pl.Int64
            for item in fields
        }
        struct = pl.Struct([pl.Field(name, kind) for name, kind in types.items()])
        frame = frame.with_columns(pl.col("fields").str.json_decode(struct)).unnest("fields")
        check_learned(frame, fields)
        return cls.of(frame, fields)

    @classmethod
    def of(cls, frame: pl.DataFrame, fields: Sequence[EventField]) -> Self:
        """Columns of a frame that holds what `read`'s query and the fields give.

        Without `seq` the rows were learned in their order.
        """
        t, o = _numpy(frame["t"]), _few(frame["o"], 0)
        seq = _numpy(frame["seq"]) if "seq" in frame.columns else np.arange(1, len(t) + 1)
        observed = _numpy(frame["observed"]) if "observed" in frame.columns else t
        known = _ranks(observed, seq)
        gone, gone_seq, gone_row = _gone(frame, known, seq)
        columns = cls(
            frame=frame,
            t=t,
            o=o,
            observed=observed,
            seq=seq,
            known=known,
            gone=gone,
            gone_seq=gone_seq,
            gone_row=gone_row,
            is_live=_few(frame["is_live"], 0) != 0,
            retracted=_few(frame["retracted"], 0) != 0,
            order=_time_order(t, o, known),
        )
        for item in fields:
            if item.kind in ("key", "category"):
                columns.encode(item.name)
            else:
                columns.numbers[item.name] = _numpy(frame[item.name].fill_null(MISSING))
        columns.codes["kind"], columns.texts["kind"] = _kinds(frame["kind"])
        return columns

    def keep(self, *names: str) -> Self:
        """Let go of the frame but for the columns named, once everything is made of it."""
        self.frame = self.frame.select(name for name in names if name in self.frame.columns)
        return self

    def __len__(self) -> int:
        return len(self.t)

    @cached_property
    def ones(self) -> Integers:
        """What a count is the sum of."""
        return np.broadcast_to(np.int64(1), len(self))

    @property
    def is_stale(self) -> Bools:
        """Rows of which a later version was known when they were learned."""
        return np.where(self.is_live, self.gone_seq < self.seq, self.gone < self.known)

    def encode(self, name: str) -> None:
        """Give the values of column `name` dense codes in their order."""
        self.codes[name], self.texts[name] = _encoded(self.frame[name])

    def chosen(self, name: str, values: Sequence[str]) -> Bools:
        """Which rows have one of `values` in column `name`."""
        wanted = self.coded(name, values)
        if len(wanted) == len(self.texts[name]):
            return self.codes[name] >= 0
        return np.isin(self.codes[name], wanted)

    def is_complete(self, name: str) -> bool:
        """Whether every row has a code in column `name`."""
        if name not in self._complete:
            self._complete[name] = int(self.codes[name].min(initial=0)) >= 0
        return self._complete[name]

    def ids(self, rows: Rows) -> pl.Series:
        """Event ids of the rows; where none were given, their places in the input, from 1 on."""
        if "event_id" in self.frame.columns:
            return self.frame["event_id"][rows]
        return pl.Series("event_id", self.seq[rows])

    @cached_property
    def in_time(self) -> Integers:
        """Instants in time order."""
        return self.t if self.order_is_given else self.t[self.order]

    @cached_property
    def order_is_given(self) -> bool:
        """Whether the rows stand in time order."""
        return len(self.order) == 0 or (int(self.order[0]) == 0 and bool(is_run(self.order)))

    def coded(self, name: str, values: Sequence[str]) -> list[int]:
        """Codes of those of `values` that column `name` holds."""
        texts = self.texts[name]
        if isinstance(texts, range):
            numbers = {int(text) for text in values if _is_number(text)}
            return [texts.index(number) for number in numbers if number in texts]
        return [k for k, text in enumerate(texts) if text in values]

    def group(self, key: Key) -> Integers:
        """One dense code a combination of the key's fields, -1 where any is missing."""
        return grouped([self.codes[name] for name in key])


def grouped(columns: Sequence[Rows]) -> Integers:
    """One dense code a combination of codes, -1 where any is missing."""
    combined = columns[0].astype(np.int64)
    for column in columns[1:]:
        codes = column.astype(np.int64)
        missing = (combined < 0) | (codes < 0)
        combined = combined * (int(codes.max(initial=0)) + 1) + codes
        combined[missing] = -1
        combined = _dense(combined)
    return combined


def check_learned(
    frame: pl.DataFrame, fields: Sequence[EventField], way_out: str = _LOAD_ANEW
) -> None:
    """Refuse a load's rows that were known with an outcome no later than they happened.

    `frame` holds `t`, `is_live`, the fields, and where they are known `observed` and `event_id`.
    What was learned live was at hand when it was learned.

    Raises
    ------
    InputError
        Names the field, an event, the rule and the way out.
    """
    later = [item.name for item in fields if item.known_later]
    if not later:
        return
    observed = "observed" if "observed" in frame.columns else "t"
    early = frame.filter((pl.col("is_live") == 0) & (pl.col(observed) <= pl.col("t")))
    for name in later:
        told = early.filter(pl.col(name).is_not_null())
        if len(told):
            first = f" (event {told['event_id'][0]!r})" if "event_id" in told.columns else ""
            message = (
                f"field {name!r} is known only later, and {len(told)} row(s){first} tell it as "
                f"known when the event happened; {way_out}"
            )
            raise InputError(message)


def _numpy(column: pl.Series) -> Integers:
    """The column as an array that kernels may be compiled for once: one that can be written.

    Its parts are copied one by one, since memory that NumPy asks for comes in large pages.
    """
    if column.null_count() or column.dtype != pl.Int64:
        values: Integers = column.to_numpy(writable=True)
        return values
    out = np.empty(len(column), np.int64)
    for part, at in _parts(column):
        out[at] = part
    return out


def _parts(column: pl.Series) -> Iterator[tuple[NDArray[np.integer], slice]]:
    """The parts that a column without gaps lies in, and the place of each."""
    first = 0
    for part in column.get_chunks():
        yield part.to_numpy(), slice(first, first + len(part))
        first += len(part)


def _few(column: pl.Series, usual: int) -> Integers:
    """The column as an array that takes no room where it holds nothing but the usual value."""
    if column.is_empty() or (column.min() == usual and column.max() == usual):
        return np.broadcast_to(np.int64(usual), len(column))
    return _numpy(column.cast(pl.Int64))


def _dense(codes: Integers) -> Integers:
    values, inverse = np.unique(codes, return_inverse=True)
    return inverse.astype(np.int64) - (1 if len(values) and values[0] < 0 else 0)


def _ranks(first: Integers, second: Integers) -> Integers:
    """Numbers from 0 on in the order of each `(first, second)`.

    Where `second` rises along with `first` it numbers them itself.
    """
    n = len(first)
    if is_sorted(first, second):
        is_numbered = n > 0 and second[0] >= 0 and is_sorted(second, second)
        return second if is_numbered else np.arange(n)
    ranks = np.empty(n, np.int64)
    ranks[np.lexsort((second, first))] = np.arange(n)
    return ranks


def _time_order(t: Integers, o: Integers, known: Integers) -> Rows:
    if is_sorted(t, np.ascontiguousarray(o) if o.any() else t) and is_sorted(known, known):
        return np.arange(len(t), dtype=np.int32)
    return np.lexsort((known, o, t)).astype(np.int32)


def _encoded(column: pl.Series) -> tuple[Rows, Texts]:
    """Dense codes of a column's values, -1 where missing, and what they stand for."""
    if column.dtype.is_integer():
        return _encoded_integers(column)
    texts = column.drop_nulls().unique().cast(pl.String).sort()
    codes = column.cast(pl.Enum(texts)).to_physical().cast(pl.Int32).fill_null(-1)
    return codes.to_numpy(writable=True), texts.to_list()


def _kinds(column: pl.Series) -> tuple[Rows, Texts]:
    """As `_encoded`, in no room where all are of one kind."""
    if column.is_empty() or column.null_count() or not (column == column[0]).all():
        return _encoded(column)
    return np.broadcast_to(np.int32(0), len(column)), [str(column[0])]


def _is_number(text: str) -> bool:
    """Whether the text is how Python writes an integer, so that 7 is called neither 07 nor +7."""
    return text.removeprefix("-").isdecimal() and str(int(text)) == text


def _encoded_integers(column: pl.Series) -> tuple[Rows, Texts]:
    if column.dtype not in (pl.Int32, pl.UInt64, pl.Int128, pl.UInt128):
        column = column.cast(pl.Int64)
    least, most = column.min(), column.max()
    if not isinstance(least, int) or not isinstance(most, int):
        return np.full(len(column), -1, np.int32), ()
    if most - least < _MOST_SPREAD * len(column) + 1024:
        return _shifted(column, least), range(least, most + 1)
    values = column.drop_nulls().unique().sort()
    found = values.search_sorted(column.fill_null(least)).cast(pl.Int32)
    codes = np.where(column.is_null().to_numpy(), -1, found.to_numpy()).astype(np.int32)
    return codes, [str(value) for value in values.to_list()]


def _shifted(column: pl.Series, least: int) -> Rows:
    """How far each integer lies above the least, -1 where it is missing."""
    if column.null_count():
        return (column - least).cast(pl.Int32).fill_null(-1).to_numpy(writable=True)
    out = np.empty(len(column), np.int32)
    for part, at in _parts(column):
        np.subtract(part, least, out=out[at], casting="same_kind")
    return out


def _gone(
    frame: pl.DataFrame, known: Integers, seq: Integers
) -> tuple[Integers, Integers, Integers]:
    """First rank, first place in the ledger, and first-ranked row, of each row's later versions.

    NEVER, NEVER and -1 where there is none.
    """
    if (frame["version"].max() or 1) == 1 or "event_id" not in frame.columns:
        never = np.broadcast_to(np.int64(NEVER), len(frame))
        return never, never, np.broadcast_to(np.int64(-1), len(frame))
    gone, gone_seq = np.full((2, len(frame)), NEVER)
    row = np.full(len(frame), -1)
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
