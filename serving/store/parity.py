"""Parity: stored live vectors computed again in batch, each as of its watermark, bit for bit.

The ledger only grows, so one build gives the vectors of all records in front of the next load that
told of the past; records on both sides of such a load are built from what stood there then.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features import watermark
from features.batch import compute, of_ledger
from features.contracts.vectors import STATUS_CODES, FeatureVector, Integers
from features.contracts.verdicts import Status
from features.history import History, Slice
from features.kernels import KERNEL_VERSION, NEVER
from features.spec import Scenario
from features.store.ledger import Ledger
from serving.store import cells, records

Progress = Callable[[int, int, str], None]
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell that came out otherwise."""

    record_id: str
    feature: str
    stored: float
    stored_status: Status
    recomputed: float
    status: Status


@dataclass(frozen=True, slots=True)
class Parity:
    """Records and cells compared, the cells that differ, and records of another version."""

    records: int
    cells: int
    different: tuple[Difference, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record's vector, and the place of its event in the ledger."""

    record_id: str
    seq: int
    vector: FeatureVector

    @property
    def mark(self) -> int:
        """The last place in the ledger that its event or its vector stands on."""
        return max(self.seq, self.vector.as_of_seq)


def verify(
    ledger: Ledger,
    scenario: Scenario,
    *,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Parity:
    """Compute the vectors of all records of a scenario again, or of a `sample` drawn by `seed`.

    A record of another spec or kernel version is skipped: this release cannot compute it.
    `progress` is called with records done, records in all and the feature at work.
    """
    with ledger.snapshot():
        numbers = records.numbers(ledger.connection, scenario.name)
        if sample is not None and sample < len(numbers):
            chosen = random.Random(seed).sample(numbers, sample)  # noqa: S311  (no secret)
            numbers = sorted(chosen)
        history = of_ledger(ledger, scenario)
        stored = _read(ledger, numbers)
    wanted = scenario.spec_hash(history.calendar), KERNEL_VERSION
    known = [
        item for item in stored if (item.vector.spec_hash, item.vector.kernel_version) == wanted
    ]
    different = _compared(history, known, progress)
    n_cells = len(known) * len(scenario.features)
    return Parity(len(known), n_cells, tuple(different), len(stored) - len(known))


def _read(ledger: Ledger, numbers: Sequence[int]) -> list[_Stored]:
    pages = (numbers[start : start + _PAGE] for start in range(0, len(numbers), _PAGE))
    return [
        _Stored(row.record_id, row.seq, cells.read(row.vector))
        for page in pages
        for row in records.at(ledger.connection, page)
    ]


def _compared(
    history: History, known: Sequence[_Stored], progress: Progress | None
) -> list[Difference]:
    """Cells that differ, over one build for each stretch of the ledger that holds records."""
    marks = np.array([item.mark for item in known], np.int64)
    ends = watermark.reaches(history, marks)
    different: list[Difference] = []
    done = 0
    for end in np.unique(ends).tolist():
        group = [item for item, its in zip(known, ends.tolist(), strict=True) if its == end]
        told = history if end == NEVER else watermark.as_of(history, end)

        def step(at: int, total: int, name: str, done: int = done, n: int = len(group)) -> None:
            if progress:
                progress(done + n * at // total, len(known), name)

        different += _group(told, group, step)
        done += len(group)
    return different


def _group(history: History, group: list[_Stored], progress: Progress) -> list[Difference]:
    """Cells of a group that differ from what its history gives now."""
    place = np.empty(len(history.columns), np.int64)
    place[history.columns.order] = np.arange(len(place))
    by_seq = np.argsort(history.columns.seq)
    seqs = np.array([item.seq for item in group], np.int64)
    rows = by_seq[np.searchsorted(history.columns.seq[by_seq], seqs)]
    in_time = np.argsort(place[rows], kind="stable")
    asked = Slice(rows[in_time].astype(np.int32), 0, len(history.columns))
    told = compute(history, asked, progress=progress)
    found: list[Difference] = []
    for at, k in enumerate(in_time.tolist()):
        found += _differences(group[k], told.values[at], told.status[at])
    return found


def _differences(
    item: _Stored, values: np.ndarray[tuple[int], np.dtype[np.float64]], status: Integers
) -> list[Difference]:
    then = np.array([cell.value for cell in item.vector.cells])
    codes = np.array([STATUS_CODES.index(cell.status) for cell in item.vector.cells])
    differs = (_bits(then) != _bits(values)) | (codes != status)
    return [
        Difference(
            item.record_id,
            item.vector.names[k],
            float(then[k]),
            STATUS_CODES[codes[k]],
            float(values[k]),
            STATUS_CODES[status[k]],
        )
        for k in np.flatnonzero(differs).tolist()
    ]


def _bits(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Integers:
    """The values bit by bit, with one kind of missing."""
    one: Integers = np.where(np.isnan(values), np.nan, values).view(np.int64)
    return one
