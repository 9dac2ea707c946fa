"""Verdicts, reasons and records: what crosses the border about one scored event.

The words follow section 3 of the record schema `anomaly_record/1`: a percentile is the share of
held-out ordinary events scored lower, never a probability; a reason states actual against typical
and who the peers are. No raw detector score leaves the service.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.contracts.events import Identifier, Name

WITHHELD: Final = "measure_of_persons"
"""The name that stands in the place of a measure, pattern or family that is not shown."""


class Status(StrEnum):
    """What stands behind a feature's value; null is not zero."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    INSUFFICIENT = "insufficient"
    ERROR = "error"
    IMPUTED = "imputed"


class Band(StrEnum):
    """Severity by percentile: low from 0.95, medium from 0.99, high from 0.999.

    Once P(confirmed) is calibrated, by that: low from one in twenty, medium from one in five, high
    from one in two.
    """

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Relation(StrEnum):
    """How the model's view stands to the fixed rules' warnings, frozen at scoring."""

    CONFIRMS = "confirms"
    NEW = "new"
    RULE_ONLY = "rule_only"
    NONE = "none"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Peers(_Frozen):
    """Whom an event was compared with: the group's key, its level (0 is finest) and size."""

    key: str
    level: int
    n: int


class Evidence(_Frozen):
    """An event that the feature was computed from, as the ledger knew it."""

    kind: Name
    event_id: str
    version: int
    seq: int
    effective_at: datetime


class Reason(_Frozen):
    """One feature's part in a score, in terms a reviewer can check.

    `contribution` is in units of the score; `share` is its positive part over the sum of positive
    parts. `actual`, `typical`, `lo` and `hi` are in `unit` and are computed in one place.
    """

    feature: Name
    name_zh: str
    name_en: str
    unit: str
    actual: float | None
    typical: float | None
    lo: float | None
    hi: float | None
    direction: Literal["high", "low", "none"]
    status: Status
    contribution: float
    share: Annotated[float, Field(ge=0, le=1)]
    peers: Peers | None
    window_days: int | None
    statement_zh: str
    statement_en: str
    evidence: tuple[Evidence, ...] = ()
    false_alarm_zh: str = ""
    false_alarm_en: str = ""


class FamilyPart(_Frozen):
    """What the features of one family added to a score together, negative parts included.

    `share` is the positive part over the sum of the families' positive parts.
    """

    family: str
    contribution: float
    share: Annotated[float, Field(ge=0, le=1)]


class Counterfactual(_Frozen):
    """The nearest value of one feature with which the event would not be an alert.

    All other features stay as they are. `actual` and `value` are in `unit`, as in reasons; `value`
    was scored and lies below the line. Both are null where the feature is a measure of persons
    that is not shown.
    """

    feature: Name
    name_zh: str
    name_en: str
    unit: str
    actual: float | None
    value: float | None
    statement_zh: str
    statement_en: str


class RuleWarning(_Frozen):
    """One fixed rule's answer about an event, the host's own or ours."""

    rule: Name
    status: Literal["hit", "clear", "not_applicable", "insufficient"]
    source: Literal["host", "lianjing"] = "host"
    detail: Annotated[str, Field(max_length=512)] = ""


class Provenance(_Frozen):
    """What the score was made with; the same provenance and vector give the same score.

    `vector_digest` is empty where measures of persons are not shown. `rules_hash` says by which
    fixed rules, thresholds and dates our own answers were given; empty in records from before it
    was kept.
    """

    bundle_digest: str
    model_version: str
    spec_hash: str
    kernel_version: str
    as_of_seq: int
    vector_digest: str
    rules_hash: str = ""


class Likelihood(_Frozen):
    """The chance that a review confirms the event, with its 95 % interval.

    It rests on `n_reviews` events that were reviewed as alerts or as controls.
    """

    value: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]
    n_reviews: int


class Scores(_Frozen):
    """How unusual the event is among held-out ordinary events of its scenario.

    `p_confirmed` is null until a hundred reviews of this scenario say what scores like this came
    to; until then `band` goes by percentile, from then on by it.
    """

    percentile: Annotated[float, Field(ge=0, le=1)]
    p_value: Annotated[float, Field(gt=0, le=1)]
    one_in: int
    band: Band
    is_alert: bool
    p_confirmed: Likelihood | None = None


class Reliability(_Frozen):
    """How much of the event could be compared: measures usable out of those the model takes.

    Of a thin comparison (under half usable) a low percentile says little: what is not known counts
    as ordinary. `leading` are the measures that usually add most to a score, `leading_missing`
    those of them that are not usable here; null in records from before they were counted.
    """

    usable: int
    features: int
    is_thin: bool
    leading: int | None = None
    leading_missing: int | None = None


class FeatureValue(_Frozen):
    """One cell of the event's vector."""

    feature: Name
    value: float | None
    status: Status


class Review(_Frozen):
    """Whether the event is to be reviewed, by what, and how likely that was.

    `threshold` is the line in force, in units of the score: an alert scored above it; null where
    nothing could be an alert. `control_probability` is the rate at which events of its stratum are
    drawn whatever they score, 0 without a control sample; findings of the control sample are
    weighted by its inverse. `rule` is the version of the rule that selected.
    """

    selected_by: Literal["alert", "control", "both"] | None
    inclusion_probability: Annotated[float, Field(ge=0, le=1)]
    control_probability: Annotated[float, Field(ge=0, le=1)]
    period: str
    threshold: float | None
    rule: str

    @property
    def is_alert(self) -> bool:
        """Whether its score selected it."""
        return self.selected_by in {"alert", "both"}

    @property
    def is_control(self) -> bool:
        """Whether it belongs to the control sample."""
        return self.selected_by in {"control", "both"}


class Story(_Frozen):
    """The declared pattern by which an event differs most: features that tell one story together.

    It says which measures are unusual side by side, not what happened.
    """

    name: Name
    title_zh: str
    title_en: str


class Verdict(_Frozen):
    """The answer to one scoring call.

    `story` is null where no declared pattern is the strongest view of the event, where reasons were
    not asked for, and where the score was learned from labels.
    """

    record_id: Identifier
    scenario: Name
    kind: Name
    event_id: Identifier
    version: int
    scored_at: datetime
    scores: Scores
    relation: Relation
    rules: tuple[RuleWarning, ...]
    reasons: tuple[Reason, ...]
    provenance: Provenance
    reliability: Reliability | None = None
    review: Review | None = None
    story: Story | None = None


class AnomalyRecord(_Frozen):
    """The immutable stored verdict, with the vector it was made from.

    `withheld` counts the cells that are not shown, which are measures of persons.
    """

    schema_: Literal["anomaly_record/1"] = Field(default="anomaly_record/1", alias="schema")
    verdict: Verdict
    vector: tuple[FeatureValue, ...]
    amount_minor: int | None
    currency: str
    withheld: int = 0
