"""Ordinary project approvals: one row a project, and one row a step from filing to completion.

Steps carry no amounts yet, only by how much a change moves investment and scale (log points);
`approval_draft` turns them into running amounts once everything planted is in.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns, draw, height, stack, stream, take, zipf
from training.simulation.config import Approvals, SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.district import NOBODY, District
from training.simulation.stages import change_steps, main_stages, payment_steps

ACTIVITIES: Final = (
    "filed",
    "accepted",
    "evaluated",
    "approved",
    "rejected",
    "permit_issued",
    "construction_started",
    "change_requested",
    "change_approved",
    "extension_approved",
    "payment",
    "completed",
    "feasibility_reported",
)
FILED, ACCEPTED, EVALUATED, APPROVED, REJECTED, PERMIT, STARTED = range(7)
CHANGE_ASKED, CHANGED, EXTENDED, PAYMENT, COMPLETED, REPORTED_AGAIN = range(7, 13)
ROUTES: Final = ("approval", "verification", "filing")
BY_APPROVAL, BY_VERIFICATION, BY_FILING = range(3)
CASE_TYPES: Final = ("new_build", "expansion", "renovation", "equipment", "municipal_works")
MUNICIPAL: Final = 4
_SCALE_PER_MILLION: Final = (420.0, 300.0, 350.0, 520.0, 260.0)


def ordinary_approvals(config: SimulationConfig, district: District) -> tuple[Columns, Columns]:
    """Draw ordinary projects, and their steps in the order of project and time."""
    rng, rules = stream(config.horizon.seed, "approvals"), config.approvals
    projects = _projects(rng, rules, district)
    drawn = stream(config.horizon.seed, "designers")
    projects["designer"] = draw(drawn, zipf(rules.designers, 0.7), height(projects))
    stages = main_stages(rng, projects, (rules, config.regime), district.clock)
    _file_again(rng, projects, stages, rules)
    parts = [
        steps_of(ACTIVITIES.index(name), np.arange(height(projects)), at)
        for name, at in stages.items()
        if name in ACTIVITIES
    ]
    project, at = payment_steps(rng, stages, rules)
    parts.append(steps_of(PAYMENT, project, at))
    parts += _changes(rng, (projects, stages), rules, district)
    steps = stack(parts)
    inside = (steps["at"] >= district.clock.start) & (steps["at"] < district.clock.end)
    steps = take(steps, np.flatnonzero(inside))
    steps["officer"] = _handlers(rng, projects, steps, district)
    over = _estimate_again(rng, projects, steps, rules)
    ready = np.maximum(stages["accepted"], stages["evaluated"])
    reports = _reported_again(config, district, take(steps, over), ready)
    steps["d_amount"][over] = 0.0
    steps = stack([steps, reports])
    order = np.lexsort((steps["activity"], steps["at"], steps["project"]))
    return projects, take(steps, order)


def steps_of(activity: int, project: Integers, at: Integers) -> Columns:
    """Steps of one kind, unmarked, moving nothing; those that never happen are left out."""
    keep = np.flatnonzero(at != NEVER)
    n = len(keep)
    return {
        "project": project[keep].astype(np.int64),
        "activity": np.full(n, activity, dtype=np.int8),
        "at": at[keep].astype(np.int64),
        "officer": np.full(n, NOBODY, dtype=np.int64),
        "d_amount": np.zeros(n),
        "d_scale": np.zeros(n),
        "case": np.full(n, NOBODY, dtype=np.int64),
        "recorded": np.full(n, NEVER, dtype=np.int64),
    }


def _projects(rng: np.random.Generator, rules: Approvals, district: District) -> Columns:
    n, firms = rules.projects, district.firms
    route = draw(rng, np.asarray(rules.route_shares), n)
    owner = draw(rng, firms["weight"] * (firms["registered"] < district.clock.start), n)
    sector = firms["sector"][owner]
    median = np.asarray(rules.investment_median_yuan)[route]
    yuan = median * rng.lognormal(0.0, np.asarray(rules.investment_sigma)[route])
    office = (route * 2 + sector) % district.approval_offices
    case_type = np.where(
        route == BY_APPROVAL, draw(rng, zipf(5, 0.2)[::-1], n), draw(rng, zipf(4), n)
    )
    density = np.asarray(_SCALE_PER_MILLION)[case_type]
    days = (district.clock.end - district.clock.start) // DAY_S
    filed = district.clock.start // DAY_S + (rng.random(n) * (days - 2)).astype(np.int64)
    shift = district.clock.workdays.shift
    return {
        "route": route.astype(np.int8),
        "owner": owner,
        "sector": sector,
        "street": firms["street"][owner],
        "case_type": case_type.astype(np.int8),
        "investment": np.round(np.clip(yuan, 2e5, 3e9) / 1e4).astype(np.int64) * 1_000_000,
        "scale": np.maximum(10, yuan / 1e6 * density * rng.lognormal(0.0, 0.25, n)),
        "office": office.astype(np.int64),
        "officer": district.staff(rng, office.astype(np.int64)),
        "contractor": draw(rng, zipf(rules.contractors, 0.7), n),
        "parcel": np.arange(n, dtype=np.int64),
        "name": np.arange(n, dtype=np.int64),
        "wording": np.zeros(n, dtype=np.int64),
        "phase": np.zeros(n, dtype=np.int64),
        "filed": office_hours(rng, shift(filed, np.zeros(n, dtype=np.int64))),
    }


def _file_again(
    rng: np.random.Generator, projects: Columns, stages: Columns, rules: Approvals
) -> None:
    """Some rejected projects are somebody's second try: a later project on the same parcel."""
    rejected = np.flatnonzero(stages["rejected"] != NEVER)
    again = rejected[rng.random(len(rejected)) < rules.refiled_share]
    order = np.argsort(projects["filed"], kind="stable")
    times = projects["filed"][order]
    for first in again:
        wait = int(rng.integers(30, 200)) * DAY_S
        place = int(np.searchsorted(times, stages["rejected"][first] + wait))
        later = order[place : place + 60]
        same = later[projects["route"][later] == projects["route"][first]]
        if len(same):
            for name in ("owner", "sector", "street", "parcel", "name"):
                projects[name][same[0]] = projects[name][first]


def _changes(
    rng: np.random.Generator,
    plan: tuple[Columns, Columns],
    rules: Approvals,
    district: District,
) -> list[Columns]:
    project, asked, decided = change_steps(rng, plan, rules, district.clock)
    decision = steps_of(CHANGED, project, decided)
    n = len(project)
    moved = rng.normal(0.008, rules.change_amount_sigma, n)
    decision["d_amount"] = moved
    decision["d_scale"] = 0.7 * moved + rng.normal(0.0, rules.change_scale_sigma, n)
    return [steps_of(CHANGE_ASKED, project, asked), decision]


def _estimate_again(
    rng: np.random.Generator, projects: Columns, steps: Columns, rules: Approvals
) -> Integers:
    """Let what is approved on the strict routes differ from the estimate that was filed.

    The steps that approve a rise above the limit.
    """
    strict = projects["route"][steps["project"]] != BY_FILING
    at = np.flatnonzero(strict & (steps["activity"] == APPROVED))
    moved = rng.normal(rules.estimate_mean, rules.estimate_sigma, len(at))
    over = rng.random(len(at)) < rules.estimate_over_share
    steps["d_amount"][at] = np.where(over, rng.uniform(0.10, 0.16, len(at)), moved)
    return np.asarray(at[over], dtype=np.int64)


def _reported_again(
    config: SimulationConfig, district: District, approved: Columns, ready: Integers
) -> Columns:
    """The reports of the study that come before the approvals of a rise above the limit.

    They give the new estimate, so that the approvals themselves add nothing to it. `ready` is when
    each project was accepted and evaluated.
    """
    rng = stream(config.horizon.seed, "reports")
    ahead = np.full(height(approved), -2)
    at = office_hours(rng, district.clock.workdays.shift(approved["at"] // DAY_S, ahead))
    at = np.minimum(np.maximum(at, ready[approved["project"]] + 600), approved["at"] - 300)
    of_approval = {name: approved[name] for name in ("officer", "d_amount")}
    at = np.maximum(at, district.clock.start)
    return steps_of(REPORTED_AGAIN, approved["project"], at) | of_approval


def _handlers(
    rng: np.random.Generator, projects: Columns, steps: Columns, district: District
) -> NDArray[Any]:
    """The project's officer for most steps, a colleague for the rest."""
    own = projects["officer"][steps["project"]]
    other = district.staff(rng, projects["office"][steps["project"]])
    is_change = steps["activity"] == CHANGED
    return np.where(rng.random(len(own)) < np.where(is_change, 0.6, 0.8), own, other)
