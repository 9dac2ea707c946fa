"""Chains of T19: a penalty, its repair within moments, a payout soon after.

Two parts of a district show one chain, so it is planned once, from the configuration alone: the
part of the repairs writes penalty and repair, the part of the payouts what was paid to the firm.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.plant import plan_of
from training.simulation.case import Case
from training.simulation.columns import draw, stream
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, office_hours
from training.simulation.district import District
from training.simulation.ranges import QuickRepair
from training.simulation.repairs import GENERAL, SEVERE, n_repairs
from training.typology import Typology

_STRICT: Final = (1, 2, 3, SEVERE)
_OLDEST_D: Final = 30


@dataclass(frozen=True)
class Chain:
    """One chain: whose, what was published when, when it was repaired, when the firm was paid."""

    case: Case
    firm: int
    handler: int
    class_before: int
    class_now: int
    published: int
    downgraded: int | None
    applied: int
    decided: int
    requested: int


def chains(
    typology: Typology[object], config: SimulationConfig, district: District
) -> tuple[Chain, ...]:
    """The chains of a district, the same whoever asks; their cases are numbered from 0."""
    cases, rng = plan_of(typology, config, (district.clock, float(n_repairs(config))))
    handler = _handler(stream(config.horizon.seed, "chain handler"), district)
    return tuple(_chain(case, rng, (config, district), handler) for case in cases)


def _handler(rng: np.random.Generator, district: District) -> int:
    """One officer of an office that pays and penalises, by the officers' loads."""
    staff = np.flatnonzero(district.officers["office"] >= district.approval_offices)
    return int(staff[draw(rng, district.officers["load"][staff], 1)[0]])


def _chain(
    case: Case, rng: np.random.Generator, place: tuple[SimulationConfig, District], handler: int
) -> Chain:
    config, district = place
    sizes = config.typologies.T19
    clock = district.clock
    gap = max(1, sizes.payout_days.whole(case.strength))
    floor = clock.holdout if case.recent else clock.start
    day = max(case.anchor // DAY_S - gap, floor // DAY_S + 1)
    decided, applied = _decided(case, rng, (sizes, district), day)
    paid_day = clock.workdays.shift(np.array([decided // DAY_S + gap]), np.array([0]))
    requested = min(int(office_hours(rng, paid_day)[0]), clock.end - DAY_S)
    before, now, published, downgraded = _penalty(
        case, rng, config, (applied, decided, clock.start)
    )
    old = np.flatnonzero(district.firms["registered"] < published - _OLDEST_D * DAY_S)
    firm = int(old[draw(rng, district.firms["weight"][old], 1)[0]])
    return Chain(
        case, firm, handler, before, now, published, downgraded, applied, decided, requested
    )


def _decided(
    case: Case, rng: np.random.Generator, place: tuple[QuickRepair, District], day: int
) -> tuple[int, int]:
    """Instants of decision and application, so many working days apart."""
    sizes, district = place
    days = district.clock.workdays
    on = days.shift(np.array([day]), np.array([0]))
    wait = sizes.adaptive_repair_wd if case.adaptive else sizes.repair_wd.whole(case.strength)
    from_day = days.shift(on, np.array([-wait]))
    applied = int(from_day[0]) * DAY_S + 9 * 3600 + int(rng.integers(0, 3 * 3600))
    decided = int(on[0]) * DAY_S + 13 * 3600 + int(rng.integers(0, 4 * 3600))
    return decided, applied


def _penalty(
    case: Case,
    rng: np.random.Generator,
    config: SimulationConfig,
    times: tuple[int, int, int],
) -> tuple[int, int, int, int | None]:
    """Class at publication and at the repair, publication, and when the class was put down."""
    applied, decided, start = times
    rules, sizes = config.repairs, config.typologies.T19
    if rng.random() < sizes.downgraded_share:
        ago = int(rng.integers(*sizes.downgraded_published_days, endpoint=True))
        published = _workday(rng, start, decided - ago * DAY_S)
        before = int(rng.integers(*sizes.downgraded_days, endpoint=True))
        downgraded = applied - before * DAY_S
        return int(rng.choice(_STRICT)), GENERAL, published, max(downgraded, published + DAY_S)
    strict = int(rng.choice(_STRICT[:-1])) if rng.random() < sizes.strict_share else GENERAL
    least = rules.least_days if strict == GENERAL else rules.least_days_strict
    served = sizes.share_published.at(case.strength) * rng.uniform(0.95, 1.05)
    published = _workday(rng, start, decided - int(min(served, 0.95) * least) * DAY_S)
    return strict, strict, min(published, applied - DAY_S), None


def _workday(rng: np.random.Generator, start: int, at: int) -> int:
    """An instant of the day in office hours, not before the horizon."""
    return max(start, at // DAY_S * DAY_S) + 9 * 3600 + int(rng.integers(0, 8 * 3600))
