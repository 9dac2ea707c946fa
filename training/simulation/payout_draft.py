"""Payouts before they are written: ordinary rows that cases may change, and rows they add."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.case import Case
from training.simulation.columns import Columns, height, stack, take
from training.simulation.config import Substance
from training.simulation.contacts import CONTACTS
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.district import NOBODY, District
from training.simulation.payouts import PAID

_TIMES: Final = ("applied", "checked", "paid", "closed")


@dataclass
class PayoutDraft:
    """Ordinary payouts in the order of their requests, and what cases do to them."""

    rows: Columns
    district: District
    substance: Substance
    _added: list[Columns] = field(default_factory=list)
    _enrolled: list[Columns] = field(default_factory=list)
    dissolved: dict[int, int] = field(default_factory=dict)
    _n_firms: int = 0
    _n_objects: int = 0

    def __post_init__(self) -> None:
        self._n_firms = height(self.district.firms)
        self._n_objects = height(self.rows)

    @cached_property
    def high_amount(self) -> NDArray[np.float64]:
        """For each policy, the amount in fen that one in twenty of its payouts exceeds."""
        n = height(self.district.policies)
        order = np.argsort(self.rows["policy"], kind="stable")
        amounts = self.rows["amount"][order]
        edges = np.searchsorted(self.rows["policy"][order], np.arange(n + 1))
        parts = [amounts[low:high] for low, high in pairwise(edges)]
        return np.array([np.quantile(part, 0.95) if len(part) else np.inf for part in parts])

    def near(self, case: Case, days: int = 30) -> Integers:
        """Unmarked, paid ordinary rows requested around a case's anchor, in the same period."""
        clock = self.district.clock
        floor, ceiling = (clock.holdout, clock.end) if case.recent else (clock.start, clock.holdout)
        low, high = max(floor, case.anchor - days * DAY_S), min(ceiling, case.anchor + days * DAY_S)
        found = self.free(low, high)
        return found if len(found) else self.free(clock.start, clock.end)

    def free(self, low: int, high: int) -> Integers:
        """Unmarked, paid ordinary rows requested in [low, high)."""
        first, last = np.searchsorted(self.rows["requested"], [low, high])
        at = np.arange(first, last)
        is_free = (self.rows["case"][at] == NOBODY) & (self.rows["outcome"][at] == PAID)
        return np.asarray(at[is_free], dtype=np.int64)

    def copies(self, at: Integers, requested: Integers) -> Columns:
        """Copies of ordinary rows for new objects, moved in time to be requested when given."""
        rows = take(self.rows, at)
        days = (requested // DAY_S - rows["requested"] // DAY_S) * DAY_S
        for name in _TIMES:
            before = rows[name] < rows["requested"]
            moved = rows[name] + days
            exact = rows[name] + requested - rows["requested"]
            kept = np.where((moved < requested) == before, moved, exact)
            rows[name] = np.where(rows[name] == NEVER, NEVER, kept)
        rows["requested"] = requested
        rows["outcome"] = np.full(len(at), PAID, dtype=np.int8)
        rows["object"] = self._n_objects + np.arange(len(at), dtype=np.int64)
        self._n_objects += len(at)
        return rows

    def enrol(self, firms: Columns) -> Integers:
        """Register new firms; their codes."""
        first = self._n_firms
        self._n_firms += height(firms)
        codes = np.arange(first, self._n_firms, dtype=np.int64)
        told = {name: firms[name] for name in ("account", *CONTACTS)}
        own = {name: np.where(held == NOBODY, codes, held) for name, held in told.items()}
        self._enrolled.append(firms | own)
        return codes

    def firms_of(self, codes: Integers) -> Columns:
        """What is known of firms, those enrolled since included."""
        return take(stack([self.district.firms, *self._enrolled]), codes)

    def dissolve(self, firm: int, at: int) -> None:
        """Let a recipient be dissolved at a second, which may lie behind the horizon."""
        self.dissolved[firm] = at

    def add(self, case: Case, rows: Columns) -> None:
        """Add a case's rows."""
        self._added.append({**rows, "case": np.full(height(rows), case.number, dtype=np.int64)})

    def finished(self) -> tuple[Columns, Columns]:
        """All payouts in the order of their requests, and all firms."""
        rows = stack([self.rows, *self._added])
        order = np.argsort(rows["requested"], kind="stable")
        return take(rows, order), stack([self.district.firms, *self._enrolled])
