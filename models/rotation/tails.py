"""Exact distributions of counts, and the mid-p of a tail.

Sums of independent trials are convolved directly: every term is positive, so that tails far out
keep their relative accuracy, which a Fourier transform would lose at 1e-16.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.contracts.vectors import Vector

_RULE: Final = "a probability lies in [0, 1]"


def poisson_binomial(p: Vector) -> Vector:
    """Probabilities of 0 to n successes in n independent trials that succeed with `p` each.

    The direct convolution of Hong 2013, "On computing the distribution function for the Poisson
    binomial distribution", doi:10.1016/j.csda.2012.10.006.

    >>> poisson_binomial(np.array([0.5, 0.5, 0.1])).round(3).tolist()
    [0.225, 0.475, 0.275, 0.025]
    """
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError(_RULE)
    pmf = np.zeros(len(p) + 1)
    pmf[0] = 1.0
    for n, each in enumerate(p.tolist(), 1):
        pmf[1 : n + 1] = pmf[1 : n + 1] * (1.0 - each) + pmf[:n] * each
        pmf[0] *= 1.0 - each
    return pmf


def binomial(n: int, p: float) -> Vector:
    """Probabilities of 0 to n successes in n trials that all succeed with `p`.

    >>> binomial(2, 0.5).tolist()
    [0.25, 0.5, 0.25]
    """
    return poisson_binomial(np.full(n, p))


def hypergeometric(total: int, marked: int, drawn: int) -> Vector:
    """Probabilities of 0 to `drawn` marked ones among `drawn` of `total`, `marked` of them marked.

    >>> hypergeometric(4, 2, 2).round(3).tolist()
    [0.167, 0.667, 0.167]
    """
    if not 0 <= max(marked, drawn) <= total or min(marked, drawn) < 0:
        message = f"{marked} marked and {drawn} drawn do not fit into {total}"
        raise ValueError(message)
    x = np.arange(drawn + 1)
    possible = (x <= marked) & (drawn - x <= total - marked)
    log = _log_factorials(total)
    ways = np.where(possible, x, 0), np.where(possible, drawn - x, 0)
    inside = log[marked] - log[ways[0]] - log[np.maximum(marked - ways[0], 0)]
    rest = total - marked
    outside = log[rest] - log[np.minimum(ways[1], rest)] - log[np.maximum(rest - ways[1], 0)]
    whole = log[total] - log[drawn] - log[total - drawn]
    return np.where(possible, np.exp(inside + outside - whole), 0.0)


def added(parts: Sequence[Vector]) -> Vector:
    """Distribution of the sum of independent counts.

    >>> added([np.array([0.5, 0.5]), np.array([0.5, 0.5])]).tolist()
    [0.25, 0.5, 0.25]
    """
    pmf = np.ones(1)
    for part in parts:
        pmf = np.convolve(pmf, part)
    return pmf


def fullest(items: int, cells: int) -> Vector:
    """Probabilities that the fullest of equally likely cells holds 0 to `items` items.

    Exact: P(no cell holds more than c) = k! [z^k] (sum over j <= c of z^j / j!)^m / m^k.

    >>> fullest(2, 4).round(9).tolist()
    [0.0, 0.75, 0.25]
    """
    if items < 1 or cells < 1:
        message = f"{items} items in {cells} cells; both must be 1 or more"
        raise ValueError(message)
    below = [0.0, *(_none_above(most, items, cells) for most in range(1, items + 1))]
    return np.diff(np.array(below), prepend=0.0)


def upper_mid_p(pmf: Vector, count: int) -> float:
    """P(X > count) + P(X = count) / 2: a tail that is right on average where counts are coarse.

    >>> upper_mid_p(np.array([0.25, 0.5, 0.25]), 2)
    0.125
    """
    return float(pmf[count + 1 :].sum() + pmf[count] / 2.0)


def _log_factorials(n: int) -> Vector:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def _none_above(most: int, items: int, cells: int) -> float:
    """P(no cell holds more than `most`), item counts of the cells added one cell at a time."""
    log = _log_factorials(items)
    one = np.exp(-log[: most + 1])
    ways, left, power = np.ones(1), cells, one
    while left:
        if left & 1:
            ways = np.convolve(ways, power)[: items + 1]
        power = np.convolve(power, power)[: items + 1]
        left >>= 1
    if len(ways) <= items:
        return 0.0
    return min(1.0, float(ways[items] * np.exp(log[items] - items * np.log(cells))))
