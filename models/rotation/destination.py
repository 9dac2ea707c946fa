"""Destination: where recusals and re-draws lead to."""

from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from models.rotation.answer import Answer, found, too_few
from models.rotation.tails import fullest, upper_mid_p

LEAST: Final = 2


def destination(agency: Integers, n_eligible: int, *, least: int = LEAST) -> Answer:
    """The agency that most of the swaps ended at, against an even spread over those eligible.

    `agency` is where each swap ended, `n_eligible` among how many it could. Exact distribution of
    the fullest cell of a multinomial, mid-p; the statistic is the largest share.

    >>> destination(np.array([7, 7, 7, 2]), 15).p
    0.008...
    """
    n = len(agency)
    if n < least or n_eligible < LEAST:
        return too_few(n, least)
    most = int(np.unique(agency, return_counts=True)[1].max())
    return found(
        most / n,
        upper_mid_p(fullest(n, n_eligible), most),
        n,
        zh=f"{n}次更换中{most}次到同一单位(可选{n_eligible}家)",
        en=f"{most} of {n} swaps ended at one agency (of {n_eligible} eligible)",
    )
