"""How often the threshold tests speak: on values that know of no limit, and on such that do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from features.contracts.vectors import Integers
from models.thresholds import Side, bunching

LIMIT: Final = 400_000_000
"""Fen: the limit for works."""
LEVEL: Final = 0.05
SHARES: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Shares of those in reach above the limit that keep below it."""
_REACH: Final = 1.2
_ROUND: Final = 1_000_000
_ROUNDER: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How many values, of what median and spread; `heaped` is the share that is rounded."""

    name: str
    n: int
    median_of_limit: float
    sigma: float
    heaped: float = 0.0


SHAPES: Final = (
    Shape("a buyer with 150 contracts near the limit", 150, 0.8, 0.5),
    Shape("a buyer with 400 contracts", 400, 0.3, 0.9),
    Shape("an office with 1,500 contracts", 1_500, 0.2, 1.0),
    Shape("the same, a third of them rounded", 1_500, 0.2, 1.0, 1 / 3),
)


def draw(rng: np.random.Generator, shape: Shape, share: float = 0.0) -> Integers:
    """Amounts in fen; `share` of those up to a fifth above the limit come to lie 1 to 5 % below it.

    >>> amounts = draw(np.random.default_rng(1), SHAPES[0], share=1.0)
    >>> bool(((amounts >= LIMIT) & (amounts < 1.19 * LIMIT)).any())
    False
    """
    x = shape.median_of_limit * np.exp(rng.normal(0.0, shape.sigma, shape.n))
    moved = (x >= 1.0) & (x < _REACH) & (rng.random(shape.n) < share)
    x = np.where(moved, rng.uniform(0.95, 0.99, shape.n), x)
    fen = np.maximum(np.round(x * LIMIT / 100).astype(np.int64) * 100, 100)
    unit = rng.choice(np.array([_ROUND, _ROUNDER]), shape.n)
    is_round = (rng.random(shape.n) < shape.heaped) & ~moved
    return np.where(is_round, np.maximum(np.round(fen / unit), 1).astype(np.int64) * unit, fen)


def rates(
    shape: Shape, *, draws: int, seed: int = 1, share: float = 0.0, side: Side = "below"
) -> tuple[float, int]:
    """Share of the answers with p at or below 5 %, and how many draws had an answer."""
    rng, limits = np.random.default_rng(seed), np.full(shape.n, LIMIT)
    found = [bunching(draw(rng, shape, share), limits, side=side).p for _ in range(draws)]
    p = np.array([value for value in found if value is not None])
    return float((p <= LEVEL).mean()) if len(p) else 0.0, len(p)


def power(*, draws: int = 400, seed: int = 1) -> pl.DataFrame:
    """How often each shape is told apart, by the share of contracts that keep below the limit."""
    return pl.DataFrame(list(_lines(draws, seed)))


def _lines(draws: int, seed: int) -> Iterator[dict[str, float | str]]:
    for shape in SHAPES:
        line: dict[str, float | str] = {"values": shape.name}
        for share in SHARES:
            line[f"{share:.0%}"] = rates(shape, draws=draws, seed=seed, share=share)[0]
        yield line
