"""What is planted in small contracts: three typologies and a benign look-alike.

Each function plants one case into a draft; `training.typologies` names and sizes them.
`sizes` is the typology's section of the parameters; a dial runs from mild to strong with the
case's strength.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.simulation.case import Case
from training.simulation.columns import Columns, draw, height
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.matters import MATTERS
from training.simulation.ranges import RaisedPrice, Split, SupplierRing, UnifiedPurchase
from training.simulation.small_work_draft import SmallWorkDraft
from training.simulation.small_works import AMENDMENTS, INQUIRY, QUOTES, UNIFIED


def plant_split(draft: SmallWorkDraft, case: Case, rng: np.random.Generator, sizes: Split) -> None:
    """T12: one need is bought in parts, each under the limit, from one group within weeks."""
    n, days = sizes.n_parts.whole(case.strength), sizes.span_days.at(case.strength)
    row, last = draft.site(case, rng, int(days) + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, days)))
    _one_need(rows, rng, sizes)
    dial = sizes.adaptive_share_of_limit if case.adaptive else sizes.share_of_limit
    share = dial.at(case.strength)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * np.minimum(share * rng.uniform(0.99, 1.01, n), 0.998))
    _one_group(draft, rows, rng, (award, sizes.group_share))
    rows["method"] = rng.choice(np.array([QUOTES, INQUIRY], dtype=np.int8), n)
    draft.settle(rng, rows)
    draft.add(case, rows)


def plant_ring(
    draft: SmallWorkDraft, case: Case, rng: np.random.Generator, sizes: SupplierRing
) -> None:
    """T13: the same few suppliers quote together, win in turn, and keep a fixed distance."""
    n = sizes.n_lots.whole(case.strength)
    row, last = draft.site(case, rng, sizes.span_days + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, sizes.span_days)))
    pool = draft.market.pools[int(rows["matter"][0])]
    size = int(rng.integers(*sizes.n_suppliers, endpoint=True))
    ring = rng.choice(pool, min(size, len(pool) - 1), replace=False)
    like = np.flatnonzero(draft.rows["matter"] == rows["matter"][0])
    award = draft.rows["quotes"][rng.choice(like, n), 0]
    award = np.minimum(award, _yuan(draft.market.limit(rows["matter"], rows["awarded"]) * 0.8))
    turn = (np.arange(n)[:, None] + np.arange(len(ring))) % len(ring)
    bidders = ring[turn]
    bidders[:, 1:] = rng.permuted(bidders[:, 1:], axis=1)
    steps = sizes.spacing.at(case.strength) * rng.uniform(0.85, 1.15, bidders.shape)
    steps[:, 0] = 0.0
    quotes = _yuan(award[:, None] * np.exp(np.cumsum(steps, axis=1)))
    _with_outsiders(draft, case, rng, sizes, (rows, bidders, quotes, pool))
    rows["method"] = np.full(n, QUOTES, dtype=np.int8)
    rows["object"] = rng.integers(0, len(MATTERS[int(rows["matter"][0])].objects), n)
    rows["place"] = rng.integers(-1, 12, n)
    rows["project"] = rng.choice(draft.rows["project"][draft.rows["buyer"] == rows["buyer"][0]], n)
    draft.settle(rng, rows)
    draft.add(case, rows)


def plant_raised(
    draft: SmallWorkDraft, case: Case, rng: np.random.Generator, sizes: RaisedPrice
) -> None:
    """T14: awarded a little under the limit, amended step by step, settled well above it."""
    n = sizes.n_contracts.whole(case.strength)
    row, last = draft.site(case, rng, sizes.span_days + 1)
    awarded = draft.spread(rng, last, (n, sizes.span_days - 20), least_days=120)
    rows = draft.copies(row, awarded)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * sizes.award_of_limit * rng.uniform(0.985, 1.015, n))
    bidders = np.tile(rows["bidders"][:1, :1], (n, 1))
    bidders = np.hstack([bidders, _others(draft, rows, rng, 2)])
    _quote_above(draft, rows, rng, (bidders, award))
    rows["method"] = np.full(n, QUOTES, dtype=np.int8)
    rows["object"] = rng.integers(0, len(MATTERS[int(rows["matter"][0])].objects), n)
    draft.settle(rng, rows)
    final = _yuan(limit * sizes.final_of_limit.at(case.strength) * rng.uniform(0.99, 1.01, n))
    _raise(rows, rng, final, last)
    draft.add(case, rows)


def plant_unified(
    draft: SmallWorkDraft, case: Case, rng: np.random.Generator, sizes: UnifiedPurchase
) -> None:
    """L08, benign: a town buys the same for its villages, from one supplier chosen once."""
    n = int(rng.integers(*sizes.n_villages, endpoint=True))
    row, last = draft.site(case, rng, sizes.span_days + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, sizes.span_days)))
    rows["place"] = rng.permutation(30)[:n].astype(np.int64)
    rows["lot"] = np.zeros(n, dtype=np.int64)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * rng.uniform(*sizes.share_of_limit) * rng.uniform(0.8, 1.2, n))
    bidders = np.hstack([np.tile(rows["bidders"][:1, :1], (n, 1)), _others(draft, rows, rng, 2)])
    _quote_above(draft, rows, rng, (bidders, award))
    method = UNIFIED if rng.random() < sizes.unified_share else QUOTES
    rows["method"] = np.full(n, method, dtype=np.int8)
    draft.settle(rng, rows)
    draft.add(case, rows)


def _one_need(rows: Columns, rng: np.random.Generator, sizes: Split) -> None:
    """One need in names: lots of one work, or the same work for several villages."""
    n = height(rows)
    if rng.random() < sizes.lots_share:
        rows["lot"] = np.arange(1, n + 1, dtype=np.int64)
    else:
        rows["place"] = rng.permutation(12)[:n].astype(np.int64)
        rows["lot"] = np.zeros(n, dtype=np.int64)
    if rng.random() < sizes.two_projects_share:
        rows["project"] = rows["project"] + np.arange(n) % 2


def _one_group(
    draft: SmallWorkDraft, rows: Columns, rng: np.random.Generator, of: tuple[Integers, float]
) -> None:
    """One supplier wins every part, or several of one owner in turn."""
    n, group = height(rows), draft.market.suppliers["group"]
    award, group_share = of
    lead = int(rows["bidders"][0, 0])
    if rng.random() < group_share:
        pool = draft.market.pools[int(rows["matter"][0])]
        joined = pool[np.isin(group[pool], _shared(group))]
        lead = int(rng.choice(joined)) if len(joined) else lead
    members = np.flatnonzero(group == group[lead])
    winner = members[np.arange(n) % len(members)]
    bidders = np.hstack([winner[:, None], _others(draft, rows, rng, 2)])
    _quote_above(draft, rows, rng, (bidders, award))


def _shared(group: Integers) -> Integers:
    """Groups of more than one supplier."""
    names, size = np.unique(group, return_counts=True)
    return np.asarray(names[size > 1], dtype=np.int64)


def _others(draft: SmallWorkDraft, rows: Columns, rng: np.random.Generator, k: int) -> Integers:
    """Other suppliers of the matter, some for each row, asked as buyers ask."""
    weight = draft.market.suppliers["weight"]
    pool = draft.market.pools[int(rows["matter"][0])]
    pool = pool[~np.isin(pool, rows["bidders"][0, :1])]
    keys = rng.exponential(1.0, (height(rows), len(pool))) / weight[pool]
    return np.asarray(pool[np.argsort(keys, axis=1)[:, :k]], dtype=np.int64)


def _quote_above(
    draft: SmallWorkDraft,
    rows: Columns,
    rng: np.random.Generator,
    bids: tuple[Integers, Integers],
) -> None:
    """The first of each row's bidders quotes the award, the others more."""
    bidders, award = bids
    above = rng.uniform(0.02, 0.10, bidders.shape)
    above[:, 0] = 0.0
    draft.bid(rows, bidders, _yuan(award[:, None] * (1 + np.cumsum(above, axis=1))))


def _with_outsiders(
    draft: SmallWorkDraft,
    case: Case,
    rng: np.random.Generator,
    sizes: SupplierRing,
    lots: tuple[Columns, Integers, Integers, Integers],
) -> None:
    """Let somebody else quote too in some lots, too much to win."""
    rows, bidders, quotes, pool = lots
    weight = np.where(np.isin(pool, bidders[0]), 0.0, draft.market.suppliers["weight"][pool])
    stranger = pool[draw(rng, weight, len(bidders))]
    comes = rng.random(len(bidders)) < sizes.outsiders.at(case.strength)
    dear = _yuan(quotes[:, -1:] * rng.uniform(*sizes.outsider_quote, (len(bidders), 1)))
    draft.bid(rows, np.hstack([bidders, stranger[:, None]]), np.hstack([quotes, dear]))
    rows["bidders"][~comes, bidders.shape[1]] = -1
    rows["quotes"][~comes, bidders.shape[1]] = 0


def _raise(rows: Columns, rng: np.random.Generator, final: Integers, last: int) -> None:
    """Amend up to the final price, and settle by the last instant."""
    n, award = height(rows), rows["quotes"][:, 0]
    count = rng.integers(1, AMENDMENTS + 1, n)
    settled_at = office_hours(rng, np.full(n, last // DAY_S))
    before = np.append(rng.integers(0, 20, n - 1), 0) * DAY_S
    settled_at = np.maximum(settled_at - before, rows["awarded"] + DAY_S)
    step = np.minimum(np.arange(1, AMENDMENTS + 1), count[:, None]) / count[:, None]
    rows["amended"] = _yuan(award[:, None] + (final - award)[:, None] * step * 0.97)
    part = np.arange(1, AMENDMENTS + 1) / (AMENDMENTS + 1)
    when = rows["awarded"][:, None] + (part * (settled_at - rows["awarded"])[:, None]).astype(int)
    when = office_hours(rng, (when // DAY_S).ravel()).reshape(n, AMENDMENTS)
    rows["amended_at"] = np.where(np.arange(AMENDMENTS) < count[:, None], when, NEVER)
    rows["final"], rows["settled_at"] = final, settled_at


def _yuan(fen: NDArray[Any]) -> Integers:
    """Fen in whole yuan."""
    return np.asarray(np.round(fen / 100).astype(np.int64) * 100, dtype=np.int64)
