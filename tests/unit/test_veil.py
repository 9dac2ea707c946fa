"""What everybody may see of a record, by what scenarios declare."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.vectors import FeatureInfo
from features.contracts.verdicts import (
    WITHHELD,
    AnomalyRecord,
    Counterfactual,
    FeatureValue,
    Status,
    Story,
)
from features.declared import Pattern
from features.scenarios import catalog
from serving.console.memory import MemorySource
from serving.veil import Openness, Veil

SAMPLE = MemorySource.load(Path(__file__).parents[1] / "data" / "console_records.json").records[0]
NAMES = tuple(cell.feature for cell in SAMPLE.vector)


def veiled(*names: str, record: AnomalyRecord = SAMPLE) -> AnomalyRecord:
    """The sample where only `names` are open."""
    return Veil({"payouts": Openness(frozenset(names))}).record(record)


@given(st.sets(st.sampled_from(NAMES)))
def test_what_is_open_stays_as_it_is_and_nothing_else_is_named(opened: set[str]) -> None:
    """Order and shares of the reasons stay, whatever is open; cells go or stay whole."""
    shown = veiled(*opened)
    reasons, before = shown.verdict.reasons, SAMPLE.verdict.reasons
    assert [one.share for one in reasons] == [one.share for one in before]
    for now, then in zip(reasons, before, strict=True):
        assert now == then if then.feature in opened else now.feature == WITHHELD
    assert shown.vector == tuple(cell for cell in SAMPLE.vector if cell.feature in opened)
    assert len(shown.vector) + shown.withheld == len(SAMPLE.vector)
    named = {reason.feature for reason in reasons} | {cell.feature for cell in shown.vector}
    assert named <= opened | {WITHHELD}


def test_of_a_scenario_that_nobody_declares_every_measure_is_withheld() -> None:
    """Nobody can say any more which of them tell of persons."""
    shown = Veil({}).record(SAMPLE)
    assert (shown.vector, shown.withheld) == ((), len(SAMPLE.vector))
    assert {reason.feature for reason in shown.verdict.reasons} == {WITHHELD}


def test_a_name_of_an_earlier_declaration_is_withheld() -> None:
    """A record outlives the names it was made with; what is not declared is not open."""
    former = FeatureValue(feature="officer_share_1d_by_owner", value=0.9, status=Status.OK)
    record = SAMPLE.model_copy(update={"vector": (former, *SAMPLE.vector)})
    assert veiled(*NAMES, record=record).vector == SAMPLE.vector


def test_a_scenario_without_measures_of_persons_is_shown_as_it_is() -> None:
    """Down to the bytes of a verdict."""
    opened = Openness.of(catalog.load("assignments"))
    assert opened.is_whole
    body = '{"any": "text"}'
    assert Veil({"assignments": opened}).body("assignments", body) == body


@pytest.mark.parametrize("name", ["approvals", "payouts", "small_works", "credit_repairs"])
def test_what_a_scenario_declares_sensitive_is_not_open(name: str) -> None:
    """Everything else is."""
    scenario, opened = catalog.load(name), Openness.of(catalog.load(name))
    assert not opened.is_whole
    for feature in scenario.features:
        assert (feature.name in opened.features) != feature.sensitive


def test_a_pattern_with_a_measure_of_persons_is_told_as_one() -> None:
    """Its title would say what the measure is of."""
    scenario = catalog.load("approvals")
    shy = next(item.name for item in scenario.features if item.sensitive and item.in_model)
    told, kept = Pattern("told", "甲", "told", ((shy, "high"),)), scenario.patterns[0]
    opened = Openness.of(replace(scenario, patterns=(told, kept)))
    veil = Veil({SAMPLE.verdict.scenario: opened})
    for pattern, name in ((told, WITHHELD), (kept, kept.name)):
        story = Story(name=pattern.name, title_zh=pattern.zh, title_en=pattern.en)
        shown = veil.verdict(SAMPLE.verdict.model_copy(update={"story": story})).story
        assert shown is not None
        assert shown.name == name
        assert (shown == story) == (name != WITHHELD)


def test_a_way_by_a_measure_of_persons_gives_no_number() -> None:
    """That there is one is told; another way is told in full."""
    way = Counterfactual(
        feature="n_30d",
        name_zh="次数",
        name_en="count",
        unit="events",
        actual=9.0,
        value=3.0,
        statement_zh="若为三次",
        statement_en="if it were three",
    )
    veil = Veil({"payouts": Openness(frozenset({"amount"}))})
    shown = veil.way("payouts", way)
    assert shown is not None
    assert (shown.feature, shown.actual, shown.value) == (WITHHELD, None, None)
    assert "three" not in shown.statement_en
    assert veil.way("payouts", way.model_copy(update={"feature": "amount"})) != shown
    assert veil.way("payouts", None) is None


def test_families_hold_only_what_is_open() -> None:
    """A measure of persons leaves the family of its fellows."""
    fields = dict.fromkeys(FeatureInfo.model_fields, "") | {"window_days": None, "family": "burst"}
    infos = [FeatureInfo.model_validate(fields | {"name": name}) for name in ("open", "shy")]
    family = Veil({"payouts": Openness(frozenset({"open"}))}).family("payouts")
    assert [family(info) for info in infos] == ["burst", WITHHELD]
