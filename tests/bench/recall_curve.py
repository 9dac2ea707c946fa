"""Recall by review budget: what half a percent of the units finds, and what five percent would.

`python -m tests.bench.recall_curve --seeds 1 2`: each city is simulated and scored once, as the
benchmark of the scenarios does it, and judged at every budget, so that budgets differ by nothing
else.
"""

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final

from features.batch import build
from features.scenarios import catalog
from serving.cli import show
from tests.bench.scenarios import QUICK, figures
from tests.bench.screened import Sizes, Told, after_warm_up, changes
from training.cases import Cases
from training.city import simulated_city
from training.screen import screen
from training.screen_ledger import scored_alone
from training.simulate import PARTS
from training.yardstick import Yardstick

BUDGETS: Final = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
_COLUMNS: Final = {
    "blatant#": "recall_blatant",
    "moderate#": "recall_moderate",
    "subtle#": "recall_subtle",
    "no rule sees#": "recall_rule_missed",
    "keeps clear#": "recall_adaptive",
    "finds in 100#": "finds_per_100_model",
}


def judged(seed: int, sizes: Sizes) -> dict[float, list[Told]]:
    """One city's scenarios at every budget."""
    found: dict[float, list[Told]] = {budget: [] for budget in BUDGETS}
    with simulated_city(changes(seed, sizes)) as city:
        for name in PARTS:
            scenario = catalog.load(name)
            rows = after_warm_up(build(city.ledger, scenario))
            scored, cases = scored_alone(rows, scenario, seed=seed), Cases.of(rows, city.truth)
            for budget, told in found.items():
                one = screen(scored, budget=budget, cases=cases)
                subjects = city.subjects[name]
                told.append(Told(seed, name, one, one, Yardstick.of(one), None, subjects, 0.0))
    return found


def row_of(budget: float, told: list[Told]) -> tuple[str, ...]:
    """One line: the budget, recall and finds of all cities together."""
    values = figures(told)
    digits = {key: 1 if key.startswith("finds") else 3 for key in _COLUMNS.values()}
    told_of = (f"{values[key]:.{n}f}" if key in values else "-" for key, n in digits.items())
    return (f"{budget:.1%}", *told_of)


def main() -> None:
    """Print recall by budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else Sizes()
    workers, context = min(2, os.cpu_count() or 1), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        cities = list(pool.map(partial(judged, sizes=sizes), asked.seeds))
    rows = [row_of(budget, [one for city in cities for one in city[budget]]) for budget in BUDGETS]
    show.table(f"{len(asked.seeds)} cities", ["budget", *_COLUMNS], rows)


if __name__ == "__main__":
    main()
