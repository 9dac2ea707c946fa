"""Features of one live event, from its states or straight from the histories of light keys.

An event is told of itself in one array: its query, and its numbers and codes.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Codes, Integers, Matrix, Vector
from features.finalisers import NOT_APPLICABLE, finish
from features.kernels import STATE_WIDTH, step
from features.live.program import table
from features.scan.layout import FURTHER_LINES
from features.scan.light import Marks, light_states
from features.store.chunks import Bytes
from features.store.keys import opened

QUERY: Final = 5
"""Integers of a query."""
PEERS_WIDTH: Final = 5
"""What is said of the peers that an event was compared with."""
GROUPS, OWNS, ALLOWED, SPECS, USES, NUMBERS, PLACES = range(7)
"""Tables of a program: groups, what they compare with and the codes that they allow; specs, states
and numbers of the features; and where numbers and codes of the event go: a group and the place
among what it compares with, or -1 and a feature, which it is, and whether its step is meant. Owns
and numbers are those of an event without any."""


@njit(cache=True, nogil=True)
def finished(
    specs: Integers,
    uses: Integers,
    states: Integers,
    numbers: Integers,
    applies: Marks,
    t: int,
    values: Vector,
    status: Codes,
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
def answered(
    histories: tuple[Integers, ...],
    bundle: Bytes,
    stream: int,
    own: Integers,
    others: Integers,
    lengths: Integers,
    applies: Marks,
    tables: Integers,
    values: Vector,
    status: Codes,
    peers: Matrix,
) -> bool:
    """Every feature of one event none of whose keys is heavy.

    `bundle` has the rows of `stream`, -1 for none; `own` is what the event says of itself, and
    `tables` the program that `tables_of` makes. Returns False, and nothing, where rows of a bundle
    have to be put in order first.
    """
    further, is_sorted = histories[0], True
    if stream >= 0:
        further, is_sorted = opened(bundle, len(histories[stream]) - FURTHER_LINES)
    if not is_sorted:
        return False
    groups, codes, query = table(tables, GROUPS), table(tables, ALLOWED)[0], own[:QUERY]
    owns, numbers = table(tables, OWNS).copy(), table(tables, NUMBERS)[0].copy()
    places = table(tables, PLACES)
    for k in range(len(places)):
        value = own[QUERY + places[k, 2]]
        if places[k, 3]:
            value = step(value)
        if places[k, 0] >= 0:
            owns[places[k, 0], places[k, 1]] = value
        else:
            numbers[places[k, 1]] = value
    states = np.zeros((len(lengths), STATE_WIDTH), np.int64)
    light_states(histories, further, stream, query, others, groups, lengths, owns, codes, states)
    specs, uses = table(tables, SPECS), table(tables, USES)
    finished(specs, uses, states, numbers, applies, query[0], values, status, peers)
    return True
