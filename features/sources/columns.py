"""The tables of a mapping: which column feeds what, and how it is written."""

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from features.contracts.errors import DeclarationError
from features.contracts.events import FieldKind, Name
from features.sources.rows import normal_header
from features.sources.values import CellError, NumberStyle, Rounding

_SLOT: Final = re.compile(r"\{([^{}]+)\}")
POSITION: Final = "position"
"""The slot of an event id that holds the row's position in its file or case."""

Header = Annotated[str, Field(min_length=1)]
ConstantText = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int | date) else value)
]
_OPTIONS: Final[dict[FieldKind, frozenset[str]]] = {
    "key": frozenset({"values", "squash"}),
    "category": frozenset({"values", "squash"}),
    "money": frozenset({"decimal", "thousands", "rounding"}),
    "number": frozenset({"decimal", "thousands", "rounding"}),
    "instant": frozenset({"formats"}),
    "sketch": frozenset(),
}


class Strict(BaseModel):
    """A table of a mapping file: nothing unknown, nothing changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Strict):
    """A column by the headers it goes by; of those a row has, the first that is not blank counts.

    `empty` lists texts that mean there is no value.
    """

    columns: Annotated[tuple[Header, ...], Field(min_length=1)]
    empty: tuple[str, ...] = ()


class KindColumn(Column):
    """A column that says which kind of event the row is, by a table of its values."""

    values: Annotated[dict[str, Name], Field(min_length=1)]

    def pick(self, text: str) -> str:
        """The kind that `text` stands for."""
        try:
            return self.values[text]
        except KeyError:
            raise CellError(f"is none of {', '.join(sorted(self.values))}") from None


class InstantColumn(Column):
    """A column of dates or time stamps: `iso`, or `strptime` formats."""

    formats: Annotated[tuple[Header, ...], Field(min_length=1)] = ("iso",)


class FlagColumn(Column):
    """A column that says yes or no; blank is no."""

    yes: tuple[str, ...] = ("1", "true", "yes", "是")
    no: tuple[str, ...] = ("0", "false", "no", "否")

    @property
    def answers(self) -> dict[str, bool]:
        """What each word means, in lower case."""
        table = {word.casefold(): True for word in self.yes}
        return table | {word.casefold(): False for word in self.no}


class FieldColumn(Column):
    """A column that feeds an event field, and how it is written."""

    required: bool = False
    formats: Annotated[tuple[Header, ...], Field(min_length=1)] = ("iso",)
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    rounding: Rounding = "half_even"
    values: dict[str, str] = Field(default_factory=dict)
    squash: bool = False

    @model_validator(mode="after")
    def _signs_differ(self) -> "FieldColumn":
        if self.decimal == self.thousands:
            raise DeclarationError(
                f"column {self.columns[0]!r}: {self.decimal!r} cannot be both decimal sign and "
                "thousands separator; change one"
            )
        return self

    @property
    def style(self) -> NumberStyle:
        """How its numbers are written."""
        return NumberStyle(self.decimal, self.thousands, self.rounding)

    def check_options(self, field: str, kind: FieldKind) -> None:
        """Refuse an option that a field of `kind` cannot use."""
        known = _OPTIONS[kind]
        every = frozenset().union(*_OPTIONS.values())
        usual = FieldColumn(columns=self.columns)
        wrong = [
            option
            for option in sorted(every - known)
            if getattr(self, option) != getattr(usual, option)
        ]
        if wrong:
            raise DeclarationError(
                f"field {field!r} is a {kind}: option {wrong[0]!r} does not apply to it; "
                f"remove it (applicable: {', '.join(sorted(known)) or 'none'})"
            )


class Ignored(Strict):
    """Columns left out on purpose, and why; the values of `personal` ones are never shown."""

    columns: Annotated[tuple[Header, ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=3)]
    personal: bool = False


class Override(Strict):
    """Constants for the files whose name fits a pattern; they stand before any column."""

    files: Annotated[str, Field(min_length=1)]
    constants: Annotated[dict[Name, ConstantText], Field(min_length=1)]


class IdPart(Strict):
    """A piece of an event id: literal text, or the first of some columns."""

    literal: str = ""
    columns: tuple[str, ...] = ()


def parse_template(template: str) -> tuple[IdPart, ...]:
    """The pieces of an event id template: `{column}`, `{variant|variant}`, `{position}`, text.

    >>> [part.columns or part.literal for part in parse_template("{No|Trans No}#{position}")]
    [('No', 'Trans No'), '#', ('position',)]
    """
    parts: list[IdPart] = []
    end = 0
    for slot in _SLOT.finditer(template):
        parts.append(IdPart(literal=template[end : slot.start()]))
        parts.append(IdPart(columns=tuple(name.strip() for name in slot[1].split("|"))))
        end = slot.end()
    parts.append(IdPart(literal=template[end:]))
    found = tuple(part for part in parts if part.columns or part.literal)
    if not any(part.columns and part.columns != (POSITION,) for part in found):
        raise DeclarationError(
            f"event_id {template!r} names no column; write columns in braces, as in '{{Trans No}}'"
        )
    return found


def normal(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Column names as they are compared."""
    return tuple(normal_header(column) for column in columns)
