"""Annual budgets of policies: what a year's ordinary payouts come to, and some room."""

import numpy as np

from training.simulation.columns import Columns
from training.simulation.config import Payouts
from training.simulation.days import DAY_S, Integers
from training.simulation.district import NOBODY
from training.simulation.payouts import CANCELLED

_ROUND_FEN = 100_000 * 100
"""Budgets are set in steps of a hundred thousand yuan."""


def years_of(at: Integers) -> Integers:
    """The calendar years of local seconds.

    >>> years_of(np.array([0, 366 * 86_400])).tolist()
    [1970, 1971]
    """
    return (at // DAY_S).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def budgets_of(
    rules: Payouts, rng: np.random.Generator, rows: Columns, events: Columns, n_policies: int
) -> Integers:
    """Fen that the policy of each event may pay in the event's year; `rows` are all payouts.

    Whoever sets a budget foresees the ordinary claims, not what is planted among them.
    """
    first = int(years_of(rows["requested"]).min())
    n_years = int(years_of(np.append(rows["requested"], events["at"])).max()) - first + 1
    usual = (rows["case"] == NOBODY) & (rows["outcome"] != CANCELLED)
    spent = np.zeros((n_policies, n_years))
    at = rows["policy"][usual], years_of(rows["requested"][usual]) - first
    np.add.at(spent, at, rows["amount"][usual])
    room = rng.uniform(rules.budget_room_low, rules.budget_room_high, spent.shape)
    budget = (np.ceil(spent * room / _ROUND_FEN) * _ROUND_FEN).astype(np.int64)
    year = np.maximum(years_of(events["at"]) - first, 0)
    return np.asarray(np.maximum(budget[events["policy"], year], _ROUND_FEN), dtype=np.int64)
