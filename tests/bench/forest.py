"""Our isolation forest against scikit-learn's and shap, over one and the same forest."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import shap
from sklearn.ensemble._iforest import _average_path_length

from features.contracts.vectors import Matrix, Vector
from models.fitting.forest import fit_sklearn, flatten
from tests.bench.finding import Finding, Size, Tell
from tests.bench.rows import ASKED, in_turns, made

THREADS: Final = 2
_SCORES_EQUAL: Final = 1e-12
_SHAP_EQUAL: Final = 1e-9


def measure(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Rows one by one and all at once, and their Shapley values, ours and the peers'."""
    tell("fitting a forest")
    x = made(size.rows)
    theirs = fit_sklearn(x, seed=0)
    ours = flatten(theirs)
    asked = x[:: max(1, len(x) // ASKED)][:ASKED]
    found, different, detail = dict[str, float](), 0, dict[str, object]()
    if "iforest_row_ratio" in keys:
        tell("one row at a time")
        row = _rows(asked)
        taken = in_turns(
            [lambda k: theirs.score_samples(row(k)), lambda k: ours.score(row(k))], (60, 2_000)
        )
        found["iforest_row_ratio"], detail["forest_row_us"] = taken[0] / taken[1], taken
        different += _unequal(
            np.log2(-theirs.score_samples(asked)), ours.score(asked), _SCORES_EQUAL
        )
    if "batch_ratio" in keys:
        tell("all rows at once")
        theirs.set_params(n_jobs=THREADS)
        taken = in_turns(
            [lambda _: theirs.score_samples(x), lambda _: _threaded(ours.score, x)],
            [size.rounds] * 2,
        )
        theirs.set_params(n_jobs=None)
        found["batch_ratio"], detail["forest_batch_us"] = taken[0] / taken[1], taken
    if "shap_ratio" in keys:
        tell("Shapley values")
        explainer, row = shap.TreeExplainer(theirs), _rows(asked)
        taken = in_turns(
            [lambda k: explainer.shap_values(row(k)), lambda k: ours.contributions(row(k))],
            (ASKED, 5 * ASKED),
        )
        found["shap_ratio"], detail["shap_row_us"] = taken[0] / taken[1], taken
        length = _average_path_length([theirs.max_samples_])[0]
        expected = explainer.shap_values(asked) / -length
        different += _unequal(expected, ours.contributions(asked)[1], _SHAP_EQUAL)
    return Finding(found, {**detail, "forest_values_different": different}, different)


def _rows(asked: Matrix) -> Callable[[int], Matrix]:
    """One row after the other, round and round."""
    return lambda k: asked[k % len(asked)][None]


def _threaded(score: Callable[[Matrix], Vector], x: Matrix) -> Vector:
    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(list(pool.map(score, np.array_split(x, THREADS))))


def _unequal(expected: Vector | Matrix, found: Vector | Matrix, tolerance: float) -> int:
    """How many values are further apart than they may be."""
    return int((np.abs(expected - found) > tolerance).sum())
