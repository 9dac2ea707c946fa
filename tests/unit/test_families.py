"""Tails by family: one family far out is seen among many, on the side that matters."""

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import FeatureInfo
from models.families import BOTH, HIGH, LOW, FamilyTails, tabulated
from models.fitting.ecdf import fit_ecdf
from models.fitting.families import Columns, fit_families

N: Final = 2_000


def _rows(d: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(N, d))


def _columns(side: list[int], family: list[int]) -> Columns:
    return Columns(np.array(side, np.int8), np.array(family, np.int32))


def test_a_side_that_does_not_matter_is_not_seen() -> None:
    """Far out on the other side is as ordinary as can be."""
    x = _rows(1)
    low, high = np.array([[-9.0]]), np.array([[9.0]])
    told = {
        side: [float(fit_families(x, columns=_columns([side], [0])).score(row)[0])
               for row in (low, high)]
        for side in (LOW, BOTH, HIGH)
    }  # fmt: skip

    assert told[LOW][0] > told[LOW][1] + 5
    assert told[HIGH][1] > told[HIGH][0] + 5
    assert told[BOTH][0] == pytest.approx(told[BOTH][1])


def test_the_shares_are_those_of_the_training_rows() -> None:
    """High: how many are as high, the row itself counted; both: twice the smaller."""
    ecdf = fit_ecdf(np.array([[1.0], [2.0], [2.0], [3.0]]))
    high = tabulated(ecdf, np.array([HIGH], np.int8))
    both = tabulated(ecdf, np.array([BOTH], np.int8))

    np.testing.assert_allclose(high[:, 1] * 5, [5, 4, 2])
    np.testing.assert_allclose(both[:, 1] * 5, [4, 5, 4])


def test_a_family_together_outranks_its_columns_apart() -> None:
    """Three columns of one family, each in the upper twentieth, are rarer than in three."""
    x = _rows(9)
    row = np.zeros((1, 9))
    row[0, :3] = 1.7
    together = fit_families(x, columns=_columns([HIGH] * 9, [0, 0, 0, 1, 1, 1, 2, 2, 2]))
    apart = fit_families(x, columns=_columns([HIGH] * 9, [0, 1, 2, 0, 1, 2, 0, 1, 2]))

    def rank(model: FamilyTails) -> float:
        return float((model.score(x) >= model.score(row)[0]).mean())

    assert rank(together) < rank(apart)


def test_one_column_far_out_is_seen_among_many() -> None:
    """Forty ordinary columns do not drown one in a thousand."""
    x = _rows(40)
    row = np.zeros((1, 40))
    row[0, 7] = 5.0
    model = fit_families(x)

    assert float((model.score(x) >= model.score(row)[0]).mean()) < 0.05
    assert int(np.argmax(model.contributions(row)[1][0])) == 7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_parts_add_up_and_none_is_negative(seed: int, family: list[int]) -> None:
    """Whatever the row and the families: exactly additive, and 0 at the least."""
    numbers = np.unique(family, return_inverse=True)[1].tolist()
    model = fit_families(_rows(4)[:300], columns=_columns([HIGH, LOW, BOTH, HIGH], numbers))
    x = np.random.default_rng(seed).normal(scale=4.0, size=(20, 4))
    base, parts = model.contributions(x)

    assert base == 0.0
    assert (parts >= 0.0).all()
    np.testing.assert_allclose(parts.sum(axis=1), model.score(x), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("side", [2, 0], "-1, 0 or 1"),
        ("family", [1, 1], "number the families"),
        ("sums.n_rows", [7], "count"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, value: list[int], told: str) -> None:
    """Each says which."""
    arrays = fit_families(_rows(2)[:50], columns=_columns([HIGH, LOW], [0, 0])).arrays()
    arrays[name] = np.array(value, dtype=arrays[name].dtype)
    with pytest.raises(CorruptBundleError, match=told):
        FamilyTails.from_arrays(arrays)


def test_columns_follow_what_features_declare() -> None:
    """Families in the order of their first column; without a family a column is one itself."""
    infos = [
        FeatureInfo(
            name=name, title_zh=name, title_en=name, unit="n", unit_zh="个", family=family,
            tail=tail, window_days=None, why_zh="", why_en="", false_alarm_zh="",
            false_alarm_en="", source="",
        )
        for name, family, tail in (("a", "x", "low"), ("b", "", "both"), ("c", "x", "high"))
    ]  # fmt: skip
    found = Columns.of(infos)

    assert found.side.tolist() == [LOW, BOTH, HIGH]
    assert found.family.tolist() == [0, 1, 0]
