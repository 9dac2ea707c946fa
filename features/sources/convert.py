"""One raw row to one event, by a mapping.

A blank cell is no value. What a row breaks is raised as a `CellError`; the first rule counts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple, TypeVar

from features.contracts.errors import DeclarationError
from features.contracts.events import Event, EventField, FieldValue, to_us
from features.contracts.settings import Settings
from features.sources.columns import (
    POSITION,
    Column,
    FieldColumn,
    IdPart,
    KindColumn,
    normal,
    parse_template,
)
from features.sources.fields import Parser, field_parser
from features.sources.header import check_header
from features.sources.mapping import EFFECTIVE_AT, Mapping
from features.sources.rows import RawRow, normal_header
from features.sources.values import (
    CellError,
    Fixed,
    check_text,
    parse_flag,
    parse_instant,
    parse_version,
)

_ID_BOUND: Final = 128
_DATE_HINT: Final = (
    "; where a file has no dates, give it one in the mapping: [[overrides]] with "
    "files = '<its name>' and constants = { effective_at = '<date>' }"
)
_AHEAD: Final = (
    "lies after the present, and a load takes an event as known from when it happened; "
    "correct it, or load the row once that day has come"
)
_FORESEEN: Final = (
    "lies before the event itself, and nothing is known before it happens; correct the one or the "
    "other"
)

_OUTCOME: Final = (
    "is known only later, and the load would know it when the event happened; give the row an "
    "observed_at, or tell the outcome in a later version that has an observed_at of its own"
)

T = TypeVar("T")
ParserOf = Callable[[EventField, FieldColumn], Parser]


class Converted(NamedTuple):
    """An event, how many of its values lost decimals, and when the platform learned of it."""

    event: Event
    rounded: int
    observed_us: int


class Cell(NamedTuple):
    """A text and the column it stood in."""

    text: str
    column: str


class FieldReader(NamedTuple):
    """How one field of the event is read from a row."""

    name: str
    column: FieldColumn
    required: bool
    parse: Parser


class Converter:
    """Turns the rows of one file into events; what lies after `now` becomes none.

    With `in_clear` they are for a service, which learns of them itself.

    The file's headers are learned from its header (`heed`), or else from its rows.

    >>> converter = Converter(Mapping.load("oxford_payments"), Settings())
    >>> cells = {"Trans No": "46_1", "Paid Date": "07/04/2015", "Amount": "1054.11",
    ...          "Service Area": "Law & Governance"}
    >>> event = converter.convert(RawRow(line=2, position=1, cells=cells)).event
    >>> event.event_id, event.fields["amount_minor"], event.fields["authority"]
    ('46_1', 105411, 'law and governance')
    """

    def __init__(
        self,
        mapping: Mapping,
        settings: Settings,
        file_name: str = "",
        *,
        now: datetime | None = None,
        in_clear: bool = False,
    ) -> None:
        self.headers: dict[str, str] = {}
        self.header: tuple[str, ...] = ()
        self.mapping = mapping
        self._file_name = file_name
        self._now = now or datetime.now(UTC)
        self._personal = mapping.personal_columns()
        self._id = parse_template(mapping.event_id)
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        constants = mapping.constants_for(file_name)
        self._date = constants.pop(EFFECTIVE_AT, None)
        parser = partial(field_parser, tz=mapping.timezone, settings=settings, in_clear=in_clear)
        self._constants = dict(_parsed_constants(mapping, constants, parser))
        self._readers = [
            reader
            for reader in _field_readers(mapping, parser)
            if reader.name not in self._constants
        ]
        fields = mapping.schema_.fields.values()
        self._later = [item.name for item in fields if item.known_later and not in_clear]

    def heed(self, header: Sequence[str]) -> None:
        """Learn the file's header.

        Raises
        ------
        UnreadableSourceError
            A column that every row needs is not in it.
        """
        check_header(self._file_name, header, self.mapping)
        self.header = tuple(header)
        self._learn(cell for cell in header if cell)

    def convert(self, row: RawRow) -> Converted:
        """The event that `row` stands for.

        Raises
        ------
        CellError
            The first rule that the row breaks, with column and value.
        """
        if row.fault:
            raise CellError(row.fault)
        if not self.headers.keys() >= row.cells.keys():
            self._learn(row.cells)
        mapping = self.mapping
        event_id = self._event_id(row)
        fields, rounded = self._fields(row)
        event = Event(
            scenario=mapping.scenario,
            kind=self._kind(row),
            event_id=event_id,
            version=self._version(row),
            effective_at=self._effective_at(row),
            ordinal=row.position if mapping.ordinal == "file" else 0,
            retracted=self._retracted(row),
            currency=mapping.currency,
            fields=fields,
        )
        observed_us = self._observed_us(row, event.effective_us)
        if observed_us == event.effective_us:
            self._check_outcomes(row, fields)
        return Converted(event, rounded, observed_us)

    def _check_outcomes(self, row: RawRow, fields: dict[str, FieldValue]) -> None:
        """Refuse a row that was known when it happened and tells what is known only later."""
        for name in self._later:
            if fields.get(name) is None:
                continue
            if name in self._constants:
                raise CellError(_OUTCOME, column=name)
            column = self.mapping.fields[name]
            raise self._fault(self._find(row, column.columns, column.empty), CellError(_OUTCOME))

    def _learn(self, names: Iterable[str]) -> None:
        for name in names:
            self.headers.setdefault(name, normal_header(name))
        self._names.clear()

    def _find(self, row: RawRow, columns: tuple[str, ...], empty: tuple[str, ...] = ()) -> Cell:
        """The first of `columns` that is not blank in `row`."""
        names = self._names.get(columns)
        if names is None:
            names = self._names[columns] = tuple(self._matching(columns))
        for name in names:
            text = row.cells.get(name, "").strip()
            if text and text not in empty:
                return Cell(text, name)
        return Cell("", names[0] if names else columns[0])

    def _matching(self, columns: tuple[str, ...]) -> Iterator[str]:
        for wanted in normal(columns):
            yield from (name for name, plain in self.headers.items() if plain == wanted)

    def _required(self, row: RawRow, column: Column | IdPart) -> Cell:
        empty = column.empty if isinstance(column, Column) else ()
        cell = self._find(row, column.columns, empty)
        if cell.text:
            return cell
        if cell.column in self.headers:
            raise CellError("is blank and must not be", column=cell.column, value="")
        raise CellError("is not there; a required column", column=cell.column)

    def _parse(self, cell: Cell, parse: Callable[[str], T]) -> T:
        try:
            return parse(cell.text)
        except CellError as fault:
            raise self._fault(cell, fault) from None

    def _fault(self, cell: Cell, fault: CellError) -> CellError:
        personal = normal_header(cell.column) in self._personal
        return fault.at(cell.column, None if personal else cell.text)

    def _event_id(self, row: RawRow) -> str:
        text = "".join(self._id_part(row, part) for part in self._id).strip()
        if len(text) > _ID_BOUND:
            raise CellError(f"is longer than {_ID_BOUND} characters", column="event_id", value=text)
        return self._parse(Cell(text, "event_id"), check_text)

    def _id_part(self, row: RawRow, part: IdPart) -> str:
        if part.columns == (POSITION,):
            return str(row.position)
        return self._required(row, part).text if part.columns else part.literal

    def _kind(self, row: RawRow) -> str:
        kind = self.mapping.kind
        if not isinstance(kind, KindColumn):
            return kind
        return self._parse(self._required(row, kind), kind.pick)

    def _version(self, row: RawRow) -> int:
        column = self.mapping.version
        if column is None:
            return 1
        return self._parse(self._required(row, column), parse_version)

    def _retracted(self, row: RawRow) -> bool:
        column = self.mapping.retracted
        if column is None:
            return False
        cell = self._find(row, column.columns, column.empty)
        return bool(cell.text) and self._parse(cell, lambda text: parse_flag(text, column.answers))

    def _effective_at(self, row: RawRow) -> datetime:
        column, tz = self.mapping.effective_at, self.mapping.timezone
        if self._date is not None:
            cell = Cell(self._date, EFFECTIVE_AT)
            stamp = parse_instant(self._date, ("iso", *column.formats), tz)
        else:
            cell = self._required(row, column)
            stamp = self._stamp(cell)
        if stamp > self._now:
            raise self._fault(cell, CellError(_AHEAD))
        return stamp

    def _stamp(self, cell: Cell) -> datetime:
        column, tz = self.mapping.effective_at, self.mapping.timezone
        try:
            stamp = self._parse(cell, lambda text: parse_instant(text, column.formats, tz))
        except CellError as fault:
            hinted = CellError(fault.reason + _DATE_HINT)
            raise hinted.at(fault.column, fault.value) from None
        if self.mapping.date_only and ":" in cell.text:
            raise self._fault(cell, CellError("has a time of day, yet the mapping says date_only"))
        return stamp

    def _observed_us(self, row: RawRow, effective_us: int) -> int:
        """When the platform learned of the event: when it happened, where the row does not say."""
        column = self.mapping.observed_at
        if column is None:
            return effective_us
        cell = self._find(row, column.columns, column.empty)
        if not cell.text:
            return effective_us
        stamp = self._parse(
            cell, lambda text: parse_instant(text, column.formats, self.mapping.timezone)
        )
        if stamp > self._now:
            raise self._fault(cell, CellError(_AHEAD))
        if to_us(stamp) < effective_us:
            raise self._fault(cell, CellError(_FORESEEN))
        return to_us(stamp)

    def _fields(self, row: RawRow) -> tuple[dict[str, FieldValue], int]:
        fields, rounded = dict(self._constants), 0
        for reader in self._readers:
            value = self._field(row, reader)
            if isinstance(value, Fixed):
                rounded += value.rounded
                fields[reader.name] = value.value
            else:
                fields[reader.name] = value
        return fields, rounded

    def _field(self, row: RawRow, reader: FieldReader) -> Fixed | FieldValue:
        if reader.required:
            cell = self._required(row, reader.column)
        else:
            cell = self._find(row, reader.column.columns, reader.column.empty)
        return self._parse(cell, reader.parse) if cell.text else None


def _field_readers(mapping: Mapping, parser: ParserOf) -> Iterator[FieldReader]:
    for name, column in mapping.fields.items():
        field = mapping.schema_.fields[name]
        yield FieldReader(name, column, field.required or column.required, parser(field, column))


def _parsed_constants(
    mapping: Mapping, constants: dict[str, str], parser: ParserOf
) -> Iterator[tuple[str, FieldValue]]:
    for name, text in constants.items():
        field = mapping.schema_.fields[name]
        column = FieldColumn(columns=(name,))
        try:
            value = parser(field, column)(text)
        except CellError as fault:
            raise DeclarationError(f"mapping {mapping.name}: constant {name!r} {fault}") from fault
        yield name, value.value if isinstance(value, Fixed) else value
