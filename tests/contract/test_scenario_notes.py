"""The notes on a scenario name everything that it declares, and nothing that it does not."""

import re
from dataclasses import replace
from typing import Final

import pytest

from features.document.notes import NOTES, with_tables
from features.scenarios import catalog
from features.spec import Scenario

CASES: Final = [pytest.param(catalog.load(name), id=name) for name in catalog.NAMES]
RULES: Final = re.compile(r"^## Fixed rules\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
ROW: Final = re.compile(r"^\| `(\w+)`.*$", re.MULTILINE)


def notes(scenario: Scenario) -> str:
    """What is written about a scenario."""
    return (NOTES / f"{scenario.name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", CASES)
def test_every_feature_stands_in_the_notes(scenario: Scenario) -> None:
    """`make fmt` writes the tables anew; marks say what is sensitive and what no model sees."""
    assert with_tables(notes(scenario), scenario) == notes(scenario), "run `make fmt`"


@pytest.mark.parametrize("scenario", CASES)
def test_a_feature_that_is_new_gets_a_row_and_its_family_a_heading(scenario: Scenario) -> None:
    """One that is gone loses its row, and what people wrote stays."""
    first, *others = scenario.features
    moved = replace(first, family="another")
    written = with_tables(notes(scenario), replace(scenario, features=(*others, moved)))
    old, new = notes(scenario).splitlines(), written.splitlines()

    assert re.search(
        rf"^### another\n\n\| feature .*\n.*\n\| `{first.name}`", written, re.MULTILINE
    )
    assert written.count(f"\n| `{first.name}`") == 1
    assert [line for line in old if line not in new] in ([], [f"### {first.family}"])


@pytest.mark.parametrize("scenario", CASES)
def test_every_rule_and_kind_stands_in_the_notes(scenario: Scenario) -> None:
    """Rules with their basis and patterns, kinds by name, and a list of what is left out."""
    text = notes(scenario)
    section = RULES.search(text)
    assert section is not None
    rows = {row[1]: row[0] for row in ROW.finditer(section[0])}

    assert list(rows) == [rule.name for rule in scenario.rules]
    assert all(rows[rule.name].endswith(f" | {rule.basis} |") for rule in scenario.rules)
    for pattern in scenario.patterns:
        assert f"| `{pattern.name}`" in text
        assert pattern.zh in text
    for kind in scenario.kinds:
        assert f"`{kind}`" in text
    assert "## What is left out" in text
    assert re.search(
        "^## (Known causes of a false alarm|What makes it fire wrongly)", text, re.MULTILINE
    )
