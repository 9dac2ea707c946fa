"""The pages of the features: every section is there, and every example comes out as it says."""

import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from features.contracts.verdicts import Status
from features.declared import Feature
from features.document.example import Example, example
from features.document.indicators import INDICATORS
from features.document.meaning import meaning
from features.document.page import SECTIONS, feature_page, scenario_page
from features.document.words import LANGUAGES, Language, number
from features.document.write import write
from features.expression import Expression, Own
from features.scenarios import catalog
from features.spec import Scenario
from tests.unit.every import SCENARIO as EVERY

SCENARIOS: Final = (*(catalog.load(name) for name in catalog.NAMES), EVERY)
CASES: Final = [
    pytest.param(scenario, feature, id=f"{scenario.name}-{feature.name}")
    for scenario in SCENARIOS
    for feature in scenario.features
]
SHIPPED: Final = [
    pytest.param(scenario, feature, id=f"{scenario.name}-{feature.name}")
    for scenario in SCENARIOS[:-1]
    for feature in scenario.features
]
CHINESE: Final = re.compile("[一-鿿]")
VERDICTS: Final = re.compile(
    "违纪|违法|违规|腐败|舞弊|欺诈|violat|fraud|corrupt|guilty|illegal|suspicious", re.IGNORECASE
)
MARK: Final = re.compile(r"\b[A-Z]\d{2}\b")
MOST_LINES: Final = 8


@cache
def _example(scenario: str, feature: str) -> Example:
    found = next(item for item in SCENARIOS if item.name == scenario)
    return example(found, found.feature(feature))


@cache
def _page(scenario: str, feature: str, language: Language) -> str:
    found = next(item for item in SCENARIOS if item.name == scenario)
    return feature_page(found, found.feature(feature), language)


@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_an_example_has_a_value_that_comes_out_by_hand(
    scenario: Scenario, feature: Feature
) -> None:
    """The engine's value is the one worked out from the events, and lies in the stated range."""
    made = _example(scenario.name, feature.name)

    assert made.trace.status is Status.OK
    assert made.worked.value is not None
    assert math.isclose(made.worked.value, made.trace.value, rel_tol=1e-12, abs_tol=1e-9)
    assert meaning(scenario, feature.of).range.holds(made.trace.value)
    assert len(made.lines) <= MOST_LINES
    if not isinstance(feature.of, Own):
        assert any(part.seen for part in made.trace.parts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_a_page_has_every_section_and_no_verdict(
    scenario: Scenario, feature: Feature, language: Language
) -> None:
    """Headings in order, each with a body; the value of the example; words of one language."""
    text = _page(scenario.name, feature.name, language)
    bodies = re.split("^## .*$", text, flags=re.MULTILINE)
    headings = re.findall("^## (.*)$", text, flags=re.MULTILINE)
    value = f"**{number(_example(scenario.name, feature.name).trace.value)}** (`ok`)"

    assert headings == [item.of(language) for item in SECTIONS]
    assert all(body.strip() for body in bodies)
    assert feature.name in text
    assert value in bodies[-1]
    assert not VERDICTS.search(text)
    assert bool(CHINESE.search(bodies[4])) == (language == "zh")


@pytest.mark.parametrize(("scenario", "feature"), CASES)
def test_a_page_names_what_the_feature_is_made_of(scenario: Scenario, feature: Feature) -> None:
    """Every field of its keys, its window's length, its condition and its source."""
    text = _page(scenario.name, feature.name, "en")
    for atom in feature.of.atoms:
        names = [*atom.key, atom.value or "", atom.source or ""]
        names += [atom.where.field, *atom.where.values] if atom.where else []
        assert not [name for name in names if name not in text]
    if feature.of.window_days is not None:
        assert " before the event" in text or ", up to it" in text


@pytest.mark.parametrize(
    ("feature", "is_alone"), [("hour", True), ("permit_after_works", False), ("near_limit", False)]
)
def test_a_page_says_whether_earlier_events_are_looked_at(feature: str, *, is_alone: bool) -> None:
    """Those of a measure's measures are, and each measure is named."""
    text = _page("approvals", feature, "en")

    assert ("Only the event itself is looked at." in text) == is_alone
    assert ("Only what the ledger knew before the event counts" in text) != is_alone
    if feature == "permit_after_works":
        assert "- `works_d`: " in text
        assert "`works_d`: Taken in the " in text


@pytest.mark.parametrize(("scenario", "feature"), SHIPPED)
def test_a_source_explains_its_marks(scenario: Scenario, feature: Feature) -> None:
    """A reader is told what S03 stands for."""
    for mark in MARK.findall(feature.source):
        assert INDICATORS[mark].en in _page(scenario.name, feature.name, "en")
        assert INDICATORS[mark].zh in _page(scenario.name, feature.name, "zh")


def test_every_class_of_expression_is_tried() -> None:
    """What is shipped today is not all there is."""
    tried = {type(feature.of) for feature in EVERY.features}

    assert tried == set(Expression.__args__)


def test_a_statistic_names_its_paper() -> None:
    """The identifiers are those of the papers."""
    robust = EVERY.feature("amount_minor_robust_z_60d_by_firm_sector")
    near = EVERY.feature("n_text_like_60d_by_firm")

    assert "doi:10.1080/01621459.1993.10476408" in meaning(EVERY, robust.of).papers[-1]
    assert "doi:10.1145/1772690.1772759" in meaning(EVERY, near.of).papers[0]


def test_a_fill_and_an_assumption_of_its_own_are_shown() -> None:
    """What stands in where the value is missing, and what only the declaration knows."""
    feature = replace(
        EVERY.feature("score_mean_30d_by_firm"),
        fill=-1.0,
        assumes_zh="评分口径不变。",
        assumes_en="Scores mean the same throughout.",
    )
    scenario = replace(EVERY, features=(feature,))

    assert "-1 stands in, and the status is `imputed`" in feature_page(scenario, feature, "en")
    assert "以 -1 代替,状态为 `imputed`" in feature_page(scenario, feature, "zh")
    assert "- Scores mean the same throughout." in feature_page(scenario, feature, "en")
    assert "- 评分口径不变。" in feature_page(scenario, feature, "zh")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda item: item.name)
def test_a_scenario_has_a_page_that_leads_to_its_features(
    scenario: Scenario, language: Language
) -> None:
    """Every feature by a link, every field and measure, and no verdict."""
    text = scenario_page(scenario, language)

    assert re.findall(r"\]\((.*?)\.md\)", text) == list(scenario.by_name)
    for name in (*scenario.codes, *scenario.numbers):
        assert f"| `{name}` |" in text
    assert not VERDICTS.search(text)


def test_pages_are_written_side_by_side(tmp_path: Path) -> None:
    """One folder a language and scenario; progress counts every page."""
    small = replace(EVERY, features=EVERY.features[:2])
    told = list[tuple[int, int, str]]()
    n = write([small], tmp_path, progress=lambda *step: told.append(step))
    names = ["index.md", *(f"{feature.name}.md" for feature in small.features)]

    assert n == len(told) == told[-1][0] == told[-1][1] == 6
    for language in LANGUAGES:
        folder = tmp_path / language / "small"
        assert sorted(path.name for path in folder.iterdir()) == sorted(names)
        assert (folder / "index.md").read_text(encoding="utf-8") == scenario_page(small, language)
