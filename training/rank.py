"""Orders in which rows would be reviewed: by the model, by the fixed rules, by both.

An order is an array of row positions, first to be reviewed first. Ties keep the table's time order,
so that an order is the same on every run.
"""

from typing import Final

import numpy as np

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable

HIT: Final = 1


def n_reviews(n_rows: int, budget: float) -> int:
    """Reviews that a budget (a share of the rows) pays for; at least one where there is a row.

    >>> n_reviews(10_000, 0.01), n_reviews(50, 0.01), n_reviews(0, 0.01)
    (100, 1, 0)
    """
    return min(n_rows, max(1, int(n_rows * budget + 1e-9)))


def by_score(score: Vector) -> Integers:
    """Rows by score, highest first.

    >>> by_score(np.array([1.0, 9.0, 9.0])).tolist()
    [1, 2, 0]
    """
    return np.argsort(-score, kind="stable")


def rule_hits(table: FeatureTable) -> Integers:
    """How many fixed rules hit each row."""
    hits = np.zeros(len(table), dtype=np.int64)
    for answers in table.rules.values():
        hits += answers == HIT
    return hits


def by_rules(table: FeatureTable) -> Integers:
    """Rows that a fixed rule hits: more rules first, then the larger amount."""
    return by_hits(rule_hits(table), table.amount_minor)


def by_hits(hits: Integers, amount_minor: Integers) -> Integers:
    """Rows with a hit: more hits first, then the larger amount.

    >>> by_hits(np.array([1, 0, 2, 1]), np.array([10, 99, 5, 20])).tolist()
    [2, 3, 0]
    """
    order = np.lexsort((np.arange(len(hits)), -amount_minor, -hits))
    return order[hits[order] > 0].astype(np.int64)


def by_turns(first: Integers, second: Integers, n: int) -> Integers:
    """The first `n` rows when two orders take turns and neither repeats the other.

    >>> by_turns(np.array([1, 2, 3]), np.array([2, 9]), 4).tolist()
    [1, 2, 3, 9]
    """
    picked: dict[int, None] = {}
    orders = [iter(first.tolist()), iter(second.tolist())]
    turn = 0
    while len(picked) < n and orders:
        at = turn % len(orders)
        row = next((row for row in orders[at] if row not in picked), None)
        if row is None:
            orders.pop(at)
            turn = at
            continue
        picked[row] = None
        turn += 1
    return np.fromiter(picked, dtype=np.int64)
