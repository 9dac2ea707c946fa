"""What is ordinary, by peer group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError
from models.typical import EVERYONE, Typical


def _typical() -> Typical:
    x = np.column_stack([np.arange(100.0), np.full(100, np.nan), np.arange(100.0)])
    x[:40, 2] = np.nan
    return Typical.fit(x, ["small"] * 20 + ["P12"] * 40 + ["P13"] * 40)


def test_large_enough_groups_have_their_own_values() -> None:
    """Forty rows are a group: 5th, 50th and 95th percentile are values that occurred."""
    found = _typical().lookup("P12", 0)
    assert found is not None
    assert (found.lo, found.middle, found.hi) == (21.0, 39.0, 57.0)
    assert (found.peers.key, found.peers.level, found.peers.n) == ("P12", 0, 40)


@pytest.mark.parametrize("group", ["small", "never seen"])
def test_small_or_unknown_groups_fall_back_to_everyone(group: str) -> None:
    """Twenty rows are not a group."""
    found = _typical().lookup(group, 0)
    assert found is not None
    assert (found.peers.key, found.peers.level, found.peers.n) == (EVERYONE, 1, 100)


def test_group_without_values_of_the_feature_falls_back() -> None:
    """P12 has forty rows, twenty of them with a value: too few for this feature."""
    found = _typical().lookup("P12", 2)
    assert found is not None
    assert (found.peers.key, found.peers.n) == (EVERYONE, 60)


def test_feature_that_nobody_has_is_unknown() -> None:
    """No value, no comparison."""
    assert _typical().lookup("P12", 1) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_quantiles_are_values_that_occurred(values: list[float]) -> None:
    """Nothing is interpolated, and the three rise."""
    found = Typical.fit(np.array(values).reshape(-1, 1), ["a"] * len(values)).lookup("a", 0)
    assert found is not None
    assert {found.lo, found.middle, found.hi} <= set(values)
    assert found.lo <= found.middle <= found.hi


def test_damaged_tables_are_refused() -> None:
    """Quantiles rise and exist exactly where rows were counted; groups are distinct."""
    typical = _typical()
    arrays, groups = typical.arrays(), typical.groups
    swapped = np.array(arrays["quantiles"])[..., ::-1]
    for broken, names in (
        ({**arrays, "quantiles": np.ascontiguousarray(swapped)}, groups),
        ({**arrays, "counts": np.array(arrays["counts"]) * 0}, groups),
        (arrays, ("P12", "P13", EVERYONE)),
        (arrays, groups[:2]),
    ):
        with pytest.raises(CorruptBundleError):
            Typical.from_arrays(broken, groups=names, n_features=3)
