"""The notes on a scenario name everything that it declares, and nothing that it does not."""

import re
from pathlib import Path
from typing import Final

import pytest

from features.scenarios import catalog
from features.spec import Scenario

NOTES: Final = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"
CASES: Final = [
    pytest.param(catalog.load(name), id=name)
    for name in ("assignments", "credit_repairs", "payouts", "small_works")
]
FEATURE_ROW: Final = re.compile(r"^\| `(\w+)`( †)? \| .* \| (yes|no) \|$", re.MULTILINE)
RULE_ROW: Final = re.compile(r"^\| `(\w+)` \| [^|]+ \| `.*` (?:>=|>|<=|<) .* \|$", re.MULTILINE)


@pytest.mark.parametrize("scenario", CASES)
def test_every_feature_stands_in_the_notes(scenario: Scenario) -> None:
    """Each once, with whether the model sees it, and a mark where it is sensitive."""
    text = (NOTES / f"{scenario.name}.md").read_text(encoding="utf-8")
    told = FEATURE_ROW.findall(text)

    assert len(told) == len(scenario.features)
    assert {name: (mark == " †", seen == "yes") for name, mark, seen in told} == {
        feature.name: (feature.sensitive, feature.in_model) for feature in scenario.features
    }
    for family in {feature.family for feature in scenario.features}:
        assert f"### {family}\n" in text


@pytest.mark.parametrize("scenario", CASES)
def test_every_rule_and_kind_stands_in_the_notes(scenario: Scenario) -> None:
    """Rules and patterns, kinds by name, and a list of what is left out."""
    text = (NOTES / f"{scenario.name}.md").read_text(encoding="utf-8")

    assert RULE_ROW.findall(text) == [rule.name for rule in scenario.rules]
    for pattern in scenario.patterns:
        assert f"| `{pattern.name}` | {pattern.zh} · {pattern.en} | " in text
    for kind in scenario.kinds:
        assert f"`{kind}`" in text
    assert "## What is left out" in text
    assert "## Known causes of a false alarm" in text
