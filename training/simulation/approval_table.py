"""Approval steps as a platform exports them, a row a step.

The contractor is known from the permit on; a decision shows by when it was due.
"""

from typing import Final

import numpy as np
import polars as pl

from training.simulation import text
from training.simulation.approvals import (
    ACCEPTED,
    ACTIVITIES,
    APPROVED,
    CASE_TYPES,
    CHANGE_ASKED,
    CHANGED,
    EVALUATED,
    FILED,
    REJECTED,
    ROUTES,
)
from training.simulation.columns import Columns, height, stream, take
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.district import NOBODY, SECTORS, District
from training.simulation.payout_table import recorded_at
from training.simulation.project_titles import titles

_FILING_LIMIT_WD: Final = 3
_ACCEPT_LIMIT_WD: Final = 5
_EXTENSION_WD: Final = 40
_BEFORE_AWARD: Final = (FILED, ACCEPTED, EVALUATED, APPROVED, REJECTED)
_END_OF_DAY_S: Final = 17 * 3600 + 1800


def approval_table(
    config: SimulationConfig, district: District, approvals: tuple[Columns, Columns]
) -> pl.DataFrame:
    """Rows in the order in which they happened; step ids count in that order."""
    rng = stream(config.horizon.seed, "approval table")
    projects, steps = approvals
    project, share = take(projects, steps["project"]), config.faults.missing_share
    known = recorded_at(rng, steps, config.faults, district.clock.end)
    unknown = np.isin(steps["activity"], _BEFORE_AWARD)
    columns = [
        step_ids("step_id", np.arange(height(steps), dtype=np.int64)),
        text.codes("project_code", "X", steps["project"]),
        text.words("step", steps["activity"], ACTIVITIES),
        text.stamps("occurred_at", steps["at"]),
        text.stamps("recorded_at", known),
        text.codes("officer_code", "O", steps["officer"]),
        text.serials("office", "D", project["office"], 2),
        text.codes("owner_code", "E", project["owner"]),
        titles(project),
        text.codes("contractor_code", "C", np.where(unknown, NOBODY, project["contractor"])),
        text.codes("designer_code", "G", project["designer"]),
        text.codes("parcel_code", "L", project["parcel"]),
        text.words("case_type", project["case_type"], CASE_TYPES),
        text.words("route", project["route"], ROUTES),
        text.thinned(text.words("sector", project["sector"], SECTORS), rng, share),
        text.serials("district", "J", project["street"], 2),
        text.yuan("investment_yuan", steps["amount"]),
        text.thinned(pl.Series("scale", steps["scale"]), rng, share),
        text.stamps("due_at", _due(rng, config, district, project | steps)),
    ]
    return pl.DataFrame(columns)


def step_ids(name: str, numbers: Integers) -> pl.Series:
    """Ids of steps by their places in the order of time."""
    return text.serials(name, "S", numbers, 8)


def _due(
    rng: np.random.Generator, config: SimulationConfig, district: District, steps: Columns
) -> Integers:
    """By when each decision was due: working days after the step that started its legal term."""
    rules = config.approvals
    terms = (
        (ACCEPTED, (FILED,), _ACCEPT_LIMIT_WD),
        (EVALUATED, (ACCEPTED,), rules.evaluation_limit_wd),
        (APPROVED, (ACCEPTED, EVALUATED), None),
        (REJECTED, (ACCEPTED, EVALUATED), None),
        (CHANGED, (CHANGE_ASKED,), rules.change_limit_wd),
    )
    due = np.full(height(steps), NEVER, dtype=np.int64)
    for activity, starts, fixed in terms:
        begun = _latest(steps, starts)
        ends = (steps["activity"] == activity) & (begun != NEVER)
        limit = _decision_limit(config, district, steps, begun) if fixed is None else fixed
        day = district.clock.workdays.shift(
            begun[ends] // DAY_S, np.broadcast_to(limit, begun.shape)[ends]
        )
        due[ends] = day * DAY_S + _END_OF_DAY_S
    return _extended(rng, config, district, (steps, due))


def _decision_limit(
    config: SimulationConfig, district: District, steps: Columns, begun: Integers
) -> Integers:
    """Working days that a decision may take, by the rules in force when its term began."""
    later = begun >= district.clock.regime
    limit = np.where(later, config.regime.decision_limit_wd, config.approvals.decision_limit_wd)
    return np.where(steps["route"] == ROUTES.index("filing"), _FILING_LIMIT_WD, limit)


def _latest(steps: Columns, activities: tuple[int, ...]) -> Integers:
    """For each step, when its project last took one of some steps up to then."""
    started = np.isin(steps["activity"], activities)
    frame = pl.DataFrame({"project": steps["project"], "at": steps["at"], "started": started})
    at = pl.when("started").then("at").forward_fill().over("project").fill_null(NEVER)
    return frame.select(at.alias("at"))["at"].to_numpy()


def _extended(
    rng: np.random.Generator,
    config: SimulationConfig,
    district: District,
    plan: tuple[Columns, Integers],
) -> Integers:
    """Grant most overdue approvals the formal extension; the rest stays late."""
    (steps, due), rules = plan, config.approvals
    overdue = (due != NEVER) & (steps["at"] > due) & (steps["activity"] == APPROVED)
    share = rules.decision_extended_share / max(
        rules.decision_extended_share + rules.decision_late_share, 1e-9
    )
    granted = overdue & (rng.random(len(due)) < share)
    days = np.full(int(granted.sum()), _EXTENSION_WD, dtype=np.int64)
    later = district.clock.workdays.shift(due[granted] // DAY_S, days) * DAY_S + _END_OF_DAY_S
    due[granted] = later
    return due
