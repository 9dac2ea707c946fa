"""What stands behind ordinary payouts: the firm's books, the policy's figure, the file's look-ups.

Money is in fen, figures in hundredths. All draws come from a stream of their own.
"""

from typing import Final

import numpy as np

from training.simulation.columns import Columns, height, take
from training.simulation.config import SimulationConfig, Substance
from training.simulation.days import DAY_S, Integers
from training.simulation.district import RATE, District

_POWER_OF_SECTOR: Final = np.array([0.5, 0.8, 2.5, 1.0, 0.7, 1.5, 3.0, 1.2, 4.0, 0.6])
"""Electricity by sector, against the average."""
_AT_LEAST_STAFF: Final = 0.4


def add_substance(
    rng: np.random.Generator, rows: Columns, district: District, config: SimulationConfig
) -> None:
    """Give ordinary payouts their books, claimed investment, figures and look-ups."""
    rules, policies = config.substance, take(district.policies, rows["policy"])
    rows |= books_of(rng, take(district.firms, rows["firm"]), rows["employees"], rules)
    rows |= file_of(rng, rows, policies, rules)
    n = height(rows)
    several = np.where(rows["instant"], 2, rng.integers(2, 5, n))
    rows["persons"] = np.where(rng.random(n) < rules.one_person_share, 1, several)


def file_of(
    rng: np.random.Generator, rows: Columns, policies: Columns, rules: Substance
) -> Columns:
    """What the policies of the rows ask for: investment, figures, look-ups."""
    return {
        "capex": _investments(rng, rows, policies),
        **_figures(rng, policies["threshold"], rules),
        **_look_ups(rng, policies["sources"], rules),
    }


def books_of(
    rng: np.random.Generator, firms: Columns, employees: Integers, rules: Substance
) -> Columns:
    """Revenue, tax and electricity of a year, by staff and by how the firm differs from others."""
    n, staff = len(employees), np.maximum(employees, _AT_LEAST_STAFF)
    noise = rng.normal(size=(3, n))
    per_head = rules.revenue_per_head_yuan * np.exp(0.7 * firms["output"] + 0.15 * noise[0])
    revenue = np.round(staff * per_head).astype(np.int64) * 100
    rate = rules.tax_share * np.exp(0.5 * firms["thrift"] + 0.2 * noise[1])
    power = rules.kwh_per_head * _POWER_OF_SECTOR[firms["sector"]]
    power = power * np.exp(0.6 * firms["power"] + 0.1 * noise[2])
    is_untaxed = rng.random(n) < rules.untaxed_share
    return {
        "revenue": revenue,
        "tax": np.where(is_untaxed, 0, np.round(revenue * rate / 100).astype(np.int64) * 100),
        "power": np.maximum(np.round(staff * power), 1).astype(np.int64),
    }


def _investments(rng: np.random.Generator, rows: Columns, policies: Columns) -> Integers:
    """What was invested in equipment, in fen; 0 where the policy does not ask."""
    asks = (policies["kind"] == RATE) & policies["for_equipment"]
    beyond = np.where(rows["amount"] == rows["cap"], rng.exponential(0.4, height(rows)), 0.0)
    invested = np.round(rows["amount"] / policies["rate"] * np.exp(beyond) / 100) * 100
    return np.where(asks, invested, 0).astype(np.int64)


def _figures(rng: np.random.Generator, threshold: Integers, rules: Substance) -> Columns:
    """The reported figure, never under its threshold, and that of the period before."""
    n = len(threshold)
    over = rng.normal(np.log(rules.indicator_median), rules.indicator_sigma, n)
    while (under := over < 0).any():
        again = rng.normal(np.log(rules.indicator_median), rules.indicator_sigma, int(under.sum()))
        over[under] = again
    growth = rng.normal(rules.indicator_growth, rules.indicator_noise, n)
    return {
        "figure": np.ceil(threshold * np.exp(over)).astype(np.int64),
        "before": np.round(threshold * np.exp(over - growth)).astype(np.int64),
    }


def _look_ups(rng: np.random.Generator, sources: Integers, rules: Substance) -> Columns:
    """How many sources were looked up, and how many seconds before the last the first was."""
    n = len(sources)
    skipped = rng.random(n) < rules.source_skipped_share
    is_stale = rng.random(n) < rules.stale_check_share
    span = np.where(is_stale, rng.integers(60, 121, n), rng.integers(0, 6, n)) * DAY_S
    return {"looked_up": sources - skipped, "check_span": span + rng.integers(0, 3600, n)}
