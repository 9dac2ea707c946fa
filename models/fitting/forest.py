"""Fits an isolation forest with scikit-learn and flattens it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.ensemble._iforest import _average_path_length

from features.contracts.vectors import Matrix
from models.forest import IsolationForest
from models.trees import Forest

N_TREES: Final = 300
MAX_SAMPLES: Final = 256


def fit_forest(x: Matrix, *, seed: int, n_trees: int = N_TREES) -> IsolationForest:
    """A forest of `n_trees` trees, each of at most 256 rows drawn without replacement."""
    return flatten(fit_sklearn(x, seed=seed, n_trees=n_trees))


def fit_sklearn(x: Matrix, *, seed: int, n_trees: int = N_TREES) -> SklearnForest:
    """scikit-learn's own object, which parity is checked against."""
    samples = min(MAX_SAMPLES, x.shape[0])
    return SklearnForest(n_estimators=n_trees, max_samples=samples, random_state=seed).fit(x)


def flatten(fitted: SklearnForest) -> IsolationForest:
    """The flat form of a fitted forest; scores equal the base-2 logarithm of scikit-learn's."""
    trees = [estimator.tree_ for estimator in fitted.estimators_]
    sizes = [tree.node_count for tree in trees]
    return IsolationForest(
        n_features=int(fitted.n_features_in_),
        nodes=Forest(
            starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
            feature=np.concatenate([np.maximum(tree.feature, -1) for tree in trees]).astype(
                np.int32
            ),
            threshold=_floor(np.concatenate([_thresholds(tree) for tree in trees])),
            cover=np.concatenate([tree.n_node_samples for tree in trees]).astype(np.int32),
        ),
        path_length=_average_path_length(np.arange(fitted.max_samples_ + 1)),
    )


def _thresholds(tree: object) -> NDArray[np.float64]:
    """Thresholds of the cuts, 0 at the leaves."""
    return np.where(tree.feature >= 0, tree.threshold, 0.0)  # type: ignore[attr-defined]


def _floor(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 at most `threshold`: a float32 value passes both or neither."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
