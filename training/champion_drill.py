"""Can one bad reviewer move the champion alone? Labels poisoned, trained on, put before the gate.

On a simulated district, with 8 % honest mistakes and part of the events reviewed twice. The gate
may refuse for the labels themselves or for what they move; what it lets through is measured by what
it finds on held-out events, beside a model of the same labels before they were poisoned.
"""

import argparse
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from features.contracts.labels import Label, Outcome
from training.district import District, simulated_district
from training.evaluation import Rate
from training.gate import label_refusals
from training.label_rows import LabelRows
from training.labels import Labels
from training.learn import labelled_model, learn
from training.learning_curve import Reviewing, average_precision, simulated_reviews
from training.poison import NOISE

N_LABELS: Final = 500
FLIPPED_SHARE: Final = 0.05
BAD: Final = "r0"
REVIEWING: Final = Reviewing(noise=NOISE, double_share=0.3)
_TURNED: Final = {
    Outcome.CONFIRMED: Outcome.CLEARED,
    Outcome.CLEARED: Outcome.CONFIRMED,
    Outcome.UNCLEAR: Outcome.UNCLEAR,
}


class Tried(NamedTuple):
    """One round: what the gate said of honest and of poisoned labels, and what each model finds."""

    honest_refused: bool
    poisoned_refused: bool
    honest_precision: float
    poisoned_precision: float


def poisoned(labels: Labels, reviewer: str, n: int, rng: np.random.Generator) -> Labels:
    """The labels after one reviewer turned `n` outcomes, as many as there are at most.

    >>> one = Label(event_id="P-1", outcome="cleared", reviewer="r0", selected_by="complaint",
    ...             decided_at="2026-03-01T09:00Z")
    >>> turned = poisoned(Labels.of([one]), "r0", 5, np.random.default_rng(0))
    >>> [label.outcome.value for label in turned.every]
    ['confirmed']
    """
    own = [at for at, label in enumerate(labels.every) if label.reviewer == reviewer]
    chosen = set(rng.choice(own, min(n, len(own)), replace=False).tolist())
    return Labels.of(
        _turned(label) if at in chosen else label for at, label in enumerate(labels.every)
    )


def _turned(label: Label) -> Label:
    return label.model_copy(update={"outcome": _TURNED[label.outcome]})


def try_once(district: District, seed: int) -> Tried:
    """Review, poison, train on both, ask the gate, and look at the held-out events."""
    rng = np.random.default_rng([seed, 1])
    every = simulated_reviews(district, wanted=10**9, reviewing=REVIEWING, seed=seed, at_most=400)
    honest = Labels(every.every[:N_LABELS])
    bad = poisoned(honest, BAD, round(FLIPPED_SHARE * len(honest)), rng)
    return Tried(
        *(_refused(district, labels) for labels in (honest, bad)),
        *(_precision(district, labels) for labels in (honest, bad)),
    )


def _refused(district: District, labels: Labels) -> bool:
    lesson = learn(district.fitted, district.table, labels)
    return lesson is not None and bool(list(label_refusals(lesson.fitted.bundle, lesson.review)))


def _precision(district: District, labels: Labels) -> float:
    fitted, table, is_planted = district
    holdout = fitted.split.is_holdout(table.effective_us)
    model = labelled_model(fitted, LabelRows.of(fitted, table, labels))
    used = [table.names.index(name) for name in model.feature_names]
    score = model.score(np.ascontiguousarray(table.values[holdout][:, used]))
    return average_precision(is_planted[holdout], score)


def lines(*, districts: int, rounds: int, payouts: int) -> Iterator[str]:
    """What the drill prints."""
    tried = [
        try_once(district, seed)
        for number in range(1, districts + 1)
        for district in [simulated_district(number, payouts=payouts)]
        for seed in range(rounds)
    ]
    n = len(tried)
    through = [one for one in tried if not one.poisoned_refused]
    yield f"{n} rounds of {N_LABELS} labels, {REVIEWING.double_share:.0%} of events seen by two"
    yield from ("", "| labels | refused by the gate |", "|---|--:|")
    yield f"| honest | {_told(Rate.of(sum(one.honest_refused for one in tried), n))} |"
    yield f"| one reviewer flips 5% | {_told(Rate.of(n - len(through), n))} |"
    kept = [one.poisoned_precision / one.honest_precision for one in tried]
    let = [one.poisoned_precision / one.honest_precision for one in through]
    yield ""
    yield f"average precision kept by the poisoned model: {np.mean(kept):.2f} of the honest one's"
    if let:
        yield f"in the {len(let)} rounds that were let through: {np.mean(let):.2f}"


def _told(rate: Rate) -> str:
    return f"{rate.hits} of {rate.n} ({rate.low:.0%} to {rate.high:.0%})"


def main() -> None:
    """Print what the gate says of poisoned labels, and what it lets through finds."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--districts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3, help="of each district")
    parser.add_argument("--payouts", type=int, default=8_000)
    asked = parser.parse_args()
    for line in lines(districts=asked.districts, rounds=asked.rounds, payouts=asked.payouts):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
