"""Order: rows grouped by key and sorted by time, without comparing what is sorted already."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels.states import NEVER

Rows = NDArray[np.int32]
"""Positions of rows, and dense codes; 2**31 of them are enough for one machine."""
Bools = NDArray[np.bool_]
CodeColumns = tuple[Rows, ...]
"""The code columns of a key, one a field."""


@njit(cache=True, nogil=True)
def by_code(rows: Rows, codes: Rows, n_codes: int) -> Rows:
    """`rows` sorted by their code, otherwise as they stood; negative codes are left out.

    >>> by_code(np.arange(4, dtype=np.int32), np.array([1, 0, -1, 1], np.int32), 2).tolist()
    [1, 0, 3]
    """
    starts = np.zeros(n_codes + 1, np.int64)
    for k in range(len(rows)):
        code = codes[rows[k]]
        if code >= 0:
            starts[code + 1] += 1
    for code in range(n_codes):
        starts[code + 1] += starts[code]
    out = np.empty(starts[n_codes], np.int32)
    for k in range(len(rows)):
        code = codes[rows[k]]
        if code >= 0:
            out[starts[code]] = rows[k]
            starts[code] += 1
    return out


@njit(cache=True, nogil=True)
def is_sorted(t: Integers | Rows, o: Integers | Rows) -> bool:
    """Whether rows stand in the order of `(t, o)`."""
    for k in range(1, len(t)):
        if t[k] < t[k - 1] or (t[k] == t[k - 1] and o[k] < o[k - 1]):
            return False
    return True


@njit(cache=True, nogil=True)
def is_run(rows: Rows) -> bool:
    """Whether each row follows the one before it."""
    for k in range(1, len(rows)):  # noqa: SIM110  (numba compiles no generator here)
        if rows[k] != rows[k - 1] + 1:
            return False
    return True


@njit(cache=True, nogil=True)
def group_starts(codes: CodeColumns, rows: Rows) -> Integers:
    """Where each run of rows with equal codes starts, and the end of the last.

    >>> group_starts((np.array([5, 5, 7], np.int32),), np.array([0, 1, 2], np.int32)).tolist()
    [0, 2, 3]
    """
    out = np.empty(len(rows) + 1, np.int64)
    groups = 0
    for k in range(len(rows)):
        is_new = k == 0
        for c in range(len(codes)):
            is_new = is_new or codes[c][rows[k]] != codes[c][rows[k - 1]]
        if is_new:
            out[groups] = k
            groups += 1
    out[groups] = len(rows)
    return out[: groups + 1]


@njit(cache=True, nogil=True)
def compare(left: CodeColumns, left_row: int, right: CodeColumns, right_row: int) -> int:
    """Sign of the difference of two rows' codes, the first column first."""
    for c in range(len(left)):
        if left[c][left_row] != right[c][right_row]:
            return 1 if left[c][left_row] > right[c][right_row] else -1
    return 0


@njit(cache=True, nogil=True)
def pair(
    source_codes: CodeColumns,
    source_rows: Rows,
    source_starts: Integers,
    query_codes: CodeColumns,
    query_rows: Rows,
    query_starts: Integers,
) -> Integers:
    """Spans (groups, 4): first and last query, first and last source of every queried group.

    Both sides are grouped in the order of their codes; a group without a source has an empty run.
    """
    n_sources, n_queries = len(source_starts) - 1, len(query_starts) - 1
    out = np.empty((n_queries, 4), np.int64)
    s = 0
    for q in range(n_queries):
        row = query_rows[query_starts[q]]
        sign = -1
        while s < n_sources:
            sign = compare(source_codes, source_rows[source_starts[s]], query_codes, row)
            if sign >= 0:
                break
            s += 1
        is_there = s < n_sources and sign == 0
        out[q, 0], out[q, 1] = query_starts[q], query_starts[q + 1]
        out[q, 2] = source_starts[s] if is_there else 0
        out[q, 3] = source_starts[s + 1] if is_there else 0
    return out


@njit(cache=True, nogil=True)
def late_groups(
    spans: Integers,
    tie: Integers,
    known: Integers,
    seq: Integers,
    gone: Integers,
    query_tie: Integers,
    bound: Integers,
    seq_bound: Integers,
) -> Bools:
    """Which groups have a source that a later query did not know, or that was superseded."""
    out = np.zeros(len(spans), np.bool_)
    for g in range(len(spans)):
        newest, last, hi = np.int64(-1), np.int64(-1), spans[g, 2]
        for j in range(spans[g, 2], spans[g, 3]):
            out[g] |= gone[j] != NEVER
        for i in range(spans[g, 0], spans[g, 1]):
            while hi < spans[g, 3] and tie[hi] < query_tie[i]:
                newest, last = max(newest, known[hi]), max(last, seq[hi])
                hi += 1
            out[g] |= newest >= bound[i] or last >= seq_bound[i]
    return out


@njit(cache=True, nogil=True)
def first_at(t: Integers, lo: int, hi: int, instant: int) -> int:
    """First of the sorted rows `lo` to `hi` that is not before `instant`."""
    while lo < hi:
        middle = (lo + hi) // 2
        if t[middle] < instant:
            lo = middle + 1
        else:
            hi = middle
    return lo
