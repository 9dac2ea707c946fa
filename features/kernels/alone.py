"""Numbers that an event has of itself: the same integers for one event and for many.

The operation says what is made of two numbers, `own` and `other`; MISSING where one that it needs
is missing, or where it would divide by nothing. Numbers of the ledger are within `VALUE_BOUND`, and
what is made of them is cut off there, so that nothing wraps.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.events import VALUE_BOUND
from features.contracts.vectors import Integers
from features.kernels.states import MISSING

PRESENT, WITHIN, DIFFERENCE, BETWEEN, QUOTIENT, RATIO, CHANGE = range(7)
"""Whether it is there; whether it lies from `low` to `high`; less the other; units of `low` from it
to the other; how often the other goes into it; that in millionths; the same less one."""
_MILLION: Final = 1_000_000


@njit(cache=True, nogil=True)
def _bounded(value: int) -> int:
    return min(max(value, -VALUE_BOUND), VALUE_BOUND)


@njit(cache=True, nogil=True)
def combined(op: int, own: int, other: int, low: int, high: int) -> int:
    """What one event's numbers make.

    >>> combined(RATIO, 3, 4, 0, 0), combined(QUOTIENT, -7, 2, 0, 0), combined(WITHIN, 5, 0, 1, 9)
    (750000, -4, 1)
    """
    if op == PRESENT:
        return int(own != MISSING)
    if own == MISSING or (op > WITHIN and other == MISSING) or (op >= QUOTIENT and other <= 0):
        return MISSING
    if op == WITHIN:
        made = int(low <= own <= high)
    elif op == DIFFERENCE:
        made = _bounded(own - other)
    elif op == BETWEEN:
        made = (other - own) // low
    elif op == QUOTIENT:
        made = own // other
    else:
        ratio = _bounded(own) * _MILLION // other
        made = _bounded(ratio - _MILLION if op == CHANGE else ratio)
    return made


@njit(cache=True, nogil=True)
def each_combined(op: int, own: Integers, other: Integers, low: int, high: int) -> Integers:
    """What the numbers of many events make, a row each."""
    out = np.empty(len(own), np.int64)
    for i in range(len(own)):
        out[i] = combined(op, own[i], other[i], low, high)
    return out
