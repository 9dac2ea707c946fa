"""Replays: states of every query's window, by following its tape.

Each function writes the state of the tape's query i to row i of `out`; `x` holds the values of the
source rows, `own` those of the queries. States equal those of `features.kernels.reduce`, bit for
bit, since all of them are integers.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.grid import GRID_HALF, clogc
from features.kernels.order import Rows
from features.kernels.reduce import apart, mad_of
from features.kernels.states import (
    BELOW,
    CLOGC,
    DISTINCT,
    EQUAL,
    MAD,
    MAD4,
    MEDIAN,
    MEDIAN2,
    MISSING,
    NEAR,
    SQUARES,
    N,
)

_GRID_SIZE: Final = 2 * GRID_HALF + 1
_FENWICK_TOP: Final = 4096


@njit(cache=True, nogil=True)
def _places(ops: Rows, n: int) -> tuple[int, Rows, Rows]:
    """How many rows are held at most, room for the place of each, and the free places."""
    most = held = 0
    for r in ops:
        held += 1 if r >= 0 else -1
        most = max(most, held)
    return most, np.empty(n, np.int32), np.arange(most, dtype=np.int32)


@njit(cache=True, nogil=True)
def codes(ops: Rows, ends: Integers, x: Integers, out: Integers) -> None:
    """Rows, distinct codes and sum of squared counts."""
    held = np.zeros((x.max() if len(x) else 0) + 2, np.int32)
    n = distinct = squared = np.int64(0)
    k = 0
    for i in range(len(ends)):
        while k < ends[i]:
            r = ops[k]
            k += 1
            v = x[r] if r >= 0 else x[~r]
            if v < 0:
                continue
            count = np.int64(held[v])
            if r >= 0:
                n += 1
                distinct += count == 0
                squared += 2 * count + 1
                held[v] = count + 1
            else:
                n -= 1
                squared -= 2 * count - 1
                distinct -= count == 1
                held[v] = count - 1
        out[i, N], out[i, DISTINCT], out[i, SQUARES] = n, distinct, squared


@njit(cache=True, nogil=True)
def entropies(ops: Rows, ends: Integers, x: Integers, out: Integers) -> None:
    """Sum of c log2 c over the codes' counts."""
    held = np.zeros((x.max() if len(x) else 0) + 2, np.int32)
    total = np.int64(0)
    k = 0
    for i in range(len(ends)):
        while k < ends[i]:
            r = ops[k]
            k += 1
            v = x[r] if r >= 0 else x[~r]
            if v >= 0:
                before = held[v]
                held[v] += 1 if r >= 0 else -1
                total += clogc(held[v]) - clogc(before)
        out[i, CLOGC] = total


@njit(cache=True, nogil=True)
def orders(ops: Rows, ends: Integers, x: Integers, out: Integers) -> None:
    """Rows, twice the median and four times the MAD, from the window's values kept sorted."""
    held = np.empty(64, np.int64)
    n = k = 0
    for i in range(len(ends)):
        while k < ends[i]:
            r = ops[k]
            k += 1
            v = x[r] if r >= 0 else x[~r]
            if v == MISSING:
                continue
            if r >= 0:
                if n == len(held):
                    wider = np.empty(2 * n, np.int64)
                    wider[:n] = held
                    held = wider
                place = n
                while place and held[place - 1] > v:
                    held[place] = held[place - 1]
                    place -= 1
                held[place] = v
                n += 1
            else:
                n -= 1
                for j in range(np.searchsorted(held[: n + 1], v), n):
                    held[j] = held[j + 1]
        state = out[i]
        state[N], state[MEDIAN2], state[MAD4] = n, 0, 0
        if n:
            state[MEDIAN2] = held[(n - 1) // 2] + held[n // 2]
            state[MAD4] = mad_of(held, n, state[MEDIAN2])


@njit(cache=True, nogil=True)
def grids(ops: Rows, ends: Integers, x: Integers, own: Integers, out: Integers) -> None:
    """Rows, lower median, lower MAD, rows below and at the event's own step."""
    tree = np.zeros(2 * _FENWICK_TOP + 1, np.int64)
    n = k = 0
    for i in range(len(ends)):
        while k < ends[i]:
            r = ops[k]
            k += 1
            v = x[r] if r >= 0 else x[~r]
            if v != MISSING:
                sign = 1 if r >= 0 else -1
                _tree_add(tree, v, sign)
                n += sign
        state = out[i]
        state[N], state[MEDIAN], state[MAD], state[BELOW], state[EQUAL] = n, 0, 0, 0, 0
        if n:
            middle = (n - 1) // 2
            state[MEDIAN] = _tree_select(tree, middle)
            state[MAD] = _tree_mad(tree, state[MEDIAN], middle)
        if n and own[i] != MISSING:
            state[BELOW] = _tree_count(tree, own[i] - 1)
            state[EQUAL] = _tree_count(tree, own[i]) - state[BELOW]


@njit(cache=True, nogil=True)
def _tree_add(tree: Integers, step: int, sign: int) -> None:
    k = step + GRID_HALF + 1
    while k < len(tree):
        tree[k] += sign
        k += k & -k


@njit(cache=True, nogil=True)
def _tree_count(tree: Integers, step: int) -> int:
    """Number of values at or below `step`."""
    k = max(0, min(step + GRID_HALF + 1, len(tree) - 1))
    total = 0
    while k > 0:
        total += tree[k]
        k -= k & -k
    return total


@njit(cache=True, nogil=True)
def _tree_select(tree: Integers, order: int) -> int:
    """The value of 0-based rank `order`."""
    k, bit, left = 0, 2 * _FENWICK_TOP, order
    while bit:
        if k + bit < len(tree) and tree[k + bit] <= left:
            k += bit
            left -= tree[k]
        bit >>= 1
    return k - GRID_HALF


@njit(cache=True, nogil=True)
def _tree_mad(tree: Integers, median: int, order: int) -> int:
    """Smallest d for which more than `order` values lie within d of the median."""
    lo, hi = 0, _GRID_SIZE
    while lo < hi:
        d = (lo + hi) // 2
        if _tree_count(tree, median + d) - _tree_count(tree, median - d - 1) > order:
            hi = d
        else:
            lo = d + 1
    return lo


@njit(cache=True, nogil=True)
def near(
    ops: Rows,
    ends: Integers,
    x: Integers,
    own: Integers,
    near: int,
    out: Integers,
) -> None:
    """Rows with a sketch, and those of them that differ from the query's in few enough bits."""
    size, place, _ = _places(ops, len(x))
    held, rows = np.empty(size, np.int64), np.empty(size, np.int32)
    n = k = 0
    for i in range(len(ends)):
        while k < ends[i]:
            r = ops[k]
            k += 1
            row = r if r >= 0 else ~r
            if x[row] == MISSING:
                continue
            if r >= 0:
                held[n], rows[n], place[row] = x[row], row, n
                n += 1
            else:
                n -= 1
                held[place[row]], rows[place[row]] = held[n], rows[n]
                place[rows[n]] = place[row]
        found = 0
        if own[i] != MISSING:
            for j in range(n):
                found += apart(held[j], own[i], near) <= near & 63
        out[i, N], out[i, NEAR] = n, found
