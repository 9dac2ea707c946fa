"""Boosted trees, flat: scikit-learn's scores, shap's contributions, nothing out of bounds."""

import numpy as np
import pytest

from features.contracts.errors import CorruptBundleError
from models import trees
from models.boosted import BoostedTrees
from models.fitting.boosted import fit_sklearn, flatten


def rows(n=400, seed=0):
    """Rows of six columns and an outcome that takes three of them to tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    return x, x[:, 0] * x[:, 1] + x[:, 2] > 0.8


def test_scores_are_those_of_scikit_learn():
    """Weighted rows; values at a cut go the same way in both."""
    x, is_confirmed = rows()
    weight = np.random.default_rng(1).uniform(0.1, 5.0, len(x))
    fitted = fit_sklearn(x, is_confirmed, weight, seed=0)
    flat = flatten(fitted)
    cut = fitted.estimators_[0, 0].tree_
    at_the_cut = x[:1].copy()
    at_the_cut[0, cut.feature[0]] = cut.threshold[0]
    for each in (x, at_the_cut):
        np.testing.assert_allclose(flat.score(each), fitted.decision_function(each), atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:shap")  # its own numpy calls
def test_contributions_are_exact_shapley_values():
    """Equal to shap's path-dependent TreeExplainer, base value included."""
    shap = pytest.importorskip("shap", reason="parity is checked against shap")
    x, is_confirmed = rows()
    fitted = fit_sklearn(x, is_confirmed, np.ones(len(x)), seed=0)
    explainer = shap.TreeExplainer(fitted)
    base, parts = flatten(fitted).contributions(x)
    np.testing.assert_allclose(parts, explainer.shap_values(x), rtol=0, atol=1e-9)
    assert base == pytest.approx(float(np.ravel(explainer.expected_value)[0]), abs=1e-9)


def test_contributions_add_up_whatever_the_weights():
    """Base plus contributions is the score to rounding."""
    x, is_confirmed = rows(seed=3)
    weight = np.where(is_confirmed, 1.0, 0.02)
    flat = flatten(fit_sklearn(x, is_confirmed, weight, seed=0))
    base, parts = flat.contributions(10.0 * x)
    np.testing.assert_allclose(base + parts.sum(axis=1), flat.score(10.0 * x), atol=1e-10)


def test_a_tree_of_one_leaf_says_the_same_to_all():
    """A tree that found nothing to cut adds its value and explains nothing."""
    leaf = trees.Forest(
        np.array([0, 1], np.int32), np.array([-1], np.int32), np.zeros(1, np.float32),
        np.array([7], np.int32),
    )  # fmt: skip
    flat = BoostedTrees(2, leaf, value=np.array([0.25]), start=-1.0)
    base, parts = flat.contributions(np.ones((3, 2)))
    assert flat.score(np.ones((3, 2))).tolist() == [-0.75] * 3
    assert base == -0.75
    assert not parts.any()


def test_saved_and_loaded_says_the_same():
    """Arrays keep every bit."""
    x, is_confirmed = rows()
    flat = flatten(fit_sklearn(x, is_confirmed, np.ones(len(x)), seed=0))
    again = BoostedTrees.from_arrays(flat.arrays(), n_features=6)
    assert again.score(x).tobytes() == flat.score(x).tobytes()
    assert again.contributions(x)[1].tobytes() == flat.contributions(x)[1].tobytes()


SMALL = {
    "starts": np.array([0, 3], np.int32),
    "feature": np.array([0, -1, -1], np.int32),
    "threshold": np.array([5.0, 0.0, 0.0], np.float32),
    "cover": np.array([4, 3, 1], np.int32),
    "value": np.array([0.0, -0.4, 0.8]),
    "start": np.array([-1.0]),
}


@pytest.mark.parametrize(
    ("name", "damaged", "message"),
    [
        ("starts", np.array([0, 2], np.int32), "part the nodes"),
        ("starts", np.array([0, 3, 3], np.int32), "empty tree"),
        ("feature", np.array([2, -1, -1], np.int32), "lie in -1..1"),
        ("feature", np.array([0, 0, -1], np.int32), "whole trees"),
        ("cover", np.array([4, 3, 0], np.int32), "'cover' must be positive"),
        ("cover", np.array([4, 2, 1], np.int32), "sum of its children"),
        ("value", np.array([0.0, np.nan, 0.8]), "not finite"),
        ("value", np.array([0.0, 0.8]), "must be float64"),
        ("start", np.array([0.0, 1.0]), "must be float64"),
    ],
)
def test_damaged_arrays_are_refused(name, damaged, message):
    """Nothing is followed before it is checked."""
    assert BoostedTrees.from_arrays(SMALL, n_features=2).n_trees == 1
    with pytest.raises(CorruptBundleError, match=message):
        BoostedTrees.from_arrays(SMALL | {name: damaged}, n_features=2)


@pytest.mark.parametrize("name", SMALL)
def test_missing_arrays_are_refused(name):
    """Every array is needed."""
    with pytest.raises(CorruptBundleError, match=f"'{name}' is missing"):
        BoostedTrees.from_arrays({key: SMALL[key] for key in SMALL if key != name}, n_features=2)
