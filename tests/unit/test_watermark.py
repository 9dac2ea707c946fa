"""Watermarks: the history at a place in the ledger is that of a ledger that ends there."""

import numpy as np
import pytest

from features import batch, watermark
from features.contracts.events import Event, from_us
from features.history import History, Slice
from features.kernels import NEVER
from features.scenarios import catalog
from features.spec import Scenario
from features.store.ledger import Ledger

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
SCENARIO = catalog.load("approvals")


def _step(number: int, day: float, **changes: object) -> Event:
    told: dict[str, object] = {
        "scenario": "approvals",
        "kind": "approval_step",
        "event_id": f"A-{number}",
        "effective_at": from_us(START_US + int(day * DAY_US)),
        "fields": {
            "project": f"P-{number % 3}",
            "activity": ["filed", "evaluated", "approved"][number % 2],
            "officer": f"O-{number % 4}",
        },
    }
    return Event.model_validate(told | changes)


def _load(ledger: Ledger, until: int | None = None) -> None:
    """Two loads; the second tells of the past, corrects and retracts."""
    events = [_step(number, number) for number in range(20)]
    events += [_step(number, number - 25.5) for number in range(30, 40)]
    events += [_step(3, 3, version=2, retracted=True), _step(4, 4.5, version=2)]
    events += [_step(number, number) for number in range(50, 55)]
    for event in events[:until]:
        ledger.admit([event])


def _cells(history: History) -> dict[int, list[float]]:
    rows = history.scored()
    cells = batch.compute(history, Slice(rows, 0, len(history.columns)))
    seqs = history.columns.seq[rows].tolist()
    return dict(zip(seqs, cells.values.tolist(), strict=True))


def _of(until: int | None = None, scenario: Scenario = SCENARIO) -> History:
    ledger = Ledger.in_memory()
    _load(ledger, until)
    return batch.of_ledger(ledger, scenario)


@pytest.mark.parametrize("place", [1, 20, 27, 31, 32, 37])
def test_a_history_as_of_a_place_is_that_of_a_shorter_ledger(place: int) -> None:
    """Cell by cell, whatever was loaded since."""
    then, now = _cells(_of(place)), _cells(watermark.as_of(_of(), place))

    assert then.keys() == now.keys()
    for seq, values in then.items():
        np.testing.assert_array_equal(now[seq], values)


def test_a_row_beyond_the_place_may_be_kept() -> None:
    """An event that was scored before it stood in the ledger sees what stood there."""
    history = watermark.as_of(_of(), 20, also=37)

    assert history.columns.seq.tolist() == [*range(1, 21), 37]


def test_what_tells_of_the_past_breaks_the_ledger() -> None:
    """Rows known before a row in front of them; records reach up to the next of them."""
    history = _of()
    breaks = watermark.breaks(history)
    marks = np.array([1, 20, 21, 30, 32, 37])
    reached = watermark.reaches(history, marks)

    assert breaks.tolist() == list(range(21, 33))
    assert reached.tolist() == [20, 20, 21, 30, NEVER, NEVER]


def test_up_to_where_a_place_reaches_nothing_changes() -> None:
    """The cells of what stood at a mark are the same at every place up to its reach."""
    history = _of()
    ends = watermark.reaches(history, np.array([3]))
    for place in (3, 10, int(ends[0])):
        then, now = _cells(_of(3)), _cells(watermark.as_of(history, place))
        for seq, values in then.items():
            np.testing.assert_array_equal(now[seq], values)
    late = _cells(history)
    assert any(
        not np.array_equal(late[seq], values, equal_nan=True)
        for seq, values in _cells(_of(20)).items()
    )
