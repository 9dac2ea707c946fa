"""Natural logarithm from additions, multiplications and one division only.

The C library's logarithm may differ in the last bit from one machine to the next; a score must not.
Every step here is exactly rounded by IEEE 754, so all machines get the same bits.
"""

import math
from typing import Final

import numpy as np
from numba import njit

_LN2: Final = 0.6931471805599453
_SQRT_HALF: Final = 0.7071067811865476
_ODD: Final = np.array([1.0 / power for power in range(23, 0, -2)])


@njit(cache=True, nogil=True)
def log(value: float) -> float:
    """Natural logarithm of a positive finite number, to about 2e-16 of its size or of 1.

    With value = m 2^e and s = (m - 1) / (m + 1): e ln 2 + 2 (s + s^3/3 + s^5/5 + ...).

    >>> round(log(10.0), 12)
    2.302585092994
    """
    mantissa, exponent = math.frexp(value)
    if mantissa < _SQRT_HALF:
        mantissa *= 2.0
        exponent -= 1
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = 0.0
    for coefficient in _ODD:
        series = series * square + coefficient
    return exponent * _LN2 + 2.0 * ratio * series
