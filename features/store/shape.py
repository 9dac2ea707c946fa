"""Shape: what the store of histories must know of a stream."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.contracts.vectors import Integers
from features.scan.light import GRIDS, NOWHERE, OP


@dataclass(frozen=True)
class Shape:
    """Columns of a stream's rows, and the slots that day tiles of its heavy keys have.

    `linked` is the column by which a light key's rows are linked, -1 for none. `slots` are groups
    as `features.scan.light` reads them, sums before histograms; `codes` are those that their
    conditions allow.
    """

    columns: int
    slots: Integers
    codes: Integers
    linked: int = NOWHERE

    @cached_property
    def n_grids(self) -> int:
        """Slots that keep a histogram."""
        return int(np.count_nonzero(self.slots[:, OP] == GRIDS))

    @cached_property
    def n_sums(self) -> int:
        """Slots that keep sums and ends."""
        return len(self.slots) - self.n_grids
