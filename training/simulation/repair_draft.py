"""Penalties and repairs before they are written: ordinary rows, and rows that cases add."""

from dataclasses import dataclass, field

import numpy as np

from training.simulation.case import Case
from training.simulation.columns import Columns, height, stack, take
from training.simulation.days import NEVER, Integers
from training.simulation.district import NOBODY, District
from training.simulation.repair_chain import Chain


@dataclass
class RepairDraft:
    """Ordinary penalties in the order of their publication, and what cases do to them."""

    rows: Columns
    district: District
    chains: tuple[Chain, ...]
    _added: list[Columns] = field(default_factory=list)

    def free(self, low: int, high: int) -> Integers:
        """Unmarked ordinary rows whose repair was applied for in [low, high)."""
        applied = self.rows["applied"]
        at = (applied >= low) & (applied < high) & (self.rows["case"] == NOBODY)
        return np.flatnonzero(at).astype(np.int64)

    def like(self, at: Integers) -> Columns:
        """Copies of ordinary rows, not yet applied for and with nothing on file."""
        rows, nothing = take(self.rows, at), np.full(len(at), NEVER, dtype=np.int64)
        blank = ("downgraded", "applied", "refused", "decided", "lapsed", "evidence")
        return rows | {name: nothing.copy() for name in blank}

    def add(self, case: Case, rows: Columns) -> None:
        """Add a case's rows."""
        self._added.append({**rows, "case": np.full(height(rows), case.number, dtype=np.int64)})

    def finished(self) -> Columns:
        """All penalties in the order of their publication."""
        rows = stack([self.rows, *self._added])
        return take(rows, np.argsort(rows["published"], kind="stable"))
