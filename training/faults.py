"""Faults of records in a simulated table: rows exported twice, and rows that were corrected.

A corrected row is there in two versions: what was keyed first, wrong in one column, and what is
right, learned days later. Late rows and blank cells are drawn with the tables themselves.
"""

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.part import Part
from training.simulation import text
from training.simulation.columns import stream
from training.simulation.config import Faults, SimulationConfig

VERSION: Final = "version"
LEARNED: Final = "recorded_at"
_STAMP: Final = "%Y-%m-%dT%H:%M:%S%:z"
_DECIMAL_SLIP: Final = 10

Mask = NDArray[np.bool_]


def with_faults(part: Part, config: SimulationConfig) -> pl.DataFrame:
    """The part's table as it was exported, a row a version of an event; repeated rows follow.

    Planted events and look-alikes are never mistyped, so that the truth stays what it says.
    """
    rng, faults = stream(config.horizon.seed, f"faults {part.scenario}"), config.faults
    table = part.table.with_columns(pl.lit(1).alias(VERSION))
    planted = table.to_series(0).is_in(part.truth["event_id"].implode()).to_numpy()
    wrong = (rng.random(len(table)) < faults.corrected_share) & ~planted
    wrong &= bool(part.keyed.amounts or part.keyed.codes)
    twice = np.flatnonzero(rng.random(len(table)) < faults.duplicated_share)
    right = _corrected(rng, table.filter(wrong), config)
    keyed = _mistyped(rng, table, wrong, (part, faults))
    place = pl.Series("place", np.arange(len(table)))
    rows = [
        keyed.with_columns(place),
        right.with_columns(place.filter(wrong)).filter(_inside(config)),
        keyed.with_columns(place)[twice],
    ]
    return pl.concat(rows).sort("place", maintain_order=True).drop("place")


def _corrected(
    rng: np.random.Generator, rows: pl.DataFrame, config: SimulationConfig
) -> pl.DataFrame:
    """The second versions: the right values, learned days after the first."""
    days = rng.integers(1, config.faults.corrected_days + 1, len(rows))
    later = _learned() + pl.duration(days=pl.col("days"))
    stamp = later.dt.convert_time_zone("Asia/Shanghai").dt.strftime(_STAMP)
    dated = rows.with_columns(pl.Series("days", days))
    return dated.with_columns(pl.lit(2).alias(VERSION), stamp.alias(LEARNED)).drop("days")


def _inside(config: SimulationConfig) -> pl.Expr:
    """Whether a row was learned before the export."""
    end = pl.lit(config.horizon.end).cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai")
    return _learned() < end.dt.convert_time_zone("UTC")


def _learned() -> pl.Expr:
    return pl.col(LEARNED).str.to_datetime(_STAMP, time_zone="UTC", time_unit="us")


def _mistyped(
    rng: np.random.Generator, table: pl.DataFrame, wrong: Mask, plan: tuple[Part, Faults]
) -> pl.DataFrame:
    """Each wrong row with one column mistyped: a decimal slip, or the code of another row."""
    (part, faults), n = plan, len(table)
    slips = rng.random(n) < (faults.slip_share if part.keyed.codes else 1.0)
    slips &= bool(part.keyed.amounts)
    amount = _one_of(rng, part.keyed.amounts, wrong & slips)
    code = _one_of(rng, part.keyed.codes, wrong & ~slips)
    others = rng.permutation(n)
    slipped = [_slipped(table[name], here) for name, here in amount.items()]
    swapped = [_put(table[name], table[name][others], here) for name, here in code.items()]
    return table.with_columns(*slipped, *swapped)


def _one_of(rng: np.random.Generator, names: tuple[str, ...], rows: Mask) -> dict[str, Mask]:
    """One of the columns for each chosen row."""
    which = rng.integers(0, max(len(names), 1), len(rows))
    return {name: rows & (which == at) for at, name in enumerate(names)}


def _slipped(yuan: pl.Series, here: Mask) -> pl.Series:
    fen = (yuan.cast(pl.Float64).fill_null(0.0) * 100).round().cast(pl.Int64).to_numpy()
    slip = text.yuan(yuan.name, fen * _DECIMAL_SLIP)
    return _put(yuan, slip, here & yuan.is_not_null().to_numpy())


def _put(column: pl.Series, other: pl.Series, here: NDArray[Any]) -> pl.Series:
    """`column` with the values of `other` in some places."""
    return column.zip_with(pl.Series(~here), other)
