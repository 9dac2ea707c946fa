"""What a score means: its place among held-out ordinary events.

p = (1 + #{held-out scores >= s}) / (n + 1) is valid whatever the distribution, as long as the
held-out events were never fitted; it is at most `budget` on at most that share of events like them.
"""

from dataclasses import dataclass
from math import isnan
from typing import Final, Self

import numpy as np

from features.contracts.errors import CorruptBundleError, InputError
from features.contracts.vectors import Vector
from features.contracts.verdicts import Band, Scores
from models.arrays import Array, Arrays, take

_BANDS: Final = ((0.999, Band.HIGH), (0.99, Band.MEDIUM), (0.95, Band.LOW))


def band(percentile: float) -> Band:
    """Severity by percentile.

    >>> [band(p).value for p in (0.9499, 0.95, 0.99, 0.999)]
    ['info', 'low', 'medium', 'high']
    """
    return next((name for floor, name in _BANDS if percentile >= floor), Band.INFO)


def one_in(p_value: float) -> int:
    """The N of "about 1 in N events is as unusual".

    >>> one_in(0.01)
    100
    """
    return max(1, round(1.0 / p_value))


def line_rank(n: int, budget: float) -> int:
    """The largest r with r / (n + 1) <= `budget`: an alert scores above the r-th highest of n.

    >>> line_rank(1_999, 0.01), line_rank(98, 0.01)
    (20, 0)
    """
    room = int(budget * (n + 1)) + 1
    while room > 0 and room / (n + 1) > budget:
        room -= 1
    return room


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Sorted scores of held-out events.

    >>> calibration = Calibration.fit(np.arange(99.0))
    >>> calibration.p_value(98.0), calibration.percentile(98.0).__round__(3)
    (0.02, 0.99)
    >>> calibration.threshold(0.05), calibration.p_value(94.0), calibration.p_value(94.5)
    (94.0, 0.06, 0.05)
    """

    scores: Vector

    @classmethod
    def fit(cls, scores: Vector) -> Self:
        """Keep the held-out scores, sorted."""
        if scores.size == 0 or not np.isfinite(scores).all():
            raise InputError("calibration needs at least one held-out score, all of them finite")
        return cls(np.sort(scores.astype(np.float64)))

    @property
    def n_rows(self) -> int:
        """How many held-out events there are."""
        return int(self.scores.size)

    def p_value(self, score: float) -> float:
        """Conformal p-value: share of events at least as unusual, this one counted among them.

        Raises
        ------
        InputError
            The score is NaN, which has no place among others.
        """
        return (1 + self.n_rows - self._n_lower(score)) / (self.n_rows + 1)

    def percentile(self, score: float) -> float:
        """Share of held-out events that score strictly lower."""
        return self._n_lower(score) / self.n_rows

    def percentiles(self, scores: Vector) -> Vector:
        """The percentile of each score."""
        lower: Vector = self.scores.searchsorted(scores, side="left") / self.n_rows
        return lower

    def _n_lower(self, score: float) -> int:
        if isnan(score):
            raise InputError("a score that is NaN has no place among others; check the features")
        return int(self.scores.searchsorted(score, side="left"))

    def threshold(self, budget: float) -> float:
        """The score that must be exceeded: p <= budget exactly where score > threshold.

        Infinite where there are too few held-out events to tell so small a share.
        """
        rank = line_rank(self.n_rows, budget)
        if rank == 0:
            return float("inf")
        return float(self.scores[self.n_rows - rank]) if rank <= self.n_rows else float("-inf")

    def is_alert(self, score: float, budget: float) -> bool:
        """Whether a review budget (share of events) selects this score."""
        return self.p_value(score) <= budget

    def scores_of(self, score: float, *, is_alert: bool) -> Scores:
        """All that leaves the service about a raw score."""
        p_value, percentile = self.p_value(score), self.percentile(score)
        return Scores(
            percentile=percentile,
            p_value=p_value,
            one_in=one_in(p_value),
            band=band(percentile),
            is_alert=is_alert,
        )

    def arrays(self) -> dict[str, Array]:
        """The sorted scores."""
        return {"scores": self.scores}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; scores must be sorted, and there must be one."""
        scores = take(arrays, "scores", np.float64, (None,))
        if scores.size == 0 or not (np.diff(scores) >= 0.0).all():
            raise CorruptBundleError("array 'scores' must hold sorted held-out scores")
        return cls(scores)
