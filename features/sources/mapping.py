"""A mapping: how the rows of one kind of file become events, declared in a small TOML file.

::

    name = "city_payments"
    scenario = "payouts"
    format = "csv"                      # csv, parquet or xes
    kind = "payout_paid"                # or a table: columns and values
    event_id = "{Trans No}"             # columns in braces; {a|b} for variants; {position}
    currency = "GBP"
    timezone = "Europe/London"          # of stamps without an offset
    date_only = true                    # stamps have no time of day
    calendar = "prc"                    # or a table: name, tz, weekend, holidays, workdays

    [effective_at]
    columns = ["Paid Date"]
    formats = ["%d/%m/%Y"]

    [observed_at]                       # optional: when it was learned; blank for at once
    columns = ["Entered"]

    [fields.amount_minor]
    columns = ["Amount", "Net Amount"]

    [[ignored]]
    columns = ["Supplier Name"]
    reason = "personal names"
    personal = true

    [[overrides]]                       # a date for a file that has none
    files = "*-apr-jun-2014.csv"
    constants = { effective_at = "2014-06-30" }

Headers are matched without case, spaces and underscores. A column neither used nor ignored is
reported by name.
"""

import codecs
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from features.calendar import Calendar, zone
from features.contracts.errors import DeclarationError
from features.contracts.events import Name
from features.sources.columns import (
    POSITION,
    Column,
    ConstantText,
    FieldColumn,
    FlagColumn,
    Ignored,
    InstantColumn,
    KindColumn,
    Override,
    Strict,
    normal,
    parse_template,
)
from features.sources.schema import Schema, schema_of

EFFECTIVE_AT = "effective_at"
"""The name under which a constant stands for the column of the time stamp."""


def _to_calendar(value: object) -> object:
    return Calendar.prc() if value == "prc" else value


class Mapping(Strict):
    """How the rows of one kind of file become events of one scenario.

    `ordinal = "file"` lets the order in the file (in the case, for XES) stand for the order within
    one instant; `observed = "effective"` says that the load learns of an event when it happened,
    `[observed_at]` where a row says when the platform learned of it.

    >>> mapping = Mapping.load("oxford_payments")
    >>> mapping.kind, mapping.currency, mapping.calendar.tz
    ('payout_paid', 'GBP', 'Europe/London')
    """

    name: Name
    scenario: Name
    format: Literal["csv", "parquet", "xes"]
    kind: Name | KindColumn
    event_id: Annotated[str, Field(min_length=1)]
    effective_at: InstantColumn
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"
    timezone: str = "Asia/Shanghai"
    calendar: Annotated[Calendar, BeforeValidator(_to_calendar)] = Field(
        default_factory=Calendar.prc
    )
    date_only: bool = False
    ordinal: Literal["none", "file"] = "none"
    observed: Literal["effective"] = "effective"
    observed_at: InstantColumn | None = None
    encodings: Annotated[tuple[str, ...], Field(min_length=1)] = ("utf-8",)
    delimiter: Annotated[str, StringConstraints(pattern=r"^[^\r\n\"]$")] = ","
    version: Column | None = None
    retracted: FlagColumn | None = None
    fields: dict[Name, FieldColumn] = Field(default_factory=dict)
    constants: dict[Name, ConstantText] = Field(default_factory=dict)
    ignored: tuple[Ignored, ...] = ()
    overrides: tuple[Override, ...] = ()

    @classmethod
    def load(cls, source: Path | str) -> Self:
        """Read a mapping from a TOML file, or a shipped one by its name.

        Raises
        ------
        DeclarationError
            What is wrong, where in the file, and what would be right.
        """
        place = _find(source)
        try:
            return cls.model_validate(tomllib.loads(place.read_text(encoding="utf-8")))
        except OSError as error:
            raise DeclarationError(f"mapping {place.name}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DeclarationError(f"mapping {place.name}: no readable TOML ({error})") from error
        except ValidationError as error:
            raise DeclarationError(f"mapping {place.name}: {_first_fault(error)}") from error

    @property
    def schema_(self) -> Schema:
        """The kinds and fields of the scenario."""
        return schema_of(self.scenario)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: which mapping a load was read with."""
        return sha256(self.model_dump_json().encode()).hexdigest()

    def constants_for(self, file_name: str) -> dict[str, str]:
        """The constants of a file: the general ones, then each override that fits its name."""
        found = dict(self.constants)
        for override in self.overrides:
            if fnmatchcase(file_name, override.files):
                found |= override.constants
        return found

    def used_columns(self) -> Iterator[str]:
        """Every header that feeds an event, as it is compared."""
        tables = [self.effective_at, self.observed_at, self.version, self.retracted, self.kind]
        for table in [*tables, *self.fields.values()]:
            if isinstance(table, Column):
                yield from normal(table.columns)
        for part in parse_template(self.event_id):
            if part.columns != (POSITION,):
                yield from normal(part.columns)

    def personal_columns(self) -> frozenset[str]:
        """Headers whose values are never shown: declared personal, or replaced at the door."""
        shy = {name for note in self.ignored if note.personal for name in normal(note.columns)}
        for field, column in self.fields.items():
            if self.schema_.fields[field].is_replaced:
                shy.update(normal(column.columns))
        return frozenset(shy)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        zone(name)
        return name

    @field_validator("encodings")
    @classmethod
    def _encodings_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                codecs.lookup(name)
            except LookupError as error:
                raise DeclarationError(f"encodings: Python knows no {name!r}") from error
        return names

    @model_validator(mode="after")
    def _fits_scenario(self) -> Self:
        self._check_kinds()
        self._check_names()
        for name, column in self.fields.items():
            column.check_options(name, self.schema_.fields[name].kind)
        given = self.fields.keys() | self.constants.keys()
        for name, field in self.schema_.fields.items():
            if field.required and name not in given:
                raise DeclarationError(
                    f"{self.scenario} events need {name!r}; add [fields.{name}] or a constant"
                )
        return self

    def _check_kinds(self) -> None:
        kinds = [self.kind] if isinstance(self.kind, str) else self.kind.values.values()
        for kind in kinds:
            if kind not in self.schema_.kinds:
                raise DeclarationError(
                    f"{self.scenario} has no kind {kind!r}; it has {', '.join(self.schema_.kinds)}"
                )

    def _check_names(self) -> None:
        known = self.schema_.fields.keys()
        overridden = {name for override in self.overrides for name in override.constants}
        unknown = (self.fields.keys() | self.constants.keys()) - known
        unknown |= overridden - known - {EFFECTIVE_AT}
        if unknown:
            raise DeclarationError(
                f"{self.scenario} events have no field {min(unknown)!r}; "
                f"they have {', '.join(sorted(known))}"
            )

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        used = frozenset(self.used_columns())
        for note in self.ignored:
            for column in note.columns:
                if normal((column,))[0] in used:
                    raise DeclarationError(f"column {column!r} is both used and ignored; keep one")
        self._check_id()
        self._check_stamps()
        if self.format == "xes":
            self._check_prefixes(used)
        return self

    def _check_id(self) -> None:
        for part in parse_template(self.event_id):
            if self.personal_columns().intersection(normal(part.columns)):
                raise DeclarationError(
                    f"event_id {self.event_id!r} would show a personal column; "
                    "build it from a number of the record"
                )

    def _check_stamps(self) -> None:
        timed = [form for form in self.effective_at.formats if "%H" in form or "%I" in form]
        if self.date_only and timed:
            raise DeclarationError(
                f"date_only, yet the format {timed[0]!r} has hours; drop the one or the other"
            )

    def _check_prefixes(self, used: frozenset[str]) -> None:
        for column in sorted(used):
            if not column.startswith(("trace:", "event:")):
                raise DeclarationError(
                    f"column {column!r}: an XES mapping writes 'trace:...' or 'event:...'"
                )


def shipped() -> list[str]:
    """Names of the mappings that come with the project.

    >>> {"bpic15", "coselog_receipt", "oxford_payments"} <= set(shipped())
    True
    """
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _folder().iterdir()
        if entry.name.endswith(".toml")
    )


def _folder() -> Traversable:
    return files("features.sources") / "mappings"


def _find(source: Path | str) -> Traversable:
    path = Path(source)
    if path.suffix == ".toml":
        return path
    if str(source) in shipped():
        return _folder() / f"{source}.toml"
    raise DeclarationError(
        f"no shipped mapping {str(source)!r}; give the path of a .toml file "
        f"or one of {', '.join(shipped())}"
    )


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}"
