"""What limits the gap that reviews close: how many there are, and how often they are wrong.

`python -m tests.bench.label_limits --seeds 1 2 --runs 2`: every city is simulated and fitted once
and reviewed anew in every run and by every plan, so that plans differ by nothing else.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np

from features.batch import build
from features.scenarios import catalog
from features.table import FeatureTable
from serving.cli import show
from tests.bench.screened import BUDGET, Sizes, changes
from training.cases import Cases
from training.city import simulated_city
from training.fit import fit
from training.fitted import Fitted
from training.label_rounds import Gap, label_gap
from training.simulate import PARTS
from training.simulation.config import Reviewers, SimulationConfig

SHIPPED: Final = SimulationConfig.load().reviewers
REVIEWS: Final = (25, 50, 100, 200, 400, 1600)
"""Reviews a round; the last reaches nearly all that is planted."""
MOST_WITH_ERRORS: Final = 200
"""Reviews a round up to which reviewers err: a commission has no time for more."""
PLANS: Final = tuple(
    SHIPPED.model_copy(update={"reviews": reviews, "wrong_share": wrong})
    for wrong in (0.0, SHIPPED.wrong_share)
    for reviews in REVIEWS
    if wrong == 0.0 or reviews <= MOST_WITH_ERRORS
)


class Reviewed(NamedTuple):
    """A scenario of one city that was fitted before any label."""

    name: str
    seed: int
    fitted: Fitted
    table: FeatureTable
    cases: Cases


def reviewed(seeds: Sequence[int]) -> Iterator[Reviewed]:
    """The scenarios of simulated cities as the benchmark screens them."""
    for seed in seeds:
        with simulated_city(changes(seed, Sizes())) as city:
            for name in PARTS:
                scenario = catalog.load(name)
                table = build(city.ledger, scenario)
                created, left_out = datetime(2026, 1, 1, tzinfo=UTC), scenario.left_out()
                fitted = fit(table, created_at=created, seed=seed, budget=BUDGET, left_out=left_out)
                yield Reviewed(name, seed, fitted, table, Cases.of(table, city.truth))


def measured(worlds: Sequence[Reviewed], plan: Reviewers, runs: int) -> list[dict[str, Gap]]:
    """The gaps of all scenarios, for each city and run of reviewers."""
    return [
        {
            one.name: label_gap(
                one.fitted,
                one.table,
                one.cases,
                budget=BUDGET,
                seed=seed + 100 * run,
                reviewers=plan,
            )
            for one in worlds
            if one.seed == seed
        }
        for seed in sorted({one.seed for one in worlds})
        for run in range(runs)
    ]


def closed(runs: Sequence[Sequence[Gap]]) -> tuple[float, float]:
    """Precision added over what was left to add, and its standard error.

    The error is that of a ratio over cities and runs (Cochran 1977, section 2.11).

    >>> won, lost = Gap(0.5, 1.0, 1.0, 9), Gap(0.5, 0.5, 1.0, 9)
    >>> tuple(round(one, 2) for one in closed([[won, won], [won, lost], [lost, lost]]))
    (0.5, 0.29)
    """
    added = np.array([sum(gap.after - gap.before for gap in gaps) for gaps in runs])
    room = np.array([sum(gap.best - gap.before for gap in gaps) for gaps in runs])
    share = float(added.sum() / room.sum())
    spread = np.std(added - share * room, ddof=1) / np.sqrt(len(runs))
    return share, float(spread / room.mean())


def row_of(plan: Reviewers, runs: Sequence[dict[str, Gap]]) -> tuple[str, ...]:
    """One line: the plan, the gap closed over all scenarios, and what each scenario gained."""
    share, error = closed([list(gaps.values()) for gaps in runs])
    n = np.mean([sum(gap.n_confirmed for gap in gaps.values()) for gaps in runs])
    gained = [np.mean([gaps[name].after - gaps[name].before for gaps in runs]) for name in runs[0]]
    told = (
        f"{plan.reviews}",
        f"{plan.wrong_share:.0%}",
        f"{n:.0f}",
        f"{share:.2f}",
        f"{error:.2f}",
    )
    return (*told, *(f"{gain:+.3f}" for gain in gained))


def main() -> None:
    """Print the gap closed by what reviewers do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=2, help="runs of reviewers a city")
    asked = parser.parse_args()
    worlds = list(reviewed(asked.seeds))
    rows = []
    for plan in PLANS:
        rows.append(row_of(plan, measured(worlds, plan, asked.runs)))
        show.say(" | ".join(rows[-1]))
    columns = ["reviews a round #", "wrong #", "confirmed #", "closed #", "error #", *PARTS]
    show.table(f"{SHIPPED.rounds} rounds, {len(asked.seeds)} cities", columns, rows)


if __name__ == "__main__":
    main()
