"""Destination: where recusals and re-draws lead to."""

from functools import reduce
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from models.rotation.answer import Answer, check_alike, found, too_few
from models.rotation.tails import fullest, upper_mid_p

LEAST: Final = 2


def destination(
    agency: Integers, stratum: Integers, n_eligible: Integers, *, least: int = LEAST
) -> Answer:
    """The agency that most of the swaps ended at, against an even spread over those eligible.

    `agency` is where each swap ended, `stratum` (specialty) in which of the queues and `n_eligible`
    among how many. Exact distribution of the fullest cell of a multinomial in each stratum, of
    which the fullest counts; mid-p. The statistic is the largest share.

    >>> one_queue, of_15 = np.zeros(4, np.int64), np.full(4, 15)
    >>> destination(np.array([7, 7, 7, 2]), one_queue, of_15).p
    0.008...

    Two swaps in each of two queues of three: seldom two different agencies in both, 4 times in 9.

    >>> destination(np.array([7, 7, 1, 2]), np.array([0, 0, 1, 1]), np.full(4, 3)).p
    0.277...
    """
    check_alike(agency=len(agency), stratum=len(stratum), n_eligible=len(n_eligible))
    free = n_eligible >= LEAST
    agency, stratum, n_eligible = agency[free], stratum[free], n_eligible[free]
    n = len(agency)
    if n < least:
        return too_few(n, least)
    cells = np.column_stack([stratum, agency])
    most = int(np.unique(cells, axis=0, return_counts=True)[1].max())
    below = []
    for each in np.unique(stratum).tolist():
        of_queue = fullest(int((stratum == each).sum()), int(n_eligible[stratum == each].max()))
        below.append(np.pad(np.cumsum(of_queue), (0, n + 1 - len(of_queue)), mode="edge"))
    pmf = np.diff(reduce(np.multiply, below), prepend=0.0)
    return found(
        most / n,
        upper_mid_p(pmf, most),
        n,
        zh=f"{n}次更换中{most}次到同一单位(可选{n_eligible.max()}家)",
        en=f"{most} of {n} swaps ended at one agency (of {n_eligible.max()} eligible)",
    )
