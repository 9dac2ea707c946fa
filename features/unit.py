"""Which unit an event belongs to: what a review budget is spent on, by `Scenario.unit`."""

from typing import Final

import polars as pl

from features.calendar import from_day
from features.history import History
from features.kernels.order import Rows

BETWEEN: Final = " | "
"""Stands between the parts of a unit's label."""


def unit_labels(history: History, rows: Rows) -> list[str]:
    """The label of each row's unit: the key's values, and the first day of the calendar period.

    An event whose key is not complete is a unit by itself, and so is every event where the scenario
    declares no key; its label is the event's id, so that versions of one event share it.

    >>> from features.contracts.events import Event
    >>> import numpy as np
    >>> from features.scenarios import catalog
    >>> from features.store.ledger import Ledger
    >>> from features.batch import of_ledger
    >>> ledger = Ledger.in_memory()
    >>> step = dict(scenario="approvals", kind="approval_step", effective_at="2026-03-01T09:00Z")
    >>> told = [Event(event_id=one, fields={"project": "X", "activity": "filed"}, **step)
    ...         for one in ("S-1", "S-2")]
    >>> ledger.admit(told)
    ['accepted', 'accepted']
    >>> unit_labels(of_ledger(ledger, catalog.load("approvals")), np.array([0, 1]))
    ['X', 'X']
    """
    unit, ids = history.scenario.unit, history.columns.ids(rows).cast(pl.String).to_list()
    if not unit.key:
        return ids
    parts = [_texts(history, name, rows) for name in unit.key]
    if unit.period is not None:
        starts = history.calendar.period_starts(history.columns.t[rows], unit.period)
        days = history.calendar.local_days(starts).tolist()
        parts.append([from_day(day).isoformat() for day in days])
    is_whole = history.carries(unit.key, rows).tolist()
    found = zip(is_whole, ids, *parts, strict=True)
    return [BETWEEN.join(label) if whole else own for whole, own, *label in found]


def _texts(history: History, name: str, rows: Rows) -> list[str]:
    """The values of a code column, whatever where they are missing."""
    texts = [*map(str, history.columns.texts[name]), ""]
    return [texts[code] for code in history.columns.codes[name][rows].tolist()]
