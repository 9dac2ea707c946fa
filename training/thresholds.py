"""Bunching at legal limits: which buyers, and which officers, keep their contracts just below.

Every contract counts, whether it was put out to tender or not: those at the limit and above are
what the ones below are held against. The limit is the one in force on the day of the award.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from features.batch import of_ledger
from features.calendar import Calendar, to_day
from features.contracts.errors import InputError
from features.contracts.vectors import Integers
from features.history import History
from features.kernels import MISSING
from features.limits import in_force
from features.spec import Measure, Scenario
from features.store.ledger import Ledger
from models.thresholds import Bunching, Side, bunching, bunching_by

EVERYBODY: Final = "everybody"
UNITS: Final = ("buyer", "officer")
_PERIOD: Final = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
_COLUMNS: Final = (
    "by",
    "unit",
    "status",
    "method",
    "n",
    "n_below",
    "n_above",
    "statistic",
    "p",
    "q",
    "reason_zh",
    "reason_en",
)


def threshold_table(
    ledger: Ledger,
    scenario: Scenario,
    *,
    period: str = "",
    by: Sequence[str] = UNITS,
    side: Side = "below",
) -> pl.DataFrame:
    """One row for everybody and one a unit of each field in `by`, the least p first.

    Columns: by, unit, status, method, n, n_below, n_above, statistic, p, q (adjusted within the
    field), and the reason where there is no answer, in Chinese and English.

    Raises
    ------
    InputError
        The scenario knows no legal limit, a field of `by` is none of its codes, or the period is
        not a year, a quarter or a month.
    """
    measure = _limit_of(scenario)
    for name in by:
        if name not in scenario.codes:
            known = ", ".join(scenario.codes)
            raise InputError(f"{scenario.name} has no code {name!r} to group by; it has {known}")
    history = of_ledger(ledger, scenario)
    rows = _rows(history, measure, period)
    values = history.columns.numbers[scenario.amount][rows]
    limits = limits_of(history, measure)[rows]
    found = [(EVERYBODY, "", bunching(values, limits, side=side))]
    for name in by:
        units = _texts(history, name, rows)
        of_unit = bunching_by(values, limits, units, side=side)
        found += [(name, unit, one) for unit, one in of_unit.items()]
    return _table(found)


def limits_of(history: History, measure: Measure) -> Integers:
    """The limit in force for each event's class, whatever the way of purchase; MISSING for none."""
    c = history.columns
    out = np.full(len(c), MISSING)
    for name, steps in measure.limits:
        mine = c.chosen(measure.field, (name,))
        out[mine] = in_force(steps, c.t[mine])
    return out


def span_of(period: str, calendar: Calendar) -> tuple[int, int]:
    """First instant of a year, quarter or month (2025, 2025-Q2, 2025-06), and that of the next.

    >>> first, end = span_of("2025-Q2", Calendar.plain("Asia/Shanghai"))
    >>> (end - first) // 86_400_000_000
    91
    """
    found = _PERIOD.fullmatch(period)
    if not found:
        raise InputError(f"period {period!r} is none; write 2025, 2025-Q2 or 2025-06")
    year, quarter, month = (int(text) if text else None for text in found.groups())
    first = month or (3 * quarter - 2 if quarter else 1)
    length = 1 if month else 3 if quarter else 12
    years, place = divmod(first - 1 + length, 12)
    start, stop = date(year or 0, first, 1), date((year or 0) + years, place + 1, 1)
    begin, end = calendar.starts(np.array([to_day(start), to_day(stop)])).tolist()
    return int(begin), int(end)


def _limit_of(scenario: Scenario) -> Measure:
    measures = [item for item in scenario.measures if item.how == "limit"]
    if not measures:
        raise InputError(f"{scenario.name} declares no legal limit; there is nothing to test at")
    return measures[0]


def _rows(history: History, measure: Measure, period: str) -> Integers:
    """Latest versions of awards in the period that have an amount and a limit."""
    c = history.columns
    chosen = c.chosen("kind", history.scenario.history) & ~c.retracted & (c.gone_row < 0)
    if period:
        first, end = span_of(period, history.calendar)
        chosen &= (c.t >= first) & (c.t < end)
    amount = c.numbers[history.scenario.amount]
    chosen &= (amount > 0) & (limits_of(history, measure) != MISSING)
    return np.flatnonzero(chosen)


def _texts(history: History, name: str, rows: Integers) -> list[str]:
    """The rows' texts in one code column, empty where missing."""
    texts = [*map(str, history.columns.texts[name]), ""]
    return [texts[code] for code in history.columns.codes[name][rows].tolist()]


def _table(found: Sequence[tuple[str, str, Bunching]]) -> pl.DataFrame:
    rows = [
        {
            "by": by,
            "unit": unit,
            **{name: getattr(one, name) for name in _COLUMNS[2:]},
        }
        for by, unit, one in found
    ]
    schema = {
        **dict.fromkeys(_COLUMNS, pl.String),
        **dict.fromkeys(("n", "n_below", "n_above"), pl.Int64),
        **dict.fromkeys(("statistic", "p", "q"), pl.Float64),
    }
    table = pl.DataFrame(rows, schema=schema)
    order = pl.col("by").replace_strict(
        {name: k for k, name in enumerate((EVERYBODY, *UNITS))}, default=9
    )
    return table.sort(order, "by", "p", "unit", nulls_last=True)
