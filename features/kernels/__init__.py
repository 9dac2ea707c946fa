"""Kernels: window states over integer columns, exact, the same in batch and live.

A source row j is in the window of a query i when `start_i <= t_j`, `(t_j, o_j) < (t_i, o_i)`, it
was known before i and had not been superseded or retracted by then. Ties in `(t, o)` are invisible.
A loaded event knows what ranks before it in `(observed_at, seq)`; an event that was learned live
knows what stood in the ledger before it (`seq_j < seq_i`), whatever a later load claims to have
known. Queries carry both bounds, of which the one that does not apply is out of reach.

States are integers, so neither the order of rows nor the way they were merged can change a bit.
`sweep` follows the moments and the ends of all groups through time at once, `number` numbers the
groups. For the rest, `order` groups and sorts rows, `tape` says which rows enter and leave each
window, and `replay` keeps states along a tape. `reduce` makes the state of rows at hand; `grid` is
the integer log grid.
"""

from features.kernels.grid import (
    GRID_BITS,
    GRID_HALF,
    GRID_STEPS,
    LOG_BITS,
    clogc,
    grid,
    step,
    ungrid,
)
from features.kernels.reduce import (
    apart,
    bits,
    codes_of,
    grids_of,
    mad_of,
    moments_of,
    near_of,
    orders_of,
)
from features.kernels.states import (
    BELOW,
    CLOGC,
    DISTINCT,
    EQUAL,
    FIRST,
    HIGH,
    KERNEL_VERSION,
    LAST,
    LOW,
    MAD,
    MAD4,
    MAX_ROWS,
    MEDIAN,
    MEDIAN2,
    MISSING,
    NEAR,
    NEVER,
    S1,
    SQUARES,
    STATE_WIDTH,
    A,
    B,
    C,
    N,
)

__all__ = [
    "BELOW",
    "CLOGC",
    "DISTINCT",
    "EQUAL",
    "FIRST",
    "GRID_BITS",
    "GRID_HALF",
    "GRID_STEPS",
    "HIGH",
    "KERNEL_VERSION",
    "LAST",
    "LOG_BITS",
    "LOW",
    "MAD",
    "MAD4",
    "MAX_ROWS",
    "MEDIAN",
    "MEDIAN2",
    "MISSING",
    "NEAR",
    "NEVER",
    "S1",
    "SQUARES",
    "STATE_WIDTH",
    "A",
    "B",
    "C",
    "N",
    "apart",
    "bits",
    "clogc",
    "codes_of",
    "grid",
    "grids_of",
    "mad_of",
    "moments_of",
    "near_of",
    "orders_of",
    "step",
    "ungrid",
]
