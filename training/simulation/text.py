"""Columns of integers as the texts a platform would export."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.simulation.columns import scramble
from training.simulation.days import NEVER, Integers


def stamps(name: str, at: Integers) -> pl.Series:
    """Local ISO 8601 time stamps with their offset; `NEVER` is blank.

    >>> stamps("at", np.array([86_400, NEVER])).to_list()
    ['1970-01-02T00:00:00+08:00', None]
    """
    known = pl.Series(name, np.where(at == NEVER, 0, at) * 1000).cast(pl.Datetime("ms"))
    return unless(known.dt.strftime("%Y-%m-%dT%H:%M:%S+08:00"), at == NEVER)


def codes(name: str, prefix: str, numbers: Integers) -> pl.Series:
    """Codes that do not show the order in which things were made; negative is blank.

    >>> codes("firm", "E", np.array([0, -1])).to_list()
    ['E00104729', None]
    """
    text = pl.Series(name, scramble(np.maximum(numbers, 0))).cast(pl.String).str.zfill(8)
    return unless((prefix + text).rename(name), numbers < 0)


def serials(name: str, prefix: str, numbers: Integers, width: int) -> pl.Series:
    """Running numbers with a prefix.

    >>> serials("id", "P", np.array([7]), 4).to_list()
    ['P0007']
    """
    return (prefix + pl.Series(name, numbers).cast(pl.String).str.zfill(width)).rename(name)


def words(name: str, positions: NDArray[Any], vocabulary: Sequence[str]) -> pl.Series:
    """Words by their positions; negative is blank."""
    chosen = pl.Series(name, list(vocabulary))[np.maximum(positions, 0).astype(np.int64)]
    return unless(chosen.rename(name), positions < 0)


def yuan(name: str, fen: Integers) -> pl.Series:
    """Money as decimal text with two places.

    >>> yuan("amount", np.array([12_000_000, -5])).to_list()
    ['120000.00', '-0.05']
    """
    whole = pl.Series(np.abs(fen) // 100).cast(pl.String)
    cents = pl.Series(np.abs(fen) % 100).cast(pl.String).str.zfill(2)
    sign = pl.Series(np.where(fen < 0, "-", ""))
    return (sign + whole + "." + cents).rename(name)


def thinned(series: pl.Series, rng: np.random.Generator, share: float) -> pl.Series:
    """The column with a share of its values left blank."""
    return unless(series, rng.random(len(series)) < share)


def unless(series: pl.Series, blank: NDArray[np.bool_]) -> pl.Series:
    """The column, left blank where it says so."""
    return series.to_frame().select(
        pl.when(~pl.Series(blank)).then(pl.col(series.name)).alias(series.name)
    )[series.name]
