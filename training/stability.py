"""Whether a refit would send reviewers to the same units: bootstrap draws of the training rows."""

from typing import Final

import numpy as np

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from models.bundle import Bundle
from models.fitting.ensemble import fit_ensemble
from training.screening import Stability
from training.unit_orders import UnitOrders
from training.units import UnitScores, tail_p

ROWS: Final = 20_000
"""Training rows of a refit at most."""


def stability(
    bundle: Bundle,
    fit_rows: FeatureTable,
    judged: FeatureTable,
    orders: UnitOrders,
    *,
    n_refits: int,
    seed: int = 0,
) -> Stability | None:
    """Refit the detectors of `bundle` on draws of `fit_rows` and rank the judged units again.

    What labels made of the model is not refitted. None where nothing is to be refitted.

    References
    ----------
    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979,
    doi:10.1214/aos/1176344552.
    """
    if n_refits == 0 or len(fit_rows) == 0:
        return None
    names = bundle.ensemble.feature_names
    used = [judged.names.index(name) for name in names]
    x, asked = fit_rows.values[:, used], np.ascontiguousarray(judged.values[:, used])
    rng = np.random.default_rng(seed)
    k, first = orders.n_reviews, set(orders.reviewed("model").tolist())
    rho, overlap = [], []
    for again in range(n_refits):
        drawn = np.sort(rng.integers(0, len(x), min(ROWS, len(x))))
        ensemble = fit_ensemble(np.ascontiguousarray(x[drawn]), names, seed=seed + again + 1)
        score = ensemble.score(asked)
        scores = UnitScores.of(orders.units, score, tail_p(score, np.sort(score)))
        rho.append(spearman(orders.scores.order, scores.order))
        top = set(scores.order[:k].tolist())
        overlap.append(len(top & first) / len(top | first))
    return Stability(
        n_refits=n_refits, rank_correlation=float(np.mean(rho)), jaccard=float(np.mean(overlap))
    )


def spearman(one: Integers, other: Integers) -> float:
    """Rank correlation of two orders of the same things; 1 for one or none.

    >>> spearman(np.array([0, 1, 2]), np.array([2, 1, 0]))
    -1.0
    """
    if len(one) < 2:  # noqa: PLR2004  (two make an order)
        return 1.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(order: Integers) -> Vector:
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return ranks
