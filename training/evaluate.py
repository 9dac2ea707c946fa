"""Judging a fitted model: alerts at a review budget, and what the fixed rules would have found.

All arms review the same number of rows; their definitions are `training.evaluation.ARM_TEXT`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import polars as pl

from features.contracts.vectors import Integers, Matrix, Vector
from features.table import FeatureTable
from training.cases import Cases
from training.evaluation import (
    ARMS,
    QUANTILES,
    Arm,
    ArmName,
    Evaluation,
    Point,
    Rate,
    Recall,
    RulePrecision,
    Truth,
)
from training.fitted import Fitted
from training.rank import HIT, by_rules, by_score, by_turns, n_reviews, rule_hits
from training.reads import Reads
from training.volumes import volumes

N_REASONS: Final = 3
"""Reasons that a reviewer is shown first."""
BUDGETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)

Orders = dict[str, Integers]


@dataclass(frozen=True)
class Judged:
    """Rows to judge with their scores; `contributions` explains the rows at given positions.

    Contributions come with one column a name in `names`.
    """

    table: FeatureTable
    score: Vector
    p_value: Vector
    names: tuple[str, ...]
    contributions: Callable[[Integers], Matrix]
    judged_on: Literal["holdout", "calibrate"] = "holdout"
    reads: Reads = field(default_factory=dict)
    """Fields that each feature reads, where telling fields are given."""

    def tells(self, name: str, telling: Collection[str]) -> bool:
        """Whether a feature is one of `telling`, or reads a field among them."""
        return name in telling or not self.reads.get(name, frozenset()).isdisjoint(telling)


def evaluate(
    fitted: Fitted,
    table: FeatureTable,
    *,
    truth: pl.DataFrame | None = None,
    reads: Reads | None = None,
) -> Evaluation:
    """Judge `fitted` on the rows of `table` that its split held out.

    Where nothing was held out, the calibration slice stands in and the evaluation says so. `reads`
    (`training.reads.fields_read`) is needed where the truth tells by fields.
    """
    return judge_fitted(fitted, table, truth=truth, reads=reads)[1]


def judge_fitted(
    fitted: Fitted,
    table: FeatureTable,
    *,
    truth: pl.DataFrame | None = None,
    reads: Reads | None = None,
) -> tuple[Judged, Evaluation]:
    """As `evaluate`, with the scored rows that plots are drawn from."""
    judged = replace(judged_rows(fitted, table), reads=reads or {})
    cases = None if truth is None else Cases.of(judged.table, truth)
    evaluation = judge(
        judged, budget=fitted.budget, calibrate_score=fitted.calibrate_score, cases=cases
    )
    return judged, evaluation


def judged_rows(fitted: Fitted, table: FeatureTable) -> Judged:
    """The rows of `table` that judge `fitted`, scored."""
    split = fitted.split
    has_holdout = split.n_holdout > 0
    is_judge = split.is_holdout if has_holdout else split.is_calibrate
    rows = table.rows(is_judge(table.effective_us))
    score = fitted.score(rows)
    return Judged(
        table=rows,
        score=score,
        p_value=fitted.p_value(score),
        names=fitted.names,
        contributions=lambda at: fitted.contributions(rows.rows(at)),
        judged_on="holdout" if has_holdout else "calibrate",
    )


def judge(
    judged: Judged, *, budget: float, calibrate_score: Vector, cases: Cases | None = None
) -> Evaluation:
    """The evaluation of scored rows at a review budget."""
    n_rows = len(judged.table)
    k = n_reviews(n_rows, budget)
    alerts = by_score(judged.score)[:k]
    hits = rule_hits(judged.table)
    contributions = judged.contributions(alerts)
    return Evaluation(
        scenario=judged.table.scenario,
        judged_on=judged.judged_on,
        n_rows=n_rows,
        budget=budget,
        n_alerts=k,
        alert_rate=Rate.of(int((judged.p_value <= budget).sum()), n_rows),
        volumes=volumes(judged.table, judged.score, calibrate_score, budget),
        n_rule_hits=int((hits > 0).sum()),
        n_alerts_without_rule=int((hits[alerts] == 0).sum()),
        calibrate_quantiles=_quantiles(calibrate_score),
        judged_quantiles=_quantiles(judged.score),
        mean_contribution=_mean_contribution(judged.names, contributions),
        rules=_rule_precision(judged.table, cases),
        truth=None if cases is None else _truth(judged, cases, k, contributions),
    )


def _quantiles(score: Vector) -> dict[str, float]:
    if len(score) == 0:
        return {}
    values = np.quantile(score, QUANTILES)
    return {f"{at:g}": float(value) for at, value in zip(QUANTILES, values, strict=True)}


def _mean_contribution(names: tuple[str, ...], contributions: Matrix) -> dict[str, float]:
    if len(contributions) == 0:
        return {}
    means = np.abs(contributions).mean(axis=0)
    ranked = sorted(zip(names, means.tolist(), strict=True), key=lambda pair: -pair[1])
    return dict(ranked)


def _rule_precision(table: FeatureTable, cases: Cases | None) -> tuple[RulePrecision, ...]:
    found: list[RulePrecision] = []
    for name, answers in table.rules.items():
        n_hits = int((answers == HIT).sum())
        precision = (
            None if cases is None else Rate.of(int(cases.is_planted[answers == HIT].sum()), n_hits)
        )
        found.append(RulePrecision(rule=name, n_hits=n_hits, precision=precision))
    return tuple(found)


def _truth(judged: Judged, cases: Cases, k: int, contributions: Matrix) -> Truth:
    orders = _orders(judged)
    is_lookalike = [case.is_lookalike for case in cases.cases]
    return Truth(
        n_cases=is_lookalike.count(False),
        n_planted_rows=int(cases.is_planted.sum()),
        n_lookalike_cases=is_lookalike.count(True),
        arms=tuple(arm_of(name, orders[name][:k], cases) for name in ARMS),
        curve=tuple(_point(orders, cases, budget) for budget in BUDGETS),
        recalls=_recalls({name: order[:k] for name, order in orders.items()}, judged, cases),
        explained=_explained(orders["model"][:k], cases, judged, contributions),
    )


def _orders(judged: Judged) -> Orders:
    model, rules = by_score(judged.score), by_rules(judged.table)
    return {"model": model, "rules": rules, "both": by_turns(model, rules, len(model))}


def arm_of(name: ArmName, rows: Integers, cases: Cases) -> Arm:
    """What reviewing `rows` finds."""
    found = cases.found(rows.tolist())
    n_lookalikes = sum(cases.cases[at].is_lookalike for at in found)
    return Arm(
        name=name,
        n_reviews=len(rows),
        n_cases=len(found) - n_lookalikes,
        precision=Rate.of(int(cases.is_planted[rows].sum()), len(rows)),
        n_lookalike_rows=int(cases.is_lookalike[rows].sum()),
        n_lookalike_cases=n_lookalikes,
    )


def _point(orders: Orders, cases: Cases, budget: float) -> Point:
    k = n_reviews(cases.n_rows, budget)
    precision = {
        name: Rate.of(int(cases.is_planted[order[:k]].sum()), len(order[:k])).rate
        for name, order in orders.items()
    }
    return Point(budget=budget, n_reviews=k, **precision)


def _recalls(reviewed: Orders, judged: Judged, cases: Cases) -> tuple[Recall, ...]:
    found = {name: cases.found(rows.tolist()) for name, rows in reviewed.items()}
    seen_by_rules = cases.found(by_rules(judged.table).tolist())
    groups: dict[tuple[str, str], set[int]] = {}
    for at, case in enumerate(cases.cases):
        if not case.is_lookalike:
            groups.setdefault((case.typology, case.severity), set()).add(at)
    return tuple(
        Recall(
            typology=typology,
            severity=severity,
            n_cases=len(group),
            model=len(group & found["model"]),
            rules=len(group & found["rules"]),
            both=len(group & found["both"]),
            unseen_by_rules=len(group - seen_by_rules),
            model_beyond_rules=len((group & found["model"]) - seen_by_rules),
        )
        for (typology, severity), group in sorted(groups.items())
    )


def _explained(alerts: Integers, cases: Cases, judged: Judged, contributions: Matrix) -> Rate:
    hits = n = 0
    for position, row in enumerate(alerts.tolist()):
        given = {word for case in cases.of_row(row) for word in case.telling}
        telling = {name for name in judged.names if judged.tells(name, given)}
        if not telling:
            continue
        order = np.argsort(-contributions[position], kind="stable")[:N_REASONS]
        shown = {judged.names[at] for at in order.tolist() if contributions[position, at] > 0}
        hits += bool(shown & telling)
        n += 1
    return Rate.of(hits, n)
