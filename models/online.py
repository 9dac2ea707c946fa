"""The review budget while events come one by one: a line, and the control sample beside it."""

from dataclasses import dataclass

from models.budget import ReviewRule, period_of
from models.rolling import RollingWindow
from models.selection import Selection, selected_by


def judge(
    rule: ReviewRule, line: float, event: str, score: float, *, percentile: float, at_us: int
) -> Selection:
    """The answer about one event, with the `line` in force: above it an event is an alert.

    The control sample is the same that a batch draws where there is room for it.

    >>> judge(ReviewRule(budget=0.1), 2.0, "P-1", 2.5, percentile=0.9, at_us=0).selected_by
    'alert'
    """
    control, is_alert = rule.control, score > line
    chance = 0.0 if control is None else control.rate(percentile)
    is_drawn = control is not None and control.is_drawn(event, percentile)
    return Selection(
        selected_by=selected_by(is_alert=is_alert, is_control=is_drawn),
        inclusion_probability=1.0 if is_alert else chance,
        control_probability=chance,
        period=period_of(at_us, rule.period, rule.zone),
        threshold=line,
        rule=rule.version,
    )


@dataclass(frozen=True, slots=True)
class OnlineBudget:
    """The rule, and the window that its moving line is drawn in.

    >>> budget = OnlineBudget(ReviewRule(budget=0.25), RollingWindow(3))
    >>> [budget.select(place, f"P-{place}", score, percentile=0.5, at_us=0).selected_by
    ...  for place, score in enumerate([1.0, 2.0, 3.0, 4.0, 3.5])]
    [None, None, None, 'alert', None]
    """

    rule: ReviewRule
    window: RollingWindow

    def judge(self, event: str, score: float, *, percentile: float, at_us: int) -> Selection:
        """The answer about an event as of the events told so far, which it does not join."""
        line = self.window.threshold(self.rule.alert_budget)
        return judge(self.rule, line, event, score, percentile=percentile, at_us=at_us)

    def select(
        self, place: int, event: str, score: float, *, percentile: float, at_us: int
    ) -> Selection:
        """The answer about the event at `place` of the ledger, which then joins the window."""
        found = self.judge(event, score, percentile=percentile, at_us=at_us)
        self.window.observe(place, score)
        return found
