"""Finalisers: integer states to one float and a status, the same function in batch and live.

Only `+ - * /` and `sqrt` on exactly converted integers, so every machine gives the same bits.
Statuses are positions in `features.contracts.vectors.STATUS_CODES`.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers, Vector
from features.kernels import (
    DISTINCT,
    GRID_STEPS,
    HIGH,
    LAST,
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
    step,
    ungrid,
)

OK, NOT_APPLICABLE, INSUFFICIENT, ERROR = 0, 1, 2, 3
COUNT, SUM, MEAN, STD, MIN, MAX = range(6)
OWN, AGGREGATE, DISTINCT_CODES, CONCENTRATION, SINCE, SHARE, IS_NEW, RARITY, ROBUST_Z = range(9)
"""Kinds of a finaliser's spec."""
STATE_WIDTH: Final = 7
MAD_FLOOR: Final = 4
"""Smallest MAD, in grid steps (about 4 % of the value); near zero one unit is the floor."""
MIN_PEERS: Final = 30
"""Smallest peer group with a median worth comparing with."""
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
def robust_z(step: int, states: Integers, out: Vector) -> tuple[float, int]:
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
def finish(  # noqa: C901, PLR0911  (one answer a kind)
    spec: Integers, states: Integers, own_value: int, t: int, peers: Vector
) -> tuple[float, int]:
    """Finalise one feature of one event from the states (k, 7) that its `spec` takes.

    `spec` is kind, option, least number of events; `peers` receives what robust z compares with.
    """
    kind, option, min_n = spec[0], spec[1], spec[2]
    if kind == OWN:
        return own(own_value)
    if kind == AGGREGATE:
        return aggregate(states[0], option)
    if kind == DISTINCT_CODES:
        return distinct(states[0])
    if kind == CONCENTRATION:
        return concentration(states[0])
    if kind == SINCE:
        return days_since(states[0, LAST], t)
    if kind == SHARE:
        part, whole = float(states[0, option]), float(states[1, option])
        return share(part, whole, states[1, N], min_n)
    if kind == IS_NEW:
        return is_new(states[0, N], states[1, N], min_n)
    if kind == RARITY:
        return rarity(step(states[1, N]), step(states[0, N]), states[1, N], min_n)
    return robust_z(step(own_value), states, peers)


@njit(cache=True, nogil=True)
def finish_all(
    spec: Integers,
    states: Integers,
    own_values: Integers,
    t: Integers,
    out: Vector,
    status: Integers,
) -> None:
    """Finalise one feature of many events; `states` is (n, k, 7)."""
    peers = np.empty(5)
    for i in range(len(out)):
        out[i], status[i] = finish(spec, states[i], own_values[i], t[i], peers)
