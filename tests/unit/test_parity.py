"""Stored vectors against batch: equal as of their watermarks, and what differs is named."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from features.batch import compute, of_ledger
from features.contracts.events import Event, Stored, from_us
from features.contracts.vectors import STATUS_CODES, Cell, FeatureVector
from features.contracts.verdicts import Status
from features.history import Slice
from features.kernels import KERNEL_VERSION
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.store.ledger import Ledger
from serving.store import cells, records
from serving.store.parity import verify

DAY_US: Final = 86_400_000_000
START_US: Final = 20_000 * DAY_US
SCENARIO: Final = catalog.load("approvals")


def _step(number: int, day: float) -> Event:
    return Event.model_validate(
        {
            "scenario": "approvals",
            "kind": "approval_step",
            "event_id": f"A-{number}",
            "effective_at": from_us(START_US + int(day * DAY_US)),
            "fields": {
                "project": f"P-{number % 4}",
                "activity": ["filed", "evaluated", "approved"][number % 3],
                "officer": f"O-{number % 5}",
                "amount_minor": 100 * number,
            },
        }
    )


def _vector(ledger: Ledger, stored: Stored) -> FeatureVector:
    """What the live engine gives for the event now, by the batch path over what stands there."""
    history = of_ledger(ledger, SCENARIO)
    row = np.flatnonzero(history.columns.seq == stored.seq).astype(np.int32)
    told = compute(history, Slice(row, 0, len(history.columns)))
    return FeatureVector(
        scenario=SCENARIO.name,
        spec_hash=SCENARIO.spec_hash(history.calendar),
        kernel_version=KERNEL_VERSION,
        as_of_seq=min(ledger.head, stored.seq - 1) if stored.is_live else ledger.head,
        names=tuple(SCENARIO.by_name),
        cells=tuple(
            Cell(float(value), STATUS_CODES[code])
            for value, code in zip(told.values[0], told.status[0], strict=True)
        ),
        peer_group="*",
    )


class Book:
    """A ledger and its records, written as a service would."""

    def __init__(self) -> None:
        self.ledger = Ledger.in_memory()
        self.number = 0

    def load(self, *days: float) -> list[Stored]:
        """Events in one load, each known when it happened."""
        events = []
        for day in days:
            self.number += 1
            events.append(_step(self.number, day))
        self.ledger.admit(events)
        head = self.ledger.head
        return self.ledger.at(list(range(head - len(events) + 1, head + 1)))

    def score(self, day: float, engine: LiveEngine | None = None) -> str:
        """A live event, scored and learned."""
        self.number += 1
        event, now = _step(self.number, day), START_US + int(day * DAY_US)
        with self.ledger.transaction():
            vector = engine.vector(event) if engine else None
            stored = self.ledger.append(event, now_us=now)
            if engine:
                engine.append(stored)
        return self.keep(stored, vector or _vector(self.ledger, stored))

    def keep(self, stored: Stored, vector: FeatureVector) -> str:
        """A record of the vector."""
        record_id = f"R-{stored.seq}"
        event = stored.event
        row = records.Row(
            record_id=record_id,
            request_digest="",
            verdict="{}",
            vector=cells.write(vector),
            scenario=event.scenario,
            kind=event.kind,
            event_id=event.event_id,
            version=event.version,
            seq=stored.seq,
            p_value=0.5,
            band="info",
            scored_us=stored.observed_us,
            amount_minor=None,
            currency="CNY",
        )
        with self.ledger.transaction() as connection:
            records.insert(connection, row)
        return record_id


@pytest.fixture
def book() -> Iterator[Book]:
    """Loads of the past between live events, and loaded events scored after the fact."""
    made = Book()
    first = made.load(*range(10))
    for day in (11, 12.5, 13):
        made.score(day)
    for stored in first[4:7]:
        made.keep(stored, _vector(made.ledger, stored))
    made.load(0.5, 3.5, 12, 12.75)
    for day in (14, 14.5):
        made.score(day)
    made.load(6.5, 13.5)
    made.score(15)
    yield made
    made.ledger.close()


def test_every_vector_comes_out_again(book: Book) -> None:
    """Nine records on both sides of two loads that tell of the past: no bit differs."""
    found = verify(book.ledger, SCENARIO)

    assert (found.records, found.skipped, found.different) == (9, 0, ())
    assert found.cells == 9 * len(SCENARIO.features)


def test_what_the_live_engine_stores_comes_out_again() -> None:
    """Live events, loads that tell of the past between them, and loaded events scored late."""
    book = Book()
    first = book.load(*range(10))
    engine = LiveEngine(book.ledger, SCENARIO)
    for day in (11, 12.5, 13):
        book.score(day, engine)
    book.load(0.5, 3.5, 12, 12.75)
    for stored in first[4:7]:
        book.keep(stored, engine.vector(stored.event, stored=stored))
    for day in (14, 14.5):
        book.score(day, engine)
    book.load(6.5, 13.5)
    book.score(15, engine)
    found = verify(book.ledger, SCENARIO)

    assert (found.records, found.skipped, found.different) == (9, 0, ())


def test_the_loads_do_change_what_is_computed_now(book: Book) -> None:
    """What makes the test above mean something: without watermarks some cells differ."""
    history = of_ledger(book.ledger, SCENARIO)
    differing = 0
    for row in records.at(
        book.ledger.connection, records.numbers(book.ledger.connection, "approvals")
    ):
        (stored,) = book.ledger.at([row.seq])
        now, then = _vector(book.ledger, stored), cells.read(row.vector)
        differing += not np.array_equal(now.values, then.values, equal_nan=True)
    assert len(history.columns) == 22
    assert differing >= 3


def test_a_differing_cell_is_named(book: Book) -> None:
    """A value off by one bit, and a status, each with record and feature."""
    (stored,) = book.load(20)
    vector = _vector(book.ledger, stored)
    broken = list(vector.cells)
    k = vector.names.index("n_7d_by_officer")
    value = float(np.nextafter(broken[k].value, np.inf))
    broken[k] = Cell(value, broken[k].status)
    broken[k + 1] = replace(broken[k + 1], status=Status.ERROR)
    record_id = book.keep(stored, replace(vector, cells=tuple(broken)))
    found = verify(book.ledger, SCENARIO)

    assert [(one.record_id, one.feature) for one in found.different] == [
        (record_id, vector.names[k]),
        (record_id, vector.names[k + 1]),
    ]
    assert found.different[0].stored == value
    assert found.different[0].recomputed == vector.cells[k].value
    assert found.different[1].stored_status is Status.ERROR


@pytest.mark.parametrize("change", [{"spec_hash": "0" * 64}, {"kernel_version": "1"}])
def test_a_record_of_another_version_is_skipped_and_counted(
    book: Book, change: dict[str, str]
) -> None:
    """This release cannot compute it, and says so."""
    (stored,) = book.load(20)
    vector = _vector(book.ledger, stored)
    book.keep(stored, replace(vector, cells=(), names=(), **change))  # type: ignore[arg-type]
    found = verify(book.ledger, SCENARIO)

    assert (found.records, found.skipped) == (9, 1)
    assert not found.different


def test_a_sample_is_drawn_by_its_seed(book: Book) -> None:
    """So many records, the same for the same seed; progress ends at their number."""
    told = list[tuple[int, int, str]]()
    found = verify(book.ledger, SCENARIO, sample=4, progress=lambda *step: told.append(step))

    assert found.records == 4
    assert told[-1][:2] == (4, 4)
    assert verify(book.ledger, SCENARIO, sample=100).records == 9


def test_a_ledger_without_records_has_nothing_to_compare() -> None:
    """No record is no difference."""
    found = verify(Ledger.in_memory(), SCENARIO)

    assert (found.records, found.cells, found.different, found.skipped) == (0, 0, (), 0)
