"""Scaling, the portable logarithm, and the two detectors that stand on them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyod.models.knn import KNN

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix
from models.fitting.mahalanobis import fit_mahalanobis
from models.fitting.neighbours import fit_neighbours
from models.logarithm import log
from models.mahalanobis import RobustMahalanobis
from models.neighbours import NearestSubsample
from models.scale import RobustScale


def _rows(n: int = 400, seed: int = 0) -> Matrix:
    x = np.random.default_rng(seed).normal(size=(n, 3))
    x[:, 1] += 2.0 * x[:, 0]
    return x


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_logarithm_is_the_libraries(value: float) -> None:
    """Arithmetic alone gives the C library's logarithm to the last bits."""
    assert log(value) == pytest.approx(math.log(value), rel=1e-15, abs=3e-16)


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_scaling_keeps_order(one: float, other: float) -> None:
    """A larger value never scales to a smaller one."""
    low, high = sorted((one, other))
    scaled = RobustScale(np.array([3.0]), np.array([7.0])).apply(np.array([[low], [high]]))
    assert scaled[0, 0] <= scaled[1, 0]


def test_mostly_constant_column_is_scaled_by_its_deviation() -> None:
    """Where the median deviation is 0 the standard deviation stands in, and then 1."""
    x = np.zeros((10, 2))
    x[0, 0] = 10.0
    assert RobustScale.fit(x).spread.tolist() == [3.0, 1.0]


def test_one_subsample_of_all_rows_is_the_nearest_neighbour() -> None:
    """With everything in one subsample the score is the squared distance to the nearest row."""
    x, rows = _rows(), _rows(50, seed=1)
    scale = RobustScale.fit(x)
    z = scale.apply(x)
    reference = KNN(n_neighbors=1).fit(z).decision_function(scale.apply(rows))

    near = NearestSubsample(scale, np.ascontiguousarray(z.T[None]))

    np.testing.assert_allclose(near.score(rows), reference**2, rtol=1e-9)


def test_a_broken_pattern_is_far_though_each_value_is_near() -> None:
    """Mahalanobis sees a combination that neither column shows alone."""
    cloud = fit_mahalanobis(_rows(), seed=0)
    usual, broken = cloud.score(np.array([[1.0, 2.0, 0.0], [1.0, -2.0, 0.0]]))
    assert broken > 10.0 * usual


def test_a_fifth_of_far_rows_does_not_move_the_bulk() -> None:
    """The fit follows the bulk, not a ring of alike rows."""
    x = _rows()
    x[:80] = np.array([6.0, -12.0, 6.0]) + 0.01 * x[:80]
    scores = fit_mahalanobis(x, seed=0).score(x)
    assert scores[:80].min() > scores[80:].max()


def test_repeated_and_constant_columns_are_survived() -> None:
    """A singular covariance still gives finite distances."""
    x = _rows()
    x = np.column_stack([x, x, np.ones(len(x))])
    assert np.isfinite(fit_mahalanobis(x, seed=0).score(10.0 * x)).all()


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [("precision", (0, 1), 9.0), ("scale.spread", 0, 0.0), ("location", 0, np.inf)],
)
def test_damaged_cloud_is_refused(name: str, index: int, value: float) -> None:
    """An inverse covariance is symmetric and a spread positive."""
    arrays = {
        key: np.array(array) for key, array in fit_mahalanobis(_rows(), seed=0).arrays().items()
    }
    arrays[name][index] = value
    with pytest.raises(CorruptBundleError, match="array"):
        RobustMahalanobis.from_arrays(arrays)


def test_empty_or_misshapen_subsamples_are_refused() -> None:
    """There must be rows to be near to, with the columns that the scale has."""
    arrays = dict(fit_neighbours(_rows(), seed=0).arrays())
    for points in (np.zeros((0, 3, 5)), np.zeros((10, 2, 5)), np.zeros((10, 3, 5), np.float32)):
        with pytest.raises(CorruptBundleError, match="array 'points'"):
            NearestSubsample.from_arrays({**arrays, "points": points})
