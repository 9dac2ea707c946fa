"""How far the realised alert rate is from the budget, on events that no line has seen.

A simulated district's payouts are split in time with a gap, as every training is: a model fitted on
the first of them, calibrated on 10,000 held-out ones, then at least 100,000 fresh ones in their
order. Three rules are held against the budget, and the live rule's error stands under the bar: it
is what the service does unless it is told otherwise.

- `rolling`: the line that moves with the latest scores (`models.rolling`), the live rule.
- `fixed`: the line drawn once through the held-out scores.
- `mixed`: that line, where held-out and fresh scores were mixed beforehand, so that both are alike.

What drives the error. Scores drift: histories grow and habits change, so the fixed line selects a
multiple of the budget after some years. Chance: with n held-out scores the rate that a fixed line
lets through has a relative deviation of sqrt((1 - q) / (n q)), 10 % at 1 % and 31 % at 0.1 % of
10,000, which is all that `mixed` shows. The moving line is drawn anew for every event and meets
both; that its rate comes out says nothing about whom it selects.
"""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import SecretStr

from features.batch import build
from features.contracts.events import from_us
from features.contracts.settings import Settings
from features.contracts.vectors import Vector
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping as FileMapping
from features.store.ledger import Ledger
from features.table import FeatureTable
from models.volume import AlertVolume
from serving.cli import show
from tests.bench.finding import Finding, Size, Tell
from training.alerts import LiveRule, fixed, rolling
from training.evaluate import judged_rows
from training.fit import fit
from training.simulate import SimulationConfig, simulate

RULES: Final[dict[str, LiveRule]] = {"rolling": rolling, "fixed": fixed}
NOMINAL: Final = {"1pct": 0.01, "01pct": 0.001}
KEYS: Final = {
    f"alert_rate_error{suffix}_{label}": (rule, label)
    for suffix, rule in (("", "rolling"), ("_fixed", "fixed"), ("_mixed", "mixed"))
    for label in NOMINAL
}
"""The rule and the nominal rate that each figure is of."""
SEEDS_A_ROUND: Final = 2
START: Final = "2018-07-01"
DATA: Final = Path("../shared/data")
GIVEN: Final = {
    "payments": ("oxford_payments", "2017-01-01"),
    "permits/receipt.xes.gz": ("coselog_receipt", "2011-09-02"),
    "permits/BPIC15_1.xes.gz": ("bpic15", "2014-01-01"),
}
"""Given tables by their place: the mapping they are read with, and from when rows are fresh."""

Figures = dict[str, float]


def measure(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Median errors over the seeds, `size.rows` fresh events each; then the given tables."""
    runs = []
    for seed in range(1, SEEDS_A_ROUND * size.rounds + 1):
        tell(f"alert rate of simulated history {seed}")
        runs.append(alert_rate(seed, fresh=size.rows))
    detail: dict[str, object] = {"alert_rate": runs}
    if DATA.is_dir():
        tell("alert rate of the given tables")
        detail["alert_rate_given"] = found = given(DATA)
        columns = ["table", "rule", "nominal", "rows #", "alerts #", "99 % interval", "inside"]
        show.table("alerts on the given tables", columns, [tuple(one.values()) for one in found])
    else:
        detail["alert_rate_given"] = f"skipped: no {DATA} beside the project"
        show.err.print(f"given tables {detail['alert_rate_given']}")
    errors = {
        key: statistics.median(run[f"{rule}_error_{label}"] for run in runs)
        for key, (rule, label) in KEYS.items()
    }
    return Finding({key: errors[key] for key in keys}, detail)


def alert_rate(seed: int, *, fresh: int) -> Figures:
    """Realised rates and relative errors of all rules over the simulated history of a seed."""
    with tempfile.TemporaryDirectory() as folder:
        table = _table([_simulated(seed, fresh * 3 // 2, Path(folder))], "simulated_payouts")
    held_out, score = _scores(table, from_us(int(table.effective_us[len(table) - fresh])))
    found: Figures = {"seed": seed, "n_calibrate": len(held_out), "n_fresh": len(score)}
    alike = np.random.default_rng(seed).permutation(np.concatenate([held_out, score]))
    for label, budget in NOMINAL.items():
        rates = {name: rule(score, held_out, budget).mean() for name, rule in RULES.items()}
        rates["mixed"] = fixed(alike[len(held_out) :], alike[: len(held_out)], budget).mean()
        for name, rate in rates.items():
            found[f"{name}_rate_{label}"] = float(rate)
            found[f"{name}_error_{label}"] = abs(float(rate) / budget - 1.0)
    return found


def given(data: Path) -> list[dict[str, str]]:
    """Alerts on the given tables against the 99 % beta-binomial interval, both live rules."""
    rows: list[dict[str, str]] = []
    for place, (mapping, since) in GIVEN.items():
        table = _table([data / place], mapping)
        held_out, score = _scores(table, datetime.fromisoformat(since).replace(tzinfo=UTC))
        for label, budget in NOMINAL.items():
            for name, rule in RULES.items():
                told = {"table": place, "rule": name, "nominal": label}
                n_alerts = int(rule(score, held_out, budget).sum())
                rows.append(told | against(n_alerts, len(score), budget, len(held_out)))
    return rows


def against(n_alerts: int, n: int, budget: float, n_held_out: int) -> dict[str, str]:
    """Alerts of `n` fresh rows beside the interval that chance alone explains.

    >>> against(150, 10_000, 0.01, 999)["inside"]
    'yes'
    """
    volume = AlertVolume.of(n_alerts, n_events=n, budget=budget, n_held_out=n_held_out)
    return {
        "rows": f"{n:,}",
        "alerts": f"{n_alerts:,}",
        "interval": f"{volume.low:,} to {volume.high:,}",
        "inside": "yes" if volume.is_inside else "no",
    }


def _simulated(seed: int, payouts: int, folder: Path) -> Path:
    changes: Mapping[str, Mapping[str, object]] = {
        "horizon": {"seed": seed, "start": START, "months": 60},
        "payouts": {"count": payouts},
        "approvals": {"projects": 600},
        "assignments": {"count": 300},
    }
    return simulate(SimulationConfig.load(changes), folder).files["payouts"]


def _table(paths: Sequence[Path], mapping: str) -> FeatureTable:
    declared = FileMapping.load(mapping)
    ledger = Ledger.in_memory()
    settings = Settings(pseudonym_key=SecretStr("only-for-this-benchmark"))
    ingest(paths, mapping=declared, ledger=ledger, settings=settings)
    table = build(ledger, catalog.load(declared.scenario))
    ledger.close()
    return table


def _scores(table: FeatureTable, until: datetime) -> tuple[Vector, Vector]:
    """Held-out scores, and those of the fresh rows in their order."""
    fitted = fit(table, created_at=datetime(2026, 1, 1, tzinfo=UTC), until=until)
    return fitted.calibrate_score, np.asarray(judged_rows(fitted, table).score)
