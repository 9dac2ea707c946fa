"""Rows that a query sees of a key, one by one, newest first: what a search goes along."""

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import MISSING
from features.scan.layout import T
from features.scan.light import (
    CODES,
    NOWHERE,
    OP,
    VALUE,
    Codes,
    first_from,
    first_not_before,
    holds,
    sees,
)


@njit(cache=True, nogil=True)
def places(
    rows: Integers,
    span: tuple[int, int],
    start: int,
    query: Integers,
    others: Integers,
    group: Integers,
    own: Integers,
    codes: Codes,
) -> Integers:
    """Which of the rows of a segment, from `start` on, are of the group and seen, newest first.

    Where the group has a value, rows without one are left out.
    """
    lo = first_from(rows[T], span[0], span[1], start)
    hi = first_not_before(rows, lo, span[1], query)
    place = group[VALUE]
    absent = np.int64(-1) if group[OP] == CODES else np.int64(MISSING)
    out, n = np.empty(hi - lo, np.int64), 0
    for p in range(hi - 1, lo - 1, -1):
        if place != NOWHERE and rows[place, p] <= absent:
            continue
        if holds(rows, p, group, own, codes) and sees(rows, p, query, others):
            out[n] = p
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def distinct(
    rows: Integers,
    span: tuple[int, int],
    start: int,
    query: Integers,
    others: Integers,
    group: Integers,
    own: Integers,
    codes: Codes,
    out: Integers,
    n: int,
    most: int,
) -> tuple[int, int]:
    """Add different values of `most` such rows to the first `n` of `out`.

    How many there are then, and how many rows are left to be looked at. It ends with one value more
    than `out` has room for.
    """
    lo = first_from(rows[T], span[0], span[1], start)
    hi = first_not_before(rows, lo, span[1], query)
    for p in range(hi - 1, lo - 1, -1):
        value = rows[group[VALUE], p]
        is_met = value >= 0 and holds(rows, p, group, own, codes)
        if not is_met or not sees(rows, p, query, others):
            continue
        if most == 0:
            break
        most -= 1
        is_new = True
        for k in range(n):
            is_new &= out[k] != value
        if is_new:
            if n == len(out):
                return n + 1, most
            out[n] = value
            n += 1
    return n, most
