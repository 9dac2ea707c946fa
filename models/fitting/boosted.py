"""Fits gradient boosting with scikit-learn and flattens it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from features.contracts.vectors import Matrix, Vector
from models.boosted import BoostedTrees
from models.trees import Forest

N_TREES: Final = 100
MAX_DEPTH: Final = 3
LEARNING_RATE: Final = 0.1
_SMALLEST_LEAF: Final = 5
"""Rows of a leaf: with twenty confirmed cases none of them gets a leaf of its own."""


def fit_boosted(
    x: Matrix, is_confirmed: NDArray[np.bool_], weight: Vector, *, seed: int
) -> BoostedTrees:
    """Boosted trees on finite rows, each with a positive weight; both outcomes must occur."""
    return flatten(fit_sklearn(x, is_confirmed, weight, seed=seed))


def fit_sklearn(
    x: Matrix, is_confirmed: NDArray[np.bool_], weight: Vector, *, seed: int
) -> GradientBoostingClassifier:
    """scikit-learn's own object, which parity is checked against."""
    model = GradientBoostingClassifier(
        n_estimators=N_TREES,
        max_depth=MAX_DEPTH,
        learning_rate=LEARNING_RATE,
        min_samples_leaf=_SMALLEST_LEAF,
        max_features="sqrt",
        random_state=seed,
    )
    return model.fit(x, is_confirmed, sample_weight=weight)


def flatten(fitted: GradientBoostingClassifier) -> BoostedTrees:
    """The flat form of fitted trees; scores equal scikit-learn's `decision_function`."""
    trees = [estimator.tree_ for estimator in fitted.estimators_[:, 0]]
    feature = np.concatenate([tree.feature for tree in trees])
    cut = np.concatenate([tree.threshold for tree in trees])
    value = np.concatenate([tree.value[:, 0, 0] for tree in trees])
    is_leaf = feature < 0
    return BoostedTrees(
        n_features=int(fitted.n_features_in_),
        nodes=Forest(
            starts=np.cumsum([0, *(tree.node_count for tree in trees)]).astype(np.int32),
            feature=np.where(is_leaf, -1, feature).astype(np.int32),
            threshold=_floor(np.where(is_leaf, 0.0, cut)),
            cover=np.concatenate([tree.n_node_samples for tree in trees]).astype(np.int32),
        ),
        value=np.where(is_leaf, fitted.learning_rate * value, 0.0),
        start=_start(fitted),
    )


def _start(fitted: GradientBoostingClassifier) -> float:
    """The log-odds before the first tree."""
    share = float(fitted.init_.class_prior_[1])
    return float(np.log(share / (1.0 - share)))


def _floor(threshold: Vector) -> NDArray[np.float32]:
    """The largest float32 at most `threshold`: a float32 value passes both or neither."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
