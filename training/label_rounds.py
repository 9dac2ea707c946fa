"""What a few rounds of simulated reviews are worth: precision at the budget before and after.

Reviewers have room for so many units a round, most of them the model's first and some drawn by
chance; they answer after a while, and not always rightly. Between rounds the model learns from what
was answered by then. It is judged on what happened after the last answer that it could know.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from features.contracts.events import from_us
from features.contracts.labels import Label, Outcome, Selection
from features.contracts.vectors import Integers
from features.table import FeatureTable
from models.labelled import Labelled
from training.cases import Cases
from training.fitted import Fitted
from training.label_rows import LabelRows, explained
from training.labels import Labels
from training.learn import labelled_model
from training.planted import Planted
from training.rank import n_reviews
from training.simulation.config import Reviewers, SimulationConfig
from training.split import DAY_US
from training.units import Units, UnitScores, tail_p


class Gap(NamedTuple):
    """Precision at the budget on unseen events, and the best that any order could reach."""

    before: float
    after: float
    best: float
    n_confirmed: int
    n_reviews: int = 1
    """The budget on unseen events, in units."""

    @property
    def closed(self) -> float:
        """Share of the gap that the labels closed; 0 where there was none."""
        room = self.best - self.before
        return (self.after - self.before) / room if room > 0 else 0.0


def label_gap(
    fitted: Fitted,
    table: FeatureTable,
    cases: Cases,
    *,
    budget: float,
    seed: int,
    reviewers: Reviewers | None = None,
) -> Gap:
    """Review, learn, and judge on the units of the holdout.

    `fitted` was fitted on `table` and judged by nothing yet; `cases` are those of its rows. The
    `reviewers` are by default those of the simulator's shipped parameters.
    """
    plan = reviewers or SimulationConfig.load().reviewers
    review = _Review(fitted, table, cases, plan, np.random.default_rng(seed))
    holdout = np.flatnonzero(fitted.split.is_holdout(table.effective_us))
    before, best, n = review.precision(holdout, budget)
    for at_us in _starts(fitted.split.until_us, plan):
        review.hold(at_us)
        review.take(review.learned(at_us + plan.days * DAY_US))
    after, _, _ = review.precision(holdout, budget)
    n_confirmed = int(Labels.of(review.labels).is_confirmed.sum())
    return Gap(before, after, best, n_confirmed, n)


def _starts(until_us: int, plan: Reviewers) -> Iterator[int]:
    for at in range(plan.rounds, 0, -1):
        yield until_us - at * plan.days * DAY_US


@dataclass
class _Review:
    """The reviews of one table, as they go along."""

    fitted: Fitted
    table: FeatureTable
    cases: Cases
    plan: Reviewers
    rng: np.random.Generator
    labels: list[Label] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.planted = Planted.of(Units.of_table(self.table), self.cases)
        self.reviewed = np.zeros(len(self.planted.units), dtype=np.bool_)
        self.told = explained(self.fitted, self.table, np.arange(len(self.table)))
        self.score = self.fitted.score(self.table)
        self.held_out = self.fitted.split.is_calibrate(self.table.effective_us)

    def take(self, model: Labelled | None) -> None:
        """Score all events by what the labels made of the model, where they made something."""
        if model is not None:
            self.score = model.margin(self.told.x, self.told.parts)

    def hold(self, at_us: int) -> None:
        """One round at an instant: the first units that were not reviewed, and some by chance."""
        rows = np.flatnonzero(self.table.effective_us < at_us)
        rows = rows[~self.reviewed[self.planted.units.of_row[rows]]]
        _, scores = self._ranked(rows)
        n_control = round(self.plan.reviews * self.plan.control_share)
        first = scores.order[: self.plan.reviews - n_control]
        rest = np.setdiff1d(scores.order, first)
        chance = self.rng.choice(rest, min(n_control, len(rest)), replace=False)
        rate = len(chance) / max(len(rest), 1)
        for unit in first.tolist():
            self._answer(int(rows[scores.lead[unit]]), at_us, Selection.ALERT, 1.0)
        for unit in chance.tolist():
            self._answer(int(rows[scores.lead[unit]]), at_us, Selection.CONTROL, rate)
        taken = rows[scores.lead[np.concatenate([first, chance])]]
        self.reviewed[self.planted.units.of_row[taken]] = True

    def learned(self, until_us: int) -> Labelled | None:
        """What the labels decided before an instant make of the model; None without a find."""
        known = Labels.of(self.labels).known_before(from_us(until_us))
        rows = LabelRows.of(self.fitted, self.table, known)
        if len(rows) == 0 or rows.findings().n_confirmed == 0:
            return None
        return labelled_model(self.fitted, rows)

    def precision(self, rows: Integers, budget: float) -> tuple[float, float, int]:
        """Share of planted units among those that the budget selects, the most it could be, n."""
        units, scores = self._ranked(rows)
        k = n_reviews(len(units), budget)
        is_planted = units.any(self.cases.is_planted[rows])
        found, most = is_planted[scores.order[:k]].mean(), min(1.0, int(is_planted.sum()) / k)
        return float(found), most, k

    def _ranked(self, rows: Integers) -> tuple[Units, UnitScores]:
        units, score = Units.of(self.table.unit[rows]), self.score[rows]
        p = tail_p(score, np.sort(self.score[self.held_out]))
        return units, UnitScores.of(units, score, p)

    def _answer(self, row: int, at_us: int, by: Selection, rate: float) -> None:
        is_planted = bool(self.planted.is_planted[self.planted.units.of_row[row]])
        told = is_planted ^ (self.rng.random() < self.plan.wrong_share)
        lag = self.rng.lognormal(np.log(self.plan.lag_median_days), self.plan.lag_sigma)
        self.labels.append(
            Label(
                event_id=str(self.table.event_id[row]),
                outcome=Outcome.CONFIRMED if told else Outcome.CLEARED,
                reviewer=f"r{self.rng.integers(self.plan.people)}",
                decided_at=from_us(at_us) + timedelta(days=float(lag)),
                selected_by=by,
                inclusion_probability=rate,
            )
        )
