"""The compiler keeps integers exact: the machine code does what the loops say."""

import numpy as np
import pytest
from numba import njit

import features  # noqa: F401  (it says how kernels are compiled)
from features.contracts.vectors import Codes, Vector
from features.kernels.order import Bools


@njit()
def _mark(kept: Bools, values: Vector, status: Codes) -> None:
    for i in range(len(kept)):
        if not kept[i]:
            values[i] = np.nan
            status[i] = 1


@pytest.mark.parametrize("n", [1, 7, 16, 33, 139])
def test_two_stores_under_one_condition_change_nothing_else(n: int) -> None:
    """A loop vectoriser that gets this wrong leaves 0 where statuses were to be kept."""
    for share in (0.0, 0.5, 0.9, 1.0):
        rng = np.random.default_rng(n)
        kept, values = rng.random(n) < share, rng.random(n)
        status = rng.integers(0, 5, n).astype(np.int8)
        expected = np.where(kept, status, 1)
        _mark(kept, values, status)

        assert status.tolist() == expected.tolist()
        assert np.isnan(values).tolist() == (~kept).tolist()
