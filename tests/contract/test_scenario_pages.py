"""A scenario's page tells of every feature and rule that the scenario declares, and of no other."""

import re
from pathlib import Path
from typing import Final

import pytest

from features.scenarios import catalog

FOLDER: Final = Path(__file__).parents[2] / "notebooks" / "scenarios"
PAGES: Final = ("approvals",)
"""Pages of this form; the others are held by test_scenario_notes."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_lists_what_is_declared(name: str) -> None:
    """Features with their source, sensitive ones marked; rules with their basis."""
    scenario = catalog.load(name)
    lines = (FOLDER / f"{name}.md").read_text(encoding="utf-8").splitlines()
    told = {
        found[1]: (line, found[2])
        for line in lines
        if (found := re.match(r"\| `([a-z0-9_]+)`([^|]*)\|", line))
    }

    assert set(told) == {*scenario.by_name, *(rule.name for rule in scenario.rules)}
    for feature in scenario.features:
        line, marks = told[feature.name]
        assert line.endswith(f"| {feature.source} |")
        assert ("†" in marks, "‡" in marks) == (feature.sensitive, not feature.in_model)
    for rule in scenario.rules:
        assert rule.basis in told[rule.name][0]
