"""Timing: whether an owner submits when a certain agency has just come to the head."""

from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from models.rotation.answer import Answer, check_alike, found, insufficient, too_few
from models.rotation.tails import binomial, upper_mid_p

LEAST: Final = 2
WITHIN_S: Final = 7_200
"""Two office hours: what counts as just after."""


def timing(n_submitted: int, n_within: int, share: float) -> Answer:
    """Submissions just after the agency came to the head, against its share of the time.

    `share` is the part of all office time in which the agency had come to the head no longer ago
    than that (`head_share`). Arrivals that do not look at the queue see time averages, so the
    count is binomial; upper mid-p. The statistic is the share of the submissions.

    >>> timing(4, 3, 0.02).p
    1.58...e-05
    """
    if n_submitted < LEAST:
        return too_few(n_submitted, LEAST)
    if not 0.0 < share < 1.0:
        zh, en = "无法得知该单位在队首的时间", "how long the agency was at the head is not known"
        return insufficient(n_submitted, zh=zh, en=en)
    return found(
        n_within / n_submitted,
        upper_mid_p(binomial(n_submitted, share), n_within),
        n_submitted,
        zh=f"{n_submitted}次报送中{n_within}次在该单位刚到队首时(该时段占{share:.1%})",
        en=f"{n_within} of {n_submitted} submissions came just after the agency reached the head "
        f"({share:.1%} of the time)",
    )


def head_share(
    head_s: Integers, drawn_s: Integers, span_s: int, *, within_s: int = WITHIN_S
) -> float:
    """Share of a span in which an agency had come to the head at most `within_s` ago.

    `head_s` and `drawn_s` are when it came to the head and was drawn, in office seconds.

    >>> head_share(np.array([0, 50_000]), np.array([3_600, 90_000]), 108_000)
    0.1
    """
    check_alike(head_s=len(head_s), drawn_s=len(drawn_s))
    spells = np.clip(drawn_s - head_s, 0, within_s)
    return float(spells.sum()) / span_s if span_s > 0 else 0.0
