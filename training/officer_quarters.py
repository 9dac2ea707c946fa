"""Officers' quarters: what the tests of a rotation say of all draws of an officer together.

Not about a pair, so that no model takes them: `lianjing rotation` shows them beside the pairs.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from models.rotation.adjust import benjamini_hochberg
from models.rotation.officers import OfficerQuarter, officer_quarters
from models.rotation.quarter import DrawnBy
from training.rotation import quarters_of

COLUMNS: Final[dict[str, type[pl.DataType]]] = {
    "quarter": pl.String,
    "officer": pl.String,
    "n_draws": pl.Int64,
    "test": pl.String,
    "n": pl.Int64,
    "statistic": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "zh": pl.String,
    "en": pl.String,
}


def officer_quarter_table(
    table: pl.DataFrame,
    calendar: Calendar,
    *,
    until_us: int,
    only: str | None = None,
    drawn_by: DrawnBy = "rotation",
) -> pl.DataFrame:
    """One row for each officer, quarter and test, of quarters that are over by `until_us`.

    q is p adjusted after Benjamini and Hochberg among the tests of the officer's quarter; both are
    null where a test has too few draws.
    """
    quarters = quarters_of(table, calendar, until_us=until_us, drawn_by=drawn_by)
    rows = [
        row
        for quarter, _, _ in quarters
        if only is None or quarter.name == only
        for of in officer_quarters(quarter)
        for row in _rows(quarter.name, quarter.officers[of.officer], of)
    ]
    return pl.DataFrame(rows, schema=COLUMNS)


def _rows(quarter: str, officer: str, of: OfficerQuarter) -> Iterator[dict[str, object]]:
    p = [answer.p for answer in of.answers.values()]
    q = benjamini_hochberg(np.array(p, dtype=np.float64)).tolist()
    for (test, answer), adjusted in zip(of.answers.items(), q, strict=True):
        yield {
            "quarter": quarter,
            "officer": officer,
            "n_draws": of.n,
            "test": test,
            "n": answer.n,
            "statistic": answer.statistic,
            "p": answer.p,
            "q": None if answer.p is None else adjusted,
            "zh": answer.zh,
            "en": answer.en,
        }


def officers_standing_out(table: pl.DataFrame, *, level: float = 0.05) -> pl.DataFrame:
    """The rows of an `officer_quarter_table` whose q is at most `level`, least first."""
    return table.filter(pl.col("q") <= level).sort("q", "p", "quarter", "officer", "test")
