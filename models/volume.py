"""The alert rate that a budget promises beside the one that came, and what chance explains.

A line drawn through n held-out scores so that r of n + 1 ranks lie above it lets through an unknown
share of fresh events like them, which is itself random: Beta(r, n + 1 - r). So the number of alerts
among m fresh events is beta-binomial, and much wider than a binomial where n is small: with 10,000
held-out scores the rate at one in a thousand varies by 30 % of itself for that reason alone.
"""

from dataclasses import dataclass
from math import lgamma
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from models.calibrate import line_rank

LEVEL: Final = 0.99


@dataclass(frozen=True, slots=True)
class AlertVolume:
    """Alerts among fresh events: how many were to be expected, how many came.

    >>> volume = AlertVolume.of(1_450, n_events=100_000, budget=0.01, n_held_out=10_000)
    >>> volume.expected, volume.low, volume.high, volume.is_inside, round(volume.error, 2)
    (0.0099..., 750, 1288, False, 0.45)
    """

    n_events: int
    n_alerts: int
    budget: float
    """The share that was announced."""
    expected: float
    """The share that the line lets through on average; at most the budget."""
    low: int
    high: int
    """Ends of the interval of alerts, both within it."""

    @classmethod
    def of(
        cls, n_alerts: int, *, n_events: int, budget: float, n_held_out: int, level: float = LEVEL
    ) -> "AlertVolume":
        """Hold `n_alerts` of `n_events` against a line drawn through `n_held_out` scores.

        The line is drawn once and the events are like the held-out ones; a line that moves along
        varies less, so that the interval is wide for it.

        Raises
        ------
        InputError
            There are more alerts than events, or no held-out score.
        """
        if not 0 <= n_alerts <= n_events or n_held_out < 1:
            raise InputError(f"{n_alerts} alerts of {n_events} events cannot be; count again")
        rank = line_rank(n_held_out, budget)
        low, high = interval(n_events, rank, n_held_out + 1 - rank, level=level)
        return cls(n_events, n_alerts, budget, rank / (n_held_out + 1), low, high)

    @property
    def realised(self) -> float:
        """The share that came; 0 of none."""
        return self.n_alerts / self.n_events if self.n_events else 0.0

    @property
    def error(self) -> float:
        """How far the realised share lies from the budget, relative to it."""
        return self.realised / self.budget - 1.0

    @property
    def is_inside(self) -> bool:
        """Whether chance explains the difference."""
        return self.low <= self.n_alerts <= self.high


def interval(n: int, a: int, b: int, *, level: float = LEVEL) -> tuple[int, int]:
    """The central interval of a beta-binomial count of `n` with parameters `a` and `b`.

    Each tail outside of it has a probability of at most (1 - level) / 2. With a = 0 the count is 0,
    with b = 0 it is n.

    >>> interval(100, 1, 1, level=0.9), interval(100, 0, 5), interval(0, 1, 9)
    ((5, 95), (0, 0), (0, 0))

    References
    ----------
    Skellam, "A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials", JRSS B 10, 1948,
    doi:10.1111/j.2517-6161.1948.tb00014.x.
    """
    if n == 0 or a == 0 or b == 0:
        return (0, 0) if n == 0 or a == 0 else (n, n)
    k = np.arange(n, dtype=np.float64)
    steps = np.log((n - k) * (a + k)) - np.log((k + 1.0) * (n - k - 1.0 + b))
    start = lgamma(n + b) - lgamma(b) - lgamma(n + a + b) + lgamma(a + b)
    cumulated = np.cumsum(np.exp(start + np.concatenate([[0.0], np.cumsum(steps)])))
    tail = (1.0 - level) / 2.0
    low = int(np.searchsorted(cumulated, tail, side="left"))
    high = int(np.searchsorted(cumulated, 1.0 - tail, side="left"))
    return low, min(high, n)
