"""Whether a platform tells of something at all, as of each event: what makes an absence a fact."""

import numpy as np
import polars as pl

from features.columns import Columns
from features.declared import Need
from features.history import History
from features.kernels.order import Bools, Rows


def told(history: History, need: Need) -> Bools:
    """By which of the scenario's events the ledger knew of one that `need` is for.

    Whenever that one happened: a platform that has told of one would have told of others. An event
    knows of itself.
    """
    ours = history.columns
    of = ours if need.source is None else history.others[need.source]
    rows = _met_by(of, need)
    if not len(rows):
        return np.zeros(len(ours), bool)
    first = rows[np.lexsort((of.seq[rows], of.observed[rows]))[0]]
    is_later = of.observed[first] < ours.observed
    is_behind = (of.observed[first] == ours.observed) & (of.seq[first] < ours.seq)
    by: Bools = np.where(ours.is_live, of.seq[rows].min() < ours.seq, is_later | is_behind)
    if of is ours:
        by[rows] = True
    return by


def _met_by(of: Columns, need: Need) -> Rows:
    column = pl.col(need.field)
    is_met = column.is_in(need.values) if need.values else column.is_not_null()
    return of.frame.select(is_met.fill_null(value=False).arg_true()).to_series().to_numpy()
