"""Cells compared: with a peer by the kind of aggregate, between our own paths bit for bit."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

ROUNDED: Final = ("_mean_", "_std_")
"""Aggregates that peers compute in floats."""
RELATIVE: Final = 1e-9


def against_peer(ours: pl.DataFrame, peer: pl.DataFrame) -> dict[str, list[int]]:
    """Rows a feature whose cells differ: exact, but for means and deviations within 1e-9."""
    return {
        name: np.flatnonzero(unequal(*pair, RELATIVE * is_rounded(name))).tolist()
        for name, pair in _pairs(ours, peer)
    }


def bits(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, int]:
    """Cells a feature that differ in any bit; two missing values are alike."""
    return {name: _unlike(*pair) for name, pair in _pairs(one, other)}


def _pairs(one: pl.DataFrame, other: pl.DataFrame) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    if len(one) != len(other):
        raise ValueError(f"{len(one)} rows stand against {len(other)}")
    for name in one.columns:
        yield name, (one[name].to_numpy(), other[name].to_numpy())


def is_rounded(name: str) -> bool:
    """Whether peers compute the feature in floats."""
    return any(part in name for part in ROUNDED)


def unequal(one: Floats, other: Floats, relative: float) -> npt.NDArray[np.bool_]:
    """Where two columns are further apart than `relative` allows; two missing values are not."""
    near = np.abs(one - other) <= relative * np.abs(one)
    return ~(near | (np.isnan(one) & np.isnan(other)))


def _unlike(one: Floats, other: Floats) -> int:
    same = one.view(np.int64) == other.view(np.int64)
    return int((~(same | (np.isnan(one) & np.isnan(other)))).sum())
