"""The figures that the benchmark gives, each with its bar."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

_MEETS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Bar:
    """One figure: what it is, and what it must reach (nothing, where it only informs)."""

    what: str
    sense: Literal[">=", "<=", "=="] | None = None
    limit: float = 0.0
    most: float | None = None
    """Where a value may be too large as well: the upper end."""

    def met(self, value: float) -> bool | None:
        """Whether `value` reaches the bar; None where there is none."""
        if self.sense is None:
            return None
        return _MEETS[self.sense](value, self.limit) and (self.most is None or value <= self.most)

    @property
    def text(self) -> str:
        """The bar as it is shown."""
        upper = "" if self.most is None else f", <= {self.most:,.10g}"
        return f"{self.sense} {self.limit:,.10g}{upper}" if self.sense else ""


BARS: Final = {
    "cpu_ratio_polars": Bar("CPU of Polars / ours, 20 trailing features", ">=", 6),
    "cpu_ratio_polars_sorted": Bar("the same, over rows sorted by each key first: its fastest"),
    "cpu_ratio_duckdb": Bar("CPU of DuckDB / ours, 20 trailing features", ">=", 12),
    "cpu_ratio_pandas": Bar("CPU of pandas / ours, 20 trailing features", ">=", 50),
    "cpu_ratio_polars_distinct": Bar(
        "CPU of the fastest Polars / ours, distinct count of a heavy key", ">=", 8
    ),
    "cpu_ratio_duckdb_mad": Bar("CPU of DuckDB / ours, exact median and MAD", ">=", 3),
    "growth_10x": Bar("CPU of ten times the events / CPU", "<=", 12),
    "late_ratio": Bar("CPU with 5 % of rows late / none late", "<=", 4),
    "compile_first_s": Bar("CPU seconds of the first features ever, compiling"),
    "compile_cached_s": Bar("CPU seconds of a process's first features, compiled before"),
    "peak_gb_50m": Bar("peak memory of 50 times the events, Parquet to Parquet", "<=", 6),
    "live_p50_us": Bar("26 features of a new event, SQLite, median", "<=", 200),
    "live_p99_us": Bar("the same, 99th percentile", "<=", 1_000),
    "live_pg_p50_us": Bar("the same, PostgreSQL on loopback, median", "<=", 1_500),
    "append_p50_us": Bar("append and durable commit, median", "<=", 400),
    "disk_sync_p50_us": Bar("a page written and synced to the same disk by itself, median"),
    "cells_compared": Bar("cells compared with batch, all paths", ">=", 5_000_000),
    "cells_compared_least": Bar("cells compared on the path with the fewest", ">=", 500_000),
    "cells_different": Bar("of these, cells with any bit different", "==", 0),
}
