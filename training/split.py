"""The split in time: what a model is fitted on, calibrated on and judged on.

Three slices follow each other, each behind a gap, so that no judged event shares its last days with
an event that the model saw::

    ── fit ──┤ gap ├── calibrate ──┤ gap ├── holdout ──►
                                         ▲ until
"""

from datetime import datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.contracts.errors import InputError
from features.contracts.events import from_us, to_us
from features.contracts.vectors import Integers

DAY_US: Final = 86_400_000_000
N_CALIBRATE: Final = 10_000
"""Rows that a calibration slice should have: with them one in 1,000 is known to about a tenth."""
CALIBRATE_SHARE: Final = 0.3
"""Share of the rows before `until` that calibrate where there are too few for `N_CALIBRATE`."""
LARGE_SHARE: Final = 0.1
HOLDOUT_SHARE: Final = 0.2
"""Share of the rows that judge when no `until` is given."""

Mask = NDArray[np.bool_]


class Split(BaseModel):
    """Four instants, in microseconds since 1970-01-01 UTC, and the rows each slice has.

    Fit takes rows before `fit_until_us`, calibrate those in `[calibrate_from_us,
    calibrate_until_us)`, holdout those from `until_us`; rows in the gaps are in none.

    >>> split = by_time(np.arange(100) * DAY_US, until=from_us(80 * DAY_US), gap_days=2)
    >>> split.n_fit, split.n_calibrate, split.n_gap, split.n_holdout
    (53, 23, 4, 20)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fit_until_us: int
    calibrate_from_us: int
    calibrate_until_us: int
    until_us: int
    gap_days: int = Field(ge=0)
    n_fit: int = Field(ge=1)
    n_calibrate: int = Field(ge=1)
    n_gap: int = Field(ge=0)
    n_holdout: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        gap_us = self.gap_days * DAY_US
        fits = self.fit_until_us + gap_us <= self.calibrate_from_us < self.calibrate_until_us
        if not (fits and self.calibrate_until_us + gap_us <= self.until_us):
            message = "slices overlap or come closer than the gap; use training.split.by_time"
            raise ValueError(message)
        return self

    def is_fit(self, effective_us: Integers) -> Mask:
        """Which rows fit the model."""
        return effective_us < self.fit_until_us

    def is_calibrate(self, effective_us: Integers) -> Mask:
        """Which rows calibrate it."""
        return (effective_us >= self.calibrate_from_us) & (effective_us < self.calibrate_until_us)

    def is_holdout(self, effective_us: Integers) -> Mask:
        """Which rows judge it."""
        return effective_us >= self.until_us


def by_time(effective_us: Integers, *, until: datetime | None = None, gap_days: int = 7) -> Split:
    """Declare the split of rows with those instants, which are in time order.

    Without `until` the last fifth of the rows is held out. Events of one instant stay together.

    Raises
    ------
    InputError
        A slice would be empty.
    """
    if len(effective_us) == 0:
        raise InputError("no rows to split; ingest events first")
    until_us = to_us(until) if until else _instant_from_end(effective_us, HOLDOUT_SHARE)
    gap_us = gap_days * DAY_US
    before = effective_us[effective_us < until_us - gap_us]
    if len(before) == 0:
        raise _empty("calibrate", until_us, gap_days)
    start_us = int(before[len(before) - calibration_size(len(before))])
    n_fit = int((effective_us < start_us - gap_us).sum())
    if n_fit == 0:
        raise _empty("fit", until_us, gap_days)
    n_calibrate = int((before >= start_us).sum())
    n_holdout = int((effective_us >= until_us).sum())
    return Split(
        fit_until_us=start_us - gap_us,
        calibrate_from_us=start_us,
        calibrate_until_us=until_us - gap_us,
        until_us=until_us,
        gap_days=gap_days,
        n_fit=n_fit,
        n_calibrate=n_calibrate,
        n_gap=len(effective_us) - n_fit - n_calibrate - n_holdout,
        n_holdout=n_holdout,
    )


def calibration_size(n_rows: int) -> int:
    """Rows of the calibration slice out of `n_rows` before `until`.

    >>> calibration_size(1_000), calibration_size(50_000), calibration_size(1_000_000)
    (300, 10000, 100000)
    """
    if n_rows * CALIBRATE_SHARE < N_CALIBRATE:
        return max(1, round(n_rows * CALIBRATE_SHARE))
    return max(N_CALIBRATE, round(n_rows * LARGE_SHARE))


def _instant_from_end(effective_us: Integers, share: float) -> int:
    at = len(effective_us) - max(1, round(len(effective_us) * share))
    return int(effective_us[max(at, 0)])


def _empty(part: str, until_us: int, gap_days: int) -> InputError:
    return InputError(
        f"no rows to {part} before {from_us(until_us).date()} with a gap of {gap_days} days; "
        "choose a later `until` or a shorter gap"
    )
