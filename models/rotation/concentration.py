"""Concentration: whether one party's draws fall on fewer agencies than its place in time gives."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, check_alike, found, insufficient, too_few

TURNS: Final = 2_000
"""Turns that are drawn where there are several strata; of one, all are made."""
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
    turns: int = TURNS,
) -> Answer:
    """HHI of the weights (fees, or ones) over agencies, against turns of the draws in time.

    Rows are in the order of time. A turn moves the party's places of each stratum on by some draws,
    as around a circle, and leaves the agencies where they are. So a queue's even spacing and a
    party's cases that come in batches are kept; a shuffle would break both, and call fair what a
    rotation never gives. A party whose cases come in step with the queue, so that an agency is
    always at the head for it, is left to the tests of pairs.

    The statistic is in standard deviations of the turns; p is the share of turns at least as
    concentrated, the party's own among them and ties halved.

    References
    ----------
    Harris 2020, "A shift test for independence in generic time series", arXiv:2012.06862.

    >>> agency, mine = np.arange(60) * 7 % 12, np.arange(60) % 12 < 4
    >>> agency[mine] %= 3
    >>> answer = concentration(agency, np.ones(60), mine, np.zeros(60, np.int64), seed=1)
    >>> answer.statistic > 2, answer.p < 0.05
    (True, True)
    """
    check_alike(agency=len(agency), weight=len(weight), mine=len(mine), stratum=len(stratum))
    n = int(mine.sum())
    if n < LEAST:
        return too_few(n, LEAST)
    inside = np.isin(stratum, stratum[mine])
    codes = np.unique(agency[inside], return_inverse=True)[1]
    held = _Turned(codes, weight[inside], mine[inside], stratum[inside])
    null = held.hhi(held.turns(np.random.default_rng(seed), turns))
    seen = null[0]
    tie = np.abs(null - seen) < _TIE
    p = (((null > seen) & ~tie).sum() + 0.5 * tie.sum()) / len(null)
    sd = float(null.std())
    if sd < _TIE:
        zh, en = "怎样错位都一样集中", "any turn of these draws is as concentrated"
        return insufficient(n, zh=zh, en=en)
    return found(
        float(seen - null.mean()) / sd,
        float(p),
        n,
        zh=f"{n}次抽取的集中度(HHI)为{seen:.3f},公平抽取约{null.mean():.3f}",
        en=f"concentration (HHI) of {n} draws is {seen:.3f}, about {null.mean():.3f} in fair draws",
    )


class _Turned:
    """The draws of the strata concerned, and the hands that a party has after a turn of each."""

    def __init__(self, codes: Integers, weight: Vector, mine: Mask, stratum: Integers) -> None:
        self.codes, self.weight, self.n_codes = codes, weight, int(codes.max()) + 1
        self.parts = [
            (rows, np.flatnonzero(mine[rows]))
            for each in np.unique(stratum).tolist()
            for rows in [np.flatnonzero(stratum == each)]
        ]

    def turns(self, rng: np.random.Generator, times: int) -> Integers:
        """A row of positions for each turn, the party's own first: all, or `times` at random."""
        lengths = np.array([len(rows) for rows, _ in self.parts])
        if len(self.parts) == 1:
            by = np.arange(lengths[0])[:, None]
        else:
            by = np.vstack(
                [np.zeros_like(lengths), rng.integers(0, lengths, (times, len(lengths)))]
            )
        hands = [
            rows[(places + by[:, [at]]) % len(rows)] for at, (rows, places) in enumerate(self.parts)
        ]
        return np.concatenate(hands, axis=1)

    def hhi(self, hands: Integers) -> Vector:
        """Sum of squared shares of each hand (a row of positions)."""
        n = len(hands)
        cells = (np.arange(n)[:, None] * self.n_codes + self.codes[hands]).ravel()
        sums = np.bincount(cells, self.weight[hands].ravel(), minlength=n * self.n_codes)
        sums = sums.reshape(n, self.n_codes)
        shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray((shares**2).sum(axis=1))
