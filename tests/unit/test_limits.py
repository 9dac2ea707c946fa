"""Legal limits by date: the value in force on the day, refused files named."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.calendar import Calendar
from features.contracts.errors import DeclarationError, UnreadableSourceError
from features.contracts.events import to_us
from features.kernels import MISSING
from features.limits import Limits, in_force, shipped
from features.scenarios import catalog

FILE = """
[works]
zh = "工程"
en = "works"
values = [
    { from = 2020-01-01, yuan = 100, basis = "a" },
    { from = 2021-01-01, yuan = 200, basis = "b" },
]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "limits.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_value_holds_from_its_local_day_until_the_next(tmp_path: Path) -> None:
    """Shanghai's midnight, not Greenwich's, is where a value begins."""
    limits = Limits.load(written(tmp_path, FILE))
    midnight = to_us(datetime(2020, 12, 31, 16, tzinfo=UTC))
    at = np.array([midnight - 1, midnight, to_us(datetime(2019, 12, 31, 15, 59, tzinfo=UTC))])

    assert limits.at("works", at).tolist() == [10_000, 20_000, MISSING]
    assert [limits.basis("works", int(us)) for us in at] == ["a", "b", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2021-01-01", "2019-01-01"), "works: the value from 2019-01-01 stands after"),
        (("2021-01-01", "2020-01-01"), "each day once"),
        (("yuan = 100", "yuan = 0"), r"limits\.works\.values\.0\.yuan"),
        (("basis", "base"), "basis"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    """Days out of order, twice the same day, no money, no basis: where, and what to do."""
    with pytest.raises(DeclarationError, match=message):
        Limits.load(written(tmp_path, FILE.replace(*change)))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    """Neither a missing file nor one that is not TOML goes through."""
    with pytest.raises(UnreadableSourceError, match=r"absent\.toml"):
        Limits.load(tmp_path / "absent.toml")
    with pytest.raises(UnreadableSourceError, match="not a readable TOML"):
        Limits.load(written(tmp_path, "works ="))


def test_an_unknown_limit_is_answered_with_the_known() -> None:
    """The message lists what there is."""
    with pytest.raises(DeclarationError, match="no limit 'roads'; there are goods, services"):
        shipped().steps("roads")


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=5, unique=True), st.integers(-60, 60))
def test_the_limit_is_the_last_that_has_begun(starts: list[int], t: int) -> None:
    """However many values there are."""
    steps = tuple((start, 100 + start) for start in sorted(starts))
    begun = [value for start, value in steps if start <= t]

    assert in_force(steps, np.array([t])).tolist() == [begun[-1] if begun else MISSING]


def test_a_changed_limit_is_another_spec() -> None:
    """A bundle fitted under one limit does not score under another."""
    scenario = catalog.load("small_works")
    limit = scenario.measures[0]
    (name, steps), *rest = limit.limits
    moved = ((name, (*steps[:-1], (steps[-1][0], steps[-1][1] + 1))), *rest)
    other = replace(scenario, measures=(replace(limit, limits=moved), *scenario.measures[1:]))
    assert other.spec_hash(Calendar.prc()) != scenario.spec_hash(Calendar.prc())
