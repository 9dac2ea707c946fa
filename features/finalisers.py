"""Finalisers: integer states to one float and a status, the same function in batch and live.

Only `+ - * /` and `sqrt` on exactly converted integers, so every machine gives the same bits.
Statuses are positions in `features.contracts.vectors.STATUS_CODES`.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers, Matrix
from features.kernels import (
    DISTINCT,
    GRID_STEPS,
    HIGH,
    LOW,
    MAD,
    MAX_ROWS,
    MEDIAN,
    MISSING,
    S1,
    SQUARES,
    A,
    B,
    C,
    N,
    ungrid,
)

OK, NOT_APPLICABLE, INSUFFICIENT, ERROR = 0, 1, 2, 3
COUNT, SUM, MEAN, STD, MIN, MAX = range(6)
MAD_FLOOR: Final = 4
"""Smallest MAD, in grid steps (about 4 % of the value); near zero one unit is the floor."""
MIN_PEERS: Final = 30
_NORMAL: Final = 1.4826
_DAY_US: Final = 86_400_000_000.0


@njit(cache=True, nogil=True)
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """128-bit product of two unsigned 64-bit integers, as (high, low)."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    a1, a0, b1, b0 = a >> shift, a & mask, b >> shift, b & mask
    low = a0 * b0
    mid1 = a1 * b0 + (low >> shift)
    mid2 = a0 * b1 + (mid1 & mask)
    return a1 * b1 + (mid1 >> shift) + (mid2 >> shift), (mid2 << shift) | (low & mask)


@njit(cache=True, nogil=True)
def _sum(
    high: np.uint64, low: np.uint64, more_high: np.uint64, more_low: np.uint64
) -> tuple[np.uint64, np.uint64]:
    total = low + more_low
    carry = np.uint64(1) if total < low else np.uint64(0)
    return high + more_high + carry, total


@njit(cache=True, nogil=True)
def _spread(state: Integers) -> float:
    """`n * sum(x*x) - sum(x)**2`, exact in 128 bits, then rounded to a float once."""
    n = np.uint64(state[N])
    high, low = _product(n, np.uint64(state[C]))
    for part, shift in ((state[B], 23), (state[A], 44)):
        part_high, part_low = _product(n, np.uint64(part))
        up, down = np.uint64(shift), np.uint64(64 - shift)
        part_high = (part_high << up) | (part_low >> down)
        high, low = _sum(high, low, part_high, part_low << up)
    s1 = np.uint64(abs(state[S1]))
    less_high, less_low = _product(s1, s1)
    borrow = np.uint64(1) if low < less_low else np.uint64(0)
    high, low = high - less_high - borrow, low - less_low
    return float(high) * 18446744073709551616.0 + float(low)


@njit(cache=True, nogil=True)
def aggregate(state: Integers, which: int) -> tuple[float, int]:  # noqa: PLR0911  (one answer an aggregate)
    """Finalise a moments state as the aggregate of that number."""
    n = state[N]
    if n > MAX_ROWS:
        return np.nan, ERROR
    if which == COUNT:
        return float(n), OK
    if which == SUM:
        return float(state[S1]), OK
    if n == 0 or (which == STD and n == 1):
        return np.nan, INSUFFICIENT
    if which == MEAN:
        return float(state[S1]) / float(n), OK
    if which == STD:
        return np.sqrt(_spread(state) / (float(n) * float(n - 1))), OK
    return float(state[LOW] if which == MIN else state[HIGH]), OK


@njit(cache=True, nogil=True)
def distinct(state: Integers) -> tuple[float, int]:
    """Number of distinct codes; missing in an empty window."""
    if state[N] == 0:
        return np.nan, INSUFFICIENT
    return float(state[DISTINCT]), OK


@njit(cache=True, nogil=True)
def concentration(state: Integers) -> tuple[float, int]:
    """Herfindahl-Hirschman index of the codes' counts, in (0, 1]."""
    if state[N] == 0:
        return np.nan, INSUFFICIENT
    return float(state[SQUARES]) / (float(state[N]) * float(state[N])), OK


@njit(cache=True, nogil=True)
def share(part: float, whole: float, n: int, min_n: int) -> tuple[float, int]:
    """`part / whole`, missing where the whole has under `min_n` events or is not positive."""
    if n > MAX_ROWS:
        return np.nan, ERROR
    if n < min_n or whole <= 0.0:
        return np.nan, INSUFFICIENT
    return part / whole, OK


@njit(cache=True, nogil=True)
def is_new(n_pair: int, n_of: int, min_n: int) -> tuple[float, int]:
    """1 for an unseen pair of a key with at least `min_n` events."""
    if n_of < min_n:
        return np.nan, INSUFFICIENT
    return 1.0 if n_pair == 0 else 0.0, OK


@njit(cache=True, nogil=True)
def rarity(step_of: int, step_pair: int, n_of: int, min_n: int) -> tuple[float, int]:
    """Octaves between two counts on the log grid."""
    if n_of < min_n:
        return np.nan, INSUFFICIENT
    return float(step_of - step_pair) / 64.0, OK


@njit(cache=True, nogil=True)
def days_since(last_us: int, now_us: int) -> tuple[float, int]:
    """Days between two instants; missing where there is no earlier one."""
    if last_us == MISSING:
        return np.nan, INSUFFICIENT
    return float(now_us - last_us) / _DAY_US, OK


@njit(cache=True, nogil=True)
def own(value: int) -> tuple[float, int]:
    """The event's own number."""
    if value == MISSING:
        return np.nan, NOT_APPLICABLE
    return float(value), OK


@njit(cache=True, nogil=True)
def robust_z(step: int, states: Integers, out: Matrix) -> tuple[float, int]:
    """Robust z of a grid step against the first level of `states` (levels, 3) with 30 peers.

    `out` receives level, n, typical value and the ends of the ordinary range (3 robust standard
    deviations, not across zero), NaN where there are not enough peers.
    """
    out[:] = np.nan
    if step == MISSING:
        return np.nan, NOT_APPLICABLE
    for level in range(len(states)):
        n, median = states[level, N], states[level, MEDIAN]
        if n < MIN_PEERS:
            continue
        unit = GRID_STEPS >> (abs(median) // GRID_STEPS)
        width = _NORMAL * float(max(states[level, MAD], MAD_FLOOR, unit))
        reach = float(int(3.0 * _NORMAL * float(states[level, MAD]) + 0.5))
        lo, hi = float(median) - reach, float(median) + reach
        out[0], out[1], out[2] = float(level), float(n), ungrid(float(median))
        out[3] = ungrid(max(lo, 0.0) if median >= 0 else lo)
        out[4] = ungrid(min(hi, 0.0) if median < 0 else hi)
        return float(step - median) / width, OK
    return np.nan, INSUFFICIENT


@njit(cache=True, nogil=True)
def aggregate_all(states: Integers, which: int, out: Matrix, status: Integers) -> None:
    """`aggregate` of every row."""
    for i in range(len(states)):
        out[i], status[i] = aggregate(states[i], which)


@njit(cache=True, nogil=True)
def codes_all(states: Integers, is_hhi: bool, out: Matrix, status: Integers) -> None:
    """`distinct` or `concentration` of every row."""
    for i in range(len(states)):
        out[i], status[i] = concentration(states[i]) if is_hhi else distinct(states[i])


@njit(cache=True, nogil=True)
def share_all(
    part: Integers, whole: Integers, by_value: bool, min_n: int, out: Matrix, status: Integers
) -> None:
    """`share` of every row, of counts or of sums."""
    column = S1 if by_value else N
    for i in range(len(part)):
        out[i], status[i] = share(
            float(part[i, column]), float(whole[i, column]), whole[i, N], min_n
        )


@njit(cache=True, nogil=True)
def is_new_all(pair: Integers, of: Integers, min_n: int, out: Matrix, status: Integers) -> None:
    """`is_new` of every row."""
    for i in range(len(pair)):
        out[i], status[i] = is_new(pair[i, N], of[i, N], min_n)


@njit(cache=True, nogil=True)
def rarity_all(
    step_of: Integers, step_pair: Integers, of: Integers, min_n: int, out: Matrix, status: Integers
) -> None:
    """`rarity` of every row."""
    for i in range(len(of)):
        out[i], status[i] = rarity(step_of[i], step_pair[i], of[i, N], min_n)


@njit(cache=True, nogil=True)
def days_since_all(last_us: Integers, now_us: Integers, out: Matrix, status: Integers) -> None:
    """`days_since` of every row."""
    for i in range(len(last_us)):
        out[i], status[i] = days_since(last_us[i], now_us[i])


@njit(cache=True, nogil=True)
def own_all(values: Integers, out: Matrix, status: Integers) -> None:
    """`own` of every row."""
    for i in range(len(values)):
        out[i], status[i] = own(values[i])


@njit(cache=True, nogil=True)
def robust_z_all(
    steps: Integers, states: Integers, peers: Matrix, out: Matrix, status: Integers
) -> None:
    """`robust_z` of every row; `states` is (n, levels, 3), `peers` (n, 5)."""
    for i in range(len(steps)):
        out[i], status[i] = robust_z(steps[i], states[i], peers[i])
