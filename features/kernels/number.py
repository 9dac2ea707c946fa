"""Numbers of groups: one dense integer a key, the largest groups first.

What many rows share then lies together in memory, and groups that are alone, which no window can
hold anything of, need no place at all.
"""

import numpy as np
from numba import njit

from features.kernels.order import CodeColumns, Rows

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio in 64 bits: multiplying by it spreads keys over a table (Knuth, TAOCP 6.4)."""


def numbered(codes: CodeColumns) -> tuple[Rows, int]:
    """For each row the number of its combination of codes, and how many numbers there are.

    That many itself stands for rows that lack a code, and for those that share theirs with none.

    >>> a, b = np.array([0, 1, 0, -1, 2], np.int32), np.array([5, 5, 5, 5, 5], np.int32)
    >>> numbered((a, b))
    (array([0, 1, 0, 1, 1], dtype=int32), 1)
    """
    group = codes[0]
    for column in codes[1:]:
        group = _paired(group, column)
    return _by_size(group, int(group.max(initial=-1)) + 1)


@njit(cache=True, nogil=True)
def _paired(left: Rows, right: Rows) -> Rows:
    """One code a pair in the order in which pairs come, -1 where either is missing."""
    bits = 1
    while 2 * (1 << bits) < 3 * len(left):
        bits += 1
    table, mask = np.full(1 << bits, -1, np.int32), (1 << bits) - 1
    held, out = np.empty(len(left), np.int64), np.empty(len(left), np.int32)
    n = 0
    for i in range(len(left)):
        if left[i] < 0 or right[i] < 0:
            out[i] = -1
            continue
        pair = (np.int64(left[i]) << 32) | np.int64(right[i])
        place = np.int64((np.uint64(pair) * _SPREAD) >> np.uint64(64 - bits))
        while table[place] >= 0 and held[table[place]] != pair:
            place = (place + 1) & mask
        if table[place] < 0:
            table[place], held[n] = n, pair
            n += 1
        out[i] = table[place]
    return out


@njit(cache=True, nogil=True)
def _by_size(codes: Rows, n_codes: int) -> tuple[Rows, int]:
    size, largest = np.zeros(n_codes, np.int32), np.int64(0)
    for code in codes:
        if code >= 0:
            size[code] += 1
            largest = max(largest, np.int64(size[code]))
    before, several = np.zeros(largest + 2, np.int64), np.int64(0)
    for code in range(n_codes):
        before[largest - size[code] + 1] += 1
        several += size[code] > 1
    for k in range(largest + 1):
        before[k + 1] += before[k]
    number = np.full(n_codes, several, np.int32)
    for code in range(n_codes):
        if size[code] > 1:
            number[code] = before[largest - size[code]]
            before[largest - size[code]] += 1
    out = np.empty(len(codes), np.int32)
    for i in range(len(codes)):
        out[i] = number[codes[i]] if codes[i] >= 0 else several
    return out, int(several)
