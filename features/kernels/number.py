"""Numbers of groups: one dense integer a key, in the order in which keys come.

What comes at about the same time then lies together in memory, and so do the keys that come most.
Groups that are alone, which no window can hold anything of, need no place at all.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels.order import CodeColumns, Rows

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio in 64 bits: multiplying by it spreads keys over a table (Knuth, TAOCP 6.4)."""
_PART_ROWS: Final = 2**15
"""Rows whose pairs are looked up in one table: few enough for the processor's cache."""
_MOST_PARTS: Final = 8
"""Bits of the number of such parts; with more of them, writing to all at once would be slow."""


def numbered(codes: CodeColumns) -> tuple[Rows, int]:
    """For each row the number of its combination of codes, and how many numbers there are.

    That many itself stands for rows that lack a code, and for those that share theirs with none.

    >>> a, b = np.array([0, 1, 0, -1, 2], np.int32), np.array([5, 5, 5, 5, 5], np.int32)
    >>> numbered((a, b))
    (array([0, 1, 0, 1, 1], dtype=int32), 1)
    """
    group = codes[0]
    if len(codes) == 1:
        size = _sizes(group, int(group.max(initial=-1)) + 1)
        several = int((size > 1).sum())
    else:
        size, several = np.empty(0, np.int32), 0
        for column in codes[1:]:
            group, several = _paired(group, column)
    out = group if len(codes) > 1 else np.empty(len(group), np.int32)
    _in_order(group, size, several, out)
    return out, several


def _paired(left: Rows, right: Rows) -> tuple[Rows, int]:
    """One code a pair, and how many there are; -1 where either is missing or the pair comes once.

    Pairs are looked up part by part, in tables that the processor's cache holds (Shatdal et al.,
    VLDB 1994).
    """
    bits = min(max(len(left) // _PART_ROWS, 1).bit_length() - 1, _MOST_PARTS)
    starts = _parts(left, right, bits)
    pairs, out = np.empty(starts[-1], np.int64), np.empty(len(left), np.int32)
    return out, _look_up_all(left, right, bits, starts, pairs, out)


@njit(cache=True, nogil=True)
def _sizes(codes: Rows, n_codes: int) -> Rows:
    """How often each code comes."""
    out = np.zeros(n_codes, np.int32)
    for code in codes:
        if code >= 0:
            out[code] += 1
    return out


@njit(cache=True, nogil=True)
def _in_order(codes: Rows, size: Rows, several: int, out: Rows) -> None:
    """Number the `several` codes that come more than once, as they come.

    An empty `size` says that all of them do; `out` may be `codes` itself.
    """
    number, n = np.full(max(len(size), several), -1, np.int32), 0
    for i in range(len(codes)):
        code = codes[i]
        if code < 0 or (len(size) and size[code] == 1):
            out[i] = several
            continue
        if number[code] < 0:
            number[code] = n
            n += 1
        out[i] = number[code]


@njit(cache=True, nogil=True)
def _look_up_all(
    left: Rows, right: Rows, bits: int, starts: Integers, pairs: Integers, out: Rows
) -> int:
    """Codes of all pairs, and how many there are; `pairs` is room to put them side by side."""
    free, n_codes = starts.copy(), 0
    for i in range(len(left)):
        if left[i] >= 0 and right[i] >= 0:
            part = _part(left[i], right[i], bits)
            pairs[free[part]] = (np.int64(left[i]) << 32) | np.int64(right[i])
            free[part] += 1
    for k in range(len(starts) - 1):
        n_codes = _look_up(pairs[starts[k] : starts[k + 1]], bits, n_codes)
    free[:] = starts
    for i in range(len(left)):
        out[i] = -1
        if left[i] >= 0 and right[i] >= 0:
            part = _part(left[i], right[i], bits)
            out[i] = pairs[free[part]]
            free[part] += 1
    return n_codes


@njit(cache=True, nogil=True)
def _part(left: int, right: int, bits: int) -> int:
    """The part that a pair belongs to."""
    mixed = ((np.uint64(left) << np.uint64(32)) | np.uint64(right)) * _SPREAD
    return int((mixed >> np.uint64(32)) >> np.uint64(32 - bits))


@njit(cache=True, nogil=True)
def _parts(left: Rows, right: Rows, bits: int) -> Integers:
    """Where the parts start, and the end of the last."""
    starts = np.zeros((1 << bits) + 1, np.int64)
    for i in range(len(left)):
        if left[i] >= 0 and right[i] >= 0:
            starts[_part(left[i], right[i], bits) + 1] += 1
    for k in range(1 << bits):
        starts[k + 1] += starts[k]
    return starts


@njit(cache=True, nogil=True)
def _look_up(pairs: Integers, bits: int, n_codes: int) -> int:
    """Put codes from `n_codes` on in the place of pairs that come more than once, -1 of others.

    Returns the next code.
    """
    width = 1
    while 2 * (1 << width) < 3 * len(pairs):
        width += 1
    table, mask = np.full(1 << width, -1, np.int32), (1 << width) - 1
    first, code, of = np.empty((3, len(pairs)), np.int32)
    n = 0
    for i in range(len(pairs)):
        mixed = (np.uint64(pairs[i]) * _SPREAD) << np.uint64(bits)
        place = np.int64(mixed >> np.uint64(64 - width))
        while table[place] >= 0 and pairs[first[table[place]]] != pairs[i]:
            place = (place + 1) & mask
        if table[place] < 0:
            table[place], first[n], code[n] = n, i, -1
            n += 1
        elif code[table[place]] < 0:
            code[table[place]] = n_codes
            n_codes += 1
        of[i] = table[place]
    for i in range(len(pairs)):
        pairs[i] = code[of[i]]
    return n_codes
