"""Features of one live event from its states."""

import numpy as np
from numba import njit

from features.contracts.vectors import Codes, Integers, Matrix, Vector
from features.finalisers import NOT_APPLICABLE, finish
from features.kernels import STATE_WIDTH
from features.scan.light import Marks


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
