"""Who lives in the simulated district: firms, policy items, officers, and the horizon's clock."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.calendar import to_day
from training.simulation.columns import Columns, draw, stream, zipf
from training.simulation.config import DistrictSize, Payouts, SimulationConfig
from training.simulation.days import DAY_S, Integers, Workdays, office_hours

SECTORS: Final = (
    "software",
    "biotech",
    "equipment",
    "logistics",
    "retail",
    "catering",
    "textiles",
    "agriculture",
    "energy",
    "culture",
)
SIZE_BANDS: Final = ("micro", "small", "medium", "large")
NOBODY: Final = -1

TIER, RATE, HEAD = 0, 1, 2


@dataclass(frozen=True)
class Clock:
    """The horizon in local seconds, what begins inside it, and the working days around it.

    From `regime` on other limits are in force, from `adaptive` on some know the fixed rules.
    """

    start: int
    holdout: int
    end: int
    regime: int
    adaptive: int
    workdays: Workdays

    @classmethod
    def of(cls, config: SimulationConfig) -> "Clock":
        """The clock of a configuration."""
        first, last = to_day(config.horizon.start), to_day(config.horizon.end)
        return cls(
            start=first * DAY_S,
            holdout=(last - config.horizon.holdout_days) * DAY_S,
            end=last * DAY_S,
            regime=to_day(config.horizon.after(config.regime.month)) * DAY_S,
            adaptive=to_day(config.horizon.after(config.injection.adaptive_month)) * DAY_S,
            workdays=Workdays(first - 800, last + 1500),
        )


@dataclass(frozen=True)
class District:
    """Firms, policy items and officers, a row each; positions serve as codes."""

    firms: Columns
    policies: Columns
    officers: Columns
    clock: Clock
    approval_offices: int

    @classmethod
    def of(cls, config: SimulationConfig) -> "District":
        """The district of a configuration."""
        clock, size, seed = Clock.of(config), config.district, config.horizon.seed
        approval_offices = max(1, size.offices // 3)
        return cls(
            firms=_firms(stream(seed, "firms"), size, clock),
            policies=_policies(stream(seed, "policies"), config, clock),
            officers=_officers(stream(seed, "officers"), size),
            clock=clock,
            approval_offices=approval_offices,
        )

    def staff(self, rng: np.random.Generator, office: Integers) -> Integers:
        """An officer of each office, by the officers' loads."""
        chosen = np.full(len(office), NOBODY, dtype=np.int64)
        for each in np.unique(office):
            here = np.flatnonzero(office == each)
            team = np.flatnonzero(self.officers["office"] == each)
            chosen[here] = team[draw(rng, self.officers["load"][team], len(here))]
        return chosen


def size_band(employees: Integers) -> NDArray[np.int8]:
    """Position in `SIZE_BANDS`.

    >>> size_band(np.array([0, 12, 120, 900])).tolist()
    [0, 1, 2, 3]
    """
    return np.searchsorted(np.array([10, 100, 300]), employees, side="right").astype(np.int8)


def _firms(rng: np.random.Generator, size: DistrictSize, clock: Clock) -> Columns:
    n = size.firms
    employees = np.floor(3 * (1 - rng.random(n)) ** (-1 / (size.firm_size_exponent - 1)))
    employees = np.minimum(employees, 8000).astype(np.int64)
    employees[rng.random(n) < size.uninsured_share] = 0
    return {
        "registered": _registered(rng, size, clock),
        "employees": employees,
        "sector": draw(rng, zipf(len(SECTORS), 0.6), n).astype(np.int8),
        "street": draw(rng, zipf(size.streets, 0.5), n).astype(np.int16),
        "agent": np.where(
            rng.random(n) < size.agent_user_share, draw(rng, zipf(size.agents), n), NOBODY
        ),
        "account": np.arange(n, dtype=np.int64),
        "weight": (1 - rng.random(n)) ** (-1 / 1.8),
    }


def _registered(rng: np.random.Generator, size: DistrictSize, clock: Clock) -> Integers:
    old = clock.start // DAY_S - 30 - rng.exponential(2600, size.firms).astype(np.int64)
    new = clock.start // DAY_S + (
        rng.random(size.firms) * (clock.end - clock.start) / DAY_S
    ).astype(np.int64)
    is_new = rng.random(size.firms) < size.new_firm_share
    return office_hours(rng, np.maximum(np.where(is_new, new, old), 5_000))


def _policies(rng: np.random.Generator, config: SimulationConfig, clock: Clock) -> Columns:
    n, rules = config.district.policies, config.payouts
    kind = np.searchsorted(
        np.cumsum([rules.tier_share, rules.rate_share]), rng.random(n), side="right"
    )
    first_payer = max(1, config.district.offices // 3)
    span_days = (clock.end - clock.start) // DAY_S
    age = np.where(
        rng.random(n) < config.district.standing_policy_share,
        -rng.integers(60, 900, n),
        rng.integers(30, span_days, n),
    )
    age = np.minimum(age, span_days * 2 // 3)
    low_tier = draw(rng, zipf(len(rules.tiers_yuan) - 2, 1.5), n)
    return {
        "kind": kind.astype(np.int8),
        "authority": rng.integers(first_payer, config.district.offices, n),
        "published": office_hours(rng, clock.start // DAY_S + age),
        "popularity": rng.permutation(zipf(n, 0.8)) * (1 - np.maximum(age, 0) / span_days),
        "instant": rng.random(n) < rules.instant_share,
        "low_tier": low_tier,
        "rate": rng.uniform(rules.rate_low, rules.rate_high, n),
        "per_head": rng.integers(rules.head_low_yuan, rules.head_high_yuan + 1, n),
        "cap": _caps(rng, kind, low_tier, rules),
        **{
            f"sector_{code}": rng.random(n) < config.district.open_sector_share
            for code in range(len(SECTORS))
        },
    }


def _caps(
    rng: np.random.Generator, kind: Integers, low_tier: Integers, rules: Payouts
) -> NDArray[np.int64]:
    """The most a policy pays, in fen: its top tier, or a round ceiling."""
    spread = np.log(rules.cap_high_yuan / rules.cap_low_yuan)
    ceiling = rules.cap_low_yuan * np.exp(rng.random(len(kind)) * spread)
    ceiling = np.round(ceiling / 100_000) * 100_000
    top = np.asarray(rules.tiers_yuan, dtype=np.float64)[low_tier + 2]
    return (np.where(kind == TIER, top, ceiling) * 100).astype(np.int64)


def _officers(rng: np.random.Generator, size: DistrictSize) -> Columns:
    office = np.concatenate(
        [np.arange(size.offices), rng.integers(0, size.offices, size.officers - size.offices)]
    )
    load = np.empty(size.officers)
    for each in range(size.offices):
        team = np.flatnonzero(office == each)
        load[team] = rng.permutation(zipf(len(team), 0.7))
    return {"office": office.astype(np.int64), "load": load}
