"""Who is looked at while events come: the line in force, the control sample, and what is kept.

The line is drawn once by the bundle's calibration, or moves with the latest records
(`serving.moving`). The line that was in force is part of every verdict, so a replay needs no
window.
"""

from datetime import UTC, tzinfo
from math import inf
from sys import float_info
from typing import Final, Literal

from features.calendar import zone as zone_named
from features.contracts.settings import Settings
from features.contracts.verdicts import Review
from features.store.ledger import Ledger
from models.budget import ReviewRule
from models.bundle import Bundle
from models.control import Control
from models.online import judge
from models.selection import Selection
from serving.moving import MovingLine, Nothing, Past

Line = Literal["fixed", "rolling"]
_LOWEST: Final = -float_info.max


def rule_of(settings: Settings, zone: tzinfo = UTC) -> ReviewRule:
    """The review rule that an operator has set; without a key there is no control sample.

    `zone` is where its periods begin.

    >>> rule_of(Settings(alert_budget=0.02)).alert_budget
    0.02
    """
    key = settings.control_key.get_secret_value().encode()
    budget, share = settings.alert_budget, settings.control_share
    control = None
    if key:
        control = Control.planned(key, settings.control_key_id, budget=budget, share=share)
    return ReviewRule(
        budget=budget,
        period=settings.review_period,
        zone=zone,
        control=control,
        control_share=share,
    )


def rule_in_force(settings: Settings, ledger: Ledger, scenario: str) -> ReviewRule:
    """The same, its periods in the time zone of the scenario's calendar."""
    return rule_of(settings, zone_named(ledger.profile(scenario)[1].tz))


class Reviewer:
    """Selects the events of one scenario for review, one at a time.

    Parameters
    ----------
    rule
        How much is reviewed.
    line
        Whether the line is drawn once or moves.
    past
        Where a moving line finds the scores of stored records.
    """

    def __init__(self, rule: ReviewRule, *, line: Line = "fixed", past: Past | None = None) -> None:
        self.rule = rule
        self._version = f"{rule.version}-{line}"
        self._moving = MovingLine(past or Nothing()) if line == "rolling" else None

    def select(
        self,
        bundle: Bundle,
        digest: str,
        event: str,
        score: float,
        *,
        at_us: int,
        record_id: str,
    ) -> Review:
        """The answer about an event, as of the records stored before its own.

        `event` is what the control sample knows it by, whatever its version.
        """
        line = self._threshold(bundle, digest)
        percentile = bundle.calibration.percentile(score)
        found = judge(self.rule, line, event, score, percentile=percentile, at_us=at_us)
        if self._moving is not None:
            self._moving.judged(record_id, score)
        return review(found, rule=self._version)

    def _threshold(self, bundle: Bundle, digest: str) -> float:
        budget = self.rule.alert_budget
        if self._moving is None:
            return bundle.calibration.threshold(budget)
        return self._moving.threshold(bundle, digest, budget)


def review(selection: Selection, *, rule: str) -> Review:
    """A selection as it crosses the border; a line that nothing can exceed is null."""
    line = selection.threshold
    return Review(
        selected_by=selection.selected_by,
        inclusion_probability=selection.inclusion_probability,
        control_probability=selection.control_probability,
        period=selection.period,
        threshold=None if line == inf else max(line, _LOWEST),
        rule=rule,
    )


def is_above(score: float, found: Review) -> bool:
    """Whether a score exceeds the line that was in force."""
    return found.threshold is not None and score > found.threshold
