"""Fits what reviewers found: weights that shrink to the ensemble's own, and boosting from twenty.

Confirmed cases are few and were mostly picked by a model, so three things are decided here.

*Shrinkage.* The weights of all contributions start alike and are held there by a ridge; without a
confirmed case the ensemble is left as it is, even where events were cleared: cleared events alone
would only teach to rank lower whatever is looked at.

*Unreviewed events.* They are not known to be ordinary: about one in a hundred would be confirmed.
Left out, nothing would tell the model what the crowd looks like, since reviews begin at the top;
taken as cleared at full weight, they would outvote every review. So a sample of them counts as
cleared with the weight of `CROWD` reviews together, however many they are. One hidden case in a
hundred then weighs a fifth of a review, and the crowd fades as reviews come in.

*Boosting.* It sees what weights of single features cannot, and with few cases it learns the cases
by heart; from `BOOSTED_FROM` confirmed events on it may have half a say.

How firmly the weights are held, and whether boosting has its say, is a `Caution`; `trusted` lets
the labels themselves decide.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from features.contracts.errors import InputError
from features.contracts.vectors import Integers, Matrix, Vector
from models.ensemble import Ensemble
from models.fitting.boosted import fit_boosted
from models.labelled import Labelled

RIDGE: Final = 0.2
"""Holds each weight to 1: a weight that is off by one costs as much as a tenth of a log-odds."""
LEVEL: Final = -4.0
"""Log-odds of an event that scores as the training rows do on average: one in fifty-five."""
LEVEL_RIDGE: Final = 0.1
CROWD: Final = 20.0
"""What all unreviewed events weigh together, in reviews."""
CROWD_ROWS: Final = 1_000
BOOSTED_FROM: Final = 20
"""Confirmed events from which on boosting has a say."""
MIX: Final = 0.5
FOLDS: Final = 5


class Caution(NamedTuple):
    """How far labels may move a model."""

    ridge: float = RIDGE
    """What holds each weight to 1, as `RIDGE` does."""
    boosts: bool = True
    """Whether boosting has its say where there are enough confirmed events."""

    def told(self) -> str:
        """How far that is, in words."""
        return f"weights held by a ridge of {self.ridge:g}, {'' if self.boosts else 'no '}boosting"


CAUTIONS: Final = (
    Caution(100.0, boosts=False),
    Caution(30.0, boosts=False),
    Caution(10.0, boosts=False),
    Caution(2.0, boosts=False),
    Caution(RIDGE, boosts=False),
    Caution(),
)
"""What `trusted` chooses from, the most cautious first."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Rows with their missing values filled, and the ensemble's contributions to them."""

    x: Matrix
    parts: Matrix

    @classmethod
    def of(cls, ensemble: Ensemble, x: Matrix) -> Self:
        """Explain each row once, so that many fits can share it."""
        return cls(np.where(np.isnan(x), ensemble.median, x), ensemble.contributions(x)[1])

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, where: NDArray[np.bool_] | Integers) -> Self:
        """The chosen rows."""
        return type(self)(self.x[where], self.parts[where])


@dataclass(frozen=True, eq=False)
class Findings:
    """Reviewed events, one a row: how far they were confirmed (0 to 1) and what they weigh.

    Reviewers who disagree leave a share in between; an event weighs the same however often it was
    reviewed.
    """

    events: Explained
    confirmed: Vector
    weight: Vector

    def __post_init__(self) -> None:
        n = len(self.events)
        if self.confirmed.shape != (n,) or self.weight.shape != (n,):
            raise InputError(f"{n} reviewed events need one outcome and one weight each")
        if n and not (self.weight > 0.0).all():
            raise InputError("a reviewed event must have a positive weight; leave it out instead")

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        """Events that more than half of their reviews confirm."""
        return self.confirmed > 0.5  # noqa: PLR2004  (half)

    @property
    def n_confirmed(self) -> int:
        """How many events are confirmed."""
        return int(self.is_confirmed.sum())

    def rows(self, where: NDArray[np.bool_]) -> Self:
        """The chosen events."""
        return type(self)(self.events.rows(where), self.confirmed[where], self.weight[where])


def fit_labelled(
    ensemble: Ensemble,
    findings: Findings,
    crowd: Explained,
    *,
    seed: int,
    boosted_from: int = BOOSTED_FROM,
    caution: Caution = Caution(),  # noqa: B008  (frozen)
) -> Labelled:
    """Fit on findings and on a crowd of unreviewed events; same input and seed, same bits.

    >>> from models.fitting.ensemble import fit_ensemble
    >>> x = np.random.default_rng(0).normal(size=(300, 2))
    >>> ensemble = fit_ensemble(x, ("a", "b"), seed=0)
    >>> found = Findings(Explained.of(ensemble, np.array([[4.0, 0.0], [0.0, 4.0]])),
    ...                  confirmed=np.array([1.0, 0.0]), weight=np.ones(2))
    >>> fitted = fit_labelled(ensemble, found, Explained.of(ensemble, x), seed=0)
    >>> bool(fitted.weights[0] > 1.0 > fitted.weights[1])
    True
    """
    if findings.n_confirmed == 0:
        return Labelled.unlabelled(ensemble)
    start = ensemble.contributions(np.full((1, ensemble.n_features), np.nan))[0]
    share, weight = _targets(findings, crowd)
    parts = np.vstack([findings.events.parts, crowd.parts])
    level, weights = _weights(parts, share, weight, LEVEL + start, caution.ridge)
    plain = Labelled(ensemble, level, weights, np.zeros(weights.size))
    boosted = None
    if caution.boosts and findings.n_confirmed >= boosted_from and len(crowd):
        x = np.vstack([findings.events.x, crowd.x])
        boosted = fit_boosted(*_expanded(np.hstack([x, parts]), share, weight), seed=seed)
    mix = 0.0 if boosted is None else MIX
    blend = Labelled(ensemble, level, weights, plain.usual, boosted, mix)
    usual = _mean(blend, crowd if len(crowd) else findings.events)
    return Labelled(ensemble, level, weights, usual, boosted, mix)


def trusted(ensemble: Ensemble, findings: Findings, crowd: Explained, *, seed: int) -> Caution:
    """How far these findings can be trusted: the most cautious fit that foresees them as well.

    Findings must be in time order: each candidate foretells a span of them that it did not see,
    since events of one story lie close together and give each other away. The most cautious one is
    chosen whose weighted log loss is within one standard error of the best, the error being that
    of the two losses' difference over events. Findings that are wrong, or too few, are foretold no
    better by whoever follows them closely; with fewer confirmed events than folds the most cautious
    candidate is taken.

    References
    ----------
    Breiman, Friedman, Olshen, Stone, "Classification and regression trees", 1984, section 3.4.3:
    the rule of one standard error.
    """
    if findings.n_confirmed < FOLDS:
        return CAUTIONS[0]
    offered = CAUTIONS if findings.n_confirmed >= BOOSTED_FROM else CAUTIONS[:-1]
    spans = np.arange(len(findings.events)) * FOLDS // len(findings.events)
    unseen = (_unseen(ensemble, findings, crowd, spans, seed, each) for each in offered)
    losses = np.array([_losses(findings, margin) for margin in unseen])
    best = losses[int(np.argmin(losses.sum(axis=1)))]
    behind = losses - best
    error = behind.std(axis=1) * np.sqrt(losses.shape[1])
    return offered[int(np.argmax(behind.sum(axis=1) <= error))]


def _losses(findings: Findings, margin: Vector) -> Vector:
    """The weighted log loss of each finding under these log-odds."""
    return findings.weight * (np.logaddexp(0.0, margin) - findings.confirmed * margin)


def crossfit(
    ensemble: Ensemble,
    findings: Findings,
    crowd: Explained,
    *,
    seed: int,
    caution: Caution = Caution(),  # noqa: B008  (frozen)
) -> Vector:
    """The log-odds of each reviewed event from a model that did not see its own finding.

    `FOLDS` models, each blind to a fifth of the confirmed and of the other events.
    """
    return _unseen(ensemble, findings, crowd, _folds(findings.is_confirmed, seed), seed, caution)


def _unseen(
    ensemble: Ensemble,
    findings: Findings,
    crowd: Explained,
    fold: Integers,
    seed: int,
    caution: Caution,
) -> Vector:
    """The log-odds of each reviewed event from a model that saw no finding of its fold."""
    out = np.empty(len(findings.events))
    for k in range(FOLDS):
        held = fold == k
        if held.any():
            seen = findings.rows(~held)
            fitted = fit_labelled(ensemble, seen, crowd, seed=seed, caution=caution)
            events = findings.events.rows(held)
            out[held] = fitted.margin(events.x, events.parts)
    return out


def _folds(is_confirmed: NDArray[np.bool_], seed: int) -> Integers:
    """A fold for each event, confirmed and others dealt out evenly."""
    rng = np.random.default_rng(seed)
    fold = np.empty(is_confirmed.size, dtype=np.int64)
    for outcome in (False, True):
        rows = rng.permutation(np.flatnonzero(is_confirmed == outcome))
        fold[rows] = np.arange(rows.size) % FOLDS
    return fold


def _targets(findings: Findings, crowd: Explained) -> tuple[Vector, Vector]:
    """Shares confirmed and weights of all rows; the crowd is cleared, and light."""
    n = len(crowd)
    share = np.concatenate([findings.confirmed, np.zeros(n)])
    return share, np.concatenate([findings.weight, np.full(n, CROWD / max(n, 1))])


def _weights(
    parts: Matrix, share: Vector, weight: Vector, level: float, held: float
) -> tuple[float, Vector]:
    """Level and weights that minimise the weighted log loss plus the ridge; a convex problem."""
    columns = np.column_stack([np.ones(len(parts)), parts])
    prior = np.concatenate([[level], np.ones(parts.shape[1])])
    ridge = np.concatenate([[LEVEL_RIDGE], np.full(parts.shape[1], held)])

    def loss(beta: Vector) -> tuple[float, Vector]:
        margin, off = columns @ beta, beta - prior
        fit = float((weight * (np.logaddexp(0.0, margin) - share * margin)).sum())
        slope = columns.T @ (weight * (expit(margin) - share)) + ridge * off
        return fit + 0.5 * float((ridge * off * off).sum()), slope

    def curvature(beta: Vector) -> Matrix:
        p = expit(columns @ beta)
        return np.asarray(
            columns.T @ (columns * (weight * p * (1.0 - p))[:, None]) + np.diag(ridge)
        )

    found = minimize(loss, prior, jac=True, hess=curvature, method="trust-exact", tol=1e-8)
    return float(found.x[0]), np.asarray(found.x[1:], dtype=np.float64)


def _expanded(
    inputs: Matrix, share: Vector, weight: Vector
) -> tuple[Matrix, NDArray[np.bool_], Vector]:
    """Rows that were confirmed in part as two rows, so that each has one outcome."""
    yes, no = np.flatnonzero(share > 0.0), np.flatnonzero(share < 1.0)
    rows = np.concatenate([yes, no])
    is_confirmed = np.arange(rows.size) < yes.size
    part = np.where(is_confirmed, share[rows], 1.0 - share[rows])
    return inputs[rows], is_confirmed, weight[rows] * part


def _mean(fitted: Labelled, events: Explained) -> Vector:
    """What each column contributes on average."""
    mean: Vector = fitted.explain(events.x, events.parts)[1].mean(axis=0)
    return mean
