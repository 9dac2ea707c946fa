"""What was planted where: written by the simulator, read by the evaluation and by nothing else."""

from pathlib import Path
from typing import Final

import polars as pl

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.tables import TRUTH, check_truth

NO_SEVERITY: Final = "none"
"""The severity of a benign look-alike."""
MAX_TELLING: Final = 3


def load_truth(path: Path) -> pl.DataFrame:
    """Read and check a truth table; `onset` comes back as an instant in UTC.

    Raises
    ------
    UnreadableSourceError
        The file is missing or not a table.
    InputError
        A column or value is not what the simulator writes.
    """
    try:
        raw = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableSourceError(f"{path.name}: not a readable CSV table") from error
    _check_header(path.name, raw.columns)
    table = raw.with_columns(
        pl.col("telling_features").fill_null(""),
        pl.col("onset").str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%:z", time_unit="us", time_zone="UTC", strict=False
        ),
        pl.col("look_alike", "rule_sees", "adaptive").replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
        ),
    )
    check_truth(table)
    _check(path.name, table)
    return table


def _check_header(name: str, header: list[str]) -> None:
    missing = [column for column in TRUTH if column not in header]
    if missing:
        message = f"{name}: no column {missing[0]!r}; columns must be {', '.join(TRUTH)}"
        raise InputError(f"{message}; simulate again")
    if header != list(TRUTH):
        raise InputError(f"{name}: columns must be {', '.join(TRUTH)}; simulate again")


def _check(name: str, table: pl.DataFrame) -> None:
    benign = pl.col("severity") == NO_SEVERITY
    _refuse(name, table, benign != pl.col("look_alike"), "severity and look_alike disagree")
    seen = pl.col("rule_sees")
    _refuse(name, table, seen & pl.col("look_alike"), "no fixed rule should see a look-alike")
    _refuse(name, table, seen & pl.col("adaptive"), "who keeps clear of fixed rules is not seen")
    many = pl.col("telling_features").str.count_matches(";") >= MAX_TELLING
    _refuse(name, table, many, f"telling_features names more than {MAX_TELLING}")


def _refuse(name: str, table: pl.DataFrame, broken: pl.Expr, rule: str) -> None:
    n = len(table.filter(broken))
    if n:
        raise InputError(f"{name}: {rule} in {n} row(s); simulate again")
