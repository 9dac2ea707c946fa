"""What a screening says: units judged at a review budget, as plain data for report and bench.

Every part has a sentence on how to read it (`HOW_TO_READ`).
"""

from typing import Final

from pydantic import BaseModel, ConfigDict

from training.evaluation import Rate
from training.unit_orders import UnitArmName

HOW_TO_READ: Final = {
    "arms": "All arms have the same number of reviews. A find is a unit that belongs to a planted "
    "case; compare finds per 100 reviews, and whether half the reviews each beats either alone.",
    "overlap": "What both select would be found by either; what stands under model only is what "
    "the fixed rules miss, and the reason to have a model beside them.",
    "recalls": "Of the units that belong to a case of that kind and strength, the share that is "
    "selected. Kinds that no rule hits show what the model alone can add.",
    "explained": "Of the planted units that the model selects, the share whose leading event names "
    "a telling feature among its first three reasons. A low share means right for wrong reasons.",
    "lookalikes": "Harmless stories that resemble cases. A ratio of 1 means that they are selected "
    "no more often than anybody; far above 1, reviewers will be sent to the harmless.",
    "delays": "Days from the first event of a case to its first event above the live line. Cases "
    "that never rise above it are counted as not detected, and are in no median.",
    "stability": "The same data drawn anew with replacement, and the model fitted again: 1 means "
    "the same order, or the same selected units; a low overlap means that chance decides.",
    "concentration": "Share of the selected units in each group beside its share of all units; HHI "
    "is the sum of squared shares. Much higher than for all units, the model watches few groups.",
    "sampled": "Estimated from what reviewers found alone: alerts stand for themselves, each event "
    "of the control sample for as many as its inclusion probability says.",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UnitArm(_Frozen):
    """What reviewing the units that one arm chooses finds."""

    name: UnitArmName
    n_reviews: int
    n_cases: int
    finds: Rate
    n_lookalikes: int

    @property
    def per_100(self) -> float:
        """Finds in a hundred reviews."""
        return 100 * self.finds.rate


class Overlap(_Frozen):
    """Units that model and rules select within the budget, and the finds among them."""

    both: Rate
    model_only: Rate
    rules_only: Rate
    rules_hit: Rate
    """All units that a rule hits, whatever the budget."""


class UnitRecall(_Frozen):
    """Units of one typology and severity, and how many each arm selects."""

    typology: str
    severity: str
    n_units: int
    n_cases: int
    model: int
    rules: int
    split: int
    rule_hits: int
    """Units that a rule hits, whatever the budget."""
    n_seen: int
    """Cases that the fixed rules should hit."""
    seen_hit: int
    """Those of them of which a rule hits a unit."""
    n_unhit: int = 0
    """Units that no rule hits."""
    unhit_model: int = 0
    """Those of them that the model selects."""
    n_adaptive: int = 0
    """Units of cases that keep clear of the fixed rules on purpose."""
    adaptive_model: int = 0
    """Those of them that the model selects."""
    adaptive_hit: int = 0
    """Those of them that a rule hits all the same."""

    @property
    def recall(self) -> float:
        """The share that the model selects."""
        return self.model / self.n_units


class Lookalikes(_Frozen):
    """Share of look-alikes among the selected units and among all."""

    selected: Rate
    everywhere: Rate

    @property
    def ratio(self) -> float:
        """How much more often they are selected than anybody; 0 where there are none."""
        return self.selected.rate / self.everywhere.rate if self.everywhere.hits else 0.0


class Delay(_Frozen):
    """Days from onset to the first event above the live line, by typology."""

    typology: str
    n_cases: int
    detected: int
    median_days: float | None
    p90_days: float | None


class Stability(_Frozen):
    """How alike refits on bootstrap draws rank the units."""

    n_refits: int
    rank_correlation: float
    """Mean Spearman correlation of the units' order with the original one."""
    jaccard: float
    """Mean overlap of the selected units, intersection over union."""


class Group(_Frozen):
    """One group's part in the selected units and in all."""

    name: str
    n_units: int
    selected: int


class Concentration(_Frozen):
    """How the selected units spread over the values of a field."""

    field: str
    hhi_selected: float
    hhi_all: float
    groups: tuple[Group, ...]
    """Those with most selected units, at most ten."""


class Sampled(_Frozen):
    """What reviewers' findings say of all events, by inverse inclusion probability."""

    n_reviews: int
    precision: Rate
    """Among the reviewed alerts."""
    prevalence: float
    prevalence_low: float
    prevalence_high: float
    recall: float | None
    """Confirmed alerts over the estimated number of all that would be confirmed."""


class Screening(_Frozen):
    """How a model and the fixed rules do on the units of a scenario."""

    scenario: str
    unit: str
    model: str
    """Which model: a bundle's digest, or that it was fitted on the judged events themselves."""
    n_rows: int
    n_fitted: int
    """Of the rows, how many happened before the model's training ended: it has seen those."""
    n_units: int
    budget: float
    n_reviews: int
    n_host_answers: int = 0
    arms: tuple[UnitArm, ...] = ()
    overlap: Overlap
    recalls: tuple[UnitRecall, ...] = ()
    explained: Rate | None = None
    lookalikes: Lookalikes | None = None
    delays: tuple[Delay, ...] = ()
    n_outside: int = 0
    """Cases whose onset lies outside of the judged window; they are in no delay."""
    stability: Stability | None = None
    concentration: tuple[Concentration, ...] = ()
    sampled: Sampled | None = None

    def arm(self, name: UnitArmName) -> UnitArm | None:
        """One arm; None where nothing is known of what was planted."""
        return next((one for one in self.arms if one.name == name), None)

    def to_json(self) -> str:
        """The screening as indented JSON."""
        return self.model_dump_json(indent=2)
