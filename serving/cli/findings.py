"""What the main job shows at its end: the most unusual events, and what the alerts caught."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from features.contracts.events import Event
from serving.cli import show
from serving.cli.line import Answered
from training.rank import by_turns, n_reviews


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
        subject = event.fields.get("enterprise") or event.fields.get("project") or "-"
        step = event.fields.get("activity") or event.fields.get("category") or ""
        show.out.print(
            f"{place:2d}. {event.event_id}  {subject}  {step}  {event.effective_at:%Y-%m-%d}  "
            f"band {scores['band']}, about 1 in {scores['one_in']}, {verdict['relation']}"
        )
        for reason in verdict["reasons"][:3]:
            show.out.print(f"      - {reason[f'statement_{language}']}")


@dataclass(frozen=True, slots=True)
class Catch:
    """What one way of choosing events for review caught within the budget."""

    arm: str
    reviews: int
    planted_events: int
    planted_cases: int
    look_alikes: int


def catches(answered: Answered, truth: pl.DataFrame, budget: float) -> list[Catch]:
    """Planted cases among the reviews of model, rules and both, each within the budget."""
    n = n_reviews(len(answered.verdicts), budget)
    model = most_unusual(answered, len(answered.verdicts))
    rules = [k for k in _by_rules(answered) if _hits(answered.verdicts[k])]
    both = by_turns(_array(model), _array(rules), n).tolist()
    at = {row["event_id"]: row for row in truth.iter_rows(named=True)}
    return [
        _catch(arm, [answered.events[k] for k in chosen[:n]], at)
        for arm, chosen in (("model", model), ("rules", rules), ("both", both))
    ]


def print_catches(scenario: str, answered: Answered, truth: pl.DataFrame, budget: float) -> None:
    """Print what the three arms caught, and how many planted cases there were to catch."""
    planted = truth.filter((pl.col("scenario") == scenario) & ~pl.col("look_alike"))
    there = planted.filter(pl.col("event_id").is_in([event.event_id for event in answered.events]))
    alerts = sum(bool(verdict["scores"]["is_alert"]) for verdict in answered.verdicts)
    show.table(
        f"\n{scenario}: {len(answered.verdicts)} events scored, {alerts} alerts; "
        f"{there['case_id'].n_unique()} planted cases in {there['event_id'].n_unique()} events; "
        f"reviews at a budget of {budget:.0%}",
        ["chosen by", "reviews #", "planted events #", "planted cases #", "look-alikes #"],
        [
            (item.arm, item.reviews, item.planted_events, item.planted_cases, item.look_alikes)
            for item in catches(answered, truth, budget)
        ],
    )


def _catch(arm: str, events: Sequence[Event], at: dict[str, dict[str, Any]]) -> Catch:
    known = [at[event.event_id] for event in events if event.event_id in at]
    planted = [row for row in known if not row["look_alike"]]
    return Catch(
        arm=arm,
        reviews=len(events),
        planted_events=len(planted),
        planted_cases=len({row["case_id"] for row in planted}),
        look_alikes=len(known) - len(planted),
    )


def _by_rules(answered: Answered) -> list[int]:
    return sorted(
        range(len(answered.verdicts)),
        key=lambda k: (-_hits(answered.verdicts[k]), -abs(_amount(answered.events[k]))),
    )


def _hits(verdict: dict[str, Any]) -> int:
    return sum(rule["status"] == "hit" for rule in verdict["rules"])


def _amount(event: Event) -> int:
    amount = event.fields.get("amount_minor")
    return amount if isinstance(amount, int) else 0


def _array(positions: list[int]) -> Any:  # noqa: ANN401  (an index array)
    import numpy as np

    return np.array(positions, dtype=np.int64)
