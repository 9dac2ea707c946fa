"""A typology: one way in which histories can differ, or only seem to.

Names describe how histories differ, for the evaluation only: nothing here is ever shown as a
finding about somebody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from training.simulation.case import Case
from training.simulation.config import SimulationConfig

Draft = TypeVar("Draft")
SeenByRule = Literal["yes", "partly", "no"]


def _always(_case: Case, _sizes: object) -> bool:
    return True


@dataclass(frozen=True)
class Typology(Generic[Draft]):
    """One way in which a history can differ, or only seem to.

    `telling` names at most three features that should give it away; `fixed_rule` says whether the
    platform's fixed rules see it, and where they see it in part only, `shows_to_rules` which cases
    they do. Both `plant` and `shows_to_rules` are told the typology's section of the parameters,
    `[typologies.<code>]`. `subjects_per_case` sizes the plan; `history_days` is how much
    history a case needs before its anchor, `lag_days` how long before the end it must lie.
    """

    code: str
    title_zh: str
    title_en: str
    plant: Callable[[Draft, Case, np.random.Generator, Any], None]
    telling: tuple[str, ...]
    fixed_rule: SeenByRule
    shows_to_rules: Callable[[Case, Any], bool] = _always
    subjects_per_case: float = 1.0
    history_days: int = 0
    lag_days: int = 0

    @property
    def benign(self) -> bool:
        """Whether it is a look-alike with a good explanation."""
        return self.code.startswith("L")

    def should_be_hit(self, case: Case, config: SimulationConfig) -> bool:
        """Whether a fixed rule should hit a case; whoever knows the rules keeps clear of them."""
        is_seen = self.fixed_rule != "no" and not self.benign
        sizes = config.typologies.of(self.code)
        return is_seen and not case.adaptive and self.shows_to_rules(case, sizes)
