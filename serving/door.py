"""The door: personal identifiers are replaced by pseudonyms before anything else sees an event."""

from collections.abc import Callable, Iterable

from features.contracts.events import Event, EventField, FieldValue
from features.contracts.settings import Settings
from features.sources.pseudonym import check_key, pseudonymise

Door = Callable[[Event], Event]


def door(fields: Iterable[EventField], settings: Settings) -> Door:
    """Make the function that replaces the fields marked `pseudonym`.

    >>> account = EventField(name="account", kind="key", title_zh="账户", title_en="account",
    ...                      pseudonym=True)
    >>> enter = door([account], Settings(pseudonym_key="only-for-this-example"))
    >>> event = Event(scenario="payouts", kind="payout_paid", event_id="P-1",
    ...               effective_at="2026-03-01T09:00:00+08:00", fields={"account": "6222 0212"})
    >>> enter(event).fields["account"][:3]
    'k1:'
    """
    personal = frozenset(field.name for field in fields if field.pseudonym)

    def enter(event: Event) -> Event:
        if personal.isdisjoint(event.fields):
            return event
        replaced = {
            name: _pseudonym(name, value, settings) if name in personal else value
            for name, value in event.fields.items()
        }
        return event.model_copy(update={"fields": replaced})

    return enter


def _pseudonym(name: str, value: FieldValue, settings: Settings) -> FieldValue:
    if value is None:
        return None
    check_key(settings, name)
    return pseudonymise(str(value), settings)
