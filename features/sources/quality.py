"""What a load found: every row accounted for, every doubt with its place.

Files go by their name, never by their path; values of personal columns are never in it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, field_validator, model_validator

EXAMPLES: Final = 20
"""Most places that are listed one by one for one file and reason; all are counted."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Frozen):
    """Rows by what became of them; they add up.

    >>> Counts(read=3, accepted=2, duplicates=1, rejected=1)
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ... 2 accepted + 1 duplicates + 1 rejected ...
    """

    read: NonNegativeInt = 0
    accepted: NonNegativeInt = 0
    duplicates: NonNegativeInt = 0
    rejected: NonNegativeInt = 0

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.accepted + self.duplicates + self.rejected:
            raise ValueError(
                f"{self.accepted} accepted + {self.duplicates} duplicates + "
                f"{self.rejected} rejected are not {self.read} read"
            )
        return self


class Place(_Frozen):
    """A row of a file; line 0 and no file is the ledger."""

    file: str
    line: NonNegativeInt

    @field_validator("file")
    @classmethod
    def _only_the_name(cls, file: str) -> str:
        return PurePath(file).name

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "the ledger"


LEDGER: Final = Place(file="", line=0)
"""Where an event was first seen that an earlier load brought."""


class Duplicate(_Frozen):
    """A row that says again what was said before."""

    event_id: str
    place: Place
    first_seen: Place


class Reversal(_Frozen):
    """An accepted event with a negative amount."""

    event_id: str
    place: Place
    field: str
    amount_minor: int


class Rejection(_Frozen):
    """A row that became no event; `other` is the place that contradicts it."""

    place: Place
    value: str | None
    other: Place | None = None


class RejectionGroup(_Frozen):
    """Rows of one file rejected for one reason: how many, and the first of them.

    `column` is empty where the row as a whole breaks the rule.
    """

    file: str
    column: str
    reason: str
    count: NonNegativeInt
    examples: Annotated[tuple[Rejection, ...], Field(max_length=EXAMPLES)]


class ColumnNote(_Frozen):
    """A column that feeds no event: why, and the files that have it."""

    column: str
    reason: str
    files: tuple[str, ...]


class HeaderVariant(_Frozen):
    """One header as it stands in a file, blanks trimmed, and the files that have it."""

    columns: tuple[str, ...]
    files: tuple[str, ...]


class FileReport(_Frozen):
    """What became of one file; instants, kinds and rounding are of its accepted rows."""

    file: str
    counts: Counts
    rounded: NonNegativeInt = 0
    reversals: NonNegativeInt = 0
    kinds: dict[str, NonNegativeInt] = Field(default_factory=dict)
    first_effective_at: datetime | None = None
    last_effective_at: datetime | None = None
    ignored: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()


class QualityReport(_Frozen):
    """What a load found, by file and in total.

    `duplicates` lists the first rows of each file; all are counted. `reversals` lists all.
    """

    mapping: str
    mapping_digest: str
    scenario: str
    currency: str
    total: FileReport
    files: tuple[FileReport, ...]
    header_variants: tuple[HeaderVariant, ...]
    ignored: tuple[ColumnNote, ...]
    undeclared: tuple[ColumnNote, ...]
    duplicates: tuple[Duplicate, ...]
    reversals: tuple[Reversal, ...]
    rejections: tuple[RejectionGroup, ...]

    @model_validator(mode="after")
    def _total_is_the_sum(self) -> Self:
        if self.total.counts != sum_counts(file.counts for file in self.files):
            raise ValueError("the total is not the sum of the files")
        if self.total.counts.rejected != sum(group.count for group in self.rejections):
            raise ValueError("the rejections by reason are not all rejected rows")
        if self.total.counts.accepted != sum(self.total.kinds.values()):
            raise ValueError("the rows by kind are not all accepted rows")
        return self

    def to_json(self) -> str:
        """The whole report as JSON."""
        return self.model_dump_json(indent=2)

    def to_markdown(self) -> str:
        """The report for reading."""
        return "\n".join(_markdown(self)) + "\n"


def sum_counts(counts: Iterable[Counts]) -> Counts:
    """Add counts up.

    >>> sum_counts([Counts(read=2, accepted=2), Counts(read=1, rejected=1)])
    Counts(read=3, accepted=2, duplicates=0, rejected=1)
    """
    rows = tuple(counts)
    return Counts(
        read=sum(row.read for row in rows),
        accepted=sum(row.accepted for row in rows),
        duplicates=sum(row.duplicates for row in rows),
        rejected=sum(row.rejected for row in rows),
    )


def _markdown(report: QualityReport) -> Iterator[str]:
    yield f"# Data quality: {report.mapping} ({report.scenario}, {report.currency})"
    yield from _files_table(report)
    yield from _rejections_table(report)
    yield from _columns_table(report)
    yield from _variants_table(report)
    yield from _duplicates_table(report)
    yield from _reversals_table(report)


def _files_table(report: QualityReport) -> Iterator[str]:
    head = "file", "read", "accepted", "duplicates", "rejected", "rounded", "reversals"
    rows = []
    for file in (*report.files, report.total):
        c = file.counts
        numbers = c.read, c.accepted, c.duplicates, c.rejected, file.rounded, file.reversals
        span = file.first_effective_at, file.last_effective_at
        rows.append((file.file, *numbers, *(stamp.isoformat() if stamp else "" for stamp in span)))
    yield from _table("Rows", (*head, "first", "last"), rows)
    yield from _table("Accepted rows by kind", ("kind", "rows"), report.total.kinds.items())


def _rejections_table(report: QualityReport) -> Iterator[str]:
    head = "file", "rows", "column", "reason", "for example"
    rows = [
        (group.file, group.count, group.column, group.reason, _example(group.examples))
        for group in report.rejections
    ]
    yield from _table("Rejected rows", head, rows)


def _example(examples: tuple[Rejection, ...]) -> str:
    if not examples:
        return ""
    first = examples[0]
    value = "" if first.value is None else f" {first.value!r}"
    other = f" against {first.other}" if first.other else ""
    return f"line {first.place.line}:{value}{other}"


def _columns_table(report: QualityReport) -> Iterator[str]:
    for title, notes in (
        ("Columns ignored", report.ignored),
        ("Columns undeclared", report.undeclared),
    ):
        rows = [(note.column, note.reason, len(note.files)) for note in notes]
        yield from _table(title, ("column", "reason", "files"), rows)


def _variants_table(report: QualityReport) -> Iterator[str]:
    rows = [(", ".join(v.columns), ", ".join(v.files)) for v in report.header_variants]
    yield from _table("Header variants", ("columns", "files"), rows)


def _duplicates_table(report: QualityReport) -> Iterator[str]:
    rows = [(note.event_id, note.place, note.first_seen) for note in report.duplicates]
    yield from _table("Duplicates", ("event", "row", "first seen"), rows)


def _reversals_table(report: QualityReport) -> Iterator[str]:
    rows = [
        (note.event_id, note.place, note.field, f"{note.amount_minor}") for note in report.reversals
    ]
    yield from _table("Reversals", ("event", "row", "field", "minor units"), rows)


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    body = [_line(row) for row in rows]
    yield f"\n## {title}\n"
    if not body:
        yield "None."
        return
    yield _line(head)
    yield _line("---" for _ in head)
    yield from body


def _line(cells: Iterable[object]) -> str:
    plain = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |"
