"""The check an event passes before anything is computed from it."""

from typing import Final

from features.contracts.errors import InputError
from features.contracts.events import VALUE_BOUND, Event, EventField, FieldValue
from features.spec import Scenario

_BOUNDS: Final = {"instant": 2**52, "sketch": 2**62 - 1}
_UNITS: Final = {
    "money": "minor units (fen)",
    "instant": "microseconds since 1970",
    "sketch": "a sketch, which the door takes of a text",
}
_LONGEST_CODE: Final = 256


def admit(event: Event, scenario: Scenario) -> Event:
    """Return `event` if scenario, kind and every field are as declared.

    Raises
    ------
    InputError
        Names the field, the rule and the way out; never the value.
    """
    if event.scenario != scenario.name:
        message = f"the event is for {event.scenario!r}, this is {scenario.name!r}"
        raise InputError(message)
    if event.kind not in scenario.kinds:
        message = f"kind {event.kind!r} is none of {scenario.name}'s: {', '.join(scenario.kinds)}"
        raise InputError(message)
    declared = {item.name: item for item in scenario.fields}
    unknown = sorted(set(event.fields) - set(declared))
    if unknown:
        message = (
            f"field {unknown[0]!r} is not declared by {scenario.name}; declared: "
            f"{', '.join(declared)}"
        )
        raise InputError(message)
    for item in scenario.fields:
        _check(item, event.fields.get(item.name), scenario.name)
    return event


def _check(item: EventField, value: FieldValue, scenario: str) -> None:
    if value is None:
        if item.required:
            message = f"field {item.name!r} is required by {scenario} and is missing"
            raise InputError(message)
        return
    if item.kind in ("key", "category"):
        if not isinstance(value, str) or not value.strip() or "\x1f" in value:
            message = f"field {item.name!r} holds text that is not blank; send a string"
            raise InputError(message)
        if len(value) > _LONGEST_CODE:
            message = f"field {item.name!r} is longer than {_LONGEST_CODE} characters; send a code"
            raise InputError(message)
        return
    if not isinstance(value, int):
        unit = _UNITS.get(item.kind, f"an integer with {item.scale} implied decimals")
        message = f"field {item.name!r} holds {unit}; send an integer, not text"
        raise InputError(message)
    bound = _BOUNDS.get(item.kind, VALUE_BOUND)
    if abs(value) > bound or (item.kind == "sketch" and value < 0):
        message = f"field {item.name!r} is beyond {bound}, the largest that stays exact"
        raise InputError(message)
