"""Schemas of the tables that cross a border: feature tables and truth tables.

A check names the column and the rule that is broken and counts the rows; it never repeats a value,
since tables hold keys of persons and firms.
Imported by name where tables are read or written, because it loads a data-frame library.

>>> from datetime import UTC, datetime
>>> frame = pl.DataFrame({"event_id": ["P-1"], "scenario": ["payouts"], "typology": ["split"],
...                       "severity": ["loud"], "onset": [datetime(2026, 3, 1, tzinfo=UTC)],
...                       "telling_features": [""], "case_id": ["c1"], "look_alike": [False],
...                       "rule_sees": [True], "adaptive": [False]})
>>> check_truth(frame)
Traceback (most recent call last):
features.contracts.errors.InputError: truth table: severity breaks isin in 1 row(s); correct the ...
"""

import warnings
from typing import Final

import polars as pl

from features.contracts.errors import InputError
from features.contracts.vectors import STATUS_CODES
from features.contracts.verdicts import Status

with warnings.catch_warnings():
    # pandera imports pyspark.pandas where it finds one; that warns about pandas 3 and is not used.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    import pandera.polars as pa
    from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

STATUS_SUFFIX: Final = ".status"
RULE_PREFIX: Final = "rule."
N_RULE_ANSWERS: Final = 4
_SHOWN: Final = 10
_WITH_A_VALUE: Final = (STATUS_CODES.index(Status.OK), STATUS_CODES.index(Status.IMPUTED))
SEVERITIES: Final = ("none", "subtle", "moderate", "blatant")
"""How strongly a planted case shows; `none` is a look-alike's."""

IDS: Final[dict[str, type[pl.DataType] | pl.DataType]] = {
    "kind": pl.String,
    "event_id": pl.String,
    "version": pl.Int64,
    "effective_at": pl.Datetime("us", "UTC"),
    "seq": pl.Int64,
    "subject": pl.String,
    "peer_group": pl.String,
    "unit": pl.String,
    "event_amount_minor": pl.Int64,
}
"""Columns that say which event a row is about; the features' own columns follow them."""

TRUTH: Final[dict[str, type[pl.DataType] | pl.DataType]] = {
    "event_id": pl.String,
    "scenario": pl.String,
    "typology": pl.String,
    "severity": pl.String,
    "onset": pl.Datetime("us", "UTC"),
    "telling_features": pl.String,
    "case_id": pl.String,
    "look_alike": pl.Boolean,
    "rule_sees": pl.Boolean,
    "adaptive": pl.Boolean,
}
"""Columns of a truth table: one row an event of a planted case; a look-alike is harmless.

`telling_features` names, separated by semicolons, features that should give the case away, or
fields that such features read; `rule_sees` is true of what the fixed rules should hit, `adaptive`
of who knows them and keeps clear.
"""


def feature_names(columns: list[str]) -> tuple[str, ...]:
    """The features among the columns of a feature table, in order.

    >>> feature_names(["kind", "n_30d", "n_30d.status", "rule.cap"])
    ('n_30d',)
    """
    return tuple(
        name.removesuffix(STATUS_SUFFIX) for name in columns if name.endswith(STATUS_SUFFIX)
    )


def rule_names(columns: list[str]) -> tuple[str, ...]:
    """The fixed rules among the columns of a feature table, in order.

    >>> rule_names(["kind", "n_30d", "n_30d.status", "rule.cap"])
    ('cap',)
    """
    return tuple(name.removeprefix(RULE_PREFIX) for name in columns if name.startswith(RULE_PREFIX))


def feature_schema(features: tuple[str, ...], rules: tuple[str, ...]) -> pa.DataFrameSchema:
    """The schema of a feature table with those features and rules.

    Ids are there, the natural key (kind, event_id, version) is unique, rows are in time order, each
    value is finite or null, a value whose status is `ok` or `imputed` is there, statuses and rule
    answers are codes that exist.
    """
    columns = {name: pa.Column(dtype, nullable=False, coerce=False) for name, dtype in IDS.items()}
    columns |= {name: _value_column() for name in features}
    columns |= {name + STATUS_SUFFIX: _code_column(len(STATUS_CODES)) for name in features}
    columns |= {RULE_PREFIX + name: _code_column(N_RULE_ANSWERS) for name in rules}
    return pa.DataFrameSchema(
        columns,
        checks=[_time_order(), *(_present_when_ok(name) for name in features)],
        unique=["kind", "event_id", "version"],
        strict=True,
    )


def truth_schema() -> pa.DataFrameSchema:
    """The schema of a truth table: who is a planted case or a look-alike, and where it shows."""
    columns = {name: pa.Column(dtype, nullable=False) for name, dtype in TRUTH.items()}
    columns["severity"] = pa.Column(pl.String, pa.Check.isin(SEVERITIES), nullable=False)
    return pa.DataFrameSchema(columns, unique=["scenario", "event_id"], strict=True)


def check_features(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the feature table as it is when it keeps its schema.

    Raises
    ------
    InputError
        A rule is broken; the message names columns, rules and how many rows, never values.
    """
    schema = feature_schema(feature_names(frame.columns), rule_names(frame.columns))
    return _checked(frame, schema, "feature table")


def check_truth(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the truth table as it is when it keeps its schema.

    Raises
    ------
    InputError
        A rule is broken; the message names columns, rules and how many rows, never values.
    """
    return _checked(frame, truth_schema(), "truth table")


def _value_column() -> pa.Column:
    return pa.Column(pl.Float64, pa.Check(_is_finite, name="finite or null"), nullable=True)


def _code_column(n_codes: int) -> pa.Column:
    return pa.Column(pl.Int8, pa.Check.in_range(0, n_codes - 1), nullable=False)


def _is_finite(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_finite())


def _time_order() -> pa.Check:
    def in_order(data: pa.PolarsData) -> pl.LazyFrame:
        at = pl.col("effective_at")
        return data.lazyframe.select((at >= at.shift(1)).fill_null(value=True))

    return pa.Check(in_order, name="rows in time order")


def _present_when_ok(name: str) -> pa.Check:
    def present(data: pa.PolarsData) -> pl.LazyFrame:
        is_there = pl.col(name + STATUS_SUFFIX).is_in(_WITH_A_VALUE)
        return data.lazyframe.select(~is_there | pl.col(name).is_not_null())

    return pa.Check(present, name=f"{name} there when ok or imputed")


def _checked(frame: pl.DataFrame, schema: pa.DataFrameSchema, noun: str) -> pl.DataFrame:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        raise InputError(f"{noun}: {_summary(error)}; correct the rows and try again") from error
    return frame


def _summary(error: SchemaErrors) -> str:
    broken: dict[str, int] = {}
    for found in error.schema_errors:
        cases = found.failure_cases
        n_rows = cases.height if isinstance(cases, pl.DataFrame) else 0
        text = _broken_rule(found)
        broken[text] = broken.get(text, 0) + n_rows
    parts = [f"{text} in {n} row(s)" if n else text for text, n in broken.items()]
    return ", ".join(parts[:_SHOWN])


def _broken_rule(found: SchemaError) -> str:
    if found.reason_code is SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
        return f"column {found.failure_cases} is missing"
    if found.reason_code is SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
        return f"column {found.failure_cases} is not declared"
    column = getattr(found.schema, "name", None) or "the table"
    rule = getattr(found.check, "name", None) or found.check or found.reason_code.name
    return f"{column} breaks {rule}"
