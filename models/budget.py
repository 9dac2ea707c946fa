"""The review budget: who is looked at when reviewers have room for so many.

A batch selects the events of a period in two steps: the control sample first, then the highest
scores, as long as there is room in all and with each unit's own reviewers. Room that a unit leaves
unused goes to the next score, wherever it is. Nothing depends on the order of the rows; among equal
scores the hash of the event's id decides.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cached_property
from math import inf
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from features.contracts.errors import InputError
from features.contracts.events import from_us
from features.contracts.vectors import Integers, Vector
from models.control import SHARE, Control
from models.selection import Selection, selected_by

Period = Literal["day", "week", "month"]
_FORMATS: Final[Mapping[Period, str]] = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
_ROUNDING: Final = 1e-9


def period_of(at_us: int, period: Period, zone: tzinfo = UTC) -> str:
    """The day, ISO week or month that an instant (microseconds since 1970) falls into.

    >>> [period_of(1_767_225_599_000_000, period) for period in ("day", "week", "month")]
    ['2025-12-31', '2026-W01', '2025-12']
    """
    return from_us(at_us).astimezone(zone).strftime(_FORMATS[period])


@dataclass(frozen=True)
class ReviewRule:
    """How much is reviewed, and how it is chosen; its version says so in every selection.

    >>> rule = ReviewRule(budget=0.01, period="week", units={"north": 20})
    >>> rule.room(1_000), rule.room(50), rule.room(0), rule.version[:7]
    (10, 1, 0, 'budget-')

    Raises
    ------
    InputError
        A share is not in (0, 1), or a number of reviews is negative.
    """

    budget: float
    """Share of the events that are reviewed, control sample included."""
    period: Period = "month"
    zone: tzinfo = UTC
    reviews: int | None = None
    """Most reviews of a period, where their number is fixed."""
    units: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Most reviews of a period in each unit, such as a jurisdiction; others have no bound."""
    control: Control | None = None
    control_share: float = SHARE
    """Share of the reviews that the control sample is meant to take, where there is one."""

    def __post_init__(self) -> None:
        for name, share in (("budget", self.budget), ("control_share", self.control_share)):
            if not 0.0 < share < 1.0:
                raise InputError(f"{name} is {share}; a share lies between 0 and 1")
        for name, n in {"reviews": self.reviews or 0, **self.units}.items():
            if n < 0:
                raise InputError(f"{name!r} has room for {n} reviews; give 0 or more")

    @property
    def alert_budget(self) -> float:
        """Share of the events that scores select; the control sample takes the rest."""
        return self.budget if self.control is None else self.budget * (1.0 - self.control_share)

    def room(self, n_events: int) -> int:
        """Reviews that a period of `n_events` has room for; one at least where there is an event.

        `reviews` bounds them in any case.
        """
        paid = min(n_events, max(1, int(n_events * self.budget + _ROUNDING)))
        return paid if self.reviews is None else min(paid, self.reviews)

    @cached_property
    def version(self) -> str:
        """A short hash of everything that is declared here; keys are not in it, their id is."""
        told = [
            self.budget, self.period, str(self.zone), self.reviews, dict(self.units),
            None if self.control is None else [self.control.text, self.control_share],
        ]  # fmt: skip
        text = json.dumps(told, sort_keys=True)
        return f"budget-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Candidates(NamedTuple):
    """Scored events, one place each in every column."""

    ids: Sequence[str]
    """What an event is called for ever; two events never share one."""
    score: Vector
    percentile: Vector
    """Among held-out events, which is what strata are announced by."""
    at_us: Integers
    units: Sequence[str]


def select(rule: ReviewRule, events: Candidates) -> tuple[Selection, ...]:
    """Select the reviews of each period; one answer an event, in the order of the rows.

    Where more control events are drawn than there is room for, those with the lowest draws against
    their rates stay, and the inclusion probability of all falls to what the first left out had
    needed: the sample stays unbiased (priority sampling).

    >>> import numpy as np
    >>> events = Candidates(["a", "b", "c"], np.array([1.0, 3.0, 2.0]), np.zeros(3),
    ...                     np.zeros(3, dtype=np.int64), ["north", "north", "south"])
    >>> [one.selected_by for one in select(ReviewRule(budget=0.7, units={"north": 1}), events)]
    [None, 'alert', 'alert']

    References
    ----------
    Duffield, Lund, Thorup, "Priority sampling for estimation of arbitrary subset sums", Journal of
    the ACM 54, 2007, doi:10.1145/1314690.1314696.
    """
    if len(set(events.ids)) < len(events.ids):
        raise InputError("two events have one id; name each event once")
    periods = [period_of(at, rule.period, rule.zone) for at in events.at_us.tolist()]
    of_period: dict[str, list[int]] = {}
    for row, period in enumerate(periods):
        of_period.setdefault(period, []).append(row)
    found: dict[int, Selection] = {}
    for period, rows in of_period.items():
        found |= _select(rule, events, rows, period)
    return tuple(found[row] for row in range(len(periods)))


def _select(
    rule: ReviewRule, events: Candidates, rows: list[int], period: str
) -> dict[int, Selection]:
    """The selections of one period."""
    total = rule.room(len(rows))
    chances = _chances(rule, events, rows, total)
    drawn = {row for row, (is_drawn, _) in chances.items() if is_drawn}
    alerts = _alerts(rule, events, rows, drawn, total)
    line = min((float(events.score[row]) for row in alerts), default=inf)
    version = rule.version
    return {
        row: Selection(
            selected_by=selected_by(is_alert=row in alerts, is_control=row in drawn),
            inclusion_probability=1.0 if row in alerts else chances[row][1],
            control_probability=chances[row][1],
            period=period,
            threshold=line,
            rule=version,
        )
        for row in rows
    }


def _chances(
    rule: ReviewRule, events: Candidates, rows: list[int], total: int
) -> dict[int, tuple[bool, float]]:
    """Whether each row is drawn into the control sample, and with what probability."""
    control = rule.control
    if control is None:
        return dict.fromkeys(rows, (False, 0.0))
    rates = {row: control.rate(float(events.percentile[row])) for row in rows}
    needs = {row: control.draw(events.ids[row]) / rates[row] for row in rows}
    of_unit: dict[str, list[float]] = {}
    for row in rows:
        of_unit.setdefault(events.units[row], []).append(needs[row])
    ends = {unit: _end(of, rule.units.get(unit, len(of))) for unit, of in of_unit.items()}
    end = _end([needs[row] for row in rows if needs[row] < ends[events.units[row]]], total)
    found = {}
    for row in rows:
        within = min(end, ends[events.units[row]])
        found[row] = needs[row] < within, rates[row] * within
    return found


def _end(needs: list[float], room: int) -> float:
    """Below which relative draw there is room: 1, or what the first one left out had needed."""
    return min(1.0, sorted(needs)[room]) if room < len(needs) else 1.0


def _alerts(
    rule: ReviewRule, events: Candidates, rows: list[int], drawn: set[int], total: int
) -> set[int]:
    """The rows with the highest scores that there is room for beside the control sample.

    A control event is among them as long as its unit had to pass over no higher score.
    """
    left = total - len(drawn)
    taken = Counter(events.units[row] for row in drawn)
    found: set[int] = set()
    passed_over: set[str] = set()
    for row in sorted(rows, key=lambda row: (-events.score[row], _tie(events.ids[row]))):
        unit = events.units[row]
        is_full = taken[unit] >= rule.units.get(unit, inf)
        if left == 0:
            break
        if row in drawn:
            if unit not in passed_over:
                found.add(row)
        elif is_full:
            passed_over.add(unit)
        else:
            found.add(row)
            taken[unit] += 1
            left -= 1
    return found


def _tie(event: str) -> bytes:
    """What decides among equal scores."""
    return hashlib.sha256(event.encode()).digest()
