"""Files into the ledger, in one step: all that is sound goes in, all that is not is told.

The result does not depend on the order in which the files are given.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from features.calendar import Calendar
from features.contracts.errors import UnreadableSourceError
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.sources.convert import Converter
from features.sources.mapping import Mapping
from features.sources.quality import LEDGER, Place, QualityReport
from features.sources.read_csv import read_csv
from features.sources.read_parquet import read_parquet
from features.sources.read_xes import read_xes
from features.sources.rows import Heed, RawRow
from features.sources.tally import FileTally, build_report
from features.sources.values import CellError

Outcome = Literal["accepted", "duplicate", "conflict"]
Progress = Callable[[int, int, str], None]
_SUFFIXES = {
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet",),
    "xes": (".xes", ".xes.gz"),
}


class Admitting(Protocol):
    """The part of a ledger that a load needs."""

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        """Fix currency and calendar of a scenario; raise ConflictError if they are others."""

    def admit(self, events: Sequence[Event], *, observed_us: Sequence[int]) -> Sequence[Outcome]:
        """Take all events, learned at these instants, in one transaction; say what became of each.

        Both are in the order of learning.
        """


@dataclass(frozen=True, slots=True)
class Candidate:
    """An event that a row became, and where the row stands."""

    event: Event
    tally: FileTally
    line: int
    rounded: int
    observed_us: int

    @property
    def place(self) -> Place:
        """Where the row stands."""
        return Place(file=self.tally.file, line=self.line)


def ingest(
    paths: Iterable[Path | str],
    *,
    mapping: Mapping,
    ledger: Admitting,
    settings: Settings,
    progress: Progress | None = None,
    now: datetime | None = None,
    in_clear: bool = False,
) -> QualityReport:
    """Read files, and folders of files, into the ledger.

    A row that repeats another is a duplicate; rows that give one event and version different
    contents are all rejected, since none of them can be believed. So is one of an event after the
    present: the load would know it before it happened. Nothing is written if a file cannot be read
    at all.

    Parameters
    ----------
    paths
        Files, or folders standing for all files of the mapping's format directly inside.
    mapping
        How rows become events.
    ledger
        Where they go; it is asked once.
    settings
        For the key of pseudonyms.
    progress
        Called after each file with the number done, the number of all, and the file's name.
    now
        The present; that of the system's clock where none is given.
    in_clear
        Leave personal identifiers and texts as they are, where a service's door replaces them.
    """
    now = now or datetime.now(UTC)
    files = find_files(paths, mapping)
    tallies: list[FileTally] = []
    candidates: list[Candidate] = []
    for done, path in enumerate(files, 1):
        tally = _new_tally(path, mapping)
        tallies.append(tally)
        converter = Converter(mapping, settings, path.name, now=now, in_clear=in_clear)
        candidates += _read_file(path, tally, converter)
        if progress is not None:
            progress(done, len(files), path.name)
    _admit(_settle(candidates), mapping, ledger)
    return build_report(tallies, mapping)


def find_files(paths: Iterable[Path | str], mapping: Mapping) -> list[Path]:
    """The files meant by `paths`, each once, in an order of their own.

    Raises
    ------
    UnreadableSourceError
        If a path is not there, or a folder has no file of the format.
    """
    found = {file.resolve() for path in paths for file in _expand(Path(path), mapping)}
    return sorted(found, key=lambda file: (file.name, file.as_posix()))


def _expand(path: Path, mapping: Mapping) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UnreadableSourceError(f"{path}: no such file or folder")
    endings = _SUFFIXES[mapping.format]
    files = [file for file in path.iterdir() if file.name.lower().endswith(endings)]
    if not files:
        raise UnreadableSourceError(
            f"{path}: holds no {mapping.format} file ({', '.join(endings)}); "
            f"mapping {mapping.name!r} reads no other"
        )
    return files


def _read(path: Path, mapping: Mapping, heed: Heed) -> Iterator[RawRow]:
    """The rows of a file; the format's header, where it has one, goes to `heed`."""
    if mapping.format == "csv":
        return read_csv(path, encodings=mapping.encodings, delimiter=mapping.delimiter, heed=heed)
    return read_parquet(path, heed=heed) if mapping.format == "parquet" else read_xes(path)


def _new_tally(path: Path, mapping: Mapping) -> FileTally:
    fields = mapping.schema_.fields.values()
    return FileTally(path.name, money=tuple(f.name for f in fields if f.kind == "money"))


def _read_file(path: Path, tally: FileTally, converter: Converter) -> Iterator[Candidate]:
    for row in _read(path, converter.mapping, converter.heed):
        tally.read += 1
        try:
            event, rounded, observed_us = converter.convert(row)
        except CellError as fault:
            tally.reject(row.line, fault)
        else:
            yield Candidate(event, tally, row.line, rounded, observed_us)
    tally.headers, tally.header = converter.headers, converter.header


def _settle(candidates: Iterable[Candidate]) -> list[Candidate]:
    """One candidate for each event version; repeated and contradicting rows are counted off."""
    versions: dict[tuple[str, str, int], list[Candidate]] = {}
    for candidate in candidates:
        event = candidate.event
        key = event.kind, event.event_id, event.version
        versions.setdefault(key, []).append(candidate)
    return [first for group in versions.values() for first in _one_of(group)]


def _one_of(group: list[Candidate]) -> Iterator[Candidate]:
    """The first of rows that say the same; none of rows that contradict each other."""
    first, *others = group
    digests = [row.event.digest for row in group] if others else []
    if len(set(digests)) > 1:
        _reject_all(group, digests)
        return
    for row in others:
        row.tally.repeat(row.event.event_id, row.line, first.place)
    yield first


def _reject_all(group: list[Candidate], digests: list[str]) -> None:
    second = next(i for i, digest in enumerate(digests) if digest != digests[0])
    for row, digest in zip(group, digests, strict=True):
        other = group[second] if digest == digests[0] else group[0]
        row.tally.contradict(row.event.event_id, row.line, other.place)


def _admit(candidates: list[Candidate], mapping: Mapping, ledger: Admitting) -> None:
    """Offer the events to the ledger as they were learned, and count what became of each."""
    if not candidates:
        return
    ledger.declare(mapping.scenario, currency=mapping.currency, calendar=mapping.calendar)
    order = sorted(range(len(candidates)), key=lambda index: _in_time(candidates[index]))
    outcomes = ledger.admit(
        [candidates[index].event for index in order],
        observed_us=[candidates[index].observed_us for index in order],
    )
    for index, outcome in sorted(zip(order, outcomes, strict=True)):
        _count(candidates[index], outcome)


def _in_time(row: Candidate) -> tuple[int, int, int, str, str, int]:
    event = row.event
    named = event.kind, event.event_id, event.version
    return row.observed_us, event.effective_us, event.ordinal, *named


def _count(row: Candidate, outcome: Outcome) -> None:
    match outcome:
        case "accepted":
            row.tally.accept(row.event, row.line, row.rounded)
        case "duplicate":
            row.tally.repeat(row.event.event_id, row.line, LEDGER)
        case "conflict":
            row.tally.contradict(row.event.event_id, row.line, LEDGER)
