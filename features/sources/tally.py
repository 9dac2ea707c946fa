"""Counting while a load goes on, and the report at its end."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from features.contracts.events import Event
from features.sources.columns import normal
from features.sources.mapping import Mapping as SourceMapping
from features.sources.quality import (
    EXAMPLES,
    LEDGER,
    ColumnNote,
    Counts,
    Duplicate,
    FileReport,
    HeaderVariant,
    Place,
    QualityReport,
    Rejection,
    RejectionGroup,
    Reversal,
    sum_counts,
)
from features.sources.values import CellError

UNDECLARED = "named nowhere in the mapping; use it or list it under [[ignored]] with the reason"
_SAME_ID = "the same event and version with other content; give the correction a higher version"


@dataclass(slots=True)
class FileTally:
    """What has been counted of one file so far."""

    file: str
    money: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    read: int = 0
    rounded: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    reversals: list[Reversal] = field(default_factory=list)
    repeats: Counter[bool] = field(default_factory=Counter)
    repeated: list[Duplicate] = field(default_factory=list)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[Rejection]] = field(default_factory=dict)

    def accept(self, event: Event, line: int, rounded: int) -> None:
        """Count a row that became an event of the ledger."""
        stamp = event.effective_at
        self.kinds[event.kind] += 1
        self.rounded += rounded
        self.first = stamp if self.first is None else min(self.first, stamp)
        self.last = stamp if self.last is None else max(self.last, stamp)
        self.reversals += _reversals(event, self.money, Place(file=self.file, line=line))

    def repeat(self, event_id: str, line: int, first_seen: Place) -> None:
        """Count a row that says again what `first_seen` said."""
        earlier_load = first_seen == LEDGER
        self.repeats[earlier_load] += 1
        if self.repeats[earlier_load] <= EXAMPLES:
            place = Place(file=self.file, line=line)
            self.repeated.append(Duplicate(event_id=event_id, place=place, first_seen=first_seen))

    def reject(self, line: int, fault: CellError) -> None:
        """Count a row that breaks a rule."""
        place = Place(file=self.file, line=line)
        self._reject((fault.column, fault.reason), Rejection(place=place, value=fault.value))

    def contradict(self, event_id: str, line: int, other: Place) -> None:
        """Count a row that `other` contradicts."""
        place = Place(file=self.file, line=line)
        self._reject(("event_id", _SAME_ID), Rejection(place=place, value=event_id, other=other))

    def _reject(self, rule: tuple[str, str], rejection: Rejection) -> None:
        self.rules[rule] += 1
        if self.rules[rule] <= EXAMPLES:
            self.examples.setdefault(rule, []).append(rejection)

    def report(self, reasons: Mapping[str, str], used: frozenset[str]) -> FileReport:
        """What became of the file; `reasons` say why a column is ignored."""
        columns = self.columns()
        return FileReport(
            file=self.file,
            counts=self._counts(),
            rounded=self.rounded,
            reversals=len(self.reversals),
            kinds=dict(sorted(self.kinds.items())),
            first_effective_at=self.first,
            last_effective_at=self.last,
            ignored=tuple(name for name in columns if name in reasons),
            undeclared=tuple(name for name in columns if name not in reasons.keys() | used),
        )

    def columns(self) -> tuple[str, ...]:
        """The normalised headers, sorted."""
        return tuple(sorted(set(self.headers.values())))

    def groups(self) -> Iterator[RejectionGroup]:
        """The rejected rows by column and rule, the most frequent first."""
        for rule, count in sorted(self.rules.items(), key=lambda item: (-item[1], item[0])):
            examples = sorted(self.examples[rule], key=lambda example: example.place.line)
            column, reason = rule
            yield RejectionGroup(
                file=self.file,
                column=column,
                reason=reason,
                count=count,
                examples=tuple(examples),
            )

    def _counts(self) -> Counts:
        return Counts(
            read=self.read,
            accepted=self.kinds.total(),
            duplicates=self.repeats.total(),
            rejected=self.rules.total(),
        )


def _reversals(event: Event, money: tuple[str, ...], place: Place) -> Iterator[Reversal]:
    for name in money:
        amount = event.fields.get(name)
        if isinstance(amount, int) and amount < 0:
            yield Reversal(event_id=event.event_id, place=place, field=name, amount_minor=amount)


def build_report(tallies: Sequence[FileTally], mapping: SourceMapping) -> QualityReport:
    """The report on all files of a load."""
    reasons = {column: note.reason for note in mapping.ignored for column in normal(note.columns)}
    used = frozenset(mapping.used_columns())
    files = tuple(tally.report(reasons, used) for tally in tallies)
    return QualityReport(
        mapping=mapping.name,
        mapping_digest=mapping.digest,
        scenario=mapping.scenario,
        currency=mapping.currency,
        total=_total(files),
        files=files,
        header_variants=_variants(tallies),
        ignored=_notes(((file.file, file.ignored) for file in files), reasons),
        undeclared=_notes(((file.file, file.undeclared) for file in files), {}),
        duplicates=tuple(note for tally in tallies for note in tally.repeated),
        reversals=tuple(note for tally in tallies for note in tally.reversals),
        rejections=tuple(group for tally in tallies for group in tally.groups()),
    )


def _total(files: Sequence[FileReport]) -> FileReport:
    kinds: Counter[str] = Counter()
    for file in files:
        kinds.update(file.kinds)
    firsts = [file.first_effective_at for file in files if file.first_effective_at]
    lasts = [file.last_effective_at for file in files if file.last_effective_at]
    return FileReport(
        file=f"total ({len(files)} files)",
        counts=sum_counts(file.counts for file in files),
        rounded=sum(file.rounded for file in files),
        reversals=sum(file.reversals for file in files),
        kinds=dict(sorted(kinds.items())),
        first_effective_at=min(firsts, default=None),
        last_effective_at=max(lasts, default=None),
        ignored=tuple(sorted({name for file in files for name in file.ignored})),
        undeclared=tuple(sorted({name for file in files for name in file.undeclared})),
    )


def _variants(tallies: Iterable[FileTally]) -> tuple[HeaderVariant, ...]:
    """The headers as they stand; a format without one has its attributes' names, sorted."""
    files: dict[tuple[str, ...], list[str]] = {}
    for tally in tallies:
        header = tally.header or tuple(sorted(tally.headers))
        files.setdefault(header, []).append(tally.file)
    return tuple(
        HeaderVariant(columns=header, files=tuple(names)) for header, names in files.items()
    )


def _notes(
    columns_by_file: Iterable[tuple[str, tuple[str, ...]]], reasons: Mapping[str, str]
) -> tuple[ColumnNote, ...]:
    files: dict[str, list[str]] = {}
    for file, columns in columns_by_file:
        for column in columns:
            files.setdefault(column, []).append(file)
    return tuple(
        ColumnNote(column=column, reason=reasons.get(column, UNDECLARED), files=tuple(names))
        for column, names in sorted(files.items())
    )
