"""The flat isolation forest is scikit-learn's, and its contributions are shap's."""

import numpy as np
import pytest
from sklearn.ensemble._iforest import _average_path_length

from features.contracts.errors import CorruptBundleError, InputError
from features.contracts.vectors import Matrix
from models.arrays import Array
from models.fitting.forest import fit_forest, fit_sklearn, flatten
from models.forest import IsolationForest


def _rows(n: int = 2_000, seed: int = 0) -> Matrix:
    """Wide, discrete and constant columns; few enough that paths cut one column twice."""
    x = np.random.default_rng(seed).normal(size=(n, 6))
    x[:, 1] = np.exp(4.0 * x[:, 1])
    x[:, 2] = np.round(x[:, 2])
    x[:, 3] = 1.0
    return x


def test_scores_are_the_logarithm_of_scikit_learns() -> None:
    """Parity with scikit-learn on rows seen and unseen, on thresholds too."""
    x = _rows()
    fitted = fit_sklearn(x, seed=1)
    forest = flatten(fitted)
    rows = np.concatenate([x, 3.0 * _rows(seed=1)])
    for j in (0, 1, 2):
        cuts = forest.nodes.threshold[forest.nodes.feature == j][: len(x) // 2]
        rows[: cuts.size, j] = cuts

    np.testing.assert_allclose(
        forest.score(rows), np.log2(-fitted.score_samples(rows)), rtol=0, atol=1e-12
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning:shap")  # its own numpy calls
@pytest.mark.parametrize("n_rows", [2_000, 70])
def test_contributions_are_exact_shapley_values(n_rows: int) -> None:
    """Equal to shap's path-dependent TreeExplainer on E[h], base value included."""
    shap = pytest.importorskip("shap", reason="parity is checked against shap")
    x = _rows(n_rows)
    fitted = fit_sklearn(x, seed=2, n_trees=40)
    rows = np.concatenate([x[:30], 3.0 * _rows(30, seed=1)])
    explainer = shap.TreeExplainer(fitted)
    unit = -1.0 / _average_path_length([fitted.max_samples_])[0]

    base, parts = flatten(fitted).contributions(rows)

    np.testing.assert_allclose(parts, unit * explainer.shap_values(rows), rtol=0, atol=1e-9)
    np.testing.assert_allclose(base, unit * explainer.expected_value, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_rows", [2, 3, 10])
def test_few_rows_are_enough(n_rows: int) -> None:
    """Forests of two rows and more score and explain."""
    x = _rows(n_rows)
    forest = fit_forest(x, seed=0)
    base, parts = forest.contributions(x)
    np.testing.assert_allclose(base + parts.sum(axis=1), forest.score(x), atol=1e-12)


def test_rows_of_another_width_are_refused() -> None:
    """A row with a column too few never reaches a kernel."""
    with pytest.raises(InputError, match=r"takes \(n, 6\)"):
        fit_forest(_rows(300), seed=0).score(np.zeros((1, 5)))


def _spoil(name: str, index: int, value: float) -> dict[str, Array]:
    arrays = dict(fit_forest(_rows(300), seed=0).arrays())
    spoiled = np.array(arrays[name])
    spoiled[index] = value
    return {**arrays, name: spoiled}


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("feature", 0, 6),
        ("feature", 0, -2),
        ("feature", 0, -1),
        ("feature", -1, 0),
        ("threshold", 0, np.nan),
        ("cover", 0, 0),
        ("cover", 0, 300),
        ("cover", 1, 1),
        ("starts", 0, 1),
        ("starts", 1, 0),
        ("starts", -1, 10),
        ("path_length", 3, 0.0),
        ("n_features", 0, 1),
    ],
)
def test_damaged_trees_are_refused(name: str, index: int, value: float) -> None:
    """No index is followed before it is known to lie in bounds."""
    with pytest.raises(CorruptBundleError, match="array"):
        IsolationForest.from_arrays(_spoil(name, index, value))


def test_a_missing_array_is_named() -> None:
    """The message says which array is missing."""
    arrays = dict(fit_forest(_rows(300), seed=0).arrays())
    del arrays["cover"]
    with pytest.raises(CorruptBundleError, match="'cover' is missing"):
        IsolationForest.from_arrays(arrays)
