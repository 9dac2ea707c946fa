"""Ranges: moments of windows that are runs of rows, by differences of running sums.

In groups without late rows a window is the run of sorted rows from `lo` up to `hi`, so counts and
sums are differences of two running sums. Those may wrap, the difference is exact all the same.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import Rows, first_at
from features.kernels.states import HIGH, LOW, MISSING, NEVER, S1, A, B, C, N

_FEW: Final = 8
"""Rows over which a step at a time is cheaper than halving."""


@njit(cache=True, nogil=True)
def behind(spans: Integers, tie: Integers, query_tie: Integers) -> Rows:
    """First source that is not before each query, in the order of `spans`."""
    n = 0
    for g in range(len(spans)):
        n += spans[g, 1] - spans[g, 0]
    out = np.empty(n, np.int32)
    m = 0
    for g in range(len(spans)):
        hi, end = spans[g, 2], spans[g, 3]
        if end - hi > _FEW:
            hi = first_at(tie, hi, end, query_tie[spans[g, 0]])
        for i in range(spans[g, 0], spans[g, 1]):
            while hi < end and tie[hi] < query_tie[i]:
                hi += 1
            out[m] = hi
            m += 1
    return out


@njit(cache=True, nogil=True)
def firsts(spans: Integers, t: Integers, query_t: Integers, reach: int, hi: Rows) -> Rows:
    """First row of every query's window `[query_t - reach, ...)`, which ends before `hi`."""
    out = np.empty(len(hi), np.int32)
    m = 0
    for g in range(len(spans)):
        lo = spans[g, 2]
        if spans[g, 3] - lo > _FEW:
            lo = first_at(t, lo, spans[g, 3], query_t[spans[g, 0]] - reach)
        for i in range(spans[g, 0], spans[g, 1]):
            start = query_t[i] - reach
            while lo < hi[m] and t[lo] < start:
                lo += 1
            out[m] = lo
            m += 1
    return out


@njit(cache=True, nogil=True)
def counts(lo: Rows, hi: Rows, out: Integers) -> None:
    """Rows; the sum of ones is the same."""
    for i in range(len(lo)):
        out[i, N] = out[i, S1] = hi[i] - lo[i]


@njit(cache=True, nogil=True)
def running_sums(x: Integers) -> Integers:
    """Running rows and sum (n + 1, 2) of the values, missing ones passed over."""
    out = np.empty((len(x) + 1, 2), np.int64)
    n = total = np.int64(0)
    out[0, N] = out[0, S1] = 0
    for k in range(len(x)):
        if x[k] != MISSING:
            n += 1
            total += x[k]
        out[k + 1, N], out[k + 1, S1] = n, total
    return out


@njit(cache=True, nogil=True)
def running_squares(x: Integers) -> Integers:
    """Running rows, sum and three parts of the sum of squares (n + 1, 5) of the values."""
    out = np.empty((len(x) + 1, 5), np.int64)
    n = total = a = b = c = np.int64(0)
    out[0] = 0
    for k in range(len(x)):
        v = x[k]
        if v != MISSING:
            h, low = abs(v) >> 22, abs(v) & 0x3FFFFF
            n, total, a, b, c = n + 1, total + v, a + h * h, b + h * low, c + low * low
        row = out[k + 1]
        row[N], row[S1], row[A], row[B], row[C] = n, total, a, b, c
    return out


@njit(cache=True, nogil=True)
def sums(lo: Rows, hi: Rows, total: Integers, out: Integers) -> None:
    """Differences of running moments: rows, sum and, where `total` has them, squares."""
    for i in range(len(lo)):
        for c in range(total.shape[1]):
            out[i, c] = total[hi[i], c] - total[lo[i], c]


@njit(cache=True, nogil=True)
def extremes(lo: Rows, hi: Rows, x: Integers, out: Integers) -> None:
    """Minimum and maximum, by monotone queues; runs may jump ahead from group to group."""
    lows, highs = np.empty(len(x) + 1, np.int32), np.empty(len(x) + 1, np.int32)
    low_a = low_b = high_a = high_b = 0
    k = np.int64(0)
    for i in range(len(lo)):
        if lo[i] > k or hi[i] < k:
            k = np.int64(lo[i])
            low_a = low_b = high_a = high_b = 0
        while k < hi[i]:
            v = x[k]
            if v != MISSING:
                while low_b > low_a and x[lows[low_b - 1]] >= v:
                    low_b -= 1
                while high_b > high_a and x[highs[high_b - 1]] <= v:
                    high_b -= 1
                lows[low_b], highs[high_b] = k, k
                low_b += 1
                high_b += 1
            k += 1
        while low_a < low_b and lows[low_a] < lo[i]:
            low_a += 1
        while high_a < high_b and highs[high_a] < lo[i]:
            high_a += 1
        out[i, LOW] = x[lows[low_a]] if low_a < low_b else NEVER
        out[i, HIGH] = x[highs[high_a]] if high_a < high_b else -NEVER
