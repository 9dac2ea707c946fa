"""Labels in: read from a file, as they were known at an instant, joined with feature rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.labels import Label, Outcome, Selected
from features.contracts.vectors import Integers
from features.sources.read_csv import read_csv
from features.sources.read_parquet import read_parquet
from features.sources.rows import RawRow

REQUIRED: Final = ("event_id", "outcome", "reviewer", "decided_at", "selected_by")
OPTIONAL: Final = ("inclusion_probability", "review_group")
"""Columns that may be left out, or empty in a row."""
Selections = Callable[[], Mapping[str, Selected]]
"""Why events were reviewed, by event; asked for only where a file does not say."""
_WAY_OUT: Final = "correct the row and read the file again"


@dataclass(frozen=True)
class Labels:
    """Labels in the order of their decisions; the latest decision of a reviewer on an event counts.

    >>> known = Labels.of([
    ...     Label(event_id="P-1", outcome=outcome, reviewer="r1", selected_by="complaint",
    ...           decided_at=f"2026-03-0{day}T09:00Z")
    ...     for day, outcome in ((1, "unclear"), (5, "confirmed"))])
    >>> len(known), known.current[0].outcome.value
    (2, 'confirmed')
    >>> known.known_before(datetime(2026, 3, 5, 9, tzinfo=UTC)).current[0].outcome.value
    'unclear'
    """

    every: tuple[Label, ...] = ()

    @classmethod
    def of(cls, labels: Iterable[Label]) -> Self:
        """Labels from anywhere, put in order."""
        return cls(tuple(sorted(labels, key=_order)))

    def __len__(self) -> int:
        return len(self.every)

    def known_before(self, instant: datetime) -> Self:
        """The labels that were decided before `instant`: what a model trained then may know."""
        return type(self)(tuple(label for label in self.every if label.decided_at < instant))

    def without(self, reviewer: str) -> Self:
        """The labels of all others."""
        return type(self)(tuple(label for label in self.every if label.reviewer != reviewer))

    @cached_property
    def current(self) -> tuple[Label, ...]:
        """One label a reviewer and event: the latest."""
        latest = {(label.event_id, label.reviewer): label for label in self.every}
        return tuple(latest.values())

    @cached_property
    def usable(self) -> tuple[Label, ...]:
        """Those of the current labels that say something."""
        return tuple(label for label in self.current if label.outcome is not Outcome.UNCLEAR)

    @cached_property
    def reviewers(self) -> tuple[str, ...]:
        """The reviewers of usable labels, sorted."""
        return tuple(sorted({label.reviewer for label in self.usable}))

    @cached_property
    def is_confirmed(self) -> NDArray[np.bool_]:
        """Which of the usable labels confirm."""
        outcomes = [label.outcome is Outcome.CONFIRMED for label in self.usable]
        return np.array(outcomes, dtype=np.bool_)

    def rows(self, event_ids: Sequence[str]) -> Integers:
        """The last row of each usable label's event among `event_ids`, -1 where it has none."""
        at = {event_id: row for row, event_id in enumerate(event_ids)}
        found = [at.get(label.event_id, -1) for label in self.usable]
        return np.array(found, dtype=np.int64)

    def chosen(self, keep: NDArray[np.bool_]) -> Self:
        """The usable labels that are kept."""
        chosen = zip(self.usable, keep.tolist(), strict=True)
        return type(self)(tuple(label for label, is_kept in chosen if is_kept))


def _order(label: Label) -> tuple[datetime, str, str]:
    return label.decided_at, label.event_id, label.reviewer


def read_labels(path: Path, *, selections: Selections | None = None) -> Labels:
    """Read labels from a CSV or Parquet file; a message names the line, never a value.

    Columns are event_id, outcome (confirmed, cleared, unclear), reviewer (a pseudonym), decided_at
    (ISO 8601 with its offset), selected_by (alert, control, rule, complaint), and, where known,
    inclusion_probability and review_group (the same for reviews of one event by several reviewers
    who did not know of each other). With `selections`, selected_by may be left out or empty: it
    and inclusion_probability then come from there.

    Raises
    ------
    UnreadableSourceError
        The file is missing or not a table.
    InputError
        A column is missing or unknown, or a row breaks a rule.
    """
    read = [*_rows(path, may_lack=() if selections is None else ("selected_by",))]
    is_said = all(row.cells.get("selected_by") for row in read)
    known = None if is_said or selections is None else selections()
    placed = [(row.line, _label(path, _selected(path, row, known))) for row in read]
    _check_decisions(path, placed)
    _check_groups(path, placed)
    return Labels.of(label for _, label in placed)


def _rows(path: Path, *, may_lack: Sequence[str]) -> Iterator[RawRow]:
    readers = {".csv": read_csv, ".parquet": read_parquet}
    if path.suffix not in readers:
        raise UnreadableSourceError(f"{path.name}: labels come as .csv or .parquet")
    return readers[path.suffix](path, heed=lambda header: _check_header(path, header, may_lack))


def _selected(path: Path, row: RawRow, known: Mapping[str, Selected] | None) -> RawRow:
    """The row, with why its event was reviewed where it does not say so itself."""
    if row.fault or row.cells.get("selected_by") or known is None:
        return row
    event_id = row.cells.get("event_id", "")
    if event_id not in known:
        raise InputError(
            f"{path.name}, line {row.line}: no stored record says why the event was reviewed; "
            "give selected_by, or score the event first"
        )
    by, rate = known[event_id]
    told = {"selected_by": by.value, "inclusion_probability": "" if rate is None else repr(rate)}
    return row._replace(cells={**row.cells, **told})


def _check_header(path: Path, header: Sequence[str], may_lack: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in (*header, *may_lack)]
    unknown = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
    for fault, names in (("no column", missing), ("unknown column", unknown)):
        if names:
            wanted = f"{', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}"
            message = (
                f"{path.name}: {fault} {names[0]!r}; columns of labels are {wanted}, each once"
            )
            raise InputError(message)


def _label(path: Path, row: RawRow) -> Label:
    """The row as a label; empty optional cells are absent."""
    if row.fault:
        raise InputError(f"{path.name}, line {row.line}: the row {row.fault}; {_WAY_OUT}")
    cells = {name: text for name, text in row.cells.items() if text or name in REQUIRED}
    try:
        return Label.model_validate(cells)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        told = first["msg"].removeprefix("Value error, ")
        message = f"{path.name}, line {row.line}: {where}: {told}; {_WAY_OUT}"
        raise InputError(message) from error


def _check_decisions(path: Path, placed: Sequence[tuple[int, Label]]) -> None:
    """A reviewer decides once at a time on one event."""
    seen: dict[tuple[str, str, datetime], int] = {}
    for line, label in placed:
        key = (label.event_id, label.reviewer, label.decided_at.astimezone(UTC))
        if key in seen:
            raise InputError(
                f"{path.name}, line {line}: the reviewer decided on the same event at the same "
                f"instant in line {seen[key]}; keep one of the rows"
            )
        seen[key] = line


def _check_groups(path: Path, placed: Sequence[tuple[int, Label]]) -> None:
    """A review group is about one event."""
    event_of: dict[str, tuple[str, int]] = {}
    for line, label in placed:
        if label.review_group is None:
            continue
        event, first = event_of.setdefault(label.review_group, (label.event_id, line))
        if event != label.event_id:
            raise InputError(
                f"{path.name}, line {line}: its review_group is about another event in line "
                f"{first}; give reviews of one event a group of their own"
            )
