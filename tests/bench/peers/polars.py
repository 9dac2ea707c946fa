"""The features in Polars: one lazy query of `rolling` frames over events in order of time.

That is how its user guide groups by time; `rolling_*_by(...).over(key)` takes about as much CPU.
`polars_sorted` has the same frames over rows that were sorted by the key first.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tests.bench.engine import Engine, floats

TIME: Final = "effective_at"
AMOUNT: Final = pl.col("amount_minor")
SINCE: Final = "days_since_last_365d_by_enterprise"
Frames = Mapping[int, Sequence[pl.Expr]]

ENTERPRISE: Final[Frames] = {
    7: [pl.len().alias("n_7d_by_enterprise")],
    30: [pl.len().alias("n_30d_by_enterprise")],
    90: [pl.len().alias("n_90d_by_enterprise")],
    365: [
        pl.len().alias("n_365d_by_enterprise"),
        AMOUNT.sum().alias("amount_minor_sum_365d_by_enterprise"),
        AMOUNT.mean().alias("amount_minor_mean_365d_by_enterprise"),
        AMOUNT.std().alias("amount_minor_std_365d_by_enterprise"),
        AMOUNT.max().alias("amount_minor_max_365d_by_enterprise"),
        pl.col(TIME).last().alias("last_at"),
    ],
}
POLICY: Final[Frames] = {
    30: [pl.len().alias("n_30d_by_policy")],
    90: [
        AMOUNT.mean().alias("amount_minor_mean_90d_by_policy"),
        AMOUNT.std().alias("amount_minor_std_90d_by_policy"),
        AMOUNT.min().alias("amount_minor_min_90d_by_policy"),
    ],
    365: [AMOUNT.max().alias("amount_minor_max_365d_by_policy")],
}
APPROVER: Final[Frames] = {
    7: [pl.len().alias("n_7d_by_approver")],
    90: [AMOUNT.sum().alias("amount_minor_sum_90d_by_approver")],
    365: [AMOUNT.std().alias("amount_minor_std_365d_by_approver")],
}
PAIR: Final[Frames] = {
    90: [pl.len().alias("n_90d_by_enterprise_approver")],
    365: [
        pl.len().alias("n_365d_by_enterprise_approver"),
        AMOUNT.max().alias("amount_minor_max_365d_by_enterprise_approver"),
    ],
}
KEYS: Final[Mapping[tuple[str, ...], Frames]] = {
    ("enterprise",): ENTERPRISE,
    ("policy",): POLICY,
    ("approver",): APPROVER,
    ("enterprise", "approver"): PAIR,
}
DISTINCT: Final[Frames] = {
    365: [pl.col("enterprise").n_unique().alias("enterprise_distinct_365d_by_approver")]
}


def prepare(frame: pl.DataFrame) -> pl.DataFrame:
    """The history with the number of each row."""
    return frame.with_row_index("row")


def trailing(events: pl.DataFrame, *, by_key: bool = False) -> pl.DataFrame:
    """The twenty features in one lazy query; `by_key` sorts its rows by each key first."""
    lazy = events.lazy()
    share = pl.col("n_365d_by_enterprise_approver") / pl.col("n_365d_by_enterprise")
    return (
        pl.concat(
            [
                lazy.select(TIME),
                *(_rolled(lazy, key, frames, by_key) for key, frames in KEYS.items()),
            ],
            how="horizontal",
        )
        .with_columns(
            (pl.col(TIME) - pl.col("last_at")).alias(SINCE),
            share.alias("approver_share_365d_by_enterprise"),
        )
        .drop(TIME, "last_at", "n_365d_by_enterprise_approver")
        .collect()
    )


def distinct(events: pl.DataFrame, *, by_key: bool = False) -> pl.DataFrame:
    """Distinct enterprises of an approver in a year, missing where there was no event."""
    rolled = _rolled(events.lazy(), ("approver",), DISTINCT, by_key)
    return rolled.select(pl.when(pl.all() > 0).then(pl.all())).collect()


def _rolled(
    events: pl.LazyFrame, key: tuple[str, ...], frames: Frames, by_key: bool
) -> pl.LazyFrame:
    """The frames' columns in the order of the rows; `rolling` answers in that of the keys."""
    ordered = events.sort(key, maintain_order=True)
    rows = ordered if by_key else events
    rolled = (
        rows.rolling(TIME, period=f"{days}d", group_by=key, closed="left")
        .agg(columns)
        .drop(*key, TIME)
        for days, columns in frames.items()
    )
    whole = pl.concat([ordered.select("row"), *rolled], how="horizontal")
    return whole.sort("row").drop("row")


def cells(answer: pl.DataFrame) -> pl.DataFrame:
    """The features as numbers; a duration in days, by one division that is rounded once."""
    if SINCE not in answer.columns:
        return floats(answer)
    lasted = floats(answer.select(pl.col(SINCE).dt.total_microseconds()))[SINCE].to_numpy()
    return floats(answer.with_columns(pl.Series(SINCE, lasted / 86_400_000_000)))


ENGINE: Final = Engine(prepare, {"trailing": trailing, "distinct": distinct}, cells)
