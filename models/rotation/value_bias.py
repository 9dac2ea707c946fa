"""Value bias: whether one agency's assignments are larger than a shuffle would make them."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, check_alike, found, insufficient, too_few

PERMUTATIONS: Final = 10_000
STOP_AT: Final = 20
"""Shuffles as extreme as what was seen after which no more are made."""
LEAST: Final = 2
_BATCH: Final = 1_280
_FEW: Final = 12
Mask = NDArray[np.bool_]


def value_bias(
    value: Vector,
    chosen: Mask,
    stratum: Integers,
    *,
    seed: int,
    tail: Literal["high", "low"] = "high",
    by: Literal["mean", "ranks"] = "mean",
    permutations: int = PERMUTATIONS,
) -> Answer:
    """Mean of the chosen draws' values against shuffles of the choice within each stratum.

    `by` says what is summed: the values, or the exponential scores -ln(rank / (n + 1)) of their
    ranks from the tail's end within the stratum (Savage 1956), which see a few extreme values
    among ordinary ones better than a mean does. Give logarithms where values have a long tail; a
    stratum is a specialty and quarter.

    Shuffling
    ends after 20 shuffles at least as extreme, and p = 20 / (shuffles made) is then still exact
    in the sense P(p <= a) <= a (Besag & Clifford 1991); else p = (1 + k) / (1 + shuffles). Ties
    count as extreme. The statistic is the difference of the means, chosen less all others' of
    their strata.

    References
    ----------
    Besag & Clifford 1991, "Sequential Monte Carlo p-values", doi:10.1093/biomet/78.2.301.
    Savage 1956, "Contributions to the theory of rank order statistics: the two-sample case",
    doi:10.1214/aoms/1177728170.

    >>> value, chosen = np.arange(40.0), np.arange(40) >= 37
    >>> value_bias(value, chosen, np.zeros(40, np.int64), seed=1).p < 0.001
    True
    """
    check_alike(value=len(value), chosen=len(chosen), stratum=len(stratum))
    sign = 1.0 if tail == "high" else -1.0
    known = ~np.isnan(value)
    pools = _pools(sign * value[known], chosen[known], stratum[known])
    n = sum(k for _, k in pools)
    if n < LEAST:
        return too_few(n, LEAST)
    if not any(len(pool) > k for pool, k in pools):
        return insufficient(n, zh="没有可比的其他抽取", en="no other draw to compare with")
    usual = sum(float(pool.mean()) * k for pool, k in pools)
    difference = float(value[known & chosen].sum() - sign * usual) / n
    summed = sign * value
    if by == "ranks":
        summed = extremeness(value, stratum, tail=tail)
        pools = _pools(summed[known], chosen[known], stratum[known])
    seen = float(summed[known & chosen].sum())
    p = _shuffled(pools, seen, np.random.default_rng(seed), permutations)
    return found(
        difference,
        p,
        n,
        zh=f"{n}次的均值比同专业同期相差{difference:+.3g}",
        en=f"the mean of {n} differs by {difference:+.3g} from the same specialty and period",
    )


def _pools(value: Vector, chosen: Mask, stratum: Integers) -> list[tuple[Vector, int]]:
    """Values of each stratum that holds a chosen draw, and how many are chosen."""
    return [
        (value[stratum == each], int((chosen & (stratum == each)).sum()))
        for each in np.unique(stratum[chosen]).tolist()
    ]


def _shuffled(
    pools: list[tuple[Vector, int]], seen: float, rng: np.random.Generator, most: int
) -> float:
    """Share of shuffles whose sum reaches what was seen, ended early where that is common."""
    bound = seen - 1e-9 * max(1.0, abs(seen))
    reached = made = 0
    batch = 4 * STOP_AT
    while made < most:
        sums = np.zeros(min(batch, most - made))
        for pool, k in pools:
            sums += _drawn(pool, k, len(sums), rng)
        hits = np.cumsum(sums >= bound)
        if reached + int(hits[-1]) >= STOP_AT:
            made += int(np.searchsorted(hits, STOP_AT - reached)) + 1
            return STOP_AT / made
        reached, made, batch = reached + int(hits[-1]), made + len(sums), min(2 * batch, _BATCH)
    return (1 + reached) / (1 + made)


def _drawn(pool: Vector, k: int, times: int, rng: np.random.Generator) -> Vector:
    """Sums of `k` values drawn without replacement, `times` over."""
    if k == len(pool):
        return np.full(times, float(pool.sum()))
    if k == 1:
        return np.asarray(pool[rng.integers(0, len(pool), times)])
    if k <= _FEW:
        return np.asarray(pool[_places(len(pool), k, times, rng)].sum(axis=1))
    keys = rng.random((times, len(pool)))
    return np.asarray(pool[np.argpartition(keys, k - 1, axis=1)[:, :k]].sum(axis=1))


def _places(n: int, k: int, times: int, rng: np.random.Generator) -> Integers:
    """`k` of `n` places without replacement, `times` over: each drawn among those left."""
    picked = np.empty((times, k), dtype=np.int64)
    for at in range(k):
        place = rng.integers(0, n - at, times)
        for before in np.sort(picked[:, :at], axis=1).T:
            place += place >= before
        picked[:, at] = place
    return picked


def extremeness(value: Vector, stratum: Integers, *, tail: Literal["high", "low"]) -> Vector:
    """Exponential scores -ln(rank / (n + 1)) from the tail's end of each stratum; NaN stays NaN.

    Ties share their mid-rank.

    >>> value, stratum = np.array([1.0, 2.0, 3.0, np.nan]), np.zeros(4, np.int64)
    >>> extremeness(value, stratum, tail="low").round(2).tolist()
    [1.39, 0.69, 0.29, nan]
    """
    out = np.full(len(value), np.nan)
    toward = -value if tail == "high" else value
    for each in np.unique(stratum).tolist():
        rows = (stratum == each) & ~np.isnan(value)
        mine = np.sort(toward[rows])
        below = np.searchsorted(mine, toward[rows], side="left")
        through = np.searchsorted(mine, toward[rows], side="right")
        out[rows] = -np.log((below + through + 1) / 2.0 / (len(mine) + 1))
    return out
