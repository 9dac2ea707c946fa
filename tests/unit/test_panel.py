"""A panel: patterns are seen where an average drowns them, and what it says adds up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError, DeclarationError
from features.contracts.vectors import Matrix, PatternInfo
from features.scenarios import catalog
from features.spec import Pattern, Scenario
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble

N_COLUMNS = 12
NAMES = tuple(f"c{j}" for j in range(N_COLUMNS))
MIDDLE = np.where(np.arange(N_COLUMNS) == 3, 0.0, 1.0).reshape(1, -1)
"""A row at the median of every column."""
STORY = (("c0", "low"), ("c1", "low"), ("c2", "high"))


def pattern(name: str, parts: tuple[tuple[str, str], ...]) -> PatternInfo:
    return PatternInfo.model_validate(
        {
            "name": name,
            "title_zh": name,
            "title_en": name,
            "parts": [{"feature": feature, "side": side} for feature, side in parts],
        }
    )


def ordinary(n: int = 4000, seed: int = 0) -> Matrix:
    """Independent columns with tails, one of them a count that is mostly nothing."""
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(size=(n, N_COLUMNS)))
    x[:, 3] = rng.poisson(0.1, n)
    return x


@pytest.fixture(scope="module")
def fitted() -> Ensemble:
    patterns = (pattern("story", STORY), pattern("other", (("c4", "high"), ("c5", "both"))))
    return fit_ensemble(ordinary(), NAMES, seed=0, patterns=patterns)


def told(row: Matrix, at: dict[int, float]) -> Matrix:
    changed = row.copy()
    for column, value in at.items():
        changed[:, column] = value
    return changed


def test_one_part_of_several_tells_no_story() -> None:
    """Where a source gives none of the others; a pattern of one part is whole with it."""
    whole = pattern("story", STORY)
    first, second, *_ = (part.feature for part in whole.parts)
    kept = whole.within({first, second})
    alone = pattern("alone", STORY[:1])

    assert kept is not None
    assert [part.feature for part in kept.parts] == [first, second]
    assert whole.within({first}) is None
    assert alone.within({first}) == alone
    assert alone.within({second}) is None


def test_a_story_is_seen_that_the_average_drowns(fitted: Ensemble) -> None:
    """Each value is one that a twentieth of the rows reach; together they are seldom seen."""
    x = ordinary(seed=1)
    edge = [float(np.quantile(x[:, 0], 0.03)), float(np.quantile(x[:, 1], 0.03))]
    row = told(MIDDLE, {0: edge[0], 1: edge[1], 2: float(np.quantile(x[:, 2], 0.97))})
    plain = fit_ensemble(ordinary(), NAMES, seed=0)

    assert (fitted.score(x) >= fitted.score(row)).mean() < 0.01
    assert (plain.score(x) >= plain.score(row)).mean() > 0.05
    assert fitted.strongest(row).tolist() == [1]
    base, parts = fitted.contributions(row)
    assert set(np.flatnonzero(parts[0]).tolist()) == {0, 1, 2}
    assert base + parts.sum() == pytest.approx(float(fitted.score(row)[0]))


def test_the_other_side_is_no_story(fitted: Ensemble) -> None:
    """A pattern of low values says nothing of high ones."""
    row = told(MIDDLE, {0: 30.0, 1: 30.0, 2: 0.02})

    assert fitted.strongest(row).tolist() == [0]


def test_what_nobody_declared_is_left_to_the_average(fitted: Ensemble) -> None:
    """A row that is far off in other columns is told by them."""
    row = told(MIDDLE, dict.fromkeys(range(6, N_COLUMNS), 40.0))
    _, parts = fitted.contributions(row)

    assert fitted.strongest(row).tolist() == [0]
    assert parts[0, 6:].sum() > 0.9 * parts[0][parts[0] > 0].sum()


def test_every_view_has_the_same_say(fitted: Ensemble) -> None:
    """About as many rows reach a level by each of the three views, whatever its scale."""
    x = ordinary(20_000, seed=2)
    score, view = fitted.score(x), fitted.strongest(x)
    top = view[score > np.quantile(score, 0.99)]
    shares = np.bincount(top, minlength=3) / top.size

    assert shares.min() > 0.15
    assert shares.max() < 0.6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_further_out_is_never_less_unusual(
    fitted: Ensemble, seed: int, begin: float, more: float
) -> None:
    """Moving a pattern's column further to its side never takes from the pattern's nats."""
    assert fitted.panel is not None
    row = ordinary(1, seed)
    near, far = (told(row, {2: float(np.exp(begin + by))}) for by in (0.0, more))
    plain = np.array([-9.0])

    assert fitted.panel.score(far, plain)[0] >= fitted.panel.score(near, plain)[0] - 1e-12


def test_a_missing_part_is_ordinary(fitted: Ensemble) -> None:
    """What is not known adds nothing to a pattern beyond what an ordinary value does."""
    known = told(MIDDLE, {0: 0.01, 1: 0.01, 2: 90.0})
    unknown = told(known, {0: np.nan, 1: np.nan, 2: np.nan})

    assert float(fitted.score(known)[0]) > 9.0
    assert float(fitted.score(unknown)[0]) < 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("panel.tails.columns", np.array([0, 1, N_COLUMNS, 4, 5], np.int32)),
        ("panel.tails.sides", np.array([2, 2, 7, 1, 0], np.int8)),
        ("panel.tails.parts", np.array([0, 0, 5], np.int32)),
        ("panel.curves.slopes", np.array([1.0, -1.0, 1.0])),
    ],
)
def test_a_damaged_panel_is_refused(fitted: Ensemble, name: str, value: np.ndarray) -> None:
    """Columns, sides, runs and slopes that cannot be are named."""
    arrays = {**fitted.arrays(), name: value}
    with pytest.raises(CorruptBundleError, match=name.rsplit(".", 1)[1]):
        Ensemble.from_arrays(
            arrays,
            feature_names=NAMES,
            detectors=[detector.name for detector in fitted.detectors],
            n_patterns=2,
        )


def with_patterns(*patterns: Pattern) -> Scenario:
    scenario = catalog.load("payouts")
    own = {name: getattr(scenario, name) for name in scenario.__dataclass_fields__}
    return Scenario(**{**own, "patterns": patterns})


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((), "has no parts"),
        ((("age_d", "low"), ("age_d", "high")), "names 'age_d' twice"),
        ((("amount_minor_max_1095d_by_enterprise", "high"),), "is not for the model"),
    ],
)
def test_a_pattern_that_the_model_cannot_see_is_refused(
    parts: tuple[tuple[str, str], ...], reason: str
) -> None:
    """The message names scenario and pattern."""
    with pytest.raises(DeclarationError, match=reason) as refused:
        with_patterns(Pattern("odd", "异", "odd", parts))  # type: ignore[arg-type]
    assert "payouts: pattern odd" in str(refused.value)
