"""When the steps of ordinary projects happen: stage by stage, in working days where the law counts.

All results are local seconds a project, `NEVER` where the step does not take place.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns, height
from training.simulation.config import Approvals, Regime
from training.simulation.days import DAY_S, NEVER, Integers, Workdays, office_hours
from training.simulation.district import Clock

_FILING: Final = 2
_EXPIRY_DAYS: Final = 730
_EXEMPT_BELOW_FEN: Final = 500_000_000
_MAX_PAYMENTS: Final = 12


def main_stages(
    rng: np.random.Generator,
    projects: Columns,
    limits: tuple[Approvals, Regime],
    clock: Clock,
) -> Columns:
    """Every step that happens at most once, named as its activity."""
    rules, _ = limits
    stages: Columns = {"filed": projects["filed"]}
    stages["accepted"] = _after(
        rng, clock.workdays, projects["filed"], rng.integers(0, 3, _n(projects))
    )
    stages["evaluated"] = _evaluated(rng, projects, stages["accepted"], (rules, clock))
    _decide(rng, projects, stages, (limits, clock))
    _build(rng, stages, (rules, clock))
    return stages


def change_steps(
    rng: np.random.Generator, plan: tuple[Columns, Columns], rules: Approvals, clock: Clock
) -> tuple[Integers, Integers, Integers]:
    """Project, request and decision of every ordinary change between approval and completion."""
    projects, stages = plan
    millions = projects["investment"] / 1e8
    mean = rules.change_base + rules.change_slope * np.log10(np.maximum(millions, 0.1))
    mean = np.maximum(mean, 0.1)
    lam = rng.gamma(1 / rules.change_dispersion, mean * rules.change_dispersion)
    count = np.where(stages["completed"] == NEVER, 0, rng.poisson(lam))
    project = np.repeat(np.arange(_n(projects)), count)
    begin = stages["approved"][project] + 20 * DAY_S
    span = np.maximum(stages["completed"][project] - begin - 30 * DAY_S, 5 * DAY_S)
    day = (begin + rng.random(len(project)) * span).astype(np.int64) // DAY_S * DAY_S
    asked = _after(rng, clock.workdays, day, np.zeros(len(project), dtype=np.int64))
    wait = np.minimum(rng.lognormal(np.log(7.0), 0.5, len(project)), rules.change_limit_wd)
    return project, asked, _after(rng, clock.workdays, asked, np.ceil(wait).astype(np.int64))


def payment_steps(
    rng: np.random.Generator, stages: Columns, rules: Approvals
) -> tuple[Integers, Integers]:
    """Project and instant of every payment between start and completion."""
    started = stages["construction_started"]
    count = np.where(started == NEVER, 0, 1 + rng.poisson(rules.payments_mean - 1, len(started)))
    count = np.minimum(count, _MAX_PAYMENTS)
    project = np.repeat(np.arange(len(started)), count)
    span = stages["completed"][project] - started[project]
    at = started[project] + (rng.uniform(0.02, 1.0, len(project)) * span).astype(np.int64)
    return project, office_hours(rng, at // DAY_S)


def decision_days(
    rng: np.random.Generator, limit: Integers, median: NDArray[np.float64], rules: Approvals
) -> Integers:
    """Working days of ordinary decisions: most well inside the limit, some heaped at it."""
    n = len(limit)
    wd = rng.lognormal(np.log(median), rules.decision_sigma)
    wd = np.minimum(np.ceil(wd), limit - 2)
    edges = np.cumsum(
        [
            rules.decision_heap_share,
            rules.decision_extended_share,
            rules.decision_late_share,
            rules.fast_share,
        ]
    )
    which = np.searchsorted(edges, rng.random(n), side="right")
    other = [
        limit - rng.integers(0, 2, n),
        limit + rng.integers(1, 41, n),
        limit + rng.integers(1, 16, n),
        rng.integers(0, 2, n),
    ]
    return np.select([which == at for at in range(4)], other, wd).astype(np.int64)


def _n(table: Columns) -> int:
    return height(table)


def _after(rng: np.random.Generator, workdays: Workdays, at: Integers, by: Integers) -> Integers:
    """Office hours `by` working days after `at`, never before it."""
    gone = at == NEVER
    day = workdays.shift(np.where(gone, 0, at) // DAY_S, by)
    later = np.maximum(office_hours(rng, day), at + rng.integers(300, 5400, len(at)))
    return np.where(gone, NEVER, later)


def _either(chosen: NDArray[np.bool_], at: Integers) -> Integers:
    return np.where(chosen, at, NEVER)


def _evaluated(
    rng: np.random.Generator,
    projects: Columns,
    accepted: Integers,
    frame: tuple[Approvals, Clock],
) -> Integers:
    rules, clock = frame
    n = _n(projects)
    wd = rng.lognormal(np.log(rules.evaluation_median_wd), rules.evaluation_sigma, n)
    wd = np.minimum(np.ceil(wd), rules.evaluation_limit_wd)
    small = projects["investment"] < _EXEMPT_BELOW_FEN
    exempt = small & (rng.random(n) < rules.evaluation_exempt_share * 4)
    needed = (projects["route"] != _FILING) & ~exempt
    return _either(needed, _after(rng, clock.workdays, accepted, wd.astype(np.int64)))


def _decide(
    rng: np.random.Generator,
    projects: Columns,
    stages: Columns,
    frame: tuple[tuple[Approvals, Regime], Clock],
) -> None:
    (rules, regime), clock = frame
    n, route = _n(projects), projects["route"]
    begun = np.maximum(stages["accepted"], stages["evaluated"])
    limit = np.where(begun >= clock.regime, regime.decision_limit_wd, rules.decision_limit_wd)
    median = np.where(begun >= clock.regime, regime.decision_median_wd, rules.decision_median_wd)
    days = decision_days(rng, limit, median, rules)
    wd = np.where(route == _FILING, rng.integers(0, 3, n), days)
    decided = _after(rng, clock.workdays, begun, wd)
    refused = rng.random(n) < np.asarray(rules.rejected_share)[route]
    stages["approved"] = _either(~refused, decided)
    stages["rejected"] = _either(refused, decided)


def _build(rng: np.random.Generator, stages: Columns, frame: tuple[Approvals, Clock]) -> None:
    """Permit, start, extension and completion of what was approved."""
    rules, clock = frame
    goes_on, n = stages["approved"] != NEVER, len(stages["approved"])
    approved = np.where(goes_on, stages["approved"], 0)
    bidding = rng.lognormal(np.log(rules.bidding_median_wd), rules.bidding_sigma, n)
    asked = clock.workdays.shift(approved // DAY_S, bidding.astype(np.int64))
    permit = office_hours(
        rng, clock.workdays.shift(asked, 1 + rng.binomial(rules.permit_limit_wd - 1, 0.5, n))
    )
    wanted = rng.lognormal(np.log(rules.start_median_days), rules.start_sigma, n) * DAY_S
    started = np.maximum(
        approved + wanted.astype(np.int64), permit + rng.integers(1, 21, n) * DAY_S
    )
    early = rng.random(n) < rules.early_start_share
    started = np.where(early, permit - rng.integers(1, 9, n) * DAY_S, started)
    overdue = started - approved > _EXPIRY_DAYS * DAY_S
    extended = overdue & (rng.random(n) < rules.extension_share)
    built = rng.lognormal(np.log(rules.build_median_days), rules.build_sigma, n) * DAY_S
    stages["permit_issued"] = _either(goes_on, permit)
    stages["construction_started"] = _either(goes_on, office_hours(rng, started // DAY_S))
    stages["extension_approved"] = _either(
        goes_on & extended, approved + (_EXPIRY_DAYS - rng.integers(32, 90, n)) * DAY_S
    )
    stages["completed"] = _either(
        goes_on, office_hours(rng, (started + built.astype(np.int64)) // DAY_S)
    )
