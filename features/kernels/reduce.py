"""Reductions: the state of a given set of rows, which is what every other way must equal.

Rows are positions in a column `x`; the first `n` of `rows` count. Missing values are passed over.
"""

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.grid import clogc
from features.kernels.states import (
    BELOW,
    CLOGC,
    DISTINCT,
    EQUAL,
    HIGH,
    LOW,
    MAD,
    MAD4,
    MEDIAN,
    MEDIAN2,
    MISSING,
    NEAR,
    NEVER,
    S1,
    SQUARES,
    A,
    B,
    C,
    N,
)


@njit(cache=True, nogil=True)
def add_square(state: Integers, v: int, sign: int) -> None:
    """Add a value to the first five columns of a moments state, or take it away."""
    h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
    state[N] += sign
    state[S1] += sign * v
    state[A] += sign * h * h
    state[B] += sign * h * low
    state[C] += sign * low * low


@njit(cache=True, nogil=True)
def moments_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """Moments state of the values."""
    out[:] = 0
    out[LOW], out[HIGH] = NEVER, -NEVER
    for k in range(n):
        v = x[rows[k]]
        if v != MISSING:
            add_square(out, v, 1)
            out[LOW], out[HIGH] = min(out[LOW], v), max(out[HIGH], v)


@njit(cache=True, nogil=True)
def codes_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """Rows, distinct codes, sums of squared counts and of c log2 c; negative codes are missing."""
    held = np.empty(n, np.int64)
    m = 0
    for k in range(n):
        if x[rows[k]] >= 0:
            held[m] = x[rows[k]]
            m += 1
    held = np.sort(held[:m])
    out[N], out[DISTINCT], out[SQUARES], out[CLOGC] = m, 0, 0, 0
    run = 0
    for k in range(m):
        run += 1
        if k == m - 1 or held[k + 1] != held[k]:
            out[DISTINCT] += 1
            out[SQUARES] += run * run
            out[CLOGC] += clogc(run)
            run = 0


@njit(cache=True, nogil=True)
def grids_of(x: Integers, rows: Integers, n: int, own: int, out: Integers) -> None:
    """Rows, lower median, lower MAD, and rows below and at the event's own step."""
    held = np.empty(n, np.int64)
    m = below = equal = 0
    for k in range(n):
        v = x[rows[k]]
        if v != MISSING:
            held[m] = v
            m += 1
            below += v < own
            equal += v == own
    held = held[:m]
    out[N], out[MEDIAN], out[MAD], out[BELOW], out[EQUAL] = m, 0, 0, 0, 0
    if m:
        middle = (m - 1) // 2
        out[MEDIAN] = np.partition(held, middle)[middle]
        out[MAD] = np.partition(np.abs(held - out[MEDIAN]), middle)[middle]
    if own != MISSING:
        out[BELOW], out[EQUAL] = below, equal


@njit(cache=True, nogil=True)
def orders_of(x: Integers, rows: Integers, n: int, out: Integers) -> None:
    """Rows, twice the median, four times the MAD."""
    held = np.empty(n, np.int64)
    m = 0
    for k in range(n):
        if x[rows[k]] != MISSING:
            held[m] = x[rows[k]]
            m += 1
    held = np.sort(held[:m])
    out[N], out[MEDIAN2], out[MAD4] = m, 0, 0
    if m:
        out[MEDIAN2] = held[(m - 1) // 2] + held[m // 2]
        out[MAD4] = mad_of(held, m, out[MEDIAN2])


@njit(cache=True, nogil=True)
def mad_of(held: Integers, m: int, median2: int) -> int:
    """Four times the MAD of the first `m` of `held`, which are sorted, about `median2 / 2`."""
    low = _deviation(held, m, median2, (m - 1) // 2)
    return 2 * low if m % 2 else low + _deviation(held, m, median2, m // 2)


@njit(cache=True, nogil=True)
def _deviation(held: Integers, m: int, median2: int, order: int) -> int:
    """The `order`-th smallest of `|2x - median2|`.

    The closest values are neighbours in sorted order, so the run of `order + 1` of them is found
    by halving where it starts.
    """
    lo, hi = 0, m - 1 - order
    while lo < hi:
        middle = (lo + hi) // 2
        if median2 - 2 * held[middle] > 2 * held[middle + order] - median2:
            lo = middle + 1
        else:
            hi = middle
    best: int = max(median2 - 2 * held[lo], 2 * held[lo + order] - median2)
    if lo:
        best = min(best, max(median2 - 2 * held[lo - 1], 2 * held[lo - 1 + order] - median2))
    return best


@njit(cache=True, nogil=True)
def bits(x: int) -> int:
    """Number of ones among the bits of a number that is not negative.

    >>> bits(0), bits(255), bits(2**62 - 1)
    (0, 8, 62)
    """
    y = np.uint64(x)
    y = y - ((y >> np.uint64(1)) & np.uint64(0x5555555555555555))
    y = (y & np.uint64(0x3333333333333333)) + ((y >> np.uint64(2)) & np.uint64(0x3333333333333333))
    y = (y + (y >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((y * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def apart(x: int, own: int, near: int) -> int:
    """Number of bits that differ, of those that `near` asks about (`features.window.Atom`).

    >>> apart(0b0111, 0b1001, 0), apart(0b0111, 0b1001, 64), apart(0b0111, 0b1001, 128)
    (3, 2, 1)
    """
    side = near >> 6
    differing = x ^ own
    if side == 1:
        differing &= x
    elif side > 1:
        differing &= own
    return bits(differing)


@njit(cache=True, nogil=True)
def near_of(x: Integers, rows: Integers, n: int, own: int, near: int, out: Integers) -> None:
    """Rows with a sketch, and those of them that differ from `own` in few enough bits."""
    out[N], out[NEAR] = 0, 0
    for k in range(n):
        v = x[rows[k]]
        if v != MISSING:
            out[N] += 1
            out[NEAR] += own != MISSING and apart(v, own, near) <= near & 63
