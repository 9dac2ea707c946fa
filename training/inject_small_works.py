"""What is planted in small contracts: three typologies and a benign look-alike.

Each function plants one case into a draft; `training.typologies` names and sizes them.
A dial runs from mild to extreme with the case's strength.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.case import Case, Dial
from training.simulation.columns import Columns, draw, height
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.matters import MATTERS
from training.simulation.small_work_draft import SmallWorkDraft
from training.simulation.small_works import AMENDMENTS, INQUIRY, QUOTES, UNIFIED

SPLIT_PARTS: Final = Dial(3, 8)
SPLIT_OF_LIMIT: Final = Dial(0.85, 0.99)
SPLIT_ADAPTED: Final = Dial(0.80, 0.88)
"""What offenders who know the host's limit stay under."""
SPLIT_DAYS: Final = Dial(45, 15)
RING_LOTS: Final = Dial(6, 14)
RING_SPACING: Final = Dial(0.02, 0.01)
RING_OUTSIDERS: Final = Dial(0.25, 0.0)
RING_DAYS: Final = 150
RAISED_AWARD: Final = 0.95
RAISED_FINAL: Final = Dial(1.15, 1.40)
RAISED_CONTRACTS: Final = Dial(1, 3)
RAISED_DAYS: Final = 200
_RING: Final = (3, 6)
_UNIFIED: Final = (6, 13)
_UNIFIED_DAYS: Final = 20
_UNIFIED_OF_LIMIT: Final = (0.05, 0.3)
_VARIANT: Final = 0.5


def plant_split(draft: SmallWorkDraft, case: Case, rng: np.random.Generator) -> None:
    """T12: one need is bought in parts, each under the limit, from one group within weeks."""
    n, days = SPLIT_PARTS.whole(case.strength), SPLIT_DAYS.at(case.strength)
    row, last = draft.site(case, rng, int(days) + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, days)))
    _one_need(rows, rng)
    share = (SPLIT_ADAPTED if case.adaptive else SPLIT_OF_LIMIT).at(case.strength)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * np.minimum(share * rng.uniform(0.99, 1.01, n), 0.998))
    _one_group(draft, rows, rng, award)
    rows["method"] = rng.choice(np.array([QUOTES, INQUIRY], dtype=np.int8), n)
    draft.settle(rng, rows)
    draft.add(case, rows)


def plant_ring(draft: SmallWorkDraft, case: Case, rng: np.random.Generator) -> None:
    """T13: the same few suppliers quote together, win in turn, and keep a fixed distance."""
    n = RING_LOTS.whole(case.strength)
    row, last = draft.site(case, rng, RING_DAYS + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, RING_DAYS)))
    pool = draft.market.pools[int(rows["matter"][0])]
    size = int(rng.integers(*_RING))
    ring = rng.choice(pool, min(size, len(pool) - 1), replace=False)
    like = np.flatnonzero(draft.rows["matter"] == rows["matter"][0])
    award = draft.rows["quotes"][rng.choice(like, n), 0]
    award = np.minimum(award, _yuan(draft.market.limit(rows["matter"], rows["awarded"]) * 0.8))
    turn = (np.arange(n)[:, None] + np.arange(len(ring))) % len(ring)
    bidders = ring[turn]
    bidders[:, 1:] = rng.permuted(bidders[:, 1:], axis=1)
    steps = RING_SPACING.at(case.strength) * rng.uniform(0.85, 1.15, bidders.shape)
    steps[:, 0] = 0.0
    quotes = _yuan(award[:, None] * np.exp(np.cumsum(steps, axis=1)))
    _with_outsiders(draft, case, rng, (rows, bidders, quotes, pool))
    rows["method"] = np.full(n, QUOTES, dtype=np.int8)
    rows["object"] = rng.integers(0, len(MATTERS[int(rows["matter"][0])].objects), n)
    rows["place"] = rng.integers(-1, 12, n)
    rows["project"] = rng.choice(draft.rows["project"][draft.rows["buyer"] == rows["buyer"][0]], n)
    draft.settle(rng, rows)
    draft.add(case, rows)


def plant_raised(draft: SmallWorkDraft, case: Case, rng: np.random.Generator) -> None:
    """T14: awarded a little under the limit, amended step by step, settled well above it."""
    n = RAISED_CONTRACTS.whole(case.strength)
    row, last = draft.site(case, rng, RAISED_DAYS + 1)
    awarded = draft.spread(rng, last, (n, RAISED_DAYS - 20), least_days=120)
    rows = draft.copies(row, awarded)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * RAISED_AWARD * rng.uniform(0.985, 1.015, n))
    bidders = np.tile(rows["bidders"][:1, :1], (n, 1))
    bidders = np.hstack([bidders, _others(draft, rows, rng, 2)])
    _quote_above(draft, rows, rng, (bidders, award))
    rows["method"] = np.full(n, QUOTES, dtype=np.int8)
    rows["object"] = rng.integers(0, len(MATTERS[int(rows["matter"][0])].objects), n)
    draft.settle(rng, rows)
    final = _yuan(limit * RAISED_FINAL.at(case.strength) * rng.uniform(0.99, 1.01, n))
    _raise(rows, rng, final, last)
    draft.add(case, rows)


def plant_unified(draft: SmallWorkDraft, case: Case, rng: np.random.Generator) -> None:
    """L08, benign: a town buys the same for its villages, from one supplier chosen once."""
    n = int(rng.integers(*_UNIFIED))
    row, last = draft.site(case, rng, _UNIFIED_DAYS + 1)
    rows = draft.copies(row, draft.spread(rng, last, (n, _UNIFIED_DAYS)))
    rows["place"] = rng.permutation(30)[:n].astype(np.int64)
    rows["lot"] = np.zeros(n, dtype=np.int64)
    limit = draft.market.limit(rows["matter"], rows["awarded"])
    award = _yuan(limit * rng.uniform(*_UNIFIED_OF_LIMIT) * rng.uniform(0.8, 1.2, n))
    bidders = np.hstack([np.tile(rows["bidders"][:1, :1], (n, 1)), _others(draft, rows, rng, 2)])
    _quote_above(draft, rows, rng, (bidders, award))
    method = UNIFIED if rng.random() < _VARIANT else QUOTES
    rows["method"] = np.full(n, method, dtype=np.int8)
    draft.settle(rng, rows)
    draft.add(case, rows)


def _one_need(rows: Columns, rng: np.random.Generator) -> None:
    """One need in names: lots of one work, or the same work for several villages."""
    n = height(rows)
    if rng.random() < _VARIANT:
        rows["lot"] = np.arange(1, n + 1, dtype=np.int64)
    else:
        rows["place"] = rng.permutation(12)[:n].astype(np.int64)
        rows["lot"] = np.zeros(n, dtype=np.int64)
    if rng.random() < _VARIANT:
        rows["project"] = rows["project"] + np.arange(n) % 2


def _one_group(
    draft: SmallWorkDraft, rows: Columns, rng: np.random.Generator, award: Integers
) -> None:
    """One supplier wins every part, or several of one owner in turn."""
    n, group = height(rows), draft.market.suppliers["group"]
    lead = int(rows["bidders"][0, 0])
    if rng.random() < _VARIANT:
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
    lots: tuple[Columns, Integers, Integers, Integers],
) -> None:
    """Let somebody else quote too in some lots, too much to win."""
    rows, bidders, quotes, pool = lots
    weight = np.where(np.isin(pool, bidders[0]), 0.0, draft.market.suppliers["weight"][pool])
    stranger = pool[draw(rng, weight, len(bidders))]
    comes = rng.random(len(bidders)) < RING_OUTSIDERS.at(case.strength)
    dear = _yuan(quotes[:, -1:] * rng.uniform(1.03, 1.12, (len(bidders), 1)))
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
