"""Working days and local time as exact integers, for whole columns and for single instants.

A calendar is data: a time zone, the days of the week that are off, public holidays, and make-up
days (weekend days that are worked). What is computed from it is part of a feature's definition, so
a calendar has a digest. Instants are microseconds since 1970-01-01 UTC, days count from 1970-01-01.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import chinese_calendar.constants as prc_days
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from features.contracts.errors import DeclarationError
from features.contracts.vectors import Integers

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
EPOCH_DAY: Final = date(1970, 1, 1)
_EPOCH_WEEKDAY: Final = EPOCH_DAY.weekday()
_FIRST_YEAR, _END_YEAR = 1970, 2101

Weekday = Annotated[int, Field(ge=0, le=6)]


def to_day(day: date) -> int:
    """Days from 1970-01-01 to `day`.

    >>> to_day(date(1970, 1, 2)), to_day(date(1969, 12, 31))
    (1, -1)
    """
    return (day - EPOCH_DAY).days


def from_day(day: int) -> date:
    """The date so many days after 1970-01-01."""
    return EPOCH_DAY + timedelta(days=day)


@dataclass(frozen=True, slots=True, eq=False)
class _Offsets:
    """From which instant on which offset from UTC holds; the first and the last reach outward."""

    starts: Integers
    offsets: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Week:
    """Working days of a week, and the running sum of what single dates add or take away."""

    per_week: int
    before: Integers
    special_days: Integers
    special_sums: Integers
    base: int


class Calendar(BaseModel):
    """When an office works, and what time it is there.

    Offsets from UTC are known from 1970 to 2100; outside, the nearest known one is taken.

    >>> office = Calendar(name="office", tz="Europe/London", holidays=(date(2014, 12, 25),))
    >>> noon = np.array([1_419_508_800_000_000])   # 2014-12-25 12:00 UTC
    >>> office.is_working(noon), office.is_working(noon - DAY_US), office.local_hours(noon)
    (array([False]), array([ True]), array([12]))

    Working days between two instants are the difference of their indices:

    >>> office.working_index(noon + 5 * DAY_US) - office.working_index(noon - DAY_US)
    array([3])
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    tz: str
    fiscal_month: Annotated[int, Field(ge=1, le=12)] = 1
    weekend: tuple[Weekday, ...] = (5, 6)
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()

    @classmethod
    def prc(cls) -> Self:
        """The calendar of the People's Republic of China with its make-up days.

        Its name states the years for which the State Council's arrangement is known; in other
        years only weekends are off.

        >>> Calendar.prc().name
        'prc-2004-...'
        """
        first, last = prc_years()
        return cls(
            name=f"prc-{first}-{last}",
            tz="Asia/Shanghai",
            holidays=tuple(prc_days.holidays),
            workdays=tuple(prc_days.workdays),
        )

    @classmethod
    def plain(cls, tz: str) -> Self:
        """Saturdays and Sundays off, no holidays."""
        return cls(name="plain", tz=tz)

    @field_validator("tz")
    @classmethod
    def _tz_exists(cls, tz: str) -> str:
        zone(tz)
        return tz

    @field_validator("weekend", "holidays", "workdays")
    @classmethod
    def _in_order(cls, days: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(sorted(set(days)))

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        both = sorted(set(self.holidays) & set(self.workdays))
        if both:
            raise DeclarationError(
                f"calendar {self.name!r}: {both[0]} is both a holiday and a make-up day; keep one"
            )
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:  # noqa: ARG002
        """Copy with changes, checked again; the computed tables are not carried over."""
        held = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**held, **(update or {})})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; two calendars with one digest give the same numbers."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def local_days(self, us: Integers) -> Integers:
        """Days since 1970-01-01 on the local wall calendar.

        >>> Calendar.prc().local_days(np.array([16 * HOUR_US - 1, 16 * HOUR_US]))
        array([0, 1])
        """
        return self._local_us(us) // DAY_US

    def local_hours(self, us: Integers) -> Integers:
        """Hour of the local day, 0 to 23."""
        return self._local_us(us) // HOUR_US % 24

    def working_index(self, us: Integers) -> Integers:
        """Number of working days from 1970-01-01 up to and including the local day.

        Before 1970 it goes on downward, so that differences hold there too.
        """
        return self._index(self.local_days(us))

    def is_working(self, us: Integers) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether the local day is worked."""
        days = self.local_days(us)
        return self._index(days) > self._index(days - 1)

    def midnights(self, us: Integers) -> Integers:
        """The first instant of the local day that each instant lies in.

        >>> Calendar.prc().midnights(np.array([16 * HOUR_US, 20 * HOUR_US])) // HOUR_US
        array([16, 16])
        """
        return self.period_starts(us, "day")

    def starts(self, days: Integers) -> Integers:
        """The first instant of local days, given as days since 1970-01-01.

        Where clocks skip a midnight, the day starts with the instant of the change.
        """
        table, local = self._offsets, days * DAY_US
        at = (table.starts[1:] + table.offsets[:-1]).searchsorted(local, side="right")
        found: Integers = np.maximum(local - table.offsets[at], table.starts[at])
        return found

    def period_starts(self, us: Integers, period: str) -> Integers:
        """The first instant of the local day, month, quarter or fiscal year of each instant.

        A fiscal year starts with `fiscal_month`; quarters are those of the fiscal year. A day that
        has begun is not left again where clocks go back over its midnight, so that a later instant
        never has an earlier start.

        >>> may_14 = np.array([to_day(date(2026, 5, 14)) * DAY_US])
        >>> [str(from_day(int(day))) for period in ("month", "quarter", "year")
        ...  for day in Calendar.prc().local_days(Calendar.prc().period_starts(may_14, period))]
        ['2026-05-01', '2026-04-01', '2026-01-01']
        """
        if len(us) == 0:
            return us
        days = self.local_days(us)
        first, last = int(days.min()), int(days.max())
        each = np.arange(first, last + 2)
        days = days - first
        days += self.starts(each + 1)[days] <= us
        found: Integers = self.starts(self._first_days(each, period))[days]
        return found

    def _first_days(self, days: Integers, period: str) -> Integers:
        if period == "day":
            return days
        length = {"month": 1, "quarter": 3, "year": 12}[period]
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        months -= (months - (self.fiscal_month - 1)) % length
        return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def _local_us(self, us: Integers) -> Integers:
        table = self._offsets
        local: Integers = us + table.offsets[table.starts.searchsorted(us, side="right") - 1]
        return local

    def _index(self, days: Integers) -> Integers:
        week = self._week
        weeks, weekday = np.divmod(days + _EPOCH_WEEKDAY, 7)
        special = week.special_sums[week.special_days.searchsorted(days, side="right")]
        index: Integers = weeks * week.per_week + week.before[weekday] + special - week.base
        return index

    @cached_property
    def _offsets(self) -> _Offsets:
        return _offsets(self.tz)

    @cached_property
    def _week(self) -> _Week:
        works = np.array([day not in self.weekend for day in range(7)], dtype=np.int64)
        changes = {to_day(day): -1 for day in self.holidays if day.weekday() not in self.weekend}
        changes |= {to_day(day): 1 for day in self.workdays if day.weekday() in self.weekend}
        days = np.array(sorted(changes), dtype=np.int64)
        sums = np.cumsum([0, *(changes[int(day)] for day in days)], dtype=np.int64)
        until_epoch = int(works[:_EPOCH_WEEKDAY].sum()) + int(sums[days.searchsorted(0)])
        return _Week(int(works.sum()), np.cumsum(works), days, sums, until_epoch)


def zone(tz: str) -> ZoneInfo:
    """The time zone named `tz`.

    >>> zone("Europe/Londn")
    Traceback (most recent call last):
    features.contracts.errors.DeclarationError: no time zone 'Europe/Londn'; give an IANA name...
    """
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DeclarationError(
            f"no time zone {tz!r}; give an IANA name such as 'Asia/Shanghai'"
        ) from error


def prc_years() -> tuple[int, int]:
    """First and last year for which the PRC's holidays and make-up days are known."""
    years = [day.year for day in prc_days.holidays]
    return min(years), max(years)


@cache
def _offsets(tz: str) -> _Offsets:
    """Each change of offset between 1970 and 2100, found by looking at every day."""
    local = zone(tz)
    second = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(_END_YEAR, 1, 1, tzinfo=UTC).timestamp())
    offset = _offset_s(local, second)
    starts, offsets = [int(np.iinfo(np.int64).min)], [offset]
    while second < end:
        after = _offset_s(local, second + 86_400)
        if after != offset:
            starts.append(_first_with_another(local, second, offset) * 1_000_000)
            offsets.append(after)
        second, offset = second + 86_400, after
    return _Offsets(np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64) * 1_000_000)


def _offset_s(local: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, local).utcoffset() or timedelta()
    return offset // timedelta(seconds=1)


def _first_with_another(local: ZoneInfo, second: int, offset: int) -> int:
    """The first second of the day after `second` whose offset is not `offset`, by halving."""
    low, high = second, second + 86_400
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_s(local, middle) == offset:
            low = middle
        else:
            high = middle
    return high
