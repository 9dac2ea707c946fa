"""What is selected for review, and by what: the answer that batch and live give about one event."""

from dataclasses import dataclass
from typing import Literal

Arm = Literal["alert", "control", "both"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Whether an event is to be reviewed, why, and how likely that was.

    >>> Selection("control", 0.01, 0.01, "2026-W10", 3.2, "budget-0a1b2c3d4e5f").is_selected
    True
    """

    selected_by: Arm | None
    inclusion_probability: float
    """Of being reviewed: 1 for an alert, else the control sample's; 0 where there is none."""
    control_probability: float
    """Of being drawn into the control sample, whatever the score: what its findings are weighted
    by."""
    period: str
    threshold: float
    """The line in force, in units of the score: live, what must be exceeded; in batch, the lowest
    score that was selected in the period. Infinite where nothing could be."""
    rule: str
    """Version of the rule that selected."""

    @property
    def is_selected(self) -> bool:
        """Whether anybody reviews it."""
        return self.selected_by is not None

    @property
    def is_alert(self) -> bool:
        """Whether its score selected it."""
        return self.selected_by in {"alert", "both"}

    @property
    def is_control(self) -> bool:
        """Whether it belongs to the control sample."""
        return self.selected_by in {"control", "both"}


def selected_by(*, is_alert: bool, is_control: bool) -> Arm | None:
    """The arm or arms that select an event.

    >>> selected_by(is_alert=True, is_control=True), selected_by(is_alert=False, is_control=False)
    ('both', None)
    """
    if is_alert:
        return "both" if is_control else "alert"
    return "control" if is_control else None
