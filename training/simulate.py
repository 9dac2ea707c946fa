"""The simulator of a city district: one call from parameters to tables, truth and parameters used.

Ordinary histories are drawn first (`training.simulation`), cases are planted into them
(`training.inject`), and only then do rows get their ids, so that no id tells what was planted.
"""

from collections import Counter
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from features.contracts.tables import TRUTH
from training.inject import (
    APPROVAL_TYPOLOGIES,
    PAYOUT_TYPOLOGIES,
    TYPOLOGIES,
    plant_all,
)
from training.simulation import text
from training.simulation.approval_draft import ApprovalDraft
from training.simulation.approval_table import approval_table, step_ids
from training.simulation.approvals import ordinary_approvals
from training.simulation.case import Case
from training.simulation.columns import Columns
from training.simulation.config import SimulationConfig
from training.simulation.days import Integers
from training.simulation.district import NOBODY, District
from training.simulation.payout_draft import PayoutDraft
from training.simulation.payout_table import payout_ids, payout_table
from training.simulation.payouts import ordinary_payouts
from training.truth import NO_SEVERITY

__all__ = ["Progress", "SimulationConfig", "SimulationSummary", "simulate"]

_PARTS: Final = 4


class Progress(Protocol):
    """Told which part begins and what share of the work is done."""

    def __call__(self, part: str, done: float) -> None:
        """Take notice."""


class SimulationSummary(BaseModel):
    """What was written: row counts, planted cases by typology, files by their part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payouts: int
    payout_rows: int
    projects: int
    approval_steps: int
    cases: dict[str, int]
    planted_events: int
    look_alike_events: int
    files: dict[str, Path]


def simulate(
    config: SimulationConfig, out: Path, *, progress: Progress | None = None
) -> SimulationSummary:
    """Write the simulated district's tables, their truth and the parameters into a folder.

    The same configuration gives the same bytes. Existing files of these names are replaced.
    """
    tell = progress or _silent
    out.mkdir(parents=True, exist_ok=True)
    tell("district", 0.0)
    district = District.of(config)
    tell("payouts", 1 / _PARTS)
    payouts, payout_truth, payout_cases = _simulate_payouts(config, district)
    tell("approvals", 2 / _PARTS)
    steps, step_truth, step_cases = _simulate_approvals(config, district)
    tell("files", 3 / _PARTS)
    truth = pl.concat([payout_truth, step_truth])
    files = _write(config, out, {"payouts": payouts, "approvals": steps, "truth": truth})
    tell("done", 1.0)
    return SimulationSummary(
        payouts=payouts["payout_id"].n_unique(),
        payout_rows=len(payouts),
        projects=steps["project_code"].n_unique(),
        approval_steps=len(steps),
        cases=dict(sorted(Counter(case.code for case in payout_cases + step_cases).items())),
        planted_events=int((~truth["look_alike"]).sum()),
        look_alike_events=int(truth["look_alike"].sum()),
        files=files,
    )


def _silent(part: str, done: float) -> None:
    """Tell nobody."""


def _simulate_payouts(
    config: SimulationConfig, district: District
) -> tuple[pl.DataFrame, pl.DataFrame, list[Case]]:
    draft = PayoutDraft(ordinary_payouts(config, district), district)
    frame = (district.clock, config.payouts.count)
    cases = plant_all(draft, PAYOUT_TYPOLOGIES, config, frame)
    rows, firms = draft.finished()
    ids = payout_ids("event_id", np.arange(len(rows["case"]), dtype=np.int64))
    truth = _truth("payouts", cases, (ids, rows["case"], rows["requested"]))
    return payout_table(config, district, (rows, firms)), truth, cases


def _simulate_approvals(
    config: SimulationConfig, district: District
) -> tuple[pl.DataFrame, pl.DataFrame, list[Case]]:
    draft = ApprovalDraft(*ordinary_approvals(config, district), district)
    frame = (district.clock, config.approvals.projects)
    cases = plant_all(draft, APPROVAL_TYPOLOGIES, config, frame)
    projects, steps = draft.finished()
    ids = step_ids("event_id", np.arange(len(steps["case"]), dtype=np.int64))
    truth = _truth("approvals", cases, (ids, steps["case"], steps["at"]))
    return approval_table(config, district, (projects, steps)), truth, cases


def _truth(
    scenario: str, cases: list[Case], marks: tuple[pl.Series, Columns | Integers, Integers]
) -> pl.DataFrame:
    """One row a marked event; the onset of a case is the instant of its first event."""
    ids, case, at = marks[0], np.asarray(marks[1]), marks[2]
    rows = np.flatnonzero(case != NOBODY)
    number = case[rows]
    onset = np.full(len(cases), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(onset, number, at[rows])
    of_case = pl.DataFrame(
        {
            "typology": [each.code for each in cases],
            "severity": [each.severity or NO_SEVERITY for each in cases],
            "telling_features": [";".join(TYPOLOGIES[each.code].telling) for each in cases],
            "case_id": [f"{scenario}-{each.code}-{each.number:05d}" for each in cases],
            "look_alike": [TYPOLOGIES[each.code].benign for each in cases],
        }
    )[number]
    return of_case.with_columns(
        ids[rows],
        pl.lit(scenario).alias("scenario"),
        text.stamps("onset", onset[number]),
    ).select(list(TRUTH))


def _write(config: SimulationConfig, out: Path, tables: dict[str, pl.DataFrame]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, table in tables.items():
        if config.horizon.format == "parquet" and name != "truth":
            files[name] = out / f"{name}.parquet"
            table.write_parquet(files[name])
        else:
            files[name] = out / f"{name}.csv"
            table.write_csv(files[name])
    files["parameters"] = out / "simulation.toml"
    files["parameters"].write_text(config.to_toml(), encoding="utf-8")
    return files
