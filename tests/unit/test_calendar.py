from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.calendar import DAY_US, EPOCH_DAY, Calendar, to_day
from features.contracts.errors import DeclarationError
from features.contracts.events import to_us
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


@given(calendars(), DAYS, st.integers(0, 400))
def test_working_days_between_are_those_a_loop_counts(
    calendar: Calendar, start: date, n_days: int
) -> None:
    """The difference of two indices is the number of working days after the first day."""
    days = [start + timedelta(n) for n in range(n_days + 1)]
    index = calendar._index(np.array([to_day(day) for day in days]))

    assert [works(calendar, day) for day in days[1:]] == list(np.diff(index).astype(bool))
    assert set(np.diff(index)) <= {0, 1}


@given(calendars(), st.integers(0, 1500))
def test_the_index_counts_from_the_first_of_january_1970(calendar: Calendar, n_days: int) -> None:
    """The index of a day is the number of working days from 1970-01-01 up to it."""
    counted = sum(works(calendar, EPOCH_DAY + timedelta(n)) for n in range(n_days + 1))

    assert counted == calendar._index(np.array([n_days]))[0]


@given(st.sampled_from(ZONES), INSTANTS)
def test_local_time_is_that_of_the_zone_database(tz: str, instant: datetime) -> None:
    """Day and hour agree with `zoneinfo` for any instant and zone."""
    calendar = Calendar.plain(tz)
    local = instant.astimezone(ZoneInfo(tz))

    assert to_day(local.date()) == calendar.local_days(us(instant))[0]
    assert local.hour == calendar.local_hours(us(instant))[0]


def test_the_microsecond_of_a_clock_change_is_exact() -> None:
    """London's clocks go from 1 to 2 at 01:00 UTC, not a microsecond earlier."""
    london = Calendar.plain("Europe/London")
    change = us(datetime(2026, 3, 29, 1, tzinfo=UTC))

    assert [london.local_hours(change - 1)[0], london.local_hours(change)[0]] == [0, 2]


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
