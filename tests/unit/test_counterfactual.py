"""What would make an alert ordinary: scored, below the line, and as close as can be."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Cell, FeatureInfo, FeatureVector
from features.contracts.verdicts import Peers, Status
from models import Bundle, Calibration, Facts, TrainingWindow, Typical
from models.counterfactual import TOLERANCE, counterfactual, is_whole
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from models.fitting.labelled import Explained, Findings, fit_labelled
from models.learned import Learned
from models.ordinary import would_be_below
from models.peerscale import from_octaves, modelled, octaves, shown

NAMES = ("amount_minor", "n_30d", "officer_share_365d", "is_new_account_1095d", "gap_days")
UNITS = (("money", ""), ("events", "次"), ("share", ""), ("flag", ""), ("days", "天"))
TITLES = (
    ("金额", "amount"),
    ("近30日次数", "events in 30 days"),
    ("经办人占比", "officer's share"),
    ("新账户", "new account"),
    ("间隔", "gap"),
)
ORDINARY = (6_000_000.0, 2.0, 0.2, 0.0, 20.0)
STEPS = 400


def _info(j: int) -> FeatureInfo:
    fields = dict.fromkeys(FeatureInfo.model_fields, "text")
    unit, unit_zh = UNITS[j]
    zh, en = TITLES[j]
    named = {"name": NAMES[j], "unit": unit, "unit_zh": unit_zh, "title_zh": zh, "title_en": en}
    return FeatureInfo.model_validate({**fields, **named, "window_days": 30})


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Ordinary payouts: about 60,000 yuan, few events, small shares, seldom a new account."""
    rng = np.random.default_rng(0)
    n = 600
    x = np.column_stack([
        np.round(6_000_000 * np.exp(0.3 * rng.normal(size=n))), rng.poisson(2, n),
        rng.uniform(0, 0.4, n), rng.random(n) < 0.03, rng.normal(20, 3, n),
    ])  # fmt: skip
    ensemble = fit_ensemble(x[:, :5], NAMES, seed=0)
    return _bundle(x, ensemble, ensemble.score(x))


def _bundle(
    x: np.ndarray, ensemble: Ensemble, score: np.ndarray, learned: Learned | None = None
) -> Bundle:
    """The parts under a manifest."""
    facts = Facts(
        scenario="payouts", spec_hash="a" * 64, kernel_version="1",
        features=tuple(_info(j) for j in range(len(NAMES))), alert_budget=0.05,
        training=TrainingWindow(start="2024-01-01", end="2025-01-01"), rows=len(x),
        data_sha256="b" * 64, currency="CNY", libraries={}, created_at="2025-02-01",
    )  # fmt: skip
    return Bundle.build(
        facts,
        ensemble=ensemble,
        calibration=Calibration.fit(score),
        typical=Typical.fit(x, ["P12"] * len(x)),
        golden=x[:3],
        learned=learned,
    )


@pytest.fixture(scope="module", params=[8, 40], ids=["weighed", "boosted"])
def learned(request: pytest.FixtureRequest, bundle: Bundle) -> Bundle:
    """The same after reviews: of far events those with a large amount were confirmed."""
    rng = np.random.default_rng(1)
    n = 2 * int(request.param)
    x = np.column_stack([
        6_000_000 * np.exp(np.where(np.arange(n) % 2, 2.0, 0.2) + 0.3 * rng.normal(size=n)),
        rng.poisson(9, n), rng.uniform(0, 1, n), rng.random(n) < 0.3, rng.normal(20, 9, n),
    ])  # fmt: skip
    ordinary = bundle.golden[rng.integers(0, 3, 400)] * rng.uniform(0.9, 1.1, (400, 5))
    crowd = Explained.of(bundle.ensemble, ordinary)
    found = Findings(Explained.of(bundle.ensemble, x), (np.arange(n) % 2).astype(float), np.ones(n))
    labelled = fit_labelled(bundle.ensemble, found, crowd, seed=0)
    assert (labelled.boosted is not None) == (request.param == 40)
    part = Learned.of(
        labelled, None, n_labels=n, n_confirmed=n // 2, n_reviewers=3, labels_sha256="c" * 64
    )
    every = np.vstack([ordinary, x])
    return _bundle(ordinary, bundle.ensemble, labelled.score(every), part)


def _vector(*values: float, **cells: Cell) -> FeatureVector:
    made = [
        cells.get(name, Cell(value, Status.INSUFFICIENT if math.isnan(value) else Status.OK))
        for name, value in zip(NAMES, values, strict=True)
    ]
    return FeatureVector("payouts", "a" * 64, "1", 7, NAMES, tuple(made), "P12")


def _score(bundle: Bundle, vector: FeatureVector, feature: int, value: float) -> float:
    row = vector.values
    row[feature] = value
    return bundle.score_row(row)


_EVENTS = st.tuples(
    st.integers(1, 10**9).map(float),
    st.integers(0, 60).map(float),
    st.floats(0, 1),
    st.sampled_from([0.0, 1.0]),
    st.floats(0, 200),
)


@settings(max_examples=60, deadline=None)
@given(_EVENTS, st.floats(0.01, 0.3))
def test_the_value_is_below_and_its_neighbour_is_not(
    bundle: Bundle, event: tuple[float, ...], budget: float
) -> None:
    """One feature changes, whole ones stay whole, and one step towards the actual is above."""
    _check_nearest(bundle, event, budget)


@settings(max_examples=40, deadline=None)
@given(_EVENTS, st.floats(0.01, 0.3))
def test_after_labels_the_value_is_below_and_its_neighbour_is_not(
    learned: Bundle, event: tuple[float, ...], budget: float
) -> None:
    """Of a score that labels weigh and boost, which may jump anywhere, the same holds."""
    _check_nearest(learned, event, budget)


@settings(max_examples=40, deadline=None)
@given(_EVENTS, st.floats(0.01, 0.3))
def test_after_labels_what_is_told_is_below(
    learned: Bundle, event: tuple[float, ...], budget: float
) -> None:
    """The number that is shown, scored again, does not exceed the line."""
    line = learned.calibration.threshold(budget)
    vector = _vector(*event)
    told = would_be_below(learned, vector, line)
    if told is not None:
        assert told.value is not None
        j = NAMES.index(told.feature)
        value = told.value * (100.0 if told.feature == "amount_minor" else 1.0)
        assert _score(learned, vector, j, value) <= line


def test_cuts_of_boosted_trees_are_breakpoints(learned: Bundle) -> None:
    """On either side of a cut: the last value that goes left, the first that goes right."""
    assert learned.learned is not None
    boosted = learned.learned.labelled.boosted
    if boosted is None:
        assert learned.breakpoints(0).size > 0
        return
    cuts = boosted.nodes.threshold[boosted.nodes.feature == 0]
    assert cuts.size > 0
    assert np.isin(cuts.astype(np.float64), learned.breakpoints(0)).all()


def _check_nearest(bundle: Bundle, event: tuple[float, ...], budget: float) -> None:
    line = bundle.calibration.threshold(budget)
    vector = _vector(*event)
    found = counterfactual(bundle, vector, line)
    if found is None:
        return
    j, value = found.feature, found.value
    assert found.actual == event[j] != value
    assert bundle.score_row(vector.values) > line
    assert _score(bundle, vector, j, value) <= line
    if is_whole(bundle, j, event[j]):
        assert value == round(value)
        inside = [value + math.copysign(1.0, event[j] - value)]
    else:
        reach = TOLERANCE * (event[j] - value)
        inside = [value + share * reach for share in (1.01, 0.5, 0.1)]
    # a score may jump twice within the tolerance, so that one of the steps is enough
    assert max(_score(bundle, vector, j, each) for each in inside) > line


@settings(max_examples=40, deadline=None)
@given(_EVENTS, st.floats(0.01, 0.3))
def test_none_is_said_only_where_none_can(
    bundle: Bundle, event: tuple[float, ...], budget: float
) -> None:
    """Where nothing is found, no value on a fine grid of any feature is below the line."""
    line = bundle.calibration.threshold(budget)
    vector = _vector(*event)
    if counterfactual(bundle, vector, line) is not None or bundle.score_row(vector.values) <= line:
        return
    for j in range(len(NAMES)):
        lo, hi = (float(end) for end in bundle.typical.quantiles[0, j, [0, 2]])
        grid = np.linspace(min(lo, event[j]), max(hi, event[j]), STEPS)
        grid = np.unique(np.rint(grid)) if is_whole(bundle, j, event[j]) else grid
        rows = np.repeat(vector.values.reshape(1, -1), len(grid), axis=0)
        rows[:, j] = grid
        assert bundle.score(rows).min() > line


def test_an_ordinary_event_needs_nothing(bundle: Bundle) -> None:
    """Below the line there is nothing to make ordinary."""
    vector = _vector(*ORDINARY)
    assert counterfactual(bundle, vector, bundle.threshold) is None
    assert would_be_below(bundle, vector, bundle.threshold) is None


def test_an_event_that_is_odd_in_everything_has_no_way_out(bundle: Bundle) -> None:
    """No single feature brings it below."""
    assert counterfactual(bundle, _vector(1e9, 50.0, 1.0, 1.0, 200.0), bundle.threshold) is None


def test_a_large_amount_would_be_below_at_a_smaller_one(bundle: Bundle) -> None:
    """It is told in yuan, to three digits, above the typical amount, in both languages."""
    vector = _vector(120_000_000.0, *ORDINARY[1:])
    told = would_be_below(bundle, vector, bundle.threshold)

    assert told is not None
    assert told.value is not None
    assert (told.feature, told.unit, told.actual) == ("amount_minor", "CNY", 1_200_000.0)
    assert 60_000 < told.value < 1_200_000
    assert told.value % 100 == 0
    assert _score(bundle, vector, 0, 100 * told.value) <= bundle.threshold
    at = f"CNY {told.value:,.2f}"
    assert told.statement_zh == (
        f"其他指标不变，若金额约为{at}，该事项不高于核查线（实际为CNY 1,200,000.00）。"
    )
    assert told.statement_en == (
        f"Amount: if it were about {at}, all else equal, the event would not be above the review "
        "line (it is CNY 1,200,000.00)."
    )


def test_a_flag_is_yes_or_no(bundle: Bundle) -> None:
    """A new account would be below the line as an old one, and about nothing."""
    line = (
        bundle.score_row(_vector(*ORDINARY).values)
        + bundle.score_row(_vector(*ORDINARY[:3], 1.0, 20.0).values)
    ) / 2
    told = would_be_below(bundle, _vector(*ORDINARY[:3], 1.0, 20.0), line)
    assert told is not None
    assert told.statement_zh == "其他指标不变，若新账户为否，该事项不高于核查线（实际为是）。"
    assert told.statement_en == (
        "New account: if it were no, all else equal, the event would not be above the review line "
        "(it is yes)."
    )


def test_what_is_not_known_is_not_changed(bundle: Bundle) -> None:
    """A filled-in value is no way out, however much it adds."""
    doubtful = Cell(120_000_000.0, Status.IMPUTED)
    found = counterfactual(
        bundle, _vector(1.0, *ORDINARY[1:], amount_minor=doubtful), bundle.threshold
    )
    assert found is None or found.feature != 0


def test_a_comparison_with_peers_is_told_as_the_number(bundle: Bundle) -> None:
    """The model sees a z, the reader an amount; both say the same."""
    z = 120_000_000.0
    peers = Peers(key="authority=A1", level=1, n=55)
    cell = Cell(z, Status.OK, 40_000_000.0, 6_000_000.0, 3_000_000.0, 12_000_000.0, peers)
    vector = _vector(z, *ORDINARY[1:], amount_minor=cell)
    told = would_be_below(bundle, vector, bundle.threshold, currency="GBP")

    assert told is not None
    assert told.value is not None
    assert (told.unit, told.actual) == ("GBP", 400_000.0)
    assert 60_000 < told.value < 400_000
    assert _score(bundle, vector, 0, modelled(cell, 100 * told.value)) <= bundle.threshold


def test_a_comparison_that_says_no_scale_is_left_alone(bundle: Bundle) -> None:
    """Without a typical number another value cannot be told, so it is not offered."""
    cell = Cell(120_000_000.0, Status.OK, 40_000_000.0)
    vector = _vector(0.0, *ORDINARY[1:], amount_minor=cell)
    assert counterfactual(bundle, vector, bundle.threshold) is None


class _Bump(NamedTuple):
    """A score that is low, high and low again on the way to the typical value."""

    below: tuple[float, float]

    def score(self, x: np.ndarray) -> np.ndarray:
        low, high = self.below
        is_ordinary = (np.abs(x[:, 0]) < 1.0) | ((x[:, 0] >= low) & (x[:, 0] <= high))
        return np.where(is_ordinary, 0.0, 5.0) + 0.0 * x[:, 0]


@pytest.mark.parametrize("below", [(6.0, 7.0), (6.4, 6.45)])
def test_a_score_that_is_not_monotone_is_searched(below: tuple[float, float]) -> None:
    """An island of ordinary values nearer than the typical one is found where values are tried."""
    bump = _Bump(below)

    class _Small:
        names = ("gap_days",)
        columns = (0,)
        typical = Typical.fit(np.linspace(-1, 1, 99).reshape(-1, 1), ["P12"] * 99)
        golden = np.array([[0.5]])
        score = staticmethod(bump.score)

        @staticmethod
        def score_row(values: np.ndarray) -> float:
            return float(bump.score(values.reshape(1, -1))[0])

        @staticmethod
        def explain_row(values: np.ndarray) -> tuple[float, np.ndarray]:
            return 0.0, values

        @staticmethod
        def knots(_: int) -> np.ndarray:
            return np.linspace(-1, 10, 12) + 0.01

        @staticmethod
        def breakpoints(_: int) -> np.ndarray:
            return np.array([0.99, *below])

    cells = (Cell(10.5, Status.OK),)
    vector = FeatureVector("payouts", "a" * 64, "1", 7, ("gap_days",), cells, "P12")
    found = counterfactual(_Small(), vector, 1.0)  # type: ignore[arg-type]
    assert found is not None
    assert found.value == pytest.approx(below[1], abs=2e-3)


@given(st.floats(-1e12, 1e12))
def test_the_grid_is_undone(x: float) -> None:
    """A number goes to the log grid and comes back."""
    assert from_octaves(octaves(x)) == pytest.approx(x, rel=1e-9, abs=1e-3)


@given(st.floats(1, 1e9), st.floats(1, 1e9), st.floats(-9, 9).filter(bool), st.floats(-9, 9))
def test_a_shown_number_is_what_the_model_saw(
    actual: float, typical: float, value: float, other: float
) -> None:
    """Shown and modelled undo each other, and the actual pair is itself."""
    if octaves(actual) == octaves(typical) or abs(value) < 1e-3:
        return
    cell = Cell(value, Status.OK, actual, typical)
    assert shown(cell, value) == pytest.approx(actual, rel=1e-6)
    unit = abs(octaves(actual) - octaves(typical)) / abs(value)
    if 1e-3 < unit < 5:
        assert modelled(cell, shown(cell, other)) == pytest.approx(other, rel=1e-4, abs=1e-4)
