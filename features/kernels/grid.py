"""The integer log grid and the integer table of c log2 c: logarithms without a float."""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.states import MISSING

GRID_STEPS: Final = 64
"""Grid steps an octave: a step is at most 1.6 % of a value."""
GRID_BITS: Final = 6
GRID_HALF: Final = GRID_STEPS * 44
"""Largest step; |x| <= 2**43 stays within it."""
LOG_BITS: Final = 32
"""Fractional bits of `clogc`."""
_TABLE_SIZE: Final = 4096


@njit(cache=True, nogil=True)
def step(x: int) -> int:
    """The step of the integer log grid: `sign(x) * round-down(64 * log2(|x| + 1))`.

    Inside an octave log2 is taken as linear.

    >>> step(0), step(1), step(3), step(-3), step(1000)
    (0, 64, 128, -128, 637)
    """
    if x == MISSING:
        return x
    y = abs(x) + 1
    octave = 0
    while y >> (octave + 1):
        octave += 1
    part = ((y - (np.int64(1) << octave)) * GRID_STEPS) >> octave
    return octave * GRID_STEPS + int(part) if x >= 0 else -octave * GRID_STEPS - int(part)


@njit(cache=True, nogil=True)
def grid(values: Integers) -> Integers:
    """`step` of every value; missing stays missing.

    >>> grid(np.array([3, MISSING])).tolist()
    [128, -4611686018427387904]
    """
    out = np.empty(len(values), np.int64)
    for i in range(len(values)):
        out[i] = step(values[i])
    return out


@njit(cache=True, nogil=True)
def ungrid(step: float) -> float:
    """The value in the middle of a grid step.

    >>> ungrid(64), ungrid(637)
    (1.0, 1003.0)
    """
    magnitude = abs(step)
    octave = int(magnitude // GRID_STEPS)
    rest = magnitude - octave * GRID_STEPS
    width = float(np.int64(1) << octave) / GRID_STEPS
    middle = width / 2.0 if octave > GRID_BITS else 0.0
    value = float(np.int64(1) << octave) + rest * width + middle - 1.0
    return value if step >= 0 else -value


@njit(cache=True, nogil=True)
def _clogc(count: int) -> int:
    """`count * log2(count)` with `LOG_BITS` fractional bits, by repeated squaring in integers."""
    if count < 2:  # noqa: PLR2004  (0 log 0 and 1 log 1 are 0)
        return 0
    octave = 0
    while count >> (octave + 1):
        octave += 1
    mantissa = np.uint64(count) << np.uint64(31 - octave)
    log = int(octave)
    for _ in range(LOG_BITS):
        mantissa = (mantissa * mantissa) >> np.uint64(31)
        log <<= 1
        if mantissa >> np.uint64(32):
            mantissa >>= np.uint64(1)
            log |= 1
    return count * log


@njit(cache=True, nogil=True)
def _table(size: int) -> Integers:
    out = np.empty(size, np.int64)
    for count in range(size):
        out[count] = _clogc(count)
    return out


_CLOGC: Final = _table(_TABLE_SIZE)


@njit(cache=True, nogil=True)
def clogc(count: int) -> int:
    """`count * log2(count)` in units of 2**-32, rounded down; 0 for 0.

    >>> [clogc(count) / 2**LOG_BITS for count in (0, 1, 2, 8)]
    [0.0, 0.0, 2.0, 24.0]
    """
    return _CLOGC[count] if count < _TABLE_SIZE else _clogc(count)
