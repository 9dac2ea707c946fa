"""Scaling, the portable logarithm, and the two detectors that stand on them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyod.models.knn import KNN

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix
from models.fitting.mahalanobis import fit_mahalanobis
from models.fitting.neighbours import WIDE, fit_neighbours
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

    starts = np.array([0, len(x)], dtype=np.int32)
    near = NearestSubsample(scale, np.ascontiguousarray(z.T), starts, np.ones(1))

    np.testing.assert_allclose(near.score(rows), reference**2, rtol=1e-9)


def test_a_copy_is_no_neighbour() -> None:
    """A row is held against the nearest that is not like it in every value; alone it is at 0."""
    scale, copies = RobustScale(np.zeros(1), np.ones(1)), np.zeros((1, 3))
    for points, expected in ((copies, 0.0), (np.array([[0.0, 0.0, 2.0]]), 4.0)):
        near = NearestSubsample(scale, points, np.array([0, 3], dtype=np.int32), np.ones(1))
        assert near.score(np.zeros((1, 1))).tolist() == [expected]
        assert near.contributions(np.zeros((1, 1)))[1].tolist() == [[expected]]


def test_subsamples_weigh_as_they_are_told() -> None:
    """The score is the weighted sum over subsamples, the nearest row of each."""
    scale, starts = RobustScale(np.zeros(1), np.ones(1)), np.array([0, 1, 3], dtype=np.int32)
    near = NearestSubsample(scale, np.array([[1.0, 2.0, 3.0]]), starts, np.array([10.0, 1.0]))
    assert near.score(np.zeros((1, 1))).tolist() == [10.0 * 1.0 + 1.0 * 4.0]


def test_a_ring_in_the_training_rows_does_not_vouch_for_itself() -> None:
    """Fifty near-alike rows among a thousand stay farther than nine in ten of the others."""
    x = np.random.default_rng(3).normal(size=(1_000, 4))
    x[:50] = 3.0 + 0.01 * x[:50]
    score = fit_neighbours(x, seed=0).score(x)
    assert np.median(score[:50]) > np.quantile(score[50:], 0.9)


def test_both_views_count_alike() -> None:
    """Over the training rows, distances to the wide and to the narrow subsamples have one mean."""
    x = _rows()
    near = fit_neighbours(x, seed=0)
    means = []
    for chosen in (slice(0, WIDE[0]), slice(WIDE[0], None)):
        weights = np.zeros_like(near.weights)
        weights[chosen] = near.weights[chosen]
        means.append(replace(near, weights=weights).score(x).mean())
    np.testing.assert_allclose(means, 1.0)


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
    for name, array in (
        ("points", np.zeros((2, 5))),
        ("points", np.zeros((3, 5), np.float32)),
        ("starts", np.zeros_like(arrays["starts"])),
        ("starts", arrays["starts"] + 1),
        ("weights", -np.asarray(arrays["weights"], np.float64)),
        ("weights", np.zeros(0)),
    ):
        with pytest.raises(CorruptBundleError, match=f"array '({name}|starts)'"):
            NearestSubsample.from_arrays({**arrays, name: array})
