"""What a row gathers from the row that it follows: bits that are handed on along a chain."""

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import Rows


@njit(cache=True, nogil=True)
def gathered(own: Integers, before: Integers, order: Rows) -> Integers:
    """Bits of each row, joined with all that the row before it gathered.

    `before` is the row that each follows, negative for none; it comes earlier in `order`.

    >>> gathered(np.array([4, 1, 2]), np.array([1, -1, 0]), np.array([1, 0, 2], np.int32)).tolist()
    [5, 1, 7]
    """
    out = np.zeros(len(own), np.int64)
    for row in order:
        out[row] = own[row]
        if before[row] >= 0:
            out[row] |= out[before[row]]
    return out
