"""Live kernels: where a row belongs among those that are held."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.live_kernels import place_of


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=30),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.integers(0, 5),
)
def test_a_live_row_is_put_behind_its_equals(
    rows: list[tuple[int, ...]], row: tuple[int, ...], before: int
) -> None:
    """The place of a row leaves all smaller or equal rows before it and all larger ones behind."""
    rows = sorted(rows)
    lo = min(before, len(rows))
    columns = np.array(rows, np.int64).reshape(len(rows), 4).T.copy()
    at = place_of(columns, lo, len(rows), np.array(row))

    assert rows[lo:at] == [other for other in rows[lo:] if other <= row]
