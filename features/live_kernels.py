"""States of one live event: gathered from its keys' histories, all in one call.

A history is a (columns, capacity) array of which the first `n` rows are in use, in
`(t, o, observed, seq)` order; columns are t, o, observed, seq, gone observed, gone seq, gone first,
kind and the values.
A query is t, o, observed, seq, watermark. The states are those of `features.kernels`, bit for bit.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers, Matrix, Vector
from features.finalisers import NOT_APPLICABLE, STATE_WIDTH, finish
from features.kernels import (
    FIRST,
    HIGH,
    LAST,
    LOW,
    MISSING,
    NEVER,
    S1,
    C,
    N,
    codes_of,
    grids_of,
    is_before,
    moments_of,
)

COUNT, MOMENTS, CODES, GRIDS, ENDS = range(5)
STREAM, OP, VALUE, WINDOW, PLACE_1, CODES_1, PLACE_2, CODES_2 = range(8)
"""Columns of an atom: stream, operation, place of the value, window, and two conditions."""
NOWHERE: Final = -1


@njit(cache=True, nogil=True)
def visible(
    rows: Integers, n: int, query: Integers, window: int, others: Integers, out: Integers
) -> int:
    """Write the rows that a query may see to `out`, in time order; return how many.

    A row is known when `(observed, seq)` is smaller than the query's and its seq does not exceed
    the watermark; it is gone when the same holds of a later version. `others` are places in the
    ledger of other versions of the query's own event.
    """
    t, o, observed, seq, mark = query[0], query[1], query[2], query[3], query[4]
    m = 0
    for j in range(np.searchsorted(rows[0, :n], t - window), n):
        if not is_before(rows[0, j], rows[1, j], t, o):
            break
        if rows[3, j] > mark or not is_before(rows[2, j], rows[3, j], observed, seq):
            continue
        if rows[6, j] <= mark and is_before(rows[4, j], rows[5, j], observed, seq):
            continue
        if _is_one_of(rows[3, j], others):
            continue
        out[m] = j
        m += 1
    return m


@njit(cache=True, nogil=True)
def _is_one_of(value: int, values: Integers) -> bool:
    for other in values:  # noqa: SIM110  (numba compiles no generator here)
        if value == other:
            return True
    return False


@njit(cache=True, nogil=True)
def picked(
    rows: Integers,
    seen: Integers,
    atom: Integers,
    query: Integers,
    codes: Integers,
    spans: Integers,
) -> Integers:
    """Those of the `seen` rows that lie in the atom's window and meet its conditions."""
    left, right = 0, len(seen)
    while left < right:
        middle = (left + right) // 2
        if rows[0, seen[middle]] < query[0] - atom[WINDOW]:
            left = middle + 1
        else:
            right = middle
    chosen = seen[left:]
    for place, span in ((atom[PLACE_1], atom[CODES_1]), (atom[PLACE_2], atom[CODES_2])):
        if place != NOWHERE:
            chosen = _matching(rows[place], chosen, codes[spans[span, 0] : spans[span, 1]])
    return chosen


@njit(cache=True, nogil=True)
def _matching(column: Integers, rows: Integers, codes: Integers) -> Integers:
    out = np.empty(len(rows), np.int64)
    n = 0
    for row in rows:
        if _is_one_of(column[row], codes):
            out[n] = row
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def reduced(rows: Integers, chosen: Integers, atom: Integers, out: Integers) -> None:
    """The atom's state over the `chosen` rows."""
    n, op = len(chosen), atom[OP]
    out[:] = 0
    if op == COUNT:
        out[N] = out[S1] = out[C] = n
        out[LOW], out[HIGH] = (1, 1) if n else (NEVER, -NEVER)
    elif op == MOMENTS:
        moments_of(rows[atom[VALUE]], chosen, n, out)
    elif op == CODES:
        codes_of(rows[atom[VALUE]], chosen, n, out)
    elif op == GRIDS:
        grids_of(rows[atom[VALUE]], chosen, n, out)
    else:
        out[LAST] = rows[0, chosen[n - 1]] if n else MISSING
        out[FIRST] = rows[0, chosen[0]] if n else MISSING


@njit(cache=True, nogil=True)
def live_states(
    histories: tuple[Integers, ...],
    counts: Integers,
    query: Integers,
    others: Integers,
    atoms: Integers,
    reach: Integers,
    codes: Integers,
    spans: Integers,
) -> Integers:
    """States (atoms, 7) of one event; `atoms` stand in the order of their streams.

    `histories` and `counts` hold each stream's rows under the event's key, `reach` its longest
    window; `codes[spans[k, 0]:spans[k, 1]]` are the codes that condition k allows.
    """
    out = np.empty((len(atoms), STATE_WIDTH), np.int64)
    seen = np.empty(0, np.int64)
    at = -1
    for k in range(len(atoms)):
        stream = atoms[k, STREAM]
        rows = histories[stream]
        if stream != at:
            at = stream
            buffer = np.empty(counts[stream], np.int64)
            n = visible(rows, counts[stream], query, reach[stream], others, buffer)
            seen = buffer[:n]
        reduced(rows, picked(rows, seen, atoms[k], query, codes, spans), atoms[k], out[k])
    return out


@njit(cache=True, nogil=True)
def live_features(
    specs: Integers,
    uses: Integers,
    states: Integers,
    numbers: Integers,
    applies: Integers,
    t: int,
    values: Vector,
    status: Integers,
    peers: Matrix,
) -> None:
    """Finalise every feature of one event.

    `uses` (features, levels) are the states each takes, padded with -1; `numbers` the event's own
    values, `applies` whether it carries the keys.
    """
    block = np.empty((uses.shape[1], STATE_WIDTH), np.int64)
    for f in range(len(specs)):
        n = 0
        while n < uses.shape[1] and uses[f, n] >= 0:
            block[n] = states[uses[f, n]]
            n += 1
        values[f], status[f] = finish(specs[f], block[:n], numbers[f], t, peers[f])
        if not applies[f]:
            values[f], status[f] = np.nan, NOT_APPLICABLE


@njit(cache=True, nogil=True)
def place_of(rows: Integers, n: int, row: Integers) -> int:
    """Where `row` belongs among the first `n` rows, in (t, o, observed, seq) order."""
    left, right = 0, n
    while left < right:
        middle = (left + right) // 2
        is_later = False
        for k in range(4):
            if rows[k, middle] != row[k]:
                is_later = rows[k, middle] > row[k]
                break
        if is_later:
            right = middle
        else:
            left = middle + 1
    return left


@njit(cache=True, nogil=True)
def live_ends(
    rows: Integers,
    n: int,
    query: Integers,
    others: Integers,
    atom: Integers,
    codes: Integers,
    spans: Integers,
) -> tuple[int, int]:
    """Rows of the last and the first event that `atom` sees, or -1."""
    chosen = live_rows(rows, n, query, others, atom, codes, spans)
    if len(chosen) == 0:
        return -1, -1
    return chosen[len(chosen) - 1], chosen[0]


@njit(cache=True, nogil=True)
def live_rows(
    rows: Integers,
    n: int,
    query: Integers,
    others: Integers,
    atom: Integers,
    codes: Integers,
    spans: Integers,
) -> Integers:
    """Rows that `atom` sees, in time order."""
    buffer = np.empty(n, np.int64)
    m = visible(rows, n, query, atom[WINDOW], others, buffer)
    return picked(rows, buffer[:m], atom, query, codes, spans)
