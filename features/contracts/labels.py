"""Labels: what a reviewer found about one event, when, and why that event was looked at.

How a label was selected decides what it can teach. Alerts were looked at because a model chose
them, controls because chance did, at an announced rate; a fixed rule or a complaint chose for
reasons of its own, at a rate that nobody knows.
"""

from enum import StrEnum
from typing import Annotated, Final, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from features.contracts.events import Identifier


class Outcome(StrEnum):
    """What a review came to; `unclear` teaches nothing."""

    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    UNCLEAR = "unclear"


class Selection(StrEnum):
    """Why an event was reviewed."""

    ALERT = "alert"
    CONTROL = "control"
    RULE = "rule"
    COMPLAINT = "complaint"


class Selected(NamedTuple):
    """Why an event was reviewed, and the chance of it where that is known."""

    by: Selection
    inclusion_probability: float | None


SAMPLED: Final = frozenset({Selection.ALERT, Selection.CONTROL})
"""Selections whose inclusion probability is known: together they are a sample of all events."""


class Label(BaseModel):
    """One reviewer's finding about one event.

    `reviewer` is a pseudonym, never a name. `inclusion_probability` is the chance, fixed before the
    review, that the event was looked at: 1 for an alert, the announced rate for a control, unknown
    for a rule's hit or a complaint. Labels of one `review_group` are reviews of the same event that
    did not know of each other.

    >>> Label(event_id="P-1", outcome="cleared", reviewer="r1", selected_by="control",
    ...       decided_at="2026-03-01T09:00:00+08:00", inclusion_probability=0.002).is_sampled
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Identifier
    outcome: Outcome
    reviewer: Identifier
    decided_at: AwareDatetime
    selected_by: Selection
    inclusion_probability: Annotated[float, Field(gt=0, le=1)] | None = None
    review_group: Identifier | None = None

    @property
    def is_sampled(self) -> bool:
        """Whether chance or certainty chose the event, at a known rate."""
        return self.selected_by in SAMPLED

    @model_validator(mode="after")
    def _known_rate(self) -> Self:
        if self.is_sampled == (self.inclusion_probability is None):
            wants = "needs the" if self.is_sampled else "has no known"
            message = f"a label selected by {self.selected_by} {wants} inclusion_probability"
            raise ValueError(message)
        return self
