"""The split in time: slices never overlap, the gap is kept, no row is counted twice."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.contracts.errors import InputError
from training.split import DAY_US, Split, by_time, calibration_size

instants = st.lists(st.integers(0, 400), min_size=1, max_size=200).map(
    lambda days: np.array(sorted(days), dtype=np.int64) * DAY_US
)


def _try(at, **options):
    try:
        return by_time(at, **options)
    except InputError:
        return None


@given(at=instants, gap_days=st.integers(0, 30), until=st.none() | st.integers(1, 500))
def test_slices_never_overlap_and_keep_the_gap(at, gap_days, until):
    """Each row is in one slice or in a gap, and slices lie at least the gap apart."""
    instant = None if until is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=until)
    split = _try(at, until=instant, gap_days=gap_days)
    if split is None:
        return
    masks = [split.is_fit(at), split.is_calibrate(at), split.is_holdout(at)]
    assert np.sum(masks, axis=0).max() <= 1
    counts = (split.n_fit, split.n_calibrate, split.n_holdout)
    assert [int(mask.sum()) for mask in masks] == list(counts)
    assert sum(counts) + split.n_gap == len(at)
    gap_us = gap_days * DAY_US
    assert at[masks[0]].max() + gap_us < at[masks[1]].min() or gap_us == 0
    assert at[masks[0]].max() < at[masks[1]].min()
    if split.n_holdout:
        assert at[masks[1]].max() + gap_us < at[masks[2]].min()


def test_the_calibration_slice_is_ten_thousand_rows_where_there_are_that_many():
    """Few rows give three tenths, many at least ten thousand."""
    assert calibration_size(10) == 3
    assert calibration_size(33_000) == 9_900
    assert calibration_size(40_000) == 10_000
    at = np.arange(60_000, dtype=np.int64) * (DAY_US // 100)
    assert by_time(at).n_calibrate >= 10_000


def test_events_of_one_instant_stay_together():
    """A day's events (date-only stamps) are never cut in two."""
    at = np.repeat(np.arange(10), 10).astype(np.int64) * DAY_US
    split = by_time(at, gap_days=0)
    assert (split.n_fit, split.n_calibrate, split.n_holdout) == (50, 30, 20)


def test_what_leaves_a_slice_empty_is_refused():
    """No rows, or a gap that eats them, is said with the way out."""
    with pytest.raises(InputError, match="no rows to split"):
        by_time(np.array([], dtype=np.int64))
    with pytest.raises(InputError, match=r"no rows to fit .* shorter gap"):
        by_time(np.arange(10, dtype=np.int64) * DAY_US, gap_days=5)
    with pytest.raises(InputError, match="no rows to calibrate"):
        by_time(np.arange(10, dtype=np.int64) * DAY_US, until=datetime(1970, 1, 1, tzinfo=UTC))


def test_overlapping_slices_cannot_be_declared():
    """A split whose slices touch closer than its gap is refused where it is made."""
    good = by_time(np.arange(100, dtype=np.int64) * DAY_US)
    with pytest.raises(ValidationError, match="slices overlap"):
        Split(**{**good.model_dump(), "fit_until_us": good.calibrate_until_us})
