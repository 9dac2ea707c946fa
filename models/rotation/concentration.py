"""Concentration: whether one party's draws fall on fewer agencies than shuffles give."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, check_alike, found, too_few

SHUFFLES: Final = 2_000
LEAST: Final = 5
_TIE: Final = 1e-12
Mask = NDArray[np.bool_]


def concentration(
    agency: Integers,
    weight: Vector,
    mine: Mask,
    stratum: Integers,
    *,
    seed: int,
    shuffles: int = SHUFFLES,
) -> Answer:
    """HHI of the weights (fees, or ones) over agencies, against shuffles within each stratum.

    A shuffle deals the stratum's draws anew to all who draw there. The statistic is in standard
    deviations of the shuffles; p is the share of shuffles at least as concentrated, ties halved,
    (1 + k) / (1 + shuffles).

    >>> agency = np.arange(60) % 12
    >>> mine = agency < 2
    >>> answer = concentration(agency, np.ones(60), mine, np.zeros(60, np.int64), seed=1)
    >>> answer.statistic > 5, answer.p < 0.001
    (True, True)
    """
    check_alike(agency=len(agency), weight=len(weight), mine=len(mine), stratum=len(stratum))
    n = int(mine.sum())
    if n < LEAST:
        return too_few(n, LEAST)
    inside = np.isin(stratum, stratum[mine])
    codes = np.unique(agency[inside], return_inverse=True)[1]
    held = _Dealt(codes, weight[inside], mine[inside], stratum[inside])
    seen = held.hhi(np.flatnonzero(mine[inside])[None, :])[0]
    null = held.shuffled(np.random.default_rng(seed), shuffles)
    tie = np.abs(null - seen) < _TIE
    p = (1 + ((null > seen) & ~tie).sum() + 0.5 * tie.sum()) / (1 + shuffles)
    sd = float(null.std())
    statistic = float(seen - null.mean()) / sd if sd > 0.0 else 0.0
    return found(
        statistic,
        float(p),
        n,
        zh=f"{n}次抽取的集中度(HHI)为{seen:.3f},公平抽取约{null.mean():.3f}",
        en=f"concentration (HHI) of {n} draws is {seen:.3f}, about {null.mean():.3f} in fair draws",
    )


class _Dealt:
    """The draws of the strata concerned, and hands that may be dealt from them."""

    def __init__(self, codes: Integers, weight: Vector, mine: Mask, stratum: Integers) -> None:
        self.codes, self.weight, self.n_codes = codes, weight, int(codes.max()) + 1
        self.parts = [
            (np.flatnonzero(stratum == each), int((mine & (stratum == each)).sum()))
            for each in np.unique(stratum[mine]).tolist()
        ]

    def hhi(self, hands: Integers) -> Vector:
        """Sum of squared shares of each hand (a row of positions)."""
        n = len(hands)
        cells = (np.arange(n)[:, None] * self.n_codes + self.codes[hands]).ravel()
        sums = np.bincount(cells, self.weight[hands].ravel(), minlength=n * self.n_codes)
        sums = sums.reshape(n, self.n_codes)
        shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray((shares**2).sum(axis=1))

    def shuffled(self, rng: np.random.Generator, times: int) -> Vector:
        """HHI of `times` hands dealt at random."""
        hands = []
        for rows, k in self.parts:
            keys = rng.random((times, len(rows)))
            hands.append(rows[np.argsort(keys, axis=1, kind="stable")[:, :k]])
        return self.hhi(np.concatenate(hands, axis=1))
