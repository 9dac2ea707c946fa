"""Pair excess: whether an officer and an agency meet more often than the draw accounts for."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, check_alike, found, too_few
from models.rotation.tails import added, hypergeometric, poisson_binomial, upper_mid_p

LEAST: Final = 5
Mask = NDArray[np.bool_]


def pair_excess(drawn: Mask, p: Vector, *, least: int = LEAST) -> Answer:
    """One officer's draws that fell on one agency, against its chance in each eligible set.

    For a draw by lot: `p` is 1 / |E| where the agency was eligible, 0 elsewhere. Exact tail of
    the Poisson binomial, mid-p; the statistic is the number of draws above expectation.

    References
    ----------
    Marcondes, Peixoto & Stern, "Assessing randomness in case assignment: the case study of the
    Brazilian Supreme Court", Law, Probability and Risk 2019, doi:10.1093/lpr/mgz006.
    Hong 2013, doi:10.1016/j.csda.2012.10.006.

    >>> drawn = np.arange(20) < 5
    >>> pair_excess(drawn, np.full(20, 1 / 16)).p
    0.0038...
    """
    check_alike(drawn=len(drawn), p=len(p))
    if len(drawn) < least:
        return too_few(len(drawn), least)
    return _told(int(drawn.sum()), float(p.sum()), len(drawn), poisson_binomial(p))


def rotation_excess(
    to_agency: Mask, by_officer: Mask, stratum: Integers, *, least: int = LEAST
) -> Answer:
    """The same for a rotation, where the queue fixes how often each agency comes.

    What is left to chance is whose case comes when an agency is at the head: within a stratum
    (specialty) the officers' names are exchangeable over the draws, so the pair's count is
    hypergeometric, and counts of strata add. 1 / |E| would be too wide here, since a drawn agency
    goes to the back.

    >>> stratum, by = np.zeros(48, np.int64), np.arange(48) % 2 == 0
    >>> to = np.isin(np.arange(48), [0, 16, 32])
    >>> round(rotation_excess(to, by, stratum).p, 3)
    0.059
    """
    check_alike(to_agency=len(to_agency), by_officer=len(by_officer), stratum=len(stratum))
    n = int(by_officer.sum())
    if n < least:
        return too_few(n, least)
    parts, expected = list[Vector](), 0.0
    for each in np.unique(stratum[to_agency]).tolist():
        here = stratum == each
        total, marked = int(here.sum()), int((here & to_agency).sum())
        mine = int((here & by_officer).sum())
        parts.append(hypergeometric(total, marked, mine))
        expected += marked * mine / total
    return _told(int((to_agency & by_officer).sum()), expected, n, added(parts))


def _told(count: int, expected: float, n: int, pmf: Vector) -> Answer:
    return found(
        count - expected,
        upper_mid_p(pmf, count),
        n,
        zh=f"{n}次抽取中{count}次落到该单位(预期{expected:.1f}次)",
        en=f"{count} of {n} draws fell on the agency ({expected:.1f} expected)",
    )
