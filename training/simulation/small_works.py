"""Ordinary small contracts: quotes, award, amendments and final price, one row a contract.

Columns are integers: positions of buyers, suppliers and matters, fen, local seconds. Quotes and
who made them are matrices, the lowest first, blanks last. Nothing here is unusual on purpose: no
amount knows of a limit, but what is estimated at the limit or above is put out to tender.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.limits import Limits, in_force
from training.simulation.columns import Columns, draw, height, stream, take, zipf
from training.simulation.config import SimulationConfig, SmallWorks
from training.simulation.days import DAY_S, NEVER, Integers, is_working, office_hours
from training.simulation.district import NOBODY, District
from training.simulation.matters import CLASSES, MATTERS

METHODS: Final = (
    "competitive_quotes",
    "inquiry",
    "negotiation",
    "direct",
    "open_tender",
    "unified",
)
QUOTES, INQUIRY, NEGOTIATION, DIRECT, TENDER, UNIFIED = range(6)
MOST_QUOTES: Final = 8
AMENDMENTS: Final = 3
_DECEMBER: Final = 12
_UTC_S: Final = 8 * 3600
_TEN_THOUSAND_FEN: Final = 1_000_000


@dataclass(frozen=True)
class Market:
    """Buyers and suppliers of small contracts, and the limits that they know of."""

    buyers: Columns
    suppliers: Columns
    pools: tuple[Integers, ...]
    """Suppliers of each matter."""
    lists: tuple[tuple[Integers, ...], ...]
    """The suppliers that each buyer knows for each matter."""
    limits: Mapping[int, tuple[tuple[int, int], ...]]
    """Dated limits of each class of contract."""

    @classmethod
    def of(cls, config: SimulationConfig) -> "Market":
        """The market of a configuration."""
        seed, rules = config.horizon.seed, config.small_works
        limits, rng = Limits.load(), stream(seed, "small works suppliers")
        n, pools = rules.suppliers, _pools(stream(seed, "small works pools"), rules.suppliers)
        suppliers: Columns = {
            "weight": (1 - rng.random(n)) ** (-1 / 2.2),
            "group": _groups(rng, n, rules.group_share),
            "street": draw(rng, zipf(config.district.streets, 0.5), n),
        }
        return cls(
            buyers=_buyers(stream(seed, "small works buyers"), config),
            suppliers=suppliers,
            pools=pools,
            lists=_lists(stream(seed, "small works lists"), pools, rules),
            limits={place: limits.steps(name) for place, name in enumerate(CLASSES)},
        )

    def limit(self, matter: Integers, at: Integers) -> Integers:
        """The limit for tenders, in fen, of contracts for each matter at local instants."""
        classes = np.array([each.work_class for each in MATTERS])[matter]
        us = (at - _UTC_S) * 1_000_000
        known = [in_force(steps, us) for _, steps in sorted(self.limits.items())]
        return np.asarray(np.choose(classes, known), dtype=np.int64)


def ordinary_contracts(config: SimulationConfig, district: District, market: Market) -> Columns:
    """Draw the ordinary contracts, in the order of their awards."""
    rng, rules = stream(config.horizon.seed, "small works"), config.small_works
    n = rules.contracts
    buyer = draw(rng, market.buyers["weight"], n)
    table: Columns = {"buyer": buyer, "awarded": _awarded(rng, n, district, rules)}
    table["matter"] = _matters(rng, buyer, market)
    table["project"] = _projects(rng, table, rules)
    table["officer"] = market.buyers["officer"][buyer] + rng.integers(
        0, market.buyers["officers"][buyer]
    )
    estimate = _estimates(rng, table["matter"], rules)
    table["method"] = _methods(rng, estimate, market.limit(table["matter"], table["awarded"]))
    table |= quoted(rng, table, estimate, market, rules)
    table |= named(rng, table)
    table |= settled(rng, table, rules)
    table["case"] = np.full(n, NOBODY, dtype=np.int64)
    table["recorded"] = np.full(n, NEVER, dtype=np.int64)
    return take(table, np.argsort(table["awarded"], kind="stable"))


def _groups(rng: np.random.Generator, n: int, share: float) -> Integers:
    """Suppliers' groups: most are alone, some are two or three under one owner."""
    group = np.arange(n, dtype=np.int64)
    joined = np.sort(rng.permutation(n)[: int(n * share)])
    sizes = list(accumulate(rng.integers(2, 4, len(joined)).tolist()))
    for first, last in zip([0, *sizes], sizes, strict=False):
        members = joined[first:last]
        if len(members):
            group[members] = members[0]
    return group


def _pools(rng: np.random.Generator, n: int) -> tuple[Integers, ...]:
    """Suppliers of each matter, several matters to some."""
    share = np.array([each.pool for each in MATTERS])
    size = np.maximum((share / share.sum() * n * 1.6).astype(np.int64), 5)
    return tuple(np.sort(rng.permutation(n)[: min(n, each)]) for each in size)


def _lists(
    rng: np.random.Generator, pools: tuple[Integers, ...], rules: SmallWorks
) -> tuple[tuple[Integers, ...], ...]:
    return tuple(
        tuple(rng.permutation(pool)[: rules.list_length] for pool in pools)
        for _ in range(rules.buyers)
    )


def _buyers(rng: np.random.Generator, config: SimulationConfig) -> Columns:
    rules = config.small_works
    n = rules.buyers
    officers = rng.integers(1, 4, n)
    mix = np.array([each.weight for each in MATTERS])
    taste = mix * rng.gamma(0.9, 1.0, (n, len(MATTERS)))
    return {
        "weight": rng.permutation(zipf(n, rules.buyer_exponent)),
        "officers": officers,
        "officer": np.cumsum(officers) - officers,
        "street": draw(rng, zipf(config.district.streets, 0.5), n),
        "taste": taste / taste.sum(axis=1, keepdims=True),
        "villages": rng.integers(0, 400, n),
    }


def _awarded(
    rng: np.random.Generator, n: int, district: District, rules: SmallWorks
) -> NDArray[np.int64]:
    clock = district.clock
    days = np.arange(clock.start // DAY_S, clock.end // DAY_S, dtype=np.int64)
    weights = np.where(is_working(days), 1.0, rules.weekend_weight)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    weights[months == _DECEMBER] *= rules.december_bump
    return office_hours(rng, days[draw(rng, weights, n)])


def _matters(rng: np.random.Generator, buyer: Integers, market: Market) -> Integers:
    edges = np.cumsum(market.buyers["taste"], axis=1)[buyer]
    chosen = (edges < rng.random(len(buyer))[:, None] * edges[:, -1:]).sum(axis=1)
    return np.asarray(np.minimum(chosen, len(MATTERS) - 1), dtype=np.int64)


def _projects(rng: np.random.Generator, table: Columns, rules: SmallWorks) -> Integers:
    """Budget projects: several a buyer, matter and year."""
    year = table["awarded"] // DAY_S // 365
    number = rng.integers(0, rules.projects_per_matter, len(year))
    code = (table["buyer"] * 97 + table["matter"]) * 211 + year
    return np.asarray(code * rules.projects_per_matter + number, dtype=np.int64)


def _estimates(rng: np.random.Generator, matter: Integers, rules: SmallWorks) -> NDArray[Any]:
    median = np.array([each.median_yuan for each in MATTERS])[matter]
    return median * rng.lognormal(0.0, rules.estimate_sigma, len(matter)) * 100


def _methods(rng: np.random.Generator, estimate: NDArray[Any], limit: Integers) -> NDArray[Any]:
    """Open tender from the limit on; below it mostly quotes, or one supplier where it is little."""
    n = len(limit)
    dice = rng.random(n)
    usual = np.searchsorted(np.array([0.60, 0.82, 0.90, 0.97]), dice, side="right")
    usual = np.where(usual == TENDER, UNIFIED, usual)
    usual = np.where((estimate < limit * 0.03) & (rng.random(n) < 0.4), DIRECT, usual)  # noqa: PLR2004
    return np.where(estimate >= limit, TENDER, usual).astype(np.int8)


def quoted(
    rng: np.random.Generator,
    table: Columns,
    estimate: NDArray[Any],
    market: Market,
    rules: SmallWorks,
) -> Columns:
    """Who quoted and how much, the lowest first; the lowest wins."""
    n = height(table)
    wanted = np.minimum(3 + rng.poisson(rules.more_quotes_mean, n), MOST_QUOTES)
    wanted = np.where(rng.random(n) < rules.few_quotes_share, 2, wanted)
    wanted = np.where(table["method"] == DIRECT, 1, wanted)
    bidders = np.full((n, MOST_QUOTES), NOBODY, dtype=np.int64)
    for row in range(n):
        invited = _invited(rng, table, row, market, rules)
        chosen = invited[: wanted[row]]
        bidders[row, : len(chosen)] = chosen
    there = bidders != NOBODY
    spread = rng.normal(-0.03, rules.quote_sigma, (n, MOST_QUOTES))
    quotes = rounded(rng, estimate[:, None] * np.exp(spread), rules)
    quotes = np.where(there, quotes, np.iinfo(np.int64).max)
    order = np.argsort(quotes, axis=1, kind="stable")
    bidders = np.take_along_axis(bidders, order, axis=1)
    quotes = np.take_along_axis(quotes, order, axis=1)
    return {"bidders": bidders, "quotes": np.where(bidders == NOBODY, 0, quotes)}


def _invited(
    rng: np.random.Generator, table: Columns, row: int, market: Market, rules: SmallWorks
) -> Integers:
    """Suppliers in the order in which they are asked: mostly the buyer's own list."""
    buyer, matter = int(table["buyer"][row]), int(table["matter"][row])
    pool = market.pools[matter]
    near = np.where(market.suppliers["street"][pool] == market.buyers["street"][buyer], 3.0, 1.0)
    keys = rng.exponential(1.0, len(pool)) / (market.suppliers["weight"][pool] * near)
    if table["method"][row] != TENDER:
        keys[np.isin(pool, market.lists[buyer][matter])] /= rules.list_pull
    return np.asarray(pool[np.argsort(keys)[:MOST_QUOTES]], dtype=np.int64)


def rounded(rng: np.random.Generator, fen: NDArray[Any], rules: SmallWorks) -> NDArray[np.int64]:
    """Fen in whole yuan, some of them in whole ten thousands."""
    yuan = np.maximum(np.round(fen / 100).astype(np.int64) * 100, 100_000)
    heaped = np.round(yuan / _TEN_THOUSAND_FEN).astype(np.int64) * _TEN_THOUSAND_FEN
    is_heaped = (rng.random(fen.shape) < rules.heap_share) & (heaped > 0)
    return np.where(is_heaped, heaped, yuan)


def named(rng: np.random.Generator, table: Columns) -> Columns:
    """Parts of names: a village or none, an object of the matter, a lot or phase or none."""
    n = height(table)
    objects = np.array([len(each.objects) for each in MATTERS])[table["matter"]]
    return {
        "place": np.where(rng.random(n) < 0.45, rng.integers(0, 12, n), NOBODY),  # noqa: PLR2004
        "object": (rng.random(n) * objects).astype(np.int64),
        "lot": np.where(rng.random(n) < 0.05, rng.integers(1, 4, n), 0).astype(np.int64),  # noqa: PLR2004
        "style": rng.integers(0, 3, n).astype(np.int8),
    }


def settled(rng: np.random.Generator, table: Columns, rules: SmallWorks) -> Columns:
    """When and for how much a contract was amended and settled; most are not amended."""
    n, award = height(table), table["quotes"][:, 0]
    classes = np.array([each.work_class for each in MATTERS])[table["matter"]]
    days = np.array(rules.duration_median_days)[classes] * rng.lognormal(0.0, 0.5, n)
    done = table["awarded"] // DAY_S + np.maximum(days, 5).astype(np.int64)
    count = rng.poisson(np.array(rules.amendments_mean)[classes])
    count = np.minimum(count, AMENDMENTS)
    steps = rng.normal(rules.amendment_mean, rules.amendment_sigma, (n, AMENDMENTS))
    steps += np.where(rng.random((n, 1)) < rules.large_change_share, 0.08, 0.0)
    steps = np.where(np.arange(AMENDMENTS) < count[:, None], steps, 0.0)
    noise = np.where(rng.random(n) < np.array(rules.exact_share)[classes], 0.0, 1.0)
    drift = rng.normal(rules.final_mean, rules.final_sigma, n) * noise
    amended = award[:, None] * np.exp(np.cumsum(steps, axis=1))
    part = np.sort(rng.uniform(0.15, 0.9, (n, AMENDMENTS)), axis=1)
    span = (done * DAY_S - table["awarded"])[:, None]
    when = table["awarded"][:, None] + (part * span).astype(np.int64)
    when = office_hours(rng, (when // DAY_S).ravel()).reshape(n, AMENDMENTS)
    return {
        "amended": np.round(amended / 100).astype(np.int64) * 100,
        "amended_at": np.where(np.arange(AMENDMENTS) < count[:, None], when, NEVER),
        "final": np.round(amended[:, -1] * np.exp(drift) / 100).astype(np.int64) * 100,
        "settled_at": office_hours(rng, np.maximum(done, table["awarded"] // DAY_S + 3)),
    }
