"""Skip depth: whether the head of the queue is passed over more often than it declines."""

from typing import Final

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import Answer, check_alike, found, too_few
from models.rotation.tails import poisson_binomial, upper_mid_p

LEAST: Final = 5


def skip_depth(depth: Integers, expected: Vector, *, least: int = LEAST) -> Answer:
    """Draws that passed over the head, against the chance that the head declines.

    `depth` is how many stood before the chosen agency (0 is the head), `expected` the chance
    that a fair draw passes over the head, each draw by itself. The statistic is the share of
    draws that did; p is the upper mid-p of the Poisson binomial.

    >>> import numpy as np
    >>> skip_depth(np.array([0, 0, 2, 0, 1, 0]), np.full(6, 0.03)).p
    0.0064...
    """
    check_alike(depth=len(depth), expected=len(expected))
    n, skipped = len(depth), int((depth > 0).sum())
    if n < least:
        return too_few(n, least)
    p = upper_mid_p(poisson_binomial(expected), skipped)
    mean = float(depth[depth > 0].mean()) if skipped else 0.0
    wanted = float(expected.sum())
    return found(
        skipped / n,
        p,
        n,
        zh=f"{n}次抽取中{skipped}次越过队首(预期{wanted:.1f}次),平均越过{mean:.1f}家",
        en=f"{skipped} of {n} draws passed over the head ({wanted:.1f} expected), "
        f"{mean:.1f} agencies each on average",
    )
