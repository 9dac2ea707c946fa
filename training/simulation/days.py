"""Local time and working days of the simulated district, as integers.

An instant is a number of seconds since 1970-01-01 on the local clock (UTC+08:00, no summer time);
a day is that number divided by 86,400. `NEVER` stands for an instant that is not there.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.calendar import DAY_US, HOUR_US, Calendar

Integers = NDArray[np.int64]

DAY_S: Final = 86_400
NEVER: Final = int(np.iinfo(np.int64).min)
_OPENS_S: Final = 9 * 3600
_OFFICE_S: Final = 8 * 3600


class Workdays:
    """Working days between two days, with room for arithmetic beyond them.

    >>> from datetime import date
    >>> from features.calendar import to_day
    >>> days = Workdays(to_day(date(2024, 1, 1)), to_day(date(2024, 3, 1)))
    >>> friday = np.array([to_day(date(2024, 1, 12))])
    >>> int(days.shift(friday, np.array([1]))[0]) - int(friday[0])
    3
    """

    def __init__(self, first: int, last: int) -> None:
        days = np.arange(first, last + 1, dtype=np.int64)
        self._days = days[is_working(days)]

    def shift(self, day: Integers, by: Integers) -> Integers:
        """The `by`-th working day after the first working day at or after `day`."""
        at = np.searchsorted(self._days, day, side="left") + by
        return np.asarray(self._days[np.clip(at, 0, len(self._days) - 1)], dtype=np.int64)

    def snap(self, rng: np.random.Generator, at: Integers) -> Integers:
        """Office hours of the first working day at or after each instant's day."""
        return office_hours(rng, self.shift(at // DAY_S, np.zeros(len(at), dtype=np.int64)))


def in_order(at: Integers) -> Integers:
    """Instants that never go back: each at least a minute after the one before.

    >>> in_order(np.array([100, 50, 400])).tolist()
    [100, 160, 400]
    """
    apart = np.arange(len(at), dtype=np.int64) * 60
    return np.asarray(np.maximum.accumulate(at - apart) + apart, dtype=np.int64)


def is_working(days: Integers) -> NDArray[np.bool_]:
    """Whether the offices work on each day, holidays and make-up days included."""
    return Calendar.prc().is_working(days * DAY_US + 4 * HOUR_US)


def office_hours(rng: np.random.Generator, day: Integers) -> Integers:
    """An instant of each day between nine and five."""
    return day * DAY_S + _OPENS_S + rng.integers(0, _OFFICE_S, len(day))


def any_hours(rng: np.random.Generator, day: Integers) -> Integers:
    """An instant of each day, most of them in the daytime."""
    hour = np.clip(rng.normal(13.5, 4.0, len(day)), 0.0, 23.99)
    return day * DAY_S + (hour * 3600).astype(np.int64)
