"""The features in DuckDB: RANGE frames over one table of its own.

Instants are whole microseconds: frames of intervals over TIMESTAMP took a sixth more CPU, and over
TIMESTAMPTZ more than twice as much.
"""

from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from tests.bench.engine import Engine, floats

DAY_US: Final = 86_400_000_000
WINDOWS: Final = {"e": "enterprise", "p": "policy", "a": "approver", "x": "enterprise, approver"}
TRAILING: Final = """
SELECT row,
  count(*) OVER e7 AS n_7d_by_enterprise,
  count(*) OVER e30 AS n_30d_by_enterprise,
  count(*) OVER e90 AS n_90d_by_enterprise,
  count(*) OVER e365 AS n_365d_by_enterprise,
  coalesce(sum(amount_minor) OVER e365, 0) AS amount_minor_sum_365d_by_enterprise,
  avg(amount_minor) OVER e365 AS amount_minor_mean_365d_by_enterprise,
  stddev_samp(amount_minor) OVER e365 AS amount_minor_std_365d_by_enterprise,
  max(amount_minor) OVER e365 AS amount_minor_max_365d_by_enterprise,
  (t - last_value(t) OVER e365) / 86400000000 AS days_since_last_365d_by_enterprise,
  count(*) OVER p30 AS n_30d_by_policy,
  avg(amount_minor) OVER p90 AS amount_minor_mean_90d_by_policy,
  stddev_samp(amount_minor) OVER p90 AS amount_minor_std_90d_by_policy,
  min(amount_minor) OVER p90 AS amount_minor_min_90d_by_policy,
  max(amount_minor) OVER p365 AS amount_minor_max_365d_by_policy,
  count(*) OVER a7 AS n_7d_by_approver,
  coalesce(sum(amount_minor) OVER a90, 0) AS amount_minor_sum_90d_by_approver,
  stddev_samp(amount_minor) OVER a365 AS amount_minor_std_365d_by_approver,
  count(*) OVER x90 AS n_90d_by_enterprise_approver,
  max(amount_minor) OVER x365 AS amount_minor_max_365d_by_enterprise_approver,
  count(*) OVER x365 / nullif(count(*) OVER e365, 0) AS approver_share_365d_by_enterprise
FROM events
WINDOW
"""
MAD: Final = """
SELECT row,
  median(amount_minor) OVER p90 AS amount_minor_median_90d_by_policy,
  mad(amount_minor) OVER p90 AS amount_minor_mad_90d_by_policy
FROM events
WINDOW
"""


def prepare(frame: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """The history as a table."""
    connection = duckdb.connect()
    history = frame.with_row_index("row").with_columns(t=pl.col("effective_at").dt.epoch("us"))
    connection.register("history", history.to_arrow())
    connection.execute("CREATE TABLE events AS SELECT * FROM history")
    connection.unregister("history")
    return connection


def trailing(events: duckdb.DuckDBPyConnection) -> pa.Table:
    """The twenty features in one query."""
    frames = ("e7", "e30", "e90", "e365", "p30", "p90", "p365", "a7", "a90", "a365", "x90", "x365")
    return events.sql(TRAILING + ",\n".join(map(_frame, frames))).to_arrow_table()


def mad(events: duckdb.DuckDBPyConnection) -> pa.Table:
    """Median and MAD of a policy's amounts in 90 days."""
    return events.sql(MAD + _frame("p90")).to_arrow_table()


def cells(answer: pa.Table) -> pl.DataFrame:
    """The features in the order of the history."""
    return floats(pl.DataFrame(pl.from_arrow(answer)).sort("row").drop("row"))


def _frame(name: str) -> str:
    reach = int(name[1:]) * DAY_US
    return (
        f"{name} AS (PARTITION BY {WINDOWS[name[0]]} ORDER BY t "
        f"RANGE BETWEEN {reach} PRECEDING AND 1 PRECEDING)"
    )


ENGINE: Final = Engine(prepare, {"trailing": trailing, "mad": mad}, cells)
