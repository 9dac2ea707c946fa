"""Ordinary penalties and what becomes of them: publication, evidence, repair or lapse.

A row is a penalty; columns are positions, fen and local seconds, NEVER for what did not happen.
Where a first application was refused, a second one was granted.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns, draw, height, stream, take
from training.simulation.config import Repairs, SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.district import NOBODY, District

CLASSES: Final = ("general", "safety", "fire", "special_equipment", "severe")
GENERAL, SEVERE = 0, 4
_QUICK_WD: Final = np.array([0, 1, 1, 2, 2, 2])
_SLOWEST_WD: Final = 60
_YEAR_D: Final = 365.25


def n_penalties(config: SimulationConfig) -> int:
    """Penalties of ordinary firms over the horizon."""
    years = (config.horizon.end - config.horizon.start).days / _YEAR_D
    return max(1, round(config.district.firms * config.repairs.penalised_share * years))


def n_repairs(config: SimulationConfig) -> int:
    """About how many penalties are repaired: what the planted share is a share of."""
    repairable = 1.0 - config.repairs.class_shares[SEVERE]
    return max(1, round(n_penalties(config) * repairable * config.repairs.applied_share))


def ordinary_repairs(config: SimulationConfig, district: District) -> Columns:
    """Draw the ordinary penalties, in the order of their publication."""
    rng, rules = stream(config.horizon.seed, "repairs"), config.repairs
    table = _penalties(rng, config, district)
    table |= _applications(rng, table, district, config)
    table |= _decisions(rng, table, district, rules)
    table |= _files(rng, table, rules)
    n = height(table)
    table |= {
        "case": np.full(n, NOBODY, dtype=np.int64),
        "recorded": np.full(n, NEVER, dtype=np.int64),
    }
    return take(table, np.argsort(table["published"], kind="stable"))


def least_days(classes: NDArray[np.int8], rules: Repairs) -> Integers:
    """Days for which a penalty of each class is published at least."""
    days = np.where(classes == GENERAL, rules.least_days, rules.least_days_strict)
    return np.where(classes == SEVERE, rules.most_days, days).astype(np.int64)


def fines(rng: np.random.Generator, classes: NDArray[np.int8], rules: Repairs) -> Integers:
    """Fen, in round hundreds of yuan."""
    median = np.asarray(rules.fine_median_yuan)[classes]
    yuan = median * rng.lognormal(0.0, rules.fine_sigma, len(classes))
    return np.maximum(np.round(yuan / 100), 1).astype(np.int64) * 10_000


def _penalties(rng: np.random.Generator, config: SimulationConfig, district: District) -> Columns:
    n, clock, rules = n_penalties(config), district.clock, config.repairs
    firm = rng.integers(0, config.district.firms, n)
    begin = np.maximum(clock.start, district.firms["registered"][firm] + 30 * DAY_S)
    at = begin + (rng.random(n) * np.maximum(clock.end - begin, 0)).astype(np.int64)
    classes = draw(rng, np.asarray(rules.class_shares), n).astype(np.int8)
    authority = rng.integers(district.approval_offices, config.district.offices, n)
    corrected = (classes != GENERAL) & (rng.random(n) < rules.corrected_class_share)
    published = clock.workdays.snap(rng, at)
    return {
        "firm": firm,
        "authority": authority,
        "class_before": classes,
        "class": np.where(corrected, GENERAL, classes).astype(np.int8),
        "amount": fines(rng, classes, rules),
        "published": published,
        "downgraded": np.where(corrected, published + rng.integers(20, 80, n) * DAY_S, NEVER),
    }


def _applications(
    rng: np.random.Generator, table: Columns, district: District, config: SimulationConfig
) -> Columns:
    """When a repair was applied for, mostly after the least period; some were refused first."""
    rules, used = config.repairs, config.district.agent_used_share
    n, least = height(table), least_days(table["class"], rules)
    applies = (rng.random(n) < rules.applied_share) & (table["class"] != SEVERE)
    after = rng.exponential(rules.after_least_mean_days, n).astype(np.int64)
    miscounted = rng.random(n) < rules.early_share
    day = table["published"] // DAY_S + least + np.where(miscounted, -rng.integers(8, 15, n), after)
    applied = district.clock.workdays.snap(rng, day * DAY_S)
    refused = applies & (rng.random(n) < rules.refused_share)
    first = applied - rng.integers(20, 60, n) * DAY_S
    known = refused & (first > table["published"] + DAY_S)
    return {
        "applied": np.where(applies, applied, NEVER),
        "refused": np.where(known, first, NEVER),
        "agent": np.where(rng.random(n) < used, district.firms["agent"][table["firm"]], NOBODY),
    }


def _decisions(
    rng: np.random.Generator, table: Columns, district: District, rules: Repairs
) -> Columns:
    """When repairs were granted, by whom, within what term; what was never repaired lapses."""
    n, clock = height(table), district.clock
    waited = np.ceil(rng.lognormal(np.log(rules.decision_median_wd), rules.decision_sigma, n))
    waited = np.clip(waited, _QUICK_WD.max() + 1, _SLOWEST_WD).astype(np.int64)
    quick = rng.random(n) < rules.quick_share
    waited = np.where(quick, rng.choice(_QUICK_WD, n), waited)
    day = clock.workdays.shift(table["applied"] // DAY_S, waited)
    decided = np.maximum(office_hours(rng, day), table["applied"] + rng.integers(1200, 9000, n))
    lapsed = table["published"] + rules.most_days * DAY_S
    repaired = table["applied"] != NEVER
    promised = np.asarray(rules.promised_wd)
    return {
        "decided": np.where(repaired, decided, NEVER),
        "lapsed": np.where(repaired, NEVER, lapsed),
        "handler": district.staff(rng, table["authority"]),
        "promised": promised[table["authority"] % len(promised)],
    }


def _files(rng: np.random.Generator, table: Columns, rules: Repairs) -> Columns:
    """Evidence that the matter was put right, and papers asked for and on file."""
    n, asked = height(table), rng.integers(4, 7, height(table))
    span = table["applied"] - table["published"]
    before = table["published"] + (rng.uniform(0.1, 0.9, n) * span).astype(np.int64)
    after = table["decided"] + rng.integers(2, 30, n) * DAY_S
    late = rng.random(n) < rules.no_evidence_share
    lacking = rng.random(n) < rules.papers_missing_share
    return {
        "evidence": np.where(table["applied"] == NEVER, NEVER, np.where(late, after, before)),
        "papers_asked": asked,
        "papers": asked - lacking,
    }
