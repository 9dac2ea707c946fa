"""States: the integers that an operation keeps of a window, and where each stands.

Squares are kept in three sums of 22-bit halves, `x = sign(x) * (h * 2**22 + l)`:
`a = sum(h*h)`, `b = sum(h*l)`, `c = sum(l*l)`; with `|x| <= 2**43` and fewer than 2**20 rows
none wraps (`c` read without a sign).
"""

from typing import Final

KERNEL_VERSION: Final = "2"
MISSING: Final = -(2**62)
"""Stands for a missing integer in every column."""
NEVER: Final = 2**62
"""The `gone` rank of a row that was never superseded; every bound is smaller."""
MAX_ROWS: Final = 2**20 - 1
"""Rows a window may hold before a sum could wrap; beyond it the cell is an error."""
STATE_WIDTH: Final = 7

N, S1, A, B, C, LOW, HIGH = range(7)
"""Columns of a moments state: rows, sum, three parts of the sum of squares, minimum, maximum."""
DISTINCT, SQUARES, CLOGC = 1, 2, 3
"""Columns of a codes state after `N`: distinct codes, sum of squared counts, sum of c log2 c."""
MEDIAN, MAD, BELOW, EQUAL = 1, 2, 3, 4
"""Columns of a grid state after `N`: lower median, lower median of absolute deviations, rows below
the event's own step and rows at it."""
MEDIAN2, MAD4 = 1, 2
"""Columns of an orders state after `N`: twice the median, four times the MAD."""
NEAR: Final = 1
"""Column of a near state after `N`: rows whose sketch is near the event's own."""
LAST, FIRST = 0, 1
"""Columns of an ends state: source rows of the last and of the first event in the window, or -1."""
