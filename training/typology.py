"""A typology: one way in which histories can differ, or only seem to.

Names describe how histories differ, for the evaluation only: nothing here is ever shown as a
finding about somebody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np

from training.simulation.case import SEVERITIES, Case, Dial, Severity

Draft = TypeVar("Draft")
SeenByRule = Literal["yes", "partly", "no"]


def _always(_case: Case) -> bool:
    return True


@dataclass(frozen=True)
class Typology(Generic[Draft]):
    """One way in which a history can differ, or only seem to.

    `telling` names at most three features that should give it away; `fixed_rule` says whether the
    platform's fixed rules see it, and where they see it in part only, `shows_to_rules` which cases
    they do. `subjects_per_case` sizes the plan; `history_days` is how much
    history a case needs before its anchor, `lag_days` how long before the end it must lie.
    """

    code: str
    title_zh: str
    title_en: str
    plant: Callable[[Draft, Case, np.random.Generator], None]
    telling: tuple[str, ...]
    fixed_rule: SeenByRule
    dials: Mapping[str, Dial] = field(default_factory=dict)
    shows_to_rules: Callable[[Case], bool] = _always
    subjects_per_case: float = 1.0
    history_days: int = 0
    lag_days: int = 0

    @property
    def benign(self) -> bool:
        """Whether it is a look-alike with a good explanation."""
        return self.code.startswith("L")

    def should_be_hit(self, case: Case) -> bool:
        """Whether a fixed rule should hit a case; whoever knows the rules keeps clear of them."""
        is_seen = self.fixed_rule != "no" and not self.benign
        return is_seen and not case.adaptive and self.shows_to_rules(case)

    def range_of(self, dial: str, severity: Severity) -> tuple[float, float]:
        """From where to where a dial runs at one severity."""
        third = SEVERITIES.index(severity) / 3
        return self.dials[dial].at(third), self.dials[dial].at(third + 1 / 3)
