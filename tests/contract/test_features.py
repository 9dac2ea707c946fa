"""Every shipped feature keeps what a reader and a model rely on."""

import re
from typing import Final

import polars as pl
import pytest

from features.batch import build
from features.contracts.vectors import STATUS_CODES
from features.frames import compute
from features.scenarios import catalog
from features.spec import MAX_DAYS, Feature, Own, Scenario, Window
from features.store.ledger import Ledger
from features.window import label_of

CASES: Final = [
    pytest.param(catalog.load(name), feature, id=f"{name}-{feature.name}")
    for name in catalog.NAMES
    for feature in catalog.load(name).features
]
SCENARIOS: Final = [pytest.param(catalog.load(name), id=name) for name in catalog.NAMES]
FLAGS: Final = ("0/1", "flag")
"""Units of what is there or not; the console says yes or no."""
CHINESE: Final = re.compile("[一-鿿]")
VERDICTS: Final = re.compile(
    "违纪|违法|违规|腐败|舞弊|欺诈|violation|fraud|corrupt|guilty|illegal", re.IGNORECASE
)


@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_a_feature_says_what_it_is_in_both_languages(scenario: Scenario, feature: Feature) -> None:
    """Title, reason, unit and usual false alarm, in Chinese and in English; never a verdict."""
    zh = (feature.zh, feature.why_zh, feature.false_alarm_zh)
    en = (feature.en, feature.why_en, feature.unit, feature.false_alarm_en)

    assert scenario.by_name[feature.name] is feature
    assert all(CHINESE.search(text) for text in zh)
    assert all(text.strip() and not CHINESE.search(text) for text in en)
    assert not [text for text in (*zh, *en) if VERDICTS.search(text)]
    assert feature.unit in FLAGS or CHINESE.search(feature.unit_zh)
    assert feature.unit_zh
    assert feature.family
    assert feature.tail in ("high", "low", "both")


@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_a_features_name_follows_from_its_declaration(scenario: Scenario, feature: Feature) -> None:
    """The name is the expression's, states its window and fits a bundle; the window is bounded."""
    days = feature.of.window_days

    assert feature.name == feature.of.name == feature.info.name
    assert re.fullmatch("[a-z][a-z0-9_]{0,63}", feature.name)
    if isinstance(feature.of, Own):
        assert days is None
        assert feature.name in scenario.numbers
    else:
        assert days is not None
        assert 1 <= days <= MAX_DAYS
        assert f"_{label_of(feature.of.reach)}" in feature.name


@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_a_unit_fits_what_is_measured(scenario: Scenario, feature: Feature) -> None:
    """Sums and amounts of money are shown as money, counts never are."""
    money = {item.name for item in scenario.fields if item.kind == "money"}
    value = getattr(feature.of, "value", None)
    if value in money and (isinstance(feature.of, Own) or feature.name.startswith(f"{value}_sum")):
        assert feature.unit == "money"
    if isinstance(feature.of, Window) and feature.of.agg in ("count", "distinct"):
        assert feature.unit != "money"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_has_enough_features_and_each_once(scenario: Scenario) -> None:
    """At least twenty, no two of one name, no two that say the same to a reader."""
    names = [feature.name for feature in scenario.features]
    titles = [(feature.zh, feature.en) for feature in scenario.features]

    assert len(names) >= 20
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_empty_ledger_gives_an_empty_table(scenario: Scenario) -> None:
    """No row, every column, the same version as a full one."""
    ledger = Ledger.in_memory()
    table = build(ledger, scenario)

    assert len(table) == 0
    assert table.names == tuple(scenario.by_name)
    assert table.values.shape == table.status.shape == (0, len(table.names))
    assert table.spec_hash == scenario.spec_hash(ledger.profile(scenario.name)[1])
    assert set(table.rules) == {rule.name for rule in scenario.rules}
    assert len(table.digest) == 64


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_rule_states_its_basis_and_stays_clear_of_verdicts(scenario: Scenario) -> None:
    """A fixed rule names what it rests on, in both languages."""
    assert scenario.rules
    for rule in scenario.rules:
        assert CHINESE.search(rule.zh)
        assert rule.en
        assert rule.basis
        assert not VERDICTS.search(rule.zh + rule.en)


def test_progress_counts_every_cell_once() -> None:
    """Reports go on to the number of cells, each with a feature at work."""
    scenario, told = catalog.load("payouts"), list[tuple[int, int, str]]()
    events = pl.DataFrame({"effective_at": [10**15, 10**15 + 1], "amount_minor": [7, 5]})
    none = {"credit_repairs": pl.DataFrame({"effective_at": [0]})[:0]}
    compute(events, scenario, sources=none, progress=lambda *step: told.append(step))

    done = [cells for cells, _, _ in told]
    assert done == sorted(set(done))
    assert {total for _, total, _ in told} == {done[-1]} == {2 * len(scenario.features)}
    assert {name for _, _, name in told} <= set(scenario.by_name)


def test_statuses_stand_where_tables_expect_them() -> None:
    """Status codes are positions that stored tables hold: their order may only grow."""
    assert [str(status) for status in STATUS_CODES] == [
        "ok",
        "not_applicable",
        "insufficient",
        "error",
        "imputed",
    ]
