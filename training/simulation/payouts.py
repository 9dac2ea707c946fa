"""Ordinary payouts: one row a payout, from application over check and request to payment.

Columns are integers: positions of firms, policies, officers and agents, fen, local seconds.
Nothing here is unusual on purpose; noise is: new firms, amounts at the cap, missing checks.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns, draw, height, stream, take
from training.simulation.config import Payouts, SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers, any_hours, is_working, office_hours
from training.simulation.district import HEAD, NOBODY, RATE, SECTORS, TIER, District

PAID, CANCELLED, REVERSED = 0, 1, 2
CLEAR, HIT = 0, 1
_DECEMBER: Final = 12
_SETTLED_S: Final = 720 * DAY_S


def ordinary_payouts(config: SimulationConfig, district: District) -> Columns:
    """Draw the ordinary payouts, in the order of their requests."""
    rng, rules = stream(config.horizon.seed, "payouts"), config.payouts
    policy = draw(rng, district.policies["popularity"], rules.count)
    table: Columns = {"policy": policy}
    table |= _requests(rng, policy, district, rules)
    table["firm"] = _applicants(rng, table, district)
    table |= _parties(rng, table, district, config.district.agent_used_share)
    table |= _amounts(rng, table, district, (rules, config.regime.cap_factor))
    table |= _checks(rng, table, rules)
    table |= _outcomes(rng, table, district, rules)
    table["object"] = np.arange(rules.count, dtype=np.int64)
    table |= unmarked(rules.count)
    table = take(table, np.argsort(table["requested"], kind="stable"))
    _repeat_objects(rng, table, rules)
    return table


def unmarked(n: int) -> Columns:
    """Columns that say a row is ordinary: no altered code, no case, recorded at once."""
    return {
        "alias": np.zeros(n, dtype=np.int8),
        "case": np.full(n, NOBODY, dtype=np.int64),
        "recorded": np.full(n, NEVER, dtype=np.int64),
    }


def _requests(
    rng: np.random.Generator, policy: Integers, district: District, rules: Payouts
) -> Columns:
    """When money was applied for and when its payment was requested."""
    days, edges = _day_weights(district, rules)
    published = district.policies["published"][policy] // DAY_S
    low = edges[np.clip(published + 20 - days[0], 0, len(days) - 1)]
    at = np.searchsorted(edges, low + rng.random(len(policy)) * (edges[-1] - low), side="left")
    requested = days[np.minimum(at, len(days) - 1)]
    instant = district.policies["instant"][policy]
    waited = rng.lognormal(np.log(rules.wait_median_wd), rules.wait_sigma, len(policy))
    applied = np.where(
        instant,
        requested - rng.integers(0, 3, len(policy)),
        district.clock.workdays.shift(requested, -np.ceil(waited).astype(np.int64)),
    )
    request = np.where(instant, any_hours(rng, requested), office_hours(rng, requested))
    apply = np.maximum(any_hours(rng, applied), district.policies["published"][policy] + 3600)
    return {
        "requested": request,
        "applied": np.minimum(apply, request - rng.integers(60, 1800, len(policy))),
        "instant": instant,
    }


def _day_weights(district: District, rules: Payouts) -> tuple[Integers, NDArray[np.float64]]:
    days = np.arange(district.clock.start // DAY_S, district.clock.end // DAY_S, dtype=np.int64)
    weights = np.where(is_working(days), 1.0, rules.weekend_weight)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    weights[months == _DECEMBER] *= rules.december_bump
    return days, np.cumsum(weights)


def _applicants(rng: np.random.Generator, table: Columns, district: District) -> Integers:
    """A firm of an eligible sector for each payout, registered before it applied."""
    firm = np.empty(height(table), dtype=np.int64)
    firms = district.firms
    order = np.argsort(table["policy"], kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(table["policy"][order])) + 1):
        pool = np.flatnonzero(_eligible(district, int(table["policy"][rows[0]])))
        settled = pool[firms["registered"][pool] < district.clock.start - _SETTLED_S]
        settled = settled if len(settled) else np.array([int(np.argmin(firms["registered"]))])
        chosen = pool[draw(rng, firms["weight"][pool], len(rows))] if len(pool) else settled[:1]
        too_new = firms["registered"][chosen] > table["applied"][rows] - 5 * DAY_S
        other = settled[draw(rng, firms["weight"][settled], len(rows))]
        firm[rows] = np.where(too_new, other, chosen)
    return firm


def _eligible(district: District, policy: int) -> NDArray[Any]:
    open_to = np.array(
        [district.policies[f"sector_{code}"][policy] for code in range(len(SECTORS))]
    )
    if not open_to.any():
        open_to[policy % len(SECTORS)] = True
    return open_to[district.firms["sector"]]


def _parties(rng: np.random.Generator, table: Columns, district: District, used: float) -> Columns:
    firm, n = table["firm"], height(table)
    authority = district.policies["authority"][table["policy"]]
    insured = district.firms["employees"][firm] * rng.lognormal(0.0, 0.05, n)
    return {
        "authority": authority,
        "officer": district.staff(rng, authority),
        "agent": np.where(rng.random(n) < used, district.firms["agent"][firm], NOBODY),
        "account": district.firms["account"][firm],
        "employees": np.round(insured).astype(np.int64),
    }


def _amounts(
    rng: np.random.Generator, table: Columns, district: District, limits: tuple[Payouts, float]
) -> Columns:
    """Fen: a tier of the policy, a rate of a base, or so much a head; never above the cap."""
    rules, cap_factor = limits
    item = take(district.policies, table["policy"])
    raised = (item["kind"] == RATE) & (table["requested"] >= district.clock.regime)
    cap = np.where(raised, np.round(item["cap"] * cap_factor).astype(np.int64), item["cap"])
    n, staff = height(table), np.maximum(table["employees"], 1)
    odds = np.cumsum(rules.tier_odds)
    step = np.searchsorted(odds, rng.random(n) * odds[-1], side="right")
    tier = np.asarray(rules.tiers_yuan, dtype=np.float64)[item["low_tier"] + np.minimum(step, 2)]
    base = rules.base_median_yuan * (staff / 5.0) ** 0.5 * rng.lognormal(0.0, rules.base_sigma, n)
    heads = np.ceil(staff * rng.uniform(0.2, 1.0, n))
    by_kind = [item["kind"] == TIER, item["kind"] == RATE, item["kind"] == HEAD]
    amount = np.select(by_kind, [tier, base * item["rate"], heads * item["per_head"]])
    fen = np.round(np.maximum(amount, 500.0)).astype(np.int64) * 100
    return {"amount": np.minimum(fen, cap), "cap": cap}


def _checks(rng: np.random.Generator, table: Columns, rules: Payouts) -> Columns:
    """When the whole network was searched, and with what result."""
    n, dice = height(table), rng.random(height(table))
    part = rng.uniform(0.55, 0.98, n)
    checked = table["applied"] + (part * (table["requested"] - table["applied"])).astype(np.int64)
    late = dice < rules.late_check_share
    checked = np.where(late, table["requested"] + rng.integers(600, DAY_S, n), checked)
    checked[dice > 1 - rules.unchecked_share] = NEVER
    hit = (rng.random(n) < rules.hit_share) & (checked != NEVER)
    return {"checked": checked, "result": np.where(hit, HIT, CLEAR).astype(np.int8)}


def _outcomes(
    rng: np.random.Generator, table: Columns, district: District, rules: Payouts
) -> Columns:
    """When the money moved, or what became of the request instead."""
    n = height(table)
    day = district.clock.workdays.shift(table["requested"] // DAY_S, rng.integers(1, 8, n))
    minutes = table["requested"] + 60 + rng.exponential(5400, n).astype(np.int64)
    dice = rng.random(n)
    stopped = (table["result"] == HIT) & (rng.random(n) < rules.hit_stopped_share)
    outcome = np.select(
        [stopped | (dice < rules.cancelled_share), dice > 1 - rules.reversed_share],
        [CANCELLED, REVERSED],
        PAID,
    )
    paid = np.where(table["instant"], minutes, office_hours(rng, day))
    return {
        "paid": np.maximum(paid, table["requested"] + 60),
        "closed": paid + rng.integers(1, 60, n) * DAY_S,
        "outcome": outcome.astype(np.int8),
    }


def _repeat_objects(rng: np.random.Generator, table: Columns, rules: Payouts) -> None:
    """Let some payouts be for an object already subsidised, as instalments and stacking allow."""
    firm, n = table["firm"], height(table)
    order = np.lexsort((np.arange(n), table["policy"], firm))
    _link(rng, table, (order, rules.staged_share), same_policy=True)
    order = np.lexsort((np.arange(n), firm))
    _link(rng, table, (order, rules.stacked_share), same_policy=False)


def _link(
    rng: np.random.Generator,
    table: Columns,
    plan: tuple[NDArray[Any], float],
    *,
    same_policy: bool,
) -> None:
    order, share = plan
    before, after = order[:-1], order[1:]
    kin = (table["firm"][before] == table["firm"][after]) & (
        (table["policy"][before] == table["policy"][after]) == same_policy
    )
    pairs = np.flatnonzero(kin)
    wanted = min(len(pairs), round(share * height(table)))
    chosen = np.sort(rng.permutation(pairs)[:wanted])
    table["object"][after[chosen]] = table["object"][before[chosen]]
