"""Chunks: rows of integers as few bytes, column by column, and back.

A chunk holds up to some hundred rows of one key's history. Each column is a head byte (width of a
value and of the least value, whether some are missing), the least value, and the distances from it
in as many bytes as the largest takes: a column that says the same of every row takes one or two
bytes. Instants are kept as distances from the chunk's first, places in the ledger likewise, and
when a row was learned as the distance from when it happened. The few rows that are gone stand at
the end.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.vectors import Integers
from features.kernels import MISSING, NEVER
from features.scan.layout import GONE_FIRST, GONE_OBSERVED, GONE_SEQ, OBSERVED, SEQ, T

Bytes = NDArray[np.uint8]

_WIDTHS = np.array([0, 1, 2, 3, 4, 6, 8], np.int64)
_GONE_BYTES = 26


def pack(rows: Integers, first: int, n: int) -> bytes:
    """The `n` rows from `first` on as bytes; `rows` holds a column a line.

    >>> rows = np.array([[5, 9], [0, 0], [5, 9], [1, 2], [NEVER] * 2, [NEVER] * 2, [NEVER] * 2,
    ...                  [3, 3], [MISSING, 7]])
    >>> data = pack(rows, 0, 2)
    >>> len(data), np.array_equal(unpack(data, 2, 9, 5, 1), rows)
    (16, True)
    """
    out = np.empty(room(rows.shape[0], n), np.uint8)
    return out[: packed(rows, first, n, out, 0)].tobytes()


def unpack(data: bytes, n: int, columns: int, t0: int, s0: int) -> Integers:
    """The rows of one chunk whose first row stands at `(t0, s0)`."""
    rows = np.empty((columns, n), np.int64)
    unpacked(np.frombuffer(data, np.uint8), 0, n, t0, s0, rows, 0)
    return rows


@njit(cache=True, nogil=True)
def room(columns: int, n: int) -> int:
    """Bytes that `n` rows can take at most, and eight that a writer may touch behind them."""
    return columns * (9 + 8 * n) + 2 + _GONE_BYTES * n + 8


@njit(cache=True, nogil=True)
def put(values: Integers, out: Bytes, p: int) -> int:
    """Write a column at `p`; return where it ends."""
    low, high = np.int64(NEVER), np.int64(-NEVER)
    present = 0
    for v in values:
        if v != MISSING:
            low, high = min(low, v), max(high, v)
            present += 1
    if present == 0:
        low = high = np.int64(0)
    is_missing = present < len(values)
    width = _width(high - low + is_missing) if present else 0
    base = _base_bytes(low)
    out[p] = width | (8 if is_missing else 0) | (base << 4)
    p = _put_int(low, base, out, p + 1)
    size = _WIDTHS[width]
    if size:
        for v in values:
            _put_eight(0 if v == MISSING else v - low + is_missing, out, p)
            p += size
    return p


@njit(cache=True, nogil=True)
def _put_eight(value: int, out: Bytes, p: int) -> None:
    """Write eight bytes, of which the next value may overwrite the last."""
    out[p], out[p + 1] = value & 255, (value >> 8) & 255
    out[p + 2], out[p + 3] = (value >> 16) & 255, (value >> 24) & 255
    out[p + 4], out[p + 5] = (value >> 32) & 255, (value >> 40) & 255
    out[p + 6], out[p + 7] = (value >> 48) & 255, (value >> 56) & 255


@njit(cache=True, nogil=True)
def _put_int(value: int, size: int, out: Bytes, p: int) -> int:
    for k in range(size):
        out[p + k] = (value >> (8 * k)) & 255
    return p + size


@njit(cache=True, nogil=True)
def _width(span: int) -> int:
    if span < 0:  # wrapped: the full range
        return 6
    for width in range(6):
        if span < (np.int64(1) << (8 * _WIDTHS[width])):
            return width
    return 6


@njit(cache=True, nogil=True)
def _base_bytes(low: int) -> int:
    """Bytes of a signed integer; 0 for zero."""
    if low == 0:
        return 0
    for size in range(1, 8):
        half = np.int64(1) << (8 * size - 1)
        if -half <= low < half:
            return size
    return 8


@njit(cache=True, nogil=True)
def int_at(data: Bytes, p: int, size: int) -> int:
    """The signed integer of `size` bytes at `p`."""
    value = np.int64(0)
    for k in range(size):
        value |= np.int64(data[p + k]) << (8 * k)
    if 0 < size < 8 and data[p + size - 1] & 128:  # noqa: PLR2004
        value -= np.int64(1) << (8 * size)
    return value


@njit(cache=True, nogil=True)
def take(data: Bytes, p: int, out: Integers) -> int:  # noqa: C901, PLR0912  (a loop a width)
    """Read a column of `len(out)` values at `p`; return where it ends."""
    head = data[p]
    width, is_missing, base = head & 7, (head >> 3) & 1, head >> 4
    low = int_at(data, p + 1, base)
    p += 1 + base
    n = len(out)
    if width == 0:
        out[:] = MISSING if is_missing else low
        return p
    d = data[p:]
    if width == 1:
        for i in range(n):
            out[i] = np.int64(d[i])
    elif width == 2:  # noqa: PLR2004
        for i in range(n):
            out[i] = np.int64(d[2 * i]) | np.int64(d[2 * i + 1]) << 8
    elif width == 3:  # noqa: PLR2004
        for i in range(n):
            out[i] = _three(d, 3 * i)
    elif width == 4:  # noqa: PLR2004
        for i in range(n):
            out[i] = _three(d, 4 * i) | np.int64(d[4 * i + 3]) << 24
    elif width == 5:  # noqa: PLR2004
        for i in range(n):
            out[i] = _three(d, 6 * i) | _three(d, 6 * i + 3) << 24
    else:
        for i in range(n):
            at = 8 * i
            top = np.int64(d[at + 6]) << 48 | np.int64(d[at + 7]) << 56
            out[i] = _three(d, at) | _three(d, at + 3) << 24 | top
    if is_missing:
        for i in range(n):
            out[i] = MISSING if out[i] == 0 else out[i] + low - 1
    else:
        for i in range(n):
            out[i] += low
    return p + n * _WIDTHS[width]


@njit(cache=True, nogil=True, inline="always")
def _three(d: Bytes, i: int) -> int:
    return np.int64(d[i]) | np.int64(d[i + 1]) << 8 | np.int64(d[i + 2]) << 16


@njit(cache=True, nogil=True)
def packed(rows: Integers, first: int, n: int, out: Bytes, p: int) -> int:
    """Write `n` rows from `first` on at `p`; return where they end."""
    column = np.empty(n, np.int64)
    for c in range(rows.shape[0]):
        if GONE_OBSERVED <= c <= GONE_FIRST:
            continue
        column[:] = rows[c, first : first + n]
        if c in (T, SEQ):
            column -= rows[c, first]
        elif c == OBSERVED:
            column -= rows[T, first : first + n]
        p = put(column, out, p)
    head = p
    p += 2
    gone = 0
    for k in range(n):
        if rows[GONE_SEQ, first + k] != NEVER:
            p = _put_int(k, 2, out, p)
            for c in range(GONE_OBSERVED, GONE_FIRST + 1):
                p = _put_int(rows[c, first + k], 8, out, p)
            gone += 1
    _put_int(gone, 2, out, head)
    return p


@njit(cache=True, nogil=True)
def unpacked(data: Bytes, p: int, n: int, t0: int, s0: int, rows: Integers, at: int) -> int:
    """Read a chunk of `n` rows at `p` into `rows` from column `at` on; return where it ends."""
    for c in range(rows.shape[0]):
        out = rows[c, at : at + n]
        if GONE_OBSERVED <= c <= GONE_FIRST:
            out[:] = NEVER
            continue
        p = take(data, p, out)
        if c == T:
            out += t0
        elif c == SEQ:
            out += s0
        elif c == OBSERVED:
            out += rows[T, at : at + n]
    gone = np.int64(data[p]) | np.int64(data[p + 1]) << 8
    p += 2
    for _ in range(gone):
        k = np.int64(data[p]) | np.int64(data[p + 1]) << 8
        for c in range(3):
            rows[GONE_OBSERVED + c, at + k] = int_at(data, p + 2 + 8 * c, 8)
        p += _GONE_BYTES
    return p


@njit(cache=True, nogil=True)
def packed_all(rows: Integers, starts: Integers) -> tuple[Bytes, Integers]:
    """Chunks of the rows between each two of `starts`, one after the other, and their ends."""
    out = np.empty(1 << 16, np.uint8)
    ends = np.empty(len(starts) - 1, np.int64)
    p = 0
    for k in range(len(starts) - 1):
        n = starts[k + 1] - starts[k]
        need = p + room(rows.shape[0], n)
        if need > len(out):
            wider = np.empty(2 * need, np.uint8)
            wider[:p] = out[:p]
            out = wider
        p = packed(rows, starts[k], n, out, p)
        ends[k] = p
    return out[:p], ends
