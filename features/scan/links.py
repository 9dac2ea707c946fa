"""Links: of each row of a history, when the one before it with the same code happened.

A code is new to a window exactly where its link lies before the window begins, so the different
codes of any window are counted without looking at one (Muthukrishnan, Efficient algorithms for
document retrieval problems, SODA 2002). A row without a code has no link that counts.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import DISTINCT, NEVER, N
from features.scan.layout import IN_USE, LINK_OF, LINKS, T
from features.scan.reduce import places_of

_FIRST: Final = -NEVER
"""The link of a row before which there is none of its code."""
_NO_CODE: Final = NEVER
"""The link of a row without a code."""
_PLACES_A_ROW: Final = 8
"""How far codes may be spread for a place to be held for each between them."""


@njit(cache=True, nogil=True)
def is_linked(rows: Integers, column: int) -> bool:
    """Whether all rows of a history are linked by that column."""
    return rows[len(rows) - 1, LINK_OF] == column


@njit(cache=True, nogil=True)
def link(rows: Integers, column: int) -> None:
    """Link all rows of a history, which stand in order, by the codes of a column."""
    n, links = rows[len(rows) - 1, IN_USE], rows[len(rows) + LINKS]
    codes = rows[column, :n]
    places, size = places_of(codes, _PLACES_A_ROW * (n + 1))
    last = np.full(size, _FIRST)
    for p in range(n):
        links[p] = _NO_CODE
        if codes[p] >= 0:
            links[p], last[places[p]] = last[places[p]], rows[T, p]
    rows[len(rows) - 1, LINK_OF] = column


@njit(cache=True, nogil=True)
def link_inserted(rows: Integers, at: int, n: int) -> None:
    """Link the row that was inserted at `at` among `n` others, and the next one of its code."""
    links, codes = rows[len(rows) + LINKS], rows[rows[len(rows) - 1, LINK_OF]]
    for p in range(n, at, -1):
        links[p] = links[p - 1]
    code = codes[at]
    if code < 0:
        links[at] = _NO_CODE
        return
    before, after = last_of(codes, at, code), first_of(codes, at + 1, n + 1, code)
    links[at] = _FIRST if before < 0 else rows[T, before]
    if after <= n:
        links[after] = rows[T, at]


@njit(cache=True, nogil=True)
def unlink(rows: Integers, at: int, n: int) -> None:
    """Take the row at `at`, which is about to be removed, out of the links of `n` rows."""
    links, codes = rows[len(rows) + LINKS], rows[rows[len(rows) - 1, LINK_OF]]
    after = first_of(codes, at + 1, n, codes[at])
    if after < n and codes[at] >= 0:
        links[after] = links[at]
    for p in range(at, n - 1):
        links[p] = links[p + 1]


@njit(cache=True, nogil=True)
def last_of(codes: Integers, end: int, code: int) -> int:
    """The last place before `end` where `code` stands, -1 where there is none."""
    p = end - 1
    while p >= 0 and codes[p] != code:
        p -= 1
    return p


@njit(cache=True, nogil=True)
def first_of(codes: Integers, begin: int, end: int, code: int) -> int:
    """The first place from `begin` on where `code` stands, `end` where there is none."""
    p = begin
    while p < end and codes[p] != code:
        p += 1
    return p


@njit(cache=True, nogil=True)
def distinct(rows: Integers, lo: int, hi: int, start: int, state: Integers) -> None:
    """State of the codes of the rows `lo` to `hi`: all of a linked history from `start` on."""
    absent = found = np.int64(0)
    for link_of in rows[len(rows) + LINKS, lo:hi]:
        found += link_of < start
        absent += link_of == _NO_CODE
    state[N], state[DISTINCT] = hi - lo - absent, found
