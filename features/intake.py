"""Event tables in: pandas, Polars and Arrow frames as the columns that the engine works on.

A frame has a column `effective_at` and one for each declared field that it knows. It may say
`kind`, `event_id`, `version`, `observed_at`, `ordinal`, `retracted` and `seq`; where it does not,
every row is an event of its own, of the first kind that is scored and counts as history, known when
it happened, in the order of the frame. Keys and categories are text or integers, everything else
is integers; floats that are whole (what pandas makes of integers with gaps) are taken for them.
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl
import pyarrow as pa

from features.columns import Columns, check_learned
from features.contracts.errors import ConflictError, InputError
from features.contracts.events import VALUE_BOUND, EventField

if TYPE_CHECKING:
    import pandas as pd

    Events: TypeAlias = pl.DataFrame | pd.DataFrame | pa.Table

OWN: Final = ("kind", "event_id", "version", "effective_at", "observed_at", "ordinal", "retracted")
_US: Final = pl.Datetime("us", "UTC")
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_BOUNDS: Final = {
    "money": (-VALUE_BOUND, VALUE_BOUND),
    "number": (-VALUE_BOUND, VALUE_BOUND),
    "instant": (-(2**52), 2**52),
    "sketch": (0, 2**62 - 1),
}
_LONGEST: Final = 2**58
"""Microseconds from 1970 to where no calendar reaches."""
_LEARNED: Final = (
    "give 'observed_at', or tell the outcome in a later version that has its own 'observed_at'"
)
_WHOLE: Final = 2**53
"""Whole floats up to here stand for one integer each."""


def to_polars(events: "Events") -> pl.DataFrame:
    """The frame as Polars has it.

    Raises
    ------
    InputError
        It is no frame that is known, or a column cannot be read.
    """
    if isinstance(events, pl.DataFrame):
        return events
    try:
        if isinstance(events, pa.Table):
            return pl.DataFrame(pl.from_arrow(events))
        if type(events).__module__.partition(".")[0] == "pandas":
            return _of_pandas(events)
    except (pl.exceptions.PolarsError, ValueError, pa.ArrowException) as error:
        message = f"the event table cannot be read: {error}; give each column one name and one type"
        raise InputError(message) from error
    message = f"{type(events).__name__} is no event table; pass a Polars or pandas frame or Arrow"
    raise InputError(message)


def _of_pandas(events: "pd.DataFrame") -> pl.DataFrame:
    """Instants with a zone go over as UTC: pandas warns of the way that Arrow takes them."""
    zoned = [name for name, kind in events.dtypes.items() if getattr(kind, "tz", None)]
    plain = events.copy(deep=False)
    for name in zoned:
        plain[name] = events[name].dt.tz_convert(None)
    utc = pl.col([str(name) for name in zoned]).dt.replace_time_zone("UTC")
    return pl.from_pandas(plain).with_columns(utc)


def columns(
    events: "Events",
    fields: Sequence[EventField],
    kind: str,
    kinds: Collection[str] | None = None,
) -> Columns:
    """Columns of an event table whose events are of `kind` where it does not say.

    `kinds` are those that it may say; None lets any pass.

    Raises
    ------
    InputError
        A column is unknown, missing, of the wrong type, or holds what cannot stay exact.
    ConflictError
        One event and version, or one place in the order of learning, stands in several rows.
    """
    frame = rows(events, fields, kind, kinds)
    if "event_id" in frame.columns:
        check_once(frame)
    return Columns.of(frame, fields).keep("kind", "event_id", "version")


def rows(
    events: "Events",
    fields: Sequence[EventField],
    kind: str,
    kinds: Collection[str] | None = None,
) -> pl.DataFrame:
    """The checked rows of an event table, or of a part of one, as `Columns.of` takes them.

    Raises
    ------
    InputError
        A column is unknown, missing, of the wrong type, or holds what cannot stay exact; or an
        outcome is told as known when its event happened.
    ConflictError
        One place in the order of learning stands in several rows.
    """
    frame = to_polars(events)
    _check_names(frame, fields)
    known = {item.name: _field(frame, item) for item in fields}
    head = {
        "kind": _kind(frame, kind, kinds),
        "version": _whole(frame, "version", 1, (1, 1_000_000)),
        "t": _instants(frame, "effective_at"),
        "o": _whole(frame, "ordinal", 0, (0, 2**31 - 1)),
        "is_live": _same(frame, 0),
        "retracted": _flag(frame, "retracted"),
    }
    if "observed_at" in frame.columns:
        _check_no_gaps(frame["observed_at"])
        head["observed"] = _instants(frame, "observed_at")
    if "seq" in frame.columns:
        head["seq"] = _sequence(frame)
    if "event_id" in frame.columns:
        head["event_id"] = _ids(frame["event_id"])
    made = pl.DataFrame({**head, **known})
    check_learned(made, fields, _LEARNED)
    return made


def _check_names(frame: pl.DataFrame, fields: Sequence[EventField]) -> None:
    declared = [item.name for item in fields]
    allowed = (*OWN, "seq", *declared)
    for name in frame.columns:
        if name not in allowed:
            near = get_close_matches(name, allowed, n=1)
            hint = f"nearest: {near[0]}" if near else f"declared: {', '.join(declared)}"
            message = f"column {name!r} is not declared; rename or drop it ({hint})"
            raise InputError(message)
    required = ["effective_at", *(item.name for item in fields if item.required)]
    for name in required:
        if name not in frame.columns:
            raise InputError(f"column {name!r} is required and not there; add it")
        _check_no_gaps(frame[name])


def _check_no_gaps(column: pl.Series) -> None:
    if column.null_count():
        message = f"column {column.name!r} is empty in {column.null_count()} row(s); fill it"
        raise InputError(message)


def _field(frame: pl.DataFrame, item: EventField) -> pl.Series:
    is_code = item.kind in ("key", "category")
    column = frame[item.name] if item.name in frame.columns else None
    if column is None or column.null_count() == len(column):
        nothing = pl.String if is_code else pl.Int64
        return pl.select(pl.repeat(None, len(frame), dtype=nothing)).to_series()
    if is_code:
        return _code(column)
    if item.kind == "instant" and column.dtype.is_temporal():
        return _bounded(_instants(frame, item.name), _BOUNDS["instant"])
    return _number(column, item)


def _code(column: pl.Series) -> pl.Series:
    if column.dtype.is_numeric():
        return _integers(column, "a key or category is text or integers")
    if column.dtype not in _TEXTS:
        message = f"column {column.name!r} is {column.dtype}; a key or category is text or integers"
        raise InputError(message)
    texts = column.cast(pl.String)
    blank = int((texts.str.strip_chars() == "").sum())
    if blank:
        message = f"column {column.name!r} holds blank text in {blank} row(s); leave them empty"
        raise InputError(message)
    return texts


def _number(column: pl.Series, item: EventField) -> pl.Series:
    rule = f"give integers ({item.scale} implied decimals, money in minor units)"
    return _bounded(_integers(column, rule), _BOUNDS[item.kind])


def _integers(column: pl.Series, rule: str) -> pl.Series:
    """A column of integers as it is, one of whole floats as integers."""
    if column.dtype.is_integer():
        return column
    if not column.dtype.is_float():
        raise InputError(f"column {column.name!r} is {column.dtype}; {rule}")
    values = column.cast(pl.Float64).fill_nan(None)
    part = int(((values != values.floor()) | (values.abs() > _WHOLE)).sum())
    if part:
        raise InputError(f"column {column.name!r} holds no integer in {part} row(s); {rule}")
    return values.cast(pl.Int64)


def _bounded(column: pl.Series, bounds: tuple[int, int]) -> pl.Series:
    least, most = bounds
    lowest, highest = column.min(), column.max()
    if isinstance(lowest, int) and isinstance(highest, int) and (lowest < least or highest > most):
        wide = column.cast(pl.Int128)
        beyond = int(((wide > most) | (wide < least)).sum())
        message = (
            f"column {column.name!r} is beyond {least} to {most}, in which all stays exact, in "
            f"{beyond} row(s); correct it, or give it with fewer implied decimals"
        )
        raise InputError(message)
    return column.cast(pl.Int64)


def _instants(frame: pl.DataFrame, name: str) -> pl.Series:
    column = frame[name]
    if column.is_empty():
        return pl.Series(name, [], pl.Int64)
    if column.dtype.is_integer():
        return _bounded(column, (-_LONGEST, _LONGEST))
    if not isinstance(column.dtype, pl.Datetime) or column.dtype.time_zone is None:
        message = f"column {name!r} is {column.dtype}; give instants with a zone, or microseconds"
        raise InputError(message)
    if column.dtype.time_unit == "ns" and (column.cast(pl.Int64) % 1000 != 0).any():
        message = (
            f"column {name!r} holds parts of a microsecond, which are not told apart; round it"
        )
        raise InputError(message)
    return column.cast(_US).cast(pl.Int64)


def _sequence(frame: pl.DataFrame) -> pl.Series:
    """The order in which rows were learned, each place once."""
    stated = _whole(frame, "seq", 0, (-_LONGEST, _LONGEST))
    if stated.n_unique() < len(stated):
        message = "column 'seq' gives several rows one place in the order of learning; number them"
        raise ConflictError(message)
    return stated


def _whole(frame: pl.DataFrame, name: str, default: int, bounds: tuple[int, int]) -> pl.Series:
    if name not in frame.columns:
        return _same(frame, default)
    _check_no_gaps(frame[name])
    if frame.is_empty():
        return _same(frame, default)
    return _bounded(_integers(frame[name], "give whole numbers"), bounds)


def _flag(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns or frame[name].null_count() == len(frame):
        return _same(frame, 0)
    if frame[name].dtype != pl.Boolean:
        raise InputError(f"column {name!r} is {frame[name].dtype}; give true or false")
    return frame[name].fill_null(value=False).cast(pl.Int8)


def _same(frame: pl.DataFrame, value: int) -> pl.Series:
    return pl.select(pl.repeat(value, len(frame), dtype=pl.Int8)).to_series()


def _kind(frame: pl.DataFrame, kind: str, kinds: Collection[str] | None) -> pl.Series:
    if "kind" not in frame.columns:
        return pl.select(pl.repeat(kind, len(frame), dtype=pl.Enum([kind]))).to_series()
    _check_no_gaps(frame["kind"])
    stated = frame["kind"].cast(pl.String)
    for name in stated.unique().sort():
        if kinds is not None and name not in kinds:
            message = f"column 'kind' holds {name!r}, which is none of {', '.join(kinds)}"
            raise InputError(message)
    return stated


def _ids(column: pl.Series) -> pl.Series:
    _check_no_gaps(column)
    if not column.dtype.is_integer() and column.dtype not in _TEXTS and not column.is_empty():
        raise InputError(f"column 'event_id' is {column.dtype}; give text or integers")
    return column.cast(pl.String)


def check_once(frame: pl.DataFrame) -> None:
    """Refuse checked rows in which one event and version stands twice.

    Raises
    ------
    ConflictError
        It does; the message counts the rows.
    """
    twice = int(frame.select("kind", "event_id", "version").is_duplicated().sum())
    if twice:
        message = f"{twice} rows share an event_id and version; keep one row an event version"
        raise ConflictError(message)
