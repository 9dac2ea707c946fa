"""Which parser reads the text of which event field."""

from collections.abc import Callable
from functools import partial

from features.contracts.events import EventField, FieldValue, to_us
from features.contracts.settings import Settings
from features.sources.columns import FieldColumn
from features.sources.pseudonym import check_key, pseudonymise
from features.sources.sketch import LONGEST, sketch
from features.sources.values import (
    CellError,
    Fixed,
    check_text,
    parse_fixed,
    parse_instant,
    parse_money,
    squash,
)

Parser = Callable[[str], Fixed | FieldValue]


def field_parser(
    field: EventField, column: FieldColumn, tz: str, settings: Settings, *, in_clear: bool = False
) -> Parser:
    """The parser for `field`, by its kind and by how the column is written.

    With `in_clear` personal identifiers and texts stay as they are, for a service's own door.

    Raises
    ------
    InputError
        For a personal field, or a text, when the settings hold no key.
    """
    if field.pseudonym or field.kind == "sketch":
        return _read if in_clear else _replaced(field, settings)
    if field.kind == "money":
        return partial(parse_money, style=column.style)
    if field.kind == "number":
        return partial(parse_fixed, digits=field.scale, style=column.style)
    if field.kind == "instant":
        return partial(_microseconds, formats=column.formats, tz=tz)
    return partial(_code, column=column)


def _replaced(field: EventField, settings: Settings) -> Parser:
    check_key(settings, field.name)
    if field.kind == "sketch":
        return partial(
            sketch,
            settings=settings,
            strips_lots=field.strips_lots,
            strips_places=field.strips_places,
        )
    return partial(pseudonymise, settings=settings)


def _read(text: str) -> str:
    if len(text) > LONGEST:
        raise CellError(f"is longer than {LONGEST} characters")
    if "\0" in text:
        raise CellError("holds a control character")
    return text


def _microseconds(text: str, formats: tuple[str, ...], tz: str) -> int:
    return to_us(parse_instant(text, formats, tz))


def _code(text: str, column: FieldColumn) -> str | None:
    known = column.values.get(text, text)
    return check_text(squash(known) if column.squash else known) or None
