"""Layout of a live history's rows: which integer stands in which column, and in which line what.

The value columns that a stream keeps follow the head. Behind a history's columns stand two lines
more: its links, and what is known of it.
"""

from typing import Final

T, ORDINAL, OBSERVED, SEQ, GONE_OBSERVED, GONE_SEQ, GONE_FIRST, KIND = range(8)
"""When it happened and its ordinal there; when it was known; since when a later version is: the
pair of the one known first, and the first place in the ledger of any; the code of its kind."""
HEAD_COLUMNS: Final = 8
FURTHER_LINES: Final = 2
LINKS: Final = -2
"""The line of links, which `features.scan.links` explains."""
LATEST_OBSERVED, LATEST_SEQ, LATEST_ANY, GONE_ROWS, IN_USE, SUMMED, SUM_OF, LINK_OF = range(8)
"""What a key's rows say of knowledge: the newest `(observed, seq)` of a row or its end, the newest
place in the ledger, and how many rows are gone. In the last line of rows, how many there are, how
many from the first on are summed in blocks, and of which column; the column that rows are linked
by, -1 for none; behind them, from `LEAST_ROOM` on, stand the moments of each block."""
LEAST_ROOM: Final = 8
"""Rows that there is room for at least, so that the last line has room for what it tells."""
