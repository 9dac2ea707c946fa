"""An event's own measure worked out by hand from its fields and the event it looks back at."""

from collections.abc import Mapping
from typing import assert_never

import numpy as np

from features.calendar import Calendar
from features.contracts.vectors import Integers
from features.declared import Measure
from features.document.networks import counted
from features.document.plan import Value
from features.document.words import Both, bounds, network_of
from features.document.worked import Worked
from features.retrace import Part
from features.window import DAY_US, MINUTE_US

_MILLION = 1_000_000


def by_hand(  # noqa: C901, PLR0911, PLR0912  (one answer a measure)
    measure: Measure,
    fields: Mapping[str, Value],
    t: int,
    parts: tuple[Part, ...],
    calendar: Calendar,
    others: Mapping[str, Measure],
) -> Worked:
    """The value of a measure for an event at `t` with `fields`, and how it comes about.

    `others` are the scenario's measures by name: of some of them `measure` may be made.
    """
    for name in (measure.field, measure.other):
        if name in others and others[name].atom is None:
            made = by_hand(others[name], fields, t, (), calendar, others)
            fields = {**fields, name: int(made.value or 0)}
    x, y = _number(fields, measure.field), _number(fields, measure.other)
    before = parts[0].seen[0] if parts and parts[0].seen else None
    match measure.how:
        case "present":
            return _flag(measure.field in fields, f"`{measure.field}`")
        case "off_day":
            return _flag(not calendar.is_working(_at(t))[0], "day off")
        case "hour":
            return _is(int(calendar.local_hours(_at(t))[0]), "local hour")
        case "ratio_ppm":
            return _is(_MILLION * x // y, f"floor(1,000,000 * {x} / {y})")
        case "quotient":
            return _is(x // y, f"floor({x} / {y})")
        case "difference":
            return _is(x - y, f"{x} - {y}")
        case "within":
            return _flag(_is_within(measure, x), f"`{bounds(measure)}` for {x}")
        case "between":
            return _duration(measure, x, y if measure.other else t, calendar)
        case "elapsed" | "elapsed_first":
            return _duration(measure, before.effective_us if before else t, t, calendar)
        case "change_ppm":
            then = before.value if before and isinstance(before.value, int) else 0
            return _is(_MILLION * (x - then) // then, f"floor(1,000,000 * ({x} - {then}) / {then})")
        case "limit":
            place = measure.place_of(str(fields.get(measure.field)))
            held = [value for since, value in measure.limits[place][1] if since <= t]
            return _is(held[-1], f"limit of {fields.get(measure.field)}")
        case "network_members" | "network_money" | "network_share_ppm":
            own = str(fields[network_of(measure).member])
            return _is(*counted(measure, parts, own))
        case "previous" | "steps":
            message = f"{measure.name} holds a code or a set, which is no number to work out"
            raise ValueError(message)
        case _ as never:
            assert_never(never)


def _duration(measure: Measure, start: int, end: int, calendar: Calendar) -> Worked:
    if measure.unit == "working_days":
        index = calendar.working_index(np.array([start, end]))
        return _is(int(index[1] - index[0]), f"{index[1]} - {index[0]} working days")
    unit = DAY_US if measure.unit == "days" else MINUTE_US
    seconds, length = (end - start) // 1_000_000, unit // 1_000_000
    return _is((end - start) // unit, f"floor({seconds} s / {length} s)")


def _is_within(measure: Measure, x: int) -> bool:
    above = measure.low is None or measure.low <= x
    return above and (measure.high is None or x <= measure.high)


def _number(fields: Mapping[str, Value], name: str) -> int:
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0


def _at(t: int) -> Integers:
    return np.array([t])


def _flag(holds: bool, what: str) -> Worked:
    return _is(int(holds), what)


def _is(value: int, text: str) -> Worked:
    told = f"{text} = {value}"
    return Worked(float(value), Both(told, told))
