"""Layout of a live history's rows: which integer stands in which column.

The value columns that a stream keeps follow the head.
"""

from typing import Final

T, ORDINAL, OBSERVED, SEQ, GONE_OBSERVED, GONE_SEQ, GONE_FIRST, KIND = range(8)
"""When it happened and its ordinal there; when it was known; since when a later version is: the
pair of the one known first, and the first place in the ledger of any; the code of its kind."""
HEAD_COLUMNS: Final = 8
