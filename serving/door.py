"""The door: what must not be seen inside is replaced before anything else sees an event.

Personal identifiers become pseudonyms, texts that are only to be compared become sketches.
"""

from collections.abc import Callable, Iterable

from features.contracts.errors import InputError
from features.contracts.events import Event, EventField, FieldValue
from features.contracts.settings import Settings
from features.sources.pseudonym import check_key, pseudonymise
from features.sources.sketch import sketch

Door = Callable[[Event], Event]


def door(fields: Iterable[EventField], settings: Settings) -> Door:
    """Make the function that replaces pseudonyms and sketches.

    >>> account = EventField(name="account", kind="key", title_zh="账户", title_en="account",
    ...                      pseudonym=True)
    >>> purpose = EventField(name="purpose", kind="sketch", title_zh="用途", title_en="purpose")
    >>> enter = door([account, purpose], Settings(pseudonym_key="only-for-this-example"))
    >>> event = Event(scenario="payouts", kind="payout_paid", event_id="P-1",
    ...               effective_at="2026-03-01T09:00:00+08:00",
    ...               fields={"account": "6222 0212", "purpose": "人民路改造"})
    >>> entered = enter(event).fields
    >>> entered["account"][:3], 0 <= entered["purpose"] < 2**62
    ('k1:', True)

    A number in the place of a text is refused: outside, nobody has the key to take sketches with.
    """
    replaced = {field.name: field for field in fields if field.is_replaced}

    def enter(event: Event) -> Event:
        if replaced.keys().isdisjoint(event.fields):
            return event
        inside = {
            name: _replace(replaced[name], value, settings) if name in replaced else value
            for name, value in event.fields.items()
        }
        return event.model_copy(update={"fields": inside})

    return enter


def _replace(field: EventField, value: FieldValue, settings: Settings) -> FieldValue:
    if value is None:
        return None
    check_key(settings, field.name)
    if field.kind != "sketch":
        return pseudonymise(str(value), settings)
    if not isinstance(value, str):
        message = f"field {field.name!r} takes the text itself; send it, its sketch is taken here"
        raise InputError(message)
    return sketch(value, settings, strips_lots=field.strips_lots, strips_places=field.strips_places)
