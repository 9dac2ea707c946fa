"""Ordinary cases for review: who submits what and when, and how a review of it goes.

Columns are integers: positions of owners, officers and agencies, fen, office seconds.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns, draw, height, stream, zipf
from training.simulation.config import Assignments, SimulationConfig
from training.simulation.days import DAY_S, Integers
from training.simulation.district import NOBODY, SECTORS, District
from training.simulation.rotation import OFFICE_S, OfficeClock, Suspensions, drawn_suspensions

_AFTER_DAYS = 150
"""Working days after the horizon that reviews may still take."""


@dataclass(frozen=True)
class Rotation:
    """Agencies, owners and officers of the rotation, and its clock.

    `queues` are each specialty's agencies in their first order; `officers` are positions of
    officers of the district by specialty and group of owners.
    """

    queues: tuple[tuple[int, ...], ...]
    owners: Columns
    officers: NDArray[np.int64]
    suspensions: Suspensions
    clock: OfficeClock
    start_s: int
    end_s: int

    @classmethod
    def of(cls, config: SimulationConfig, district: District) -> "Rotation":
        """The rotation of a configuration."""
        rules, rng = config.assignments, stream(config.horizon.seed, "rotation")
        clock = _clock(district)
        start = clock.office(district.clock.start)
        end = clock.office(district.clock.end)
        low, high = sorted((rules.agencies_low, rules.agencies_high))
        sizes = rng.integers(low, high + 1, rules.specialties)
        edges = np.concatenate([[0], np.cumsum(sizes)])
        names = rng.permutation(int(edges[-1]))
        queues = tuple(tuple(names[a:b].tolist()) for a, b in pairwise(edges.tolist()))
        return cls(
            queues=queues,
            owners=_owners(rng, rules),
            officers=_officers(rng, rules, district),
            suspensions=drawn_suspensions(rng, int(edges[-1]), end, rules),
            clock=clock,
            start_s=start,
            end_s=end,
        )

    @property
    def n_agencies(self) -> int:
        """Agencies of all specialties."""
        return sum(len(queue) for queue in self.queues)


def ordinary_submissions(config: SimulationConfig, rotation: Rotation) -> Columns:
    """Draw the cases that are submitted for review, in the order of time."""
    rng, rules = stream(config.horizon.seed, "assignments"), config.assignments
    days = _busy_days(rotation, config)
    at = np.sort(draw(rng, days, rules.count)) * OFFICE_S + rotation.start_s
    at = np.sort(at + rng.integers(0, OFFICE_S - 1800, rules.count))
    owner = draw(rng, rotation.owners["weight"], rules.count)
    usual = rng.random(rules.count) < rules.main_specialty_share
    other = draw(rng, zipf(rules.specialties, 0.3), rules.count)
    specialty = np.where(usual, rotation.owners["specialty"][owner], other)
    table = {
        "submitted_s": at,
        "owner": owner,
        "specialty": specialty,
        "officer": officers_of(rng, rotation, (owner, specialty), rules),
    }
    return table | case_values(rng, rotation, table, rules) | _unmarked(rules.count)


def officers_of(
    rng: np.random.Generator,
    rotation: Rotation,
    of: tuple[Integers, Integers],
    rules: Assignments,
) -> Integers:
    """The officer of each owner in each specialty, now and then a colleague."""
    owner, specialty = of
    n = rotation.officers.shape[1]
    covered = rng.random(len(owner)) < rules.cover_share
    group = rotation.owners["group"][owner] + np.where(covered, rng.integers(0, n, len(owner)), 0)
    return np.asarray(rotation.officers[specialty % len(rotation.officers), group % n])


def case_values(
    rng: np.random.Generator, rotation: Rotation, table: Columns, rules: Assignments
) -> Columns:
    """Investment, fee, and how the review will go."""
    n = height(table)
    sigma = rules.investment_sigma
    yuan = rules.investment_median_yuan * rng.lognormal(0.0, sigma, n)
    fee = rules.fee_rate * yuan**rules.fee_exponent * rng.lognormal(0.0, rules.fee_sigma, n)
    sector = rotation.owners["sector"][table["owner"]]
    days = np.exp(rng.normal(np.log(rules.review_median_wd), rules.review_sigma, n))
    late = rng.random(n) < rules.review_late_share
    limit = np.where(late, 1.5 * rules.review_limit_wd, rules.review_limit_wd - 1.0)
    days = np.where(late, rules.review_limit_wd * rng.uniform(1.05, 1.5, n), days)
    return {
        "investment": np.round(yuan).astype(np.int64) * 100,
        "fee": np.round(np.maximum(fee, 2000.0)).astype(np.int64) * 100,
        "sector": sector,
        "reduction": _reductions(rng, sector, rules),
        "waited_s": rng.integers(1800, 2 * OFFICE_S, n),
        "review_s": (np.clip(days, 1.0, limit) * OFFICE_S).astype(np.int64),
    }


def _reductions(rng: np.random.Generator, sector: Integers, rules: Assignments) -> Integers:
    """Shares cut from the estimates in millionths: beta, the mean by sector."""
    means = rules.reduction_mean * (0.8 + 0.4 * np.arange(len(SECTORS)) / (len(SECTORS) - 1))
    mean = means[sector]
    total = np.maximum(mean * (1 - mean) / rules.reduction_sd**2 - 1.0, 2.0)
    return np.round(rng.beta(mean * total, (1 - mean) * total) * 1e6).astype(np.int64)


def _unmarked(n: int) -> Columns:
    return {"case": np.full(n, NOBODY, dtype=np.int64)}


def _clock(district: District) -> OfficeClock:
    """Working days from the horizon's first on, and room behind its last."""
    first, last = district.clock.start // DAY_S, district.clock.end // DAY_S
    shift = district.clock.workdays.shift
    begin = int(shift(np.array([first]), np.array([0]))[0])
    n = int(np.searchsorted(_after(district, begin, last - first), last)) + _AFTER_DAYS
    days = shift(np.full(n, begin), np.arange(n, dtype=np.int64))
    return OfficeClock(days)


def _after(district: District, begin: int, n: int) -> Integers:
    return district.clock.workdays.shift(np.full(n, begin), np.arange(n, dtype=np.int64))


def _busy_days(rotation: Rotation, config: SimulationConfig) -> NDArray[np.float64]:
    """Weight of each working day of the horizon: the year-end bump of payouts holds here too."""
    days = rotation.clock.days[rotation.start_s // OFFICE_S : rotation.end_s // OFFICE_S]
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where(months == 11, config.payouts.december_bump, 1.0)  # noqa: PLR2004  (December)


def _owners(rng: np.random.Generator, rules: Assignments) -> Columns:
    n = rules.owners
    return {
        "weight": rng.permutation(zipf(n, 0.6)),
        "specialty": draw(rng, zipf(rules.specialties, 0.3), n),
        "group": rng.permutation(np.arange(n) % rules.officers_per_specialty),
        "sector": draw(rng, zipf(len(SECTORS), 0.6), n),
    }


def _officers(
    rng: np.random.Generator, rules: Assignments, district: District
) -> NDArray[np.int64]:
    """Officers who draw, by specialty and group: those of the offices that decide projects."""
    wanted = rules.specialties * rules.officers_per_specialty
    order = np.lexsort((np.arange(height(district.officers)), district.officers["office"]))
    pool = rng.permutation(order[: max(wanted, 1)])
    return np.resize(pool, (rules.specialties, rules.officers_per_specialty))
