"""What labels are worth where the truth is known: reviews simulated, models compared.

Reviewers work as they would: most reviews go to what scores highest, a fifth to a random control,
some events are seen by two, and a share of the outcomes is wrong.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contracts.events import from_us
from features.contracts.labels import Label, Outcome, Selection
from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from models.fitting.labelled import fit_labelled
from training.district import District, simulated_district
from training.label_rows import LabelRows, explained
from training.labels import Labels
from training.learn import labelled_model
from training.rank import by_score

CONFIRMED: Final = (0, 1, 5, 20, 50, 100, 200)
_LAG: Final = timedelta(days=1)


@dataclass(frozen=True)
class Reviewing:
    """How reviews are made."""

    n_reviewers: int = 5
    control_share: float = 0.2
    """Of the reviews, how many go to events drawn by chance."""
    double_share: float = 0.2
    """Of the events, how many two reviewers see."""
    noise: float = 0.0
    """Share of outcomes that are wrong."""


class Point(NamedTuple):
    """Average precision on the holdout with so many confirmed events."""

    n_confirmed: float
    n_events: float
    """Events that it took to review."""
    prior: float
    """Without labels."""
    ridge: float
    """Weights of contributions alone."""
    blend: float
    """Half weights, half boosting, from the first confirmed event on."""
    served: float
    """What training makes of the labels, as cautious as `models.fitting.labelled.trusted` is."""


def learning_curve(
    district: District,
    *,
    confirmed: Sequence[int] = CONFIRMED,
    reviewing: Reviewing | None = None,
    seed: int = 0,
) -> list[Point]:
    """Average precision on the holdout as cases are confirmed, by what is made of the labels.

    Where the rows before `until` hold fewer cases than are asked for, all of them are reviewed.
    """
    fitted, table, is_planted = district
    holdout = fitted.split.is_holdout(table.effective_us)
    judged, truth = explained(fitted, table, np.flatnonzero(holdout)), is_planted[holdout]
    prior = average_precision(truth, fitted.score(table.rows(holdout)))
    points = []
    for wanted in confirmed:
        labels = simulated_reviews(
            district, wanted=wanted, reviewing=reviewing or Reviewing(), seed=seed
        )
        rows = LabelRows.of(fitted, table, labels)
        found = rows.findings()
        point = Point(found.n_confirmed, len(rows.rows), prior, prior, prior, prior)
        if found.n_confirmed:
            blend = fit_labelled(
                fitted.bundle.ensemble, found, rows.crowd, seed=fitted.seed, boosted_from=1
            )
            ridge = replace(blend, boosted=None, mix=0.0)
            three = (ridge, blend, labelled_model(fitted, rows))
            found_by = [average_precision(truth, of.margin(judged.x, judged.parts)) for of in three]
            point = Point(found.n_confirmed, len(rows.rows), prior, *found_by)
        points.append(point)
    return points


def simulated_reviews(
    district: District,
    *,
    wanted: int,
    reviewing: Reviewing,
    seed: int = 0,
    at_most: int | None = None,
) -> Labels:
    """Reviews of events before `until`, until `wanted` are confirmed or `at_most` reviewed."""
    fitted, table, is_planted = district
    rng = np.random.default_rng(seed)
    lag_us = int(_LAG.total_seconds()) * 1_000_000
    pool = np.flatnonzero(table.effective_us + lag_us < fitted.split.until_us)
    _, latest = np.unique(table.event_id[pool][::-1], return_index=True)
    pool = np.sort(pool[::-1][latest])
    queue, is_control = _queue(fitted.score(table.rows(pool)), reviewing.control_share, rng)
    found = is_planted[pool[queue]] ^ (rng.random(queue.size) < reviewing.noise)
    n = int(np.searchsorted(np.cumsum(found), wanted)) + 1 if wanted else 0
    n = min(n, queue.size, queue.size if at_most is None else at_most)
    rate = max(int(is_control[:n].sum()), 1) / pool.size
    labels: list[Label] = []
    for row, confirmed, control in zip(
        pool[queue[:n]].tolist(), found[:n].tolist(), is_control[:n].tolist(), strict=True
    ):
        labels += _reviews(table, row, (confirmed, control), rate, reviewing, rng)
    return Labels.of(labels)


def _queue(
    score: Vector, control_share: float, rng: np.random.Generator
) -> tuple[Integers, NDArray[np.bool_]]:
    """All rows in the order of their reviews, and which of them chance chose."""
    top, chance = by_score(score), rng.permutation(score.size)
    is_control = rng.random(2 * score.size) < control_share
    turn = np.where(is_control, np.cumsum(is_control), np.cumsum(~is_control)) - 1
    turn = np.minimum(turn, score.size - 1)
    order = np.where(is_control, chance[turn], top[turn])
    _, first = np.unique(order, return_index=True)
    first.sort()
    return order[first].astype(np.int64), is_control[first]


def _reviews(
    table: FeatureTable,
    row: int,
    found: tuple[bool, bool],
    rate: float,
    reviewing: Reviewing,
    rng: np.random.Generator,
) -> list[Label]:
    """One label, or two of reviewers who do not know of each other."""
    confirmed, control = found
    n = 2 if rng.random() < reviewing.double_share else 1
    names = rng.choice(reviewing.n_reviewers, n, replace=False).tolist()
    outcomes = [confirmed] + [bool(confirmed ^ (rng.random() < reviewing.noise))] * (n - 1)
    event_id = str(table.event_id[row])
    return [
        Label(
            event_id=event_id,
            outcome=Outcome.CONFIRMED if outcome else Outcome.CLEARED,
            reviewer=f"r{name}",
            decided_at=from_us(int(table.effective_us[row])) + _LAG,
            selected_by=Selection.CONTROL if control else Selection.ALERT,
            inclusion_probability=rate if control else 1.0,
            review_group=f"g{event_id}" if n > 1 else None,
        )
        for name, outcome in zip(names, outcomes, strict=True)
    ]


def average_precision(is_hit: NDArray[np.bool_], score: Vector) -> float:
    """Mean over the hits of the precision down to each; ties in the order of the rows.

    >>> average_precision(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])).__round__(3)
    0.833
    """
    ranked = is_hit[by_score(score)]
    if not ranked.any():
        return 0.0
    precision = np.cumsum(ranked) / np.arange(1, ranked.size + 1)
    return float(precision[ranked].mean())


def mean_curve(curves: Sequence[Sequence[Point]]) -> list[Point]:
    """The mean of several curves, point by point.

    >>> mean_curve([[Point(1, 10, 0.1, 0.2, 0.3, 0.4)], [Point(2, 20, 0.3, 0.2, 0.1, 0.0)]])[0]
    Point(n_confirmed=1.5, n_events=15.0, prior=0.2, ridge=0.2, blend=0.2, served=0.2)
    """
    return [
        Point(*(float(np.mean(numbers)) for numbers in zip(*points, strict=True)))
        for points in zip(*curves, strict=True)
    ]


def to_markdown(points: Sequence[Point]) -> str:
    """The curve as a table."""
    lines = [
        "| confirmed | events reviewed | without labels | weights | blend | as trained |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.n_confirmed:.0f} | {one.n_events:.0f} | {one.prior:.3f} | {one.ridge:.3f} | "
        f"{one.blend:.3f} | {one.served:.3f} |"
        for one in points
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the mean curve over several simulated districts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="districts, each with its own seed")
    parser.add_argument("--payouts", type=int, default=20_000, help="payouts of a district")
    parser.add_argument("--noise", type=float, default=0.0, help="share of outcomes that are wrong")
    asked = parser.parse_args()
    reviewing = Reviewing(noise=asked.noise)
    curves = [
        learning_curve(
            simulated_district(seed, payouts=asked.payouts), reviewing=reviewing, seed=seed
        )
        for seed in range(1, asked.seeds + 1)
    ]
    print(f"average precision on what was held out, mean of {asked.seeds} districts")  # noqa: T201
    print(to_markdown(mean_curve(curves)))  # noqa: T201


if __name__ == "__main__":
    main()
