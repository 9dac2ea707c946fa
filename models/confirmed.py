"""P(confirmed): the chance that a review confirms an event, once enough reviews say so.

The fitter lives in `models.fitting.confirmed`. Until it has enough to go by there is no such
number, and severity goes by percentile alone.
"""

from dataclasses import dataclass
from math import tanh
from typing import Final, NamedTuple, Self

import numpy as np

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix
from features.contracts.verdicts import Band, Likelihood
from models.arrays import Array, Arrays, take

COVERAGE: Final = 0.95
"""Nominal coverage of the interval."""
_LEAST: Final = 2.0
_BANDS: Final = ((0.5, Band.HIGH), (0.2, Band.MEDIUM), (0.05, Band.LOW))


def band(chance: float) -> Band:
    """Severity by P(confirmed).

    >>> [band(p).value for p in (0.049, 0.05, 0.2, 0.5)]
    ['info', 'low', 'medium', 'high']
    """
    return next((name for floor, name in _BANDS if chance >= floor), Band.INFO)


class Chance(NamedTuple):
    """A probability with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Confirmed:
    """P = 1 / (1 + exp(-(a + b z))) of the score z, in units of the reviewed events' spread.

    Two numbers, since a hundred reviews with a dozen confirmed cases bear no more: a step function
    (isotonic regression) is not reliably better before about a thousand. `model` and `robust` are
    two covariances of (a, b): what the reviews' number alone leaves open, and what their weights
    and scatter leave open; at every score the wider one makes the interval.

    The chance is one of being confirmed by a review like those that were made, reviewers' own
    mistakes included.

    >>> unit = 0.01 * np.eye(2)
    >>> confirmed = Confirmed(-1.0, 2.0, 0.0, 1.0, unit, unit, quantile=1.98, n=120)
    >>> [round(number, 2) for number in confirmed.chance(1.0)]
    [0.73, 0.67, 0.78]

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999: the two numbers, and targets
    that are never quite 0 or 1.
    Niculescu-Mizil, Caruana, "Predicting good probabilities with supervised learning", ICML 2005,
    doi:10.1145/1102351.1102430: how many cases isotonic regression takes.
    MacKinnon, White, "Some heteroskedasticity-consistent covariance matrix estimators with improved
    finite sample properties", Journal of Econometrics 29, 1985, doi:10.1016/0304-4076(85)90158-7.
    """

    intercept: float
    slope: float
    center: float
    spread: float
    model: Matrix
    robust: Matrix
    quantile: float
    """Of Student's t, for the number of reviews that the weights leave."""
    n: int
    """Reviews it was calibrated on."""

    def chance(self, score: float) -> Chance:
        """The chance at a score of the labelled model."""
        at = np.array([1.0, (score - self.center) / self.spread])
        logit = float(at @ np.array([self.intercept, self.slope]))
        wider = max(float(at @ self.model @ at), float(at @ self.robust @ at))
        half = self.quantile * wider**0.5
        return Chance(_share(logit), _share(logit - half), _share(logit + half))

    def likelihood(self, score: float) -> Likelihood:
        """The chance as it crosses the border, with the reviews it rests on."""
        return Likelihood(**self.chance(score)._asdict(), n_reviews=self.n)

    def arrays(self) -> dict[str, Array]:
        """The eight numbers and the two covariances."""
        numbers = [self.intercept, self.slope, self.center, self.spread, self.quantile, self.n]
        return {"numbers": np.array(numbers), "model": self.model, "robust": self.robust}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; covariances must be positive and symmetric, spread and n too."""
        numbers = take(arrays, "numbers", np.float64, (6,)).tolist()
        intercept, slope, center, spread, quantile, n = numbers
        model, robust = (take(arrays, name, np.float64, (2, 2)) for name in ("model", "robust"))
        for name, matrix in (("model", model), ("robust", robust)):
            is_symmetric = np.array_equal(matrix, matrix.T)
            if not is_symmetric or np.linalg.eigvalsh(matrix)[0] < 0.0:
                raise CorruptBundleError(f"array {name!r} must be a covariance")
        if not (spread > 0.0 and quantile > 0.0 and n >= _LEAST and n == int(n)):
            raise CorruptBundleError("array 'numbers' must hold a positive spread and quantile")
        return cls(intercept, slope, center, spread, model, robust, quantile, int(n))


def _share(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow."""
    return 0.5 * (1.0 + tanh(0.5 * logit))
