"""Histories as they stood at a place in the ledger, and the places from which on they are others.

A load may tell of the past: its rows then rank before rows that the ledger held already, and what
was computed in front of it cannot be computed from the whole ledger again. What follows it in the
ledger's order changes nothing that lies before it.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from features.columns import Columns
from features.contracts.events import EventField
from features.contracts.vectors import Integers
from features.history import History
from features.kernels import NEVER


def as_of(history: History, seq: int, *, also: int = 0) -> History:
    """The history of what the ledger held up to `seq`, and of the row at the place `also`.

    `history` must be one that was read from a ledger.
    """
    scenario = history.scenario
    sources = {
        item.scenario: _until(history.others[item.scenario], item.fields, seq, 0)
        for item in scenario.sources
    }
    own = _until(history.columns, scenario.fields, seq, also)
    made = History(own, scenario, history.calendar, sources)
    made.measure()
    return made


def breaks(history: History) -> Integers:
    """Places in the ledger of rows that were known before a row in front of them."""
    columns = [history.columns, *history.others.values()]
    seq = np.concatenate([c.seq for c in columns])
    order = np.argsort(seq)
    observed = np.concatenate([c.observed for c in columns])[order]
    is_break = observed < np.maximum.accumulate(observed)
    found: Integers = seq[order][is_break]
    return found


def reaches(history: History, marks: Integers) -> Integers:
    """For each watermark the last place up to which the ledger tells nothing new of its past.

    Whatever is computed from any stretch between the two is the same; NEVER where nothing ever
    breaks it.

    >>> from features.scenarios import catalog
    >>> from features.batch import of_ledger
    >>> from features.store.ledger import Ledger
    >>> history = of_ledger(Ledger.in_memory(), catalog.load("payouts"))
    >>> bool((reaches(history, np.array([1, 7])) == NEVER).all())
    True
    """
    ends = np.append(breaks(history) - 1, NEVER)
    found: Integers = ends[np.searchsorted(ends, marks)]
    return found


def _until(columns: Columns, fields: Sequence[EventField], seq: int, also: int) -> Columns:
    place = pl.col("seq")
    return Columns.of(columns.frame.filter((place <= seq) | (place == also)), fields)
