"""Finalisers: integer states to one float and a status, the same function in batch and live.

Only `+ - * /` and `sqrt` on exactly converted integers, so every machine gives the same bits.
Statuses are positions in `features.contracts.vectors.STATUS_CODES`.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Codes, Integers, Vector
from features.kernels import (
    BELOW,
    CLOGC,
    DISTINCT,
    EQUAL,
    GRID_STEPS,
    HIGH,
    LOG_BITS,
    LOW,
    MAD,
    MAD4,
    MAX_ROWS,
    MEDIAN,
    MEDIAN2,
    MISSING,
    NEAR,
    S1,
    SQUARES,
    STATE_WIDTH,
    A,
    B,
    C,
    N,
    clogc,
    step,
    ungrid,
)
from features.kernels.wide import spread

OK, NOT_APPLICABLE, INSUFFICIENT, ERROR, IMPUTED = range(5)
COUNT, SUM, MEAN, STD, MIN, MAX = range(6)
OWN, AGGREGATE, SHARE, IS_NEW, RARITY, SINCE, ROBUST_Z, PEER_RANK, EXCESS, NEAR_COUNT = range(10)
DISTINCT_CODES, CONCENTRATION, ENTROPY, EXACT_MEDIAN, EXACT_MAD = range(10, 15)
TOTAL, SET_RARITY = range(15, 17)
"""Kinds of a finaliser's spec."""
MAD_FLOOR: Final = 4
"""Smallest MAD, in grid steps (about 4 % of the value); near zero one unit is the floor."""
MIN_PEERS: Final = 30
"""Smallest peer group with a median worth comparing with."""
_NORMAL: Final = 1.4826
_DAY_US: Final = 86_400_000_000.0
_WORD: Final = 2.0**64
_LOG_UNIT: Final = float(2**LOG_BITS)
_MILLION: Final = 1_000_000
_NOTHING: Final = np.array([0.0, np.nan])
"""What is added to a value that is there, and to one that is missing."""


@njit(cache=True, nogil=True)
def _spread(count: int, s1: int, a: int, b: int, c: int) -> float:
    """`n * sum(x*x) - sum(x)**2`, exact in 128 bits, then rounded to a float once."""
    high, low = spread(count, abs(s1), a, b, c)
    return float(high) * _WORD + float(low)


@njit(cache=True, nogil=True)
def _unless(is_missing: bool, value: float) -> float:
    """The value, or NaN where it is missing, without a branch that no processor could foresee."""
    return float(value + _NOTHING[np.int64(is_missing)])


@njit(cache=True, nogil=True)
def _status(n: int, least: int) -> int:
    """Status of what is made of at least so many rows, and of no more than stay exact."""
    return int(INSUFFICIENT * np.int64(n < least) + ERROR * np.int64(n > MAX_ROWS))


@njit(cache=True, nogil=True)
def total(n: int, s1: int) -> tuple[float, int]:
    """Sum of `n` values; 0 of none."""
    return _unless(n > MAX_ROWS, float(s1)), _status(n, 0)


@njit(cache=True, nogil=True)
def total_with(own_value: int, times: int, n: int, s1: int) -> tuple[float, int]:
    """Sum of `n` values and so many times the event's own, without which it does not apply."""
    if own_value == MISSING:
        return np.nan, NOT_APPLICABLE
    return total(n, s1 + times * own_value)


@njit(cache=True, nogil=True)
def mean(n: int, s1: int) -> tuple[float, int]:
    """Mean of `n` values."""
    status = _status(n, 1)
    return _unless(status != OK, float(s1) / float(max(n, 1))), status


@njit(cache=True, nogil=True)
def deviation(n: int, s1: int, a: int, b: int, c: int) -> tuple[float, int]:
    """Standard deviation of a sample of `n` values."""
    status = _status(n, 2)
    pairs = float(n) * float(n - 1)
    return _unless(status != OK, np.sqrt(_spread(n, s1, a, b, c) / max(pairs, 1.0))), status


@njit(cache=True, nogil=True)
def extreme(n: int, value: int) -> tuple[float, int]:
    """The smallest or largest of `n` values."""
    status = _status(n, 1)
    return _unless(status != OK, float(value)), status


@njit(cache=True, nogil=True)
def moment(
    which: int, n: int, s1: int, a: int, b: int, c: int, low: int, high: int
) -> tuple[float, int]:
    """Finalise the columns of a moments state as the aggregate of that number."""
    if which == COUNT:
        return float(n), OK
    if which == SUM:
        return total(n, s1)
    if which == MEAN:
        return mean(n, s1)
    if which == STD:
        return deviation(n, s1, a, b, c)
    return extreme(n, low if which == MIN else high)


@njit(cache=True, nogil=True)
def aggregate(state: Integers, which: int) -> tuple[float, int]:
    """Finalise a moments state as the aggregate of that number."""
    first = state[N], state[S1], state[A], state[B], state[C]
    return moment(which, *first, state[LOW], state[HIGH])


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
def entropy(state: Integers) -> tuple[float, int]:
    """Shannon entropy of the codes' shares, in bits: `log2 n - sum(c log2 c) / n`."""
    n = state[N]
    if n == 0:
        return np.nan, INSUFFICIENT
    if n > MAX_ROWS:
        return np.nan, ERROR
    return float(clogc(n) - state[CLOGC]) / (float(n) * _LOG_UNIT), OK


@njit(cache=True, nogil=True)
def exact(state: Integers, column: int, parts: float) -> tuple[float, int]:
    """Median or MAD of an orders state, kept as so many times their value."""
    if state[N] == 0:
        return np.nan, INSUFFICIENT
    return float(state[column]) / parts, OK


@njit(cache=True, nogil=True)
def share(part: int, whole: int, n: int, min_n: int, column: int) -> tuple[float, int]:
    """`part / whole` of a moments column, of whose whole there are `n` events.

    Missing where these are under `min_n` or the whole is not positive; an error where a sum could
    have wrapped.
    """
    is_error, is_few = column == S1 and n > MAX_ROWS, n < min_n or whole <= 0
    status = ERROR if is_error else int(INSUFFICIENT * np.int64(is_few))
    return _unless(is_error or is_few, float(part) / float(max(whole, 1))), status


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
    is_missing = last_us == MISSING
    value = _unless(is_missing, float(now_us - last_us) / _DAY_US)
    return value, int(INSUFFICIENT * np.int64(is_missing))


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
def peer_rank(own_step: int, states: Integers, out: Vector) -> tuple[float, int]:
    """Mid-rank of a grid step among the first level of `states` with 30 peers.

    `out` receives level, n and typical value as `robust_z` gives them.
    """
    _, status = robust_z(own_step, states, out)
    if status != OK:
        return np.nan, status
    state = states[int(out[0])]
    return (float(state[BELOW]) + 0.5 * float(state[EQUAL])) / float(state[N]), OK


@njit(cache=True, nogil=True)
def excess(observed: Integers, expected: Integers, min_n: int) -> tuple[float, int]:
    """`(observed - sum p) / sqrt(sum p (1 - p))` from two moments states, p in millionths.

    Both parts are exact integers in millionths before they become floats; values that are no
    outcomes or no probabilities are an error.
    """
    n = expected[N]
    if n > MAX_ROWS:
        return np.nan, ERROR
    if n < min_n or n == 0 or observed[N] != n:
        return np.nan, INSUFFICIENT
    is_outcome = observed[LOW] >= 0 and observed[HIGH] <= 1
    if not is_outcome or expected[LOW] < 0 or expected[HIGH] > _MILLION:
        return np.nan, ERROR
    variance = _MILLION * expected[S1] - expected[C]
    if variance == 0:
        return np.nan, INSUFFICIENT
    beyond = _MILLION * observed[S1] - expected[S1]
    return float(beyond) / np.sqrt(float(variance)), OK


@njit(cache=True, nogil=True)
def finish(  # noqa: C901, PLR0911, PLR0912  (one answer a kind)
    spec: Integers, states: Integers, own_value: int, t: int, peers: Vector
) -> tuple[float, int]:
    """Finalise one feature of one event from the states (k, 7) that its `spec` takes.

    `spec` is kind, option, least number of events; `peers` receives what robust z compares with.
    """
    kind, option, min_n = spec[0], spec[1], spec[2]
    if kind == AGGREGATE:
        return aggregate(states[0], option)
    if kind == OWN:
        return own(own_value)
    if kind == DISTINCT_CODES:
        return distinct(states[0])
    if kind == CONCENTRATION:
        return concentration(states[0])
    if kind == ENTROPY:
        return entropy(states[0])
    if kind == EXACT_MEDIAN:
        return exact(states[0], MEDIAN2, 2.0)
    if kind == EXACT_MAD:
        return exact(states[0], MAD4, 4.0)
    if kind == SINCE:
        return days_since(states[0, option], t)
    if kind == SHARE:
        return share(states[0, option], states[1, option], states[1, N], min_n, option)
    if kind == IS_NEW:
        return is_new(states[0, N], states[1, N], min_n)
    if kind == RARITY:
        return rarity(step(states[1, N]), step(states[0, N]), states[1, N], min_n)
    if kind == EXCESS:
        return excess(states[0], states[1], min_n)
    if kind == NEAR_COUNT:
        return (np.nan, NOT_APPLICABLE) if own_value == MISSING else (float(states[0, NEAR]), OK)
    if kind == TOTAL:
        return total_with(own_value, option, states[0, N], states[0, S1])
    if kind == SET_RARITY:
        if own_value == MISSING:
            return np.nan, NOT_APPLICABLE
        return rarity(step(states[0, N]), step(states[0, NEAR]), states[0, N], min_n)
    if kind == PEER_RANK:
        return peer_rank(step(own_value), states, peers)
    return robust_z(step(own_value), states, peers)


@njit(cache=True, nogil=True)
def finish_all(
    spec: Integers,
    states: Integers,
    own_values: Integers,
    t: Integers,
    out: Vector,
    status: Codes,
) -> None:
    """Finalise one feature of many events from the states (atoms, columns, events) of its atoms."""
    peers, block = np.empty(5), np.zeros((len(states), STATE_WIDTH), np.int64)
    for i in range(len(out)):
        for k in range(len(states)):
            for c in range(STATE_WIDTH):
                block[k, c] = states[k, c, i]
        own_value = own_values[i] if len(own_values) else MISSING
        out[i], status[i] = finish(spec, block, own_value, t[i], peers)


@njit(cache=True, nogil=True)
def compare_keys(numbers: Integers, states: Integers, out: Vector, status: Codes) -> None:
    """Robust z of keys' numbers, each within the grid state of its snapshot (m, 7).

    A key without a number is insufficient, and so is a snapshot of fewer than 30 keys.
    """
    peers = np.empty(5)
    for i in range(len(out)):
        out[i], status[i] = robust_z(step(numbers[i]), states[i : i + 1], peers)
        if status[i] != OK:
            status[i] = INSUFFICIENT


@njit(cache=True, nogil=True)
def own_all(own_values: Integers, out: Vector, status: Codes) -> None:
    """`own` of many events."""
    for i in range(len(out)):
        out[i], status[i] = own(own_values[i])


@njit(cache=True, nogil=True)
def aggregate_all(which: int, states: Integers, out: Vector, status: Codes) -> None:
    """`aggregate` of many moments states but counts, the commonest finalisers, without `finish`.

    Of a state no more columns need be there than the aggregate takes.
    """
    if which == SUM:
        for i in range(len(out)):
            out[i], status[i] = total(states[i, N], states[i, S1])
    elif which == MEAN:
        for i in range(len(out)):
            out[i], status[i] = mean(states[i, N], states[i, S1])
    elif which == STD:
        for i in range(len(out)):
            n, s1 = states[i, N], states[i, S1]
            out[i], status[i] = deviation(n, s1, states[i, A], states[i, B], states[i, C])
    else:
        column = LOW if which == MIN else HIGH
        for i in range(len(out)):
            out[i], status[i] = extreme(states[i, N], states[i, column])


@njit(cache=True, nogil=True)
def share_all(
    column: int, min_n: int, part: Integers, whole: Integers, out: Vector, status: Codes
) -> None:
    """`share` of many pairs of moments states."""
    for i in range(len(out)):
        n = whole[i, N]
        out[i], status[i] = share(part[i, column], whole[i, column], n, min_n, column)


@njit(cache=True, nogil=True)
def since_all(which: int, states: Integers, t: Integers, out: Vector, status: Codes) -> None:
    """`days_since` of many ends states, whose column `which` holds instants."""
    for i in range(len(out)):
        out[i], status[i] = days_since(states[i, which], t[i])
