"""What the main job shows at its end: the most unusual events, and what the alerts caught."""

from typing import Any

import numpy as np
import polars as pl

from features.contracts.events import Event
from features.scenarios import catalog
from serving.cli import show
from serving.cli.line import Answered
from training.cases import Cases
from training.evaluate import arm_of
from training.evaluation import ARMS, Arm
from training.rank import by_hits, by_turns, n_reviews


def most_unusual(answered: Answered, n: int = 10) -> list[int]:
    """Positions of the `n` most unusual verdicts: smallest p first, then the larger amount.

    The amount settles ties, since the calibration slice resolves p only to one in its size.
    """
    return sorted(
        range(len(answered.verdicts)),
        key=lambda k: (
            float(answered.verdicts[k]["scores"]["p_value"]),
            -abs(_amount(answered.events[k])),
        ),
    )[:n]


def print_unusual(title: str, answered: Answered, n: int = 10, *, language: str = "en") -> None:
    """Print the `n` most unusual events with their first reasons as sentences."""
    show.out.print(f"\n{title}: the {n} most unusual of {len(answered.verdicts)} scored")
    for place, k in enumerate(most_unusual(answered, n), 1):
        event, verdict = answered.events[k], answered.verdicts[k]
        scores = verdict["scores"]
        declared = catalog.load(event.scenario)
        subject = event.fields.get(declared.subject) or "-"
        step = event.fields.get("activity") or event.fields.get(declared.peer_group) or ""
        show.out.print(
            f"{place:2d}. {event.event_id}  {subject}  {step}  {event.effective_at:%Y-%m-%d}  "
            f"band {scores['band']}, about 1 in {scores['one_in']}, {verdict['relation']}"
        )
        if verdict["story"]:
            show.out.print(f"      side by side: {verdict['story'][f'title_{language}']}")
        for reason in verdict["reasons"][:3]:
            show.out.print(f"      - {reason[f'statement_{language}']}")


def catches(answered: Answered, cases: Cases, budget: float) -> list[Arm]:
    """What the reviews of model, rules and both find among the verdicts, each within the budget.

    Orders and counts are those of the evaluation, with p in the place of the score: `cases` are
    those of the answered events, in their order.
    """
    n = n_reviews(len(answered.verdicts), budget)
    model = np.array(most_unusual(answered, len(answered.verdicts)), dtype=np.int64)
    hits = np.array([_hits(verdict) for verdict in answered.verdicts], dtype=np.int64)
    amounts = np.array([_amount(event) for event in answered.events], dtype=np.int64)
    rules = by_hits(hits, amounts)
    orders = {"model": model, "rules": rules, "both": by_turns(model, rules, n)}
    return [arm_of(name, orders[name][:n], cases) for name in ARMS]


def print_catches(scenario: str, answered: Answered, truth: pl.DataFrame, budget: float) -> None:
    """Print what the three arms caught, and how many planted cases there were to catch."""
    cases = Cases.among([event.event_id for event in answered.events], scenario, truth)
    n_cases = sum(not case.is_lookalike for case in cases.cases)
    alerts = sum(bool(verdict["scores"]["is_alert"]) for verdict in answered.verdicts)
    show.table(
        f"\n{scenario}: {len(answered.verdicts)} events scored, {alerts} alerts; "
        f"{n_cases} planted cases in {cases.is_planted.sum()} events; "
        f"reviews at a budget of {budget:.0%}",
        ["chosen by", "reviews #", "planted events #", "planted cases #", "look-alikes #"],
        [
            (arm.name, arm.n_reviews, arm.n_rows, arm.n_cases, arm.n_lookalike_rows)
            for arm in catches(answered, cases, budget)
        ],
    )


def _hits(verdict: dict[str, Any]) -> int:
    return sum(rule["status"] == "hit" for rule in verdict["rules"])


def _amount(event: Event) -> int:
    amount = event.fields.get("amount_minor")
    return amount if isinstance(amount, int) else 0
