"""One simulated city screened: every scenario trained as a user trains, judged by unit.

A model is fitted without labels on the first four fifths of the horizon, as `lianjing train` does
it, and screens the whole horizon but for its first 90 days, in which nothing begins and histories
are short. What is told comes back as plain data, so that cities can be screened side by side.
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
from features.spec import Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.cases import Cases
from training.city import Changes, simulated_city
from training.fit import fit
from training.fitted import Fitted
from training.inject import BY_SCENARIO
from training.label_rounds import Gap, label_gap
from training.reads import fields_read
from training.screen import Scored, screen
from training.screening import Screening
from training.simulate import PARTS
from training.split import DAY_US
from training.units import tail_p
from training.yardstick import Yardstick

BUDGET: Final = 0.01
SHARE: Final = 0.005
WARM_UP_DAYS: Final = 90
HOLDOUT_DAYS: Final = 120
MONTHS: Final = 36
_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sizes:
    """How much is simulated."""

    payouts: int = 40_000
    firms: int = 8_000
    projects: int = 6_000


@dataclass(frozen=True)
class Told:
    """What one scenario of one city came to."""

    seed: int
    scenario: str
    screening: Screening
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
            gap, screening, yardstick = told
            seconds, began = time.monotonic() - began, time.monotonic()
            _say(seed, f"{name} screened, {seconds:.0f} s")
            found.append(Told(seed, name, screening, yardstick, gap, city.subjects[name], seconds))
    return found


def _screened(
    ledger: Ledger, truth: pl.DataFrame, name: str, seed: int, *, labels: bool
) -> tuple[Gap | None, Screening, Yardstick]:
    scenario = catalog.load(name)
    table = build(ledger, scenario)
    left_out = tuple(item.name for item in scenario.features if not item.in_model)
    fitted = fit(table, created_at=_CREATED, seed=seed, budget=BUDGET, left_out=left_out)
    screening = screening_of(fitted, table, scenario, truth)
    gap = None
    if labels:
        cases = Cases.of(table, truth)
        gap = label_gap(fitted, table, cases, budget=BUDGET, seed=seed)
    return gap, screening, Yardstick.of(screening, BY_SCENARIO[name])


def screening_of(
    fitted: Fitted, table: FeatureTable, scenario: Scenario, truth: pl.DataFrame
) -> Screening:
    """The screening of all but the warm-up."""
    first = int(table.effective_us.min()) + WARM_UP_DAYS * DAY_US
    rows = table.rows(table.effective_us >= first)
    score = fitted.score(rows)
    scored = Scored(
        table=rows,
        score=score,
        p=tail_p(score, fitted.calibrate_score),
        held_out=fitted.calibrate_score,
        names=fitted.names,
        contributions=lambda at: fitted.contributions(rows.rows(at)),
        severities={rule.name: rule.severity for rule in scenario.rules},
        reads=fields_read(scenario),
        fitted_until_us=fitted.split.calibrate_until_us,
    )
    return screen(scored, budget=BUDGET, cases=Cases.of(rows, truth))


def _say(seed: int, text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] city {seed}: {text}", file=sys.stderr, flush=True)  # noqa: T201


def shares(counts: Sequence[tuple[int, int]]) -> float:
    """Hits over all, of several counts together; NaN of none."""
    hits, n = np.array(counts).reshape(-1, 2).sum(axis=0).tolist()
    return hits / n if n else float("nan")
