"""One simulated city screened: every scenario trained as a user trains, judged by unit.

The horizon is screened but for its first 90 days, in which nothing begins and histories are short,
by two models that see neither labels nor truth. One is fitted on the very events that it judges
(`lianjing evaluate --fresh`), as whoever screens a past period does; its are the figures. The other
is fitted and calibrated on the first four fifths, as `lianjing train` does it, and judges what
follows too, as the service would; its recall stands beside. Labels are learned by the second and
judged on the last fifth. What is told comes back as plain data, so that cities can be screened side
by side.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

from features.batch import build
from features.scenarios import catalog
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.cases import Cases
from training.city import Changes, simulated_city
from training.fit import fit
from training.label_rounds import Gap, label_gap
from training.screen import screen
from training.screen_ledger import scored_alone, scored_by
from training.screening import Screening
from training.simulate import PARTS
from training.split import DAY_US
from training.yardstick import Yardstick

BUDGET: Final = 0.01
SHARE: Final = 0.005
WARM_UP_DAYS: Final = 90
HOLDOUT_DAYS: Final = 120
MONTHS: Final = 36
_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sizes:
    """How much is simulated, so that 0.5 % of a scenario's units have room for every case.

    Every typology has a case a severity at least (`injection.min_cases`), so a scenario of five
    typologies needs thousands of units: 400 buyers are those of a full district, 36,000 contracts
    its three years, and ten specialties stand for two districts that draw from queues of their own.
    Credit repairs grow with the firms: three cases are 0.6 % of some 500 units.
    """

    payouts: int = 40_000
    firms: int = 8_000
    projects: int = 6_000
    contracts: int = 36_000
    buyers: int = 400
    suppliers: int = 2_500
    assignments: int = 9_000
    specialties: int = 10
    owners: int = 200


@dataclass(frozen=True)
class Told:
    """What one scenario of one city came to."""

    seed: int
    scenario: str
    screening: Screening
    served: Screening
    """By the model that was fitted on the first four fifths."""
    yardstick: Yardstick
    gap: Gap | None
    subjects: int
    seconds: float


def changes(seed: int, sizes: Sizes) -> Changes:
    """The shipped parameters with the size asked for, and 0.5 % planted evenly over the horizon."""
    return {
        "horizon": {"seed": seed, "months": MONTHS, "holdout_days": HOLDOUT_DAYS},
        "payouts": {"count": sizes.payouts},
        "district": {"firms": sizes.firms},
        "approvals": {"projects": sizes.projects},
        "small_works": {
            "contracts": sizes.contracts,
            "buyers": sizes.buyers,
            "suppliers": sizes.suppliers,
        },
        "assignments": {
            "count": sizes.assignments,
            "specialties": sizes.specialties,
            "owners": sizes.owners,
        },
        "injection": {"share": SHARE, "holdout_share": HOLDOUT_DAYS / (MONTHS * 365.25 / 12)},
    }


def screen_city(
    seed: int, sizes: Sizes, *, scenarios: Sequence[str] = tuple(PARTS), labels: bool = True
) -> list[Told]:
    """Simulate one city and screen the scenarios asked for, one after the other."""
    began = time.monotonic()
    _say(seed, "simulated and read")
    with simulated_city(changes(seed, sizes)) as city:
        found = []
        for name in scenarios:
            told = _screened(city.ledger, city.truth, name, seed, labels=labels)
            gap, screening, served, yardstick = told
            seconds, began = time.monotonic() - began, time.monotonic()
            _say(seed, f"{name} screened, {seconds:.0f} s")
            found.append(
                Told(seed, name, screening, served, yardstick, gap, city.subjects[name], seconds)
            )
    return found


def _screened(
    ledger: Ledger, truth: pl.DataFrame, name: str, seed: int, *, labels: bool
) -> tuple[Gap | None, Screening, Screening, Yardstick]:
    scenario = catalog.load(name)
    table = build(ledger, scenario)
    fitted = fit(table, created_at=_CREATED, seed=seed, budget=BUDGET, left_out=scenario.left_out())
    rows = after_warm_up(table)
    cases = Cases.of(rows, truth)
    screening = screen(scored_alone(rows, scenario, seed=seed), budget=BUDGET, cases=cases)
    served = screen(scored_by(fitted.bundle, rows, scenario), budget=BUDGET, cases=cases)
    gap = None
    if labels:
        gap = label_gap(fitted, table, Cases.of(table, truth), budget=BUDGET, seed=seed)
    return gap, screening, served, Yardstick.of(screening)


def after_warm_up(table: FeatureTable) -> FeatureTable:
    """The events that are judged: histories are long enough by then, and cases begin."""
    first = int(table.effective_us.min()) + WARM_UP_DAYS * DAY_US
    return table.rows(table.effective_us >= first)


def _say(seed: int, text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] city {seed}: {text}", file=sys.stderr, flush=True)  # noqa: T201


def shares(counts: Sequence[tuple[int, int]]) -> float:
    """Hits over all, of several counts together; NaN of none."""
    hits, n = np.array(counts).reshape(-1, 2).sum(axis=0).tolist()
    return hits / n if n else float("nan")
