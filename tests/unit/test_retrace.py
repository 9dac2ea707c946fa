"""Traces: the events that a cell says it was computed from give the cell again, by hand."""

import math
import random
from datetime import timedelta
from functools import cache
from typing import Final

import numpy as np
import pytest

from features import batch
from features.contracts.events import Event, from_us
from features.contracts.vectors import STATUS_CODES
from features.contracts.verdicts import Status
from features.document.meaning import meaning
from features.document.worked import worked
from features.finalise import applied_key
from features.history import History, Slice
from features.retrace import trace
from features.spec import Feature
from features.store.ledger import Ledger
from tests.unit.every import SCENARIO

DAY_US: Final = 86_400_000_000
START_US: Final = 1_770_000_000_000_000
STRIDE: Final = 3
"""Every third scored event is traced."""
FEATURES: Final = [pytest.param(feature, id=feature.name) for feature in SCENARIO.features]


def _fields(chance: random.Random) -> dict[str, int | str | None]:
    told: dict[str, int | str | None] = {
        "firm": chance.choice(["F-1", "F-2"]),
        "officer": chance.choice(["O-1", "O-2", "O-3"]),
        "place": f"L-{chance.randrange(33)}",
        "sector": chance.choice(["build", "plan", "care"]),
        "amount_minor": chance.randrange(-50, 500),
        "score": chance.randrange(1, 9),
        "won": chance.randrange(2),
        "chance_ppm": chance.choice([100_000, 300_000, 900_000]),
        "text": chance.choice([0, 1, 3, 2**40 - 1]),
    }
    for name in chance.sample(sorted(told), 1):
        told[name] = None if chance.random() < 0.3 else told[name]
    return told


def _event(chance: random.Random, number: int, at_us: int) -> Event:
    kind = chance.choice(["asked", "paid", "paid", "paid", "cancelled"])
    return Event(
        scenario="small",
        kind=kind,
        event_id=f"E-{number}",
        effective_at=from_us(at_us),
        fields=_fields(chance),
    )


def _grant(chance: random.Random, number: int, at_us: int) -> Event:
    told = _fields(chance)
    fields = {"firm": told["firm"], "officer": told["officer"], "grant_minor": number}
    return Event(
        scenario="grants",
        kind="granted",
        event_id=f"G-{number}",
        effective_at=from_us(at_us),
        fields=fields,
    )


@cache
def history(seed: int) -> History:
    """A ledger with ties, corrections, retractions, late loads and live events, in columns."""
    chance, ledger = random.Random(seed), Ledger.in_memory()  # noqa: S311  (no secret)
    events: list[Event] = []
    for number in range(240):
        at = START_US + chance.randrange(30 * 24) * DAY_US // 24
        event = (_grant if number % 5 == 0 else _event)(chance, number, at)
        events.append(event)
        if chance.random() < 0.15:
            gone, later = chance.random() < 0.4, timedelta(hours=chance.randrange(-20, 20))
            change = {"version": 2, "retracted": gone, "effective_at": event.effective_at + later}
            events.append(event.model_copy(update=change))
    for event in events:
        late = chance.randrange(20) * DAY_US if chance.random() < 0.3 else 0
        ledger.admit([event], observed_us=event.effective_us + late)
    for number in range(240, 290):
        at = START_US + 30 * DAY_US + chance.randrange(48) * DAY_US // 24
        ledger.append(_event(chance, number, at), now_us=START_US + 40 * DAY_US + number)
    ledger.admit(
        [_event(chance, number, START_US + (number - 290) * DAY_US) for number in range(300, 320)]
    )
    return batch.of_ledger(ledger, SCENARIO)


@cache
def cells(seed: int) -> tuple[np.ndarray, batch.Cells]:
    """Every cell of the history's scored events, and their rows."""
    told = history(seed)
    rows = told.scored()
    return rows, batch.compute(told, Slice(rows, 0, len(told.columns)))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_traced_events_give_the_cell(feature: Feature, seed: int) -> None:
    """For every scored event: the status, and the value worked out by hand from the trace."""
    rows, told = cells(seed)
    k = list(SCENARIO.by_name).index(feature.name)
    statuses = set[Status]()
    for at, row in list(enumerate(rows.tolist()))[::-STRIDE]:
        found = trace(history(seed), row, feature)
        status = STATUS_CODES[told.status[at, k]]
        assert found.status is status
        assert np.array_equal(found.value, told.values[at, k], equal_nan=True)
        if _applies(row, feature, seed):
            expected = worked(feature.of, found, int(history(seed).columns.t[row])).value
            assert (expected is None) == (status is not Status.OK)
            assert expected is None or math.isclose(expected, found.value, abs_tol=1e-9)
            assert expected is None or meaning(SCENARIO, feature.of).range.holds(found.value)
        else:
            assert status is Status.NOT_APPLICABLE
        statuses.add(status)
    assert Status.OK in statuses
    assert statuses - {Status.OK} <= {one.status for one in meaning(SCENARIO, feature.of).missing}


def _applies(row: int, feature: Feature, seed: int) -> bool:
    key = applied_key(feature.of)
    return key is None or bool(history(seed).carries(key, np.array([row], np.int32))[0])


@pytest.mark.parametrize("name", [item.name for item in SCENARIO.features if "key_z" in item.name])
def test_a_comparison_of_keys_lists_them(name: str) -> None:
    """Each with its number in the snapshot, the event's own among them; others list none."""
    told, feature = history(1), SCENARIO.feature(name)
    for row in cells(1)[0][-3:].tolist():
        found = trace(told, row, feature)
        place = str(told.columns.frame["place"][row])

        assert len(found.keys) >= 30
        assert [key for key, _ in found.keys] == sorted({key for key, _ in found.keys})
        if found.status is Status.OK and name.startswith("n_"):
            assert ((place,), len(found.parts[0].seen)) in found.keys
        assert trace(told, row, SCENARIO.feature("n_7d_by_firm")).keys == ()


def test_a_trace_names_events_and_what_was_taken_of_each() -> None:
    """In time order, each as the ledger knew it: the latest version, its number."""
    feature = SCENARIO.feature("amount_minor_sum_7d_by_firm")
    told, (rows, _) = history(1), cells(1)
    found = trace(told, int(rows[-30]), feature)
    (part,) = found.parts
    c = told.columns

    assert [item.effective_us for item in part.seen] == sorted(
        item.effective_us for item in part.seen
    )
    assert sum(item.value for item in part.seen if isinstance(item.value, int)) == found.value
    for item in part.seen:
        place = int(np.flatnonzero(c.seq == item.seq)[0])
        assert item.kind == c.frame["kind"][place] == "paid"
        assert item.event_id == c.frame["event_id"][place]
        assert item.version == c.frame["version"][place]
