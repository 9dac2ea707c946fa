"""Measures: integers and codes that an event gets once, from itself or its last predecessor."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from features.calendar import Calendar
from features.contracts.events import VALUE_BOUND
from features.contracts.vectors import Integers
from features.kernels import MAX_ROWS, MISSING
from features.kernels.alone import (
    BETWEEN,
    CHANGE,
    DIFFERENCE,
    PRESENT,
    QUOTIENT,
    RATIO,
    WITHIN,
    each_combined,
)
from features.limits import in_force
from features.spec import DAY_US, Measure

_MINUTE_US: Final = 60_000_000
_MILLION: Final = 1_000_000
_BITS: Final = 62
_PLAIN: Final[Mapping[str, int]] = {
    "present": PRESENT,
    "within": WITHIN,
    "difference": DIFFERENCE,
    "quotient": QUOTIENT,
    "ratio_ppm": RATIO,
}
_UNITS: Final[Mapping[str, int]] = {"days": DAY_US, "minutes": _MINUTE_US}
_ALL: Final = np.iinfo(np.int64)
FIRST: Final = -2
"""Stands for the start of a measure that has one, where there is no earlier event."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The last and first visible event of the measure's key, a row each event; MISSING for none.

    `last_value` holds the code or number that the measure takes over from the last event.
    """

    last_us: Integers
    first_us: Integers
    last_value: Integers


class Plain(NamedTuple):
    """A measure that is made of two numbers of the event, as `features.kernels.alone` takes it."""

    op: int
    low: int
    high: int


def plain(measure: Measure) -> Plain | None:
    """How a measure is made of the event's own numbers; None where that takes more than those.

    >>> plain(Measure("few", "within", field="n", high=3)).high
    3
    """
    if measure.how == "between":
        unit = _UNITS.get(measure.unit)
        return None if unit is None else Plain(BETWEEN, unit, 0)
    op = _PLAIN.get(measure.how)
    if op is None:
        return None
    low = int(_ALL.min) if measure.low is None else measure.low
    return Plain(op, low, int(_ALL.max) if measure.high is None else measure.high)


def compute(
    measure: Measure,
    calendar: Calendar,
    t: Integers,
    own: Integers,
    other: Integers,
    ends: Ends | None,
) -> Integers:
    """Values of `measure` for events at `t`, MISSING (or -1 for codes) where there is none.

    A code is FIRST where the measure has a start and no earlier event is known.

    `own` and `other` are the columns `measure.field` and `measure.other` of the events themselves;
    of a `limit`, `own` is the position of the event's class among the limits, negative for none; of
    `steps`, `own` are the bits of their texts.
    """
    alone = _alone(measure, calendar, t, own, other)
    if alone is not None:
        return alone
    if ends is None or measure.network is not None:
        message = f"measure {measure.name} looks back and was given nothing to look at"
        raise ValueError(message)
    if measure.how == "previous":
        return np.where(ends.last_us == MISSING, FIRST if measure.start else -1, ends.last_value)
    if measure.how == "steps":
        return np.where(ends.last_us == MISSING, 0, ends.last_value) | own
    if measure.how == "change_ppm":
        return np.asarray(each_combined(CHANGE, own, ends.last_value, 0, 0))
    return _duration(
        measure, calendar, ends.last_us if measure.how == "elapsed" else ends.first_us, t
    )


def bits_of(text: str | None) -> int:
    """The bits that stand for a text in a set of texts: two of 62, or one where both fall together.

    >>> f"{bits_of('filed'):b}".count("1"), bits_of(None)
    (2, 0)
    """
    if text is None:
        return 0
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
    return (1 << number % _BITS) | (1 << number // _BITS % _BITS)


@dataclass(frozen=True, slots=True)
class Component:
    """Members of the events' components, sums and rows summed, of their members and of all."""

    members: Integers
    money: Integers
    rows: Integers
    all_money: Integers
    all_rows: Integers


class Sum(NamedTuple):
    """A sum and how many rows were summed."""

    money: int
    rows: int


class Joined(NamedTuple):
    """One event's component: how many members it has, and what they had."""

    members: int
    had: Sum


def of_one(measure: Measure, found: Joined | None, whole: Sum) -> int:
    """What `of_component` gives for one event, whose component is None where it joins nobody."""
    if found is None:
        return MISSING
    if measure.how == "network_members":
        return found.members
    if found.had.rows > MAX_ROWS:
        return MISSING
    value = found.had.money
    if measure.how == "network_share_ppm":
        if whole.money <= 0 or whole.rows > MAX_ROWS:
            return MISSING
        value = value * _MILLION // whole.money
    return max(-VALUE_BOUND, min(value, VALUE_BOUND))


def of_component(measure: Measure, found: Component) -> Integers:
    """Values of a network's measure, MISSING where an event joins nobody to anything.

    So is a sum of more rows than stay exact.
    """
    if measure.how == "network_members":
        return found.members
    is_exact = (found.members != MISSING) & (found.rows <= MAX_ROWS)
    money = np.where(is_exact, found.money, MISSING)
    if measure.how == "network_money":
        return np.where(is_exact, np.clip(money, -VALUE_BOUND, VALUE_BOUND), MISSING)
    share = np.asarray(each_combined(RATIO, money, found.all_money, 0, 0))
    for k in np.flatnonzero(is_exact & (np.abs(money) > VALUE_BOUND) & (found.all_money > 0)):
        exact = int(money[k]) * _MILLION // int(found.all_money[k])  # beyond 64 bits on the way
        share[k] = max(-VALUE_BOUND, min(exact, VALUE_BOUND))
    return np.where(found.all_rows <= MAX_ROWS, share, MISSING)


def _alone(
    measure: Measure, calendar: Calendar, t: Integers, own: Integers, other: Integers
) -> Integers | None:
    """Measures that need nothing but the event itself."""
    made = plain(measure)
    if made is None:
        return _by_the_calendar(measure, calendar, t, own, other)
    until = other if made.op != BETWEEN or measure.other else t
    return np.asarray(each_combined(made.op, own, until, made.low, made.high))


def _by_the_calendar(
    measure: Measure, calendar: Calendar, t: Integers, own: Integers, other: Integers
) -> Integers | None:
    """Measures that ask which day or hour it was, or what was in force then."""
    match measure.how:
        case "off_day":
            return np.asarray(~calendar.is_working(t), np.int64)
        case "hour":
            return calendar.local_hours(t)
        case "between":
            return _duration(measure, calendar, own, other if measure.other else t)
        case "limit":
            return _limit(measure, t, own)
        case _:
            return None


def _limit(measure: Measure, t: Integers, place: Integers) -> Integers:
    out = np.full(len(t), MISSING)
    for k, (_, steps) in enumerate(measure.limits):
        mine = place == k
        out[mine] = in_force(steps, t[mine])
    return out


def _duration(measure: Measure, calendar: Calendar, start: Integers, end: Integers) -> Integers:
    missing = (start == MISSING) | (end == MISSING)
    begin, end = np.where(missing, 0, start), np.where(missing, 0, end)
    if measure.unit == "working_days":
        value = calendar.working_index(end) - calendar.working_index(begin)
    else:
        value = (end - begin) // (DAY_US if measure.unit == "days" else _MINUTE_US)
    return np.where(missing, MISSING, value)
