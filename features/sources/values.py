"""From the text of a cell to an event's integer or code; no float on the way.

Every rule that a text can break is a `CellError` that names column, value and rule; the value of a
personal column is never in it.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Self

from features.calendar import zone
from features.contracts.errors import InputError
from features.contracts.events import VALUE_BOUND

MONEY_DIGITS: Final = 2
"""Decimal places of the minor unit: fen, pence, cents."""
TEXT_BOUND: Final = 256
FIRST_YEAR, LAST_YEAR = 1900, 2100
_SHOWN: Final = 80
_LONGEST_NUMBER: Final = 64
_EXACT: Final = Context(prec=2 * _LONGEST_NUMBER, rounding=ROUND_HALF_EVEN)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_WORD: Final = re.compile(r"[\W_]+")

Rounding = Literal["half_even", "refuse"]


class CellError(InputError):
    """A cell that breaks a rule: the column, what it held (None where personal), the rule.

    >>> str(CellError("is no number", column="Amount", value="ten"))
    "column 'Amount': 'ten' is no number"
    >>> str(CellError("is no number").at("Account", None))
    "column 'Account': the value is no number"
    """

    def __init__(self, reason: str, *, column: str = "", value: str | None = None) -> None:
        self.reason, self.column = reason, column
        self.value = None if value is None else value[:_SHOWN]
        shown = "the value" if value is None else repr(self.value)
        super().__init__(f"column {column!r}: {shown} {reason}" if column else reason)

    def at(self, column: str, value: str | None) -> Self:
        """The same rule, broken by `value` in `column`."""
        return type(self)(self.reason, column=column, value=value)


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How numbers are written, and what becomes of decimals that do not fit."""

    decimal: str = "."
    thousands: str = ""
    rounding: Rounding = "half_even"


class Fixed(NamedTuple):
    """A number in fixed point, and whether decimals were rounded off to get there."""

    value: int
    rounded: bool


def parse_fixed(text: str, digits: int, style: NumberStyle | None = None) -> Fixed:
    """Read a decimal number exactly as an integer with `digits` decimal places.

    >>> parse_fixed("1054.11", 2), parse_fixed("-0.015", 2)
    (Fixed(value=105411, rounded=False), Fixed(value=-2, rounded=True))
    >>> parse_fixed("1.234,50", 2, NumberStyle(decimal=",", thousands=".")).value
    123450
    >>> parse_fixed("1,234", 2)
    Traceback (most recent call last):
    features.sources.values.CellError: is no number (decimal sign '.', no thousands separator)
    """
    style = style or NumberStyle()
    scaled = _read_decimal(text, style).scaleb(digits, context=_EXACT)
    whole = scaled.to_integral_value(rounding=ROUND_HALF_EVEN, context=_EXACT)
    rounded = whole != scaled
    if rounded and style.rounding == "refuse":
        raise CellError(f"has more than {digits} decimal places")
    if abs(whole) > VALUE_BOUND:
        raise CellError(f"is beyond the bound of {VALUE_BOUND} (in units of 10^-{digits})")
    return Fixed(int(whole), rounded)


def parse_money(text: str, style: NumberStyle | None = None) -> Fixed:
    """Read an amount of money as minor units.

    >>> parse_money("100565.40").value
    10056540
    """
    return parse_fixed(text, MONEY_DIGITS, style)


@lru_cache(maxsize=65_536)
def parse_instant(text: str, formats: tuple[str, ...], tz: str) -> datetime:
    """Read a point in time in UTC by the first format that fits; `iso` is ISO 8601.

    A stamp without an offset is read in `tz`: a date is the start of its day there, an hour that a
    clock change repeats is its first occurrence.

    >>> parse_instant("07/04/2015", ("%d/%m/%Y",), "Europe/London").isoformat()
    '2015-04-06T23:00:00+00:00'
    >>> parse_instant("00:00:00", ("%d/%m/%Y",), "Europe/London")
    Traceback (most recent call last):
    features.sources.values.CellError: fits none of the declared date formats (%d/%m/%Y)
    """
    for form in formats:
        stamp = _try_format(text, form)
        if stamp is not None:
            break
    else:
        raise CellError(f"fits none of the declared date formats ({', '.join(formats)})")
    if not FIRST_YEAR <= stamp.year <= LAST_YEAR:
        raise CellError(f"is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone(tz))).astimezone(UTC)


def check_text(text: str) -> str:
    """A code as it came, if it is short and printable.

    >>> check_text("x" * 257)
    Traceback (most recent call last):
    features.sources.values.CellError: is longer than 256 characters
    """
    if len(text) > TEXT_BOUND:
        raise CellError(f"is longer than {TEXT_BOUND} characters")
    if _CONTROL.search(text):
        raise CellError("holds a control character")
    return text


@lru_cache(maxsize=65_536)
def squash(text: str) -> str:
    """A name without what writers vary: case, punctuation, blanks, and '&' for 'and'.

    >>> squash("Policy  Culture and Communication") == squash("Policy, Culture & Communication")
    True
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("&", " and ")
    return _NOT_WORD.sub(" ", plain).strip()


def parse_flag(text: str, answers: Mapping[str, bool]) -> bool:
    """Read yes or no by a table of lower-case words.

    >>> parse_flag("Yes", {"yes": True, "no": False})
    True
    """
    try:
        return answers[text.casefold()]
    except KeyError:
        raise CellError(f"is none of {', '.join(sorted(answers))}") from None


def parse_version(text: str) -> int:
    """Read a version number, 1 to 1,000,000.

    >>> parse_version("3")
    3
    """
    number = parse_fixed(text, 0, NumberStyle(rounding="refuse")).value
    if not 1 <= number <= 1_000_000:  # noqa: PLR2004 - the bound of `Event.version`
        raise CellError("is no version number from 1 to 1000000")
    return number


def _read_decimal(text: str, style: NumberStyle) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise CellError(f"is longer than {_LONGEST_NUMBER} characters")
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").strip()
    match = _number_pattern(style.decimal, style.thousands).fullmatch(plain)
    if match is None:
        grouping = f"thousands {style.thousands!r}" if style.thousands else "no thousands separator"
        raise CellError(f"is no number (decimal sign {style.decimal!r}, {grouping})")
    sign, whole, fraction = match.groups(default="")
    digits = whole.replace(style.thousands, "") if style.thousands else whole
    return Decimal(f"{sign}{digits}.{fraction}")


@lru_cache(maxsize=64)
def _number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+" if thousands else ""
    return re.compile(rf"([+-]?)([0-9]+{grouped})(?:{re.escape(decimal)}([0-9]*))?")


def _try_format(text: str, form: str) -> datetime | None:
    try:
        if form == "iso":
            return datetime.fromisoformat(text)
        return datetime.strptime(text, form)  # noqa: DTZ007 - the caller adds the declared zone
    except ValueError:
        return None
