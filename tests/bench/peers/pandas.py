"""The features in pandas: `groupby(key).rolling(window, closed="left")` over an index of instants.

Rows are sorted by the key first, so that every answer comes in the order of the sorted rows.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import polars as pl

from tests.bench.engine import Engine, floats

AMOUNT: Final = "amount_minor"
Frames = Mapping[int, Sequence[str]]
KEYS: Final[Mapping[tuple[str, ...], Frames]] = {
    ("enterprise",): {
        7: ["count"],
        30: ["count"],
        90: ["count"],
        365: ["count", "sum", "mean", "std", "max"],
    },
    ("policy",): {30: ["count"], 90: ["mean", "std", "min"], 365: ["max"]},
    ("approver",): {7: ["count"], 90: ["sum"], 365: ["std"]},
    ("enterprise", "approver"): {90: ["count"], 365: ["count", "max"]},
}
"""Aggregates by key and days."""


def prepare(frame: pl.DataFrame) -> pd.DataFrame:
    """The history as a pandas frame."""
    return frame.to_pandas()


def trailing(events: pd.DataFrame) -> pd.DataFrame:
    """The twenty features."""
    columns: dict[str, pd.Series] = {}
    for key, frames in KEYS.items():
        columns |= _rolled(events, key, frames)
    features = pd.DataFrame(columns)
    part = features.pop("n_365d_by_enterprise_approver")
    features["approver_share_365d_by_enterprise"] = part / features["n_365d_by_enterprise"]
    features["days_since_last_365d_by_enterprise"] = _since(events)
    return features


def _rolled(events: pd.DataFrame, key: tuple[str, ...], frames: Frames) -> dict[str, pd.Series]:
    ordered = events.sort_values(list(key), kind="stable")
    amounts = ordered.set_index("effective_at").groupby(list(key))[AMOUNT]
    columns = {}
    for days, aggregates in frames.items():
        windows = amounts.rolling(f"{days}D", closed="left")
        for aggregate in aggregates:
            values = getattr(windows, aggregate)().to_numpy()
            column = pd.Series(values, index=ordered.index).reindex(events.index)
            columns[_name(key, days, aggregate)] = (
                column.fillna(0) if aggregate in ("count", "sum") else column
            )
    return columns


def _name(key: tuple[str, ...], days: int, aggregate: str) -> str:
    number = "n" if aggregate == "count" else f"{AMOUNT}_{aggregate}"
    return f"{number}_{days}d_by_{'_'.join(key)}"


def _since(events: pd.DataFrame) -> pd.Series:
    earlier = events[["enterprise", "effective_at"]].assign(last_at=events["effective_at"])
    joined = pd.merge_asof(
        events[["enterprise", "effective_at"]],
        earlier,
        on="effective_at",
        by="enterprise",
        tolerance=pd.Timedelta(days=365),
        allow_exact_matches=False,
    )
    return (joined["effective_at"] - joined["last_at"]) / pd.Timedelta(days=1)


def cells(answer: pd.DataFrame) -> pl.DataFrame:
    """The features in the order of the history."""
    return floats(pl.from_pandas(answer))


ENGINE: Final = Engine(prepare, {"trailing": trailing}, cells)
