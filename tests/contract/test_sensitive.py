"""Which features tell of an officer by himself is the same in every scenario."""

import re
from typing import Final

import pytest

from features.scenarios import catalog
from features.spec import Feature

OFFICERS: Final = frozenset({"officer", "handler"})
"""Fields that hold somebody who decides."""
CONDUCT: Final = re.compile(r"B0[12356]")
"""Conduct of officers; B04, one person in two duties of a case, is a fixed rule of the case."""
SCENARIOS: Final = ("approvals", "payouts", "assignments", "small_works", "credit_repairs")


def _is_of_officers_alone(feature: Feature) -> bool:
    """Whether it looks at an officer's cases and only the family of conduct gives a reason to."""
    looked_at = {name for atom in feature.of.atoms for name in (*atom.key, atom.value)}
    reasons = [part.strip() for part in feature.source.split(";")]
    return bool(looked_at & OFFICERS) and all(map(CONDUCT.fullmatch, reasons))


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_tells_of_an_officer_alone_is_behind_the_switch(name: str) -> None:
    """Such a feature is sensitive, and no model takes it unless it is let in."""
    scenario = catalog.load(name)
    told = {feature.name for feature in scenario.features if _is_of_officers_alone(feature)}

    assert told <= {feature.name for feature in scenario.features if feature.sensitive}
    assert told <= set(scenario.left_out())
