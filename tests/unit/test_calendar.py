from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from features.calendar import DAY_US, EPOCH_DAY, Calendar, to_day
from features.contracts.errors import DeclarationError
from features.contracts.events import from_us, to_us
from features.contracts.vectors import Integers

ZONES = ("Asia/Shanghai", "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "UTC")
DAYS = st.dates(min_value=date(1960, 1, 1), max_value=date(2110, 1, 1))
INSTANTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    days = draw(st.sets(DAYS, max_size=30))
    holidays = {day for day in days if draw(st.booleans())}
    return Calendar(
        name="drawn",
        tz=draw(st.sampled_from(ZONES)),
        weekend=tuple(draw(st.sets(st.integers(0, 6), max_size=6))),
        holidays=tuple(holidays),
        workdays=tuple(days - holidays),
    )


def works(calendar: Calendar, day: date) -> bool:
    if day in calendar.holidays:
        return False
    return day in calendar.workdays or day.weekday() not in calendar.weekend


def us(instant: datetime) -> Integers:
    return np.array([to_us(instant)])


@settings(deadline=None)
@given(calendars(), DAYS, st.integers(0, 400))
def test_working_days_between_are_those_a_loop_counts(
    calendar: Calendar, start: date, n_days: int
) -> None:
    """The difference of two indices is the number of working days after the first day."""
    days = [start + timedelta(n) for n in range(n_days + 1)]
    index = calendar._index(np.array([to_day(day) for day in days]))

    assert [works(calendar, day) for day in days[1:]] == list(np.diff(index).astype(bool))
    assert set(np.diff(index)) <= {0, 1}


@settings(deadline=None)
@given(calendars(), st.integers(0, 1500))
def test_the_index_counts_from_the_first_of_january_1970(calendar: Calendar, n_days: int) -> None:
    """The index of a day is the number of working days from 1970-01-01 up to it."""
    counted = sum(works(calendar, EPOCH_DAY + timedelta(n)) for n in range(n_days + 1))

    assert counted == calendar._index(np.array([n_days]))[0]


@settings(deadline=None)
@given(st.sampled_from(ZONES), INSTANTS)
def test_local_time_is_that_of_the_zone_database(tz: str, instant: datetime) -> None:
    """Day and hour agree with `zoneinfo` for any instant and zone."""
    calendar = Calendar.plain(tz)
    local = instant.astimezone(ZoneInfo(tz))

    assert to_day(local.date()) == calendar.local_days(us(instant))[0]
    assert local.hour == calendar.local_hours(us(instant))[0]


MIDNIGHTS = ("Asia/Beirut", "America/Santiago", "America/Sao_Paulo", "Pacific/Apia")
"""Zones whose clocks were changed at midnight, or that skipped a day."""
PERIODS = {"day": 0, "month": 1, "quarter": 3, "year": 12}


def _first_of(day: date, period: str, fiscal_month: int) -> date:
    if period == "day":
        return day
    months = 12 * day.year + day.month - 1
    months -= (months - (fiscal_month - 1)) % PERIODS[period]
    return date(months // 12, months % 12 + 1, 1)


@settings(deadline=None)
@given(
    st.sampled_from((*ZONES, *MIDNIGHTS)),
    INSTANTS,
    st.sampled_from(list(PERIODS)),
    st.integers(1, 12),
)
def test_a_period_starts_with_the_first_instant_of_its_first_day(
    tz: str, instant: datetime, period: str, fiscal_month: int
) -> None:
    """The zone database has the first day at that instant, and an earlier one just before it."""
    calendar = Calendar(name="drawn", tz=tz, fiscal_month=fiscal_month)
    start = from_us(int(calendar.period_starts(us(instant), period)[0]))
    zone = ZoneInfo(tz)
    first = _first_of(instant.astimezone(zone).date(), period, fiscal_month)

    assert start <= instant
    assert start.astimezone(zone).date() >= first
    assert (start - timedelta(microseconds=1)).astimezone(zone).date() < first


def test_a_midnight_that_was_skipped_is_the_instant_of_the_change() -> None:
    """In Beirut 2024-03-31 began at 01:00, which is 22:00 UTC, an hour after 23:00."""
    change = us(datetime(2024, 3, 30, 22, tzinfo=UTC))
    beirut = Calendar.plain("Asia/Beirut")

    assert beirut.midnights(change + 1)[0] == change[0]
    assert beirut.midnights(change - 1)[0] == us(datetime(2024, 3, 29, 22, tzinfo=UTC))[0]


def test_a_later_instant_never_has_an_earlier_start() -> None:
    """In St John's of 1999 clocks went from 00:01 back to 23:01 of the day before."""
    change = us(datetime(1999, 10, 31, 2, 31, tzinfo=UTC))
    minutes = change + 60_000_000 * np.arange(-90, 90)
    starts = Calendar.plain("America/St_Johns").midnights(minutes)

    assert len(set(starts.tolist())) == 2
    assert (np.diff(starts) >= 0).all()
    assert (starts <= minutes).all()


def test_no_instants_have_no_starts() -> None:
    """An empty column stays empty."""
    assert len(Calendar.prc().period_starts(np.empty(0, np.int64), "month")) == 0


def test_the_microsecond_of_a_clock_change_is_exact() -> None:
    """London's clocks go from 1 to 2 at 01:00 UTC, not a microsecond earlier."""
    london = Calendar.plain("Europe/London")
    change = us(datetime(2026, 3, 29, 1, tzinfo=UTC))

    assert [london.local_hours(change - 1)[0], london.local_hours(change)[0]] == [0, 2]


@settings(deadline=None)
@given(st.lists(INSTANTS, max_size=5), calendars())
def test_an_instant_counts_the_same_alone_as_in_company(
    instants: list[datetime], calendar: Calendar
) -> None:
    """Columns and single instants give the same numbers."""
    column = np.array([to_us(instant) for instant in instants], dtype=np.int64)
    alone = [calendar.working_index(column[i : i + 1])[0] for i in range(len(column))]

    assert alone == list(calendar.working_index(column))
    assert calendar.working_index(column).dtype == np.int64


def test_a_make_up_sunday_is_worked_and_a_holiday_monday_is_not() -> None:
    """Around the National Day of 2024: Sunday 29 September is worked, 1 to 7 October are off."""
    days = np.arange(9) * DAY_US + to_us(datetime(2024, 9, 29, 4, tzinfo=UTC))

    assert [True, True, *[False] * 7] == list(Calendar.prc().is_working(days))


def test_outside_the_known_years_only_weekends_are_off() -> None:
    """In 1999 the PRC calendar knows no holiday: Friday 1 October counts as worked."""
    noon = us(datetime(1999, 10, 1, 4, tzinfo=UTC))

    assert Calendar.prc().is_working(noon)[0]


def test_calendars_are_values() -> None:
    """Equal content makes equal calendars, whatever was computed and in whatever order given."""
    days = (date(2026, 1, 1), date(2026, 5, 1))
    one = Calendar(name="c", tz="UTC", holidays=days)
    two = Calendar(name="c", tz="UTC", holidays=days[::-1])
    for calendar in (one, two):
        calendar.working_index(us(datetime(2026, 1, 1, tzinfo=UTC)))

    assert one == two
    assert hash(one) == hash(two)
    assert one.digest == two.digest == Calendar.model_validate_json(one.model_dump_json()).digest


def test_a_changed_copy_computes_anew() -> None:
    """A copy with other holidays does not keep the tables of the first."""
    one = Calendar.plain("UTC")
    day = us(datetime(2026, 1, 1, tzinfo=UTC))
    assert one.is_working(day)[0]

    two = one.model_copy(update={"holidays": (date(2026, 1, 1),)})

    assert not two.is_working(day)[0]
    assert one.digest != two.digest


def test_a_calendar_cannot_be_changed() -> None:
    """Setting a field is refused."""
    with pytest.raises(ValidationError, match="frozen"):
        Calendar.plain("UTC").tz = "Asia/Shanghai"


def test_a_contradiction_names_the_day() -> None:
    """A day cannot be both a holiday and made up for."""
    day = (date(2026, 1, 1),)
    with pytest.raises(DeclarationError, match="2026-01-01 is both"):
        Calendar(name="c", tz="UTC", holidays=day, workdays=day)
