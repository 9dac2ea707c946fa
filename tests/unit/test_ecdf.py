"""The frozen ECDF is PyOD's ECOD on a batch of one, small and fixed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix
from models.ecdf import FrozenEcdf
from models.fitting.ecdf import KNOTS, TAIL, fit_ecdf
from models.fitting.from_pyod import fit_pyod


def _rows(n: int, seed: int = 0) -> Matrix:
    x = np.random.default_rng(seed).normal(size=(n, 4))
    x[:, 1] = np.exp(2.0 * x[:, 1])
    x[:, 2] = np.round(x[:, 2])
    return x


def test_equals_ecod_on_a_batch_of_one() -> None:
    """Where all distinct values are kept, parity with PyOD's ECOD is exact."""
    x = _rows(400)
    rows = np.concatenate([x[:40], 2.0 * _rows(40, seed=1)])
    reference = fit_pyod("ECOD", x, seed=0)
    expected = [reference.score(row.reshape(1, -1))[0] for row in rows]

    np.testing.assert_allclose(fit_ecdf(x, seed=0).score(rows), expected, rtol=1e-12)


def test_knots_cost_less_than_a_thousandth() -> None:
    """With many rows the table is small and each term within 0.1 % of the exact one."""
    x = _rows(60_000)
    rows = np.concatenate([x[::600], _rows(300, seed=1)])
    ecdf = fit_ecdf(x, seed=0)

    assert ecdf.parameters["n_knots"] <= 4 * 2 * (TAIL + KNOTS)
    np.testing.assert_allclose(ecdf.contributions(rows)[1], _exact(x, rows), rtol=1e-3, atol=1e-3)


def test_tails_are_kept_exactly() -> None:
    """The outermost rows of a large column score as with all rows kept."""
    x = np.sort(_rows(60_000), axis=0)
    tails = np.concatenate([x[: TAIL - 1], x[1 - TAIL :], x[:1] - 1.0, x[-1:] + 1.0])
    parts = fit_ecdf(x, seed=0).contributions(tails)[1]
    np.testing.assert_allclose(parts, _exact(x, tails), rtol=0, atol=1e-12)


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.lists(st.integers(-12, 12).map(lambda half: half / 2), min_size=1, max_size=20),
)
def test_discrete_columns_are_exact(values: list[int], queries: list[float]) -> None:
    """Ties, gaps and values never seen follow the formula."""
    x, rows = np.array(values, float).reshape(-1, 1), np.array(queries).reshape(-1, 1)
    parts = fit_ecdf(x, seed=0).contributions(rows)[1]
    np.testing.assert_allclose(parts, _exact(x, rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [("knots", 1, -9e9), ("le", 0, 9_999), ("lt", 0, -1), ("lt", 3, 0), ("starts", 1, 0)],
)
def test_damaged_tables_are_refused(name: str, index: int, value: float) -> None:
    """Knots rise, counts fit, runs are whole."""
    arrays = dict(fit_ecdf(_rows(100), seed=0).arrays())
    arrays[name] = np.array(arrays[name])
    arrays[name][index] = value
    with pytest.raises(CorruptBundleError, match="array"):
        FrozenEcdf.from_arrays(arrays)


def _exact(x: Matrix, rows: Matrix) -> Matrix:
    """The formula, from all training rows."""
    n = len(x)
    columns = []
    for column, value in zip(np.sort(x, axis=0).T, rows.T, strict=True):
        le, lt = column.searchsorted(value, "right"), column.searchsorted(value, "left")
        columns.append(-np.log(np.minimum(le + 1, n - lt + 1) / (n + 1)))
    return np.column_stack(columns)
