"""Calibrates P(confirmed) on reviewed events, and says why where it cannot yet.

Coverage of the 95 % interval, measured by simulation (`tests/unit/test_confirmed.py` repeats it) at
100 to 300 reviews of which a fifth are a random control, where the chance is a logistic curve of
the score: 93 to 97 % at scores that one event in a hundred or fewer exceed, which is where it is
shown, and 87 to 96 % down to one in ten. Where the chance is another curve (a plateau at a half,
say), no two numbers can follow it and coverage falls to about three in four: the interval says how
well the curve is known, not whether the chance is one.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix, Vector
from models.confirmed import COVERAGE, Confirmed

FEWEST: Final = 100
"""Reviews with an outcome that it takes."""
_STEPS: Final = 100
_LARGEST_STEP: Final = 2.0
_TOLERANCE: Final = 1e-9
_HIGHEST_LEVERAGE: Final = 0.95


class Calibrated(NamedTuple):
    """The calibration, or why there is none."""

    confirmed: Confirmed | None
    refusal: str = ""


class _Curve(NamedTuple):
    """A fitted logistic curve: its two numbers, what it predicts, its inverse curvature."""

    beta: Vector
    p: Vector
    inverse: Matrix


def fit_confirmed(score: Vector, is_confirmed: NDArray[np.bool_], weight: Vector) -> Calibrated:
    """Fit on scores from models that did not see the outcomes (`models.fitting.labelled.crossfit`).

    Weights are inverse inclusion probabilities, capped; they make alerts and controls together
    stand for all events. Reviews selected by a rule or a complaint stand for nothing known and
    must be left out.

    >>> fit_confirmed(np.zeros(99), np.ones(99, dtype=np.bool_), np.ones(99)).refusal
    '99 reviews with an outcome; P(confirmed) takes 100'
    """
    n, found = score.size, int(is_confirmed.sum())
    if n < FEWEST:
        refusal = f"{n} reviews with an outcome; P(confirmed) takes {FEWEST}"
        return Calibrated(None, refusal)
    if found in (0, n):
        only = "confirmed" if found else "cleared"
        return Calibrated(None, f"all {n} reviews are {only}; P(confirmed) takes both outcomes")
    spread = float(score.std())
    if spread == 0.0:
        return Calibrated(None, f"all {n} reviewed events score alike; nothing to tell them by")
    if not (weight > 0.0).all():
        raise InputError("a reviewed event must have a positive weight; leave it out instead")
    return Calibrated(_fit(score, is_confirmed, weight, spread))


def _fit(
    score: Vector, is_confirmed: NDArray[np.bool_], weight: Vector, spread: float
) -> Confirmed:
    center = float(np.average(score, weights=weight))
    columns = np.column_stack([np.ones(score.size), (score - center) / spread])
    curve = _curve(columns, _targets(is_confirmed, weight), weight)
    n_effective = float(weight.sum() ** 2 / (weight**2).sum())
    return Confirmed(
        intercept=float(curve.beta[0]),
        slope=float(curve.beta[1]),
        center=center,
        spread=spread,
        model=_symmetric(curve.inverse),
        robust=_symmetric(_robust(columns, is_confirmed, weight, curve)),
        quantile=float(stats.t.ppf(0.5 + COVERAGE / 2.0, max(n_effective - 2.0, 1.0))),
        n=score.size,
    )


def _targets(is_confirmed: NDArray[np.bool_], weight: Vector) -> Vector:
    """Platt's targets, one review short of certain: a curve exists even where a cut parts them."""
    yes = float(weight[is_confirmed].sum())
    no = float(weight.sum()) - yes
    return np.where(is_confirmed, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))


def _curve(columns: Matrix, target: Vector, weight: Vector) -> _Curve:
    """The weighted logistic curve, by Newton's steps of bounded length."""
    share = float(np.average(target, weights=weight))
    beta = np.array([np.log(share / (1.0 - share)), 1.0])
    for _ in range(_STEPS):
        p = expit(columns @ beta)
        inverse = _inverse(columns, weight * p * (1.0 - p))
        step = inverse @ (columns.T @ (weight * (p - target)))
        beta = beta - step / max(1.0, float(np.abs(step).max()) / _LARGEST_STEP)
        if float(np.abs(step).max()) < _TOLERANCE:
            break
    p = expit(columns @ beta)
    return _Curve(beta, p, _inverse(columns, weight * p * (1.0 - p)))


def _inverse(columns: Matrix, curvature: Vector) -> Matrix:
    return np.asarray(np.linalg.inv(columns.T @ (columns * curvature[:, None])), dtype=np.float64)


def _robust(
    columns: Matrix, is_confirmed: NDArray[np.bool_], weight: Vector, curve: _Curve
) -> Matrix:
    """The sandwich covariance, each residual as if its own review had been left out (HC3)."""
    p = curve.p
    reach = np.einsum("ij,jk,ik->i", columns, curve.inverse, columns)
    leverage = np.minimum(weight * p * (1.0 - p) * reach, _HIGHEST_LEVERAGE)
    pull = (weight * (is_confirmed - p) / (1.0 - leverage)) ** 2
    filling = columns.T @ (columns * pull[:, None])
    return np.asarray(curve.inverse @ filling @ curve.inverse)


def _symmetric(matrix: Matrix) -> Matrix:
    return np.asarray(0.5 * (matrix + matrix.T))
