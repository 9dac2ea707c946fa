"""Batch and live against the oracle: the definitions in lists and fractions, cell by cell."""

import math
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import batch, lane, states, sweeps
from features.batch import build
from features.calendar import Calendar
from features.contracts.events import EPOCH, Event
from features.kernels import number
from features.live.engine import LiveEngine
from features.spec import Excess, Expression, KeyZ, RobustZ
from features.store.ledger import Ledger
from features.table import FeatureTable
from tests.unit.example import CALENDARS, EXPRESSIONS, KEYS, OFFICER, SCENARIO, SHANGHAI, START
from tests.unit.loads import EVENTS, Load, admitted, crowd, histories
from tests.unit.oracle import MIN_PEERS, Look, Oracle

PARTED: Final = 100
"""Rows from which on the table is made a second time, in parts."""


def _assert_batch_is_oracle(
    loads: list[Load], calendar: Calendar = SHANGHAI
) -> tuple[Oracle, FeatureTable]:
    """Admit the loads, compare every cell of the table; return the oracle and the table."""
    ledger, rows = admitted(loads, calendar)
    oracle, table = Oracle(rows, SCENARIO, calendar), build(ledger, SCENARIO)
    wanted = oracle.scored()
    assert table.seq.tolist() == [row.seq for row in wanted]
    for k, expression in enumerate(EXPRESSIONS):
        expected = [oracle.answer(expression, row) for row in wanted]
        assert table.status[:, k].tolist() == [status for _, status in expected], expression.name
        for i, (value, _) in enumerate(expected):
            _assert_cell(expression, table.values[i, k], value, wanted[i].seq)
    if len(rows) > PARTED:
        _assert_parts_are_the_whole(ledger, table)
    _assert_live_is_batch(ledger, table)
    return oracle, table


def _assert_parts_are_the_whole(ledger: Ledger, table: FeatureTable) -> None:
    """Small parts, blocks, lanes and tapes give the bits of large ones."""
    with (
        patch.object(batch, "BLOCK_ROWS", 3),
        patch.object(sweeps, "BLOCK_ROWS", 3),
        patch.object(number, "_PART_ROWS", 4),
        patch.object(states, "CHUNK_ROWS", 3),
        patch.object(lane, "_MOST_OPS", 9),
    ):
        parts = build(ledger, SCENARIO)
    assert parts.digest == table.digest


def _assert_live_is_batch(ledger: Ledger, table: FeatureTable) -> None:
    engine = LiveEngine(ledger, SCENARIO)
    for row, stored in enumerate(ledger.at([seq])[0] for seq in table.seq.tolist()):
        live = engine.vector(stored.event, stored=stored).values
        np.testing.assert_array_equal(live, table.values[row], err_msg=str(stored.seq))


def _assert_cell(of: Expression, found: float, expected: Fraction | float | None, seq: int) -> None:
    if expected is None:
        assert math.isnan(found), (of.name, seq)
        return
    bound = _ulps(of) * float(np.spacing(abs(float(expected))))
    if getattr(of, "agg", "") == "entropy":
        bound = 1e-9
    assert abs(found - float(expected)) <= bound, (of.name, seq, found, float(expected))


def _ulps(of: Expression) -> int:
    """Bits that the floats of a finaliser may be off: those of a root, or of a constant."""
    is_rooted = getattr(of, "agg", "") == "std"
    return 2 if is_rooted or isinstance(of, RobustZ | KeyZ | Excess) else 0


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), st.sampled_from(CALENDARS))
def test_batch_is_the_definition_on_small_histories(loads: list[Load], calendar: Calendar) -> None:
    """Ties, window edges, late rows, corrections and retractions: every cell is as defined."""
    _assert_batch_is_oracle(loads, calendar)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, min_size=1, max_size=25), st.sampled_from(CALENDARS))
def test_batch_is_the_definition_where_nothing_is_late(
    events: list[Event], calendar: Calendar
) -> None:
    """Rows learned in the order in which they happened take the two-pointer pass."""
    first = [
        event.model_copy(update={"event_id": f"E{k}", "version": 1})
        for k, event in enumerate(events)
    ]
    first.sort(key=lambda event: (event.effective_us, event.ordinal))
    _assert_batch_is_oracle([(None, False, first)], calendar)


@pytest.mark.parametrize("seed", range(3))
def test_batch_is_the_definition_where_there_are_enough_peers(seed: int) -> None:
    """Robust z and its coarser levels, rarity and shares are as defined on a larger crowd."""
    oracle, table = _assert_batch_is_oracle(crowd(seed), CALENDARS[seed])

    fallback = RobustZ("score", (OFFICER, ("sector",)), days=90)
    answered = np.isfinite(table.values[:, table.names.index(fallback.name)])
    fine = [
        len([r for r in oracle.seen(row, OFFICER, Look(days=90)) if r.own["score"] is not None])
        >= MIN_PEERS
        for row in oracle.scored()
        if row.own["officer"] is not None
    ]
    assert answered.any()
    assert any(fine)
    assert not all(fine)


@pytest.mark.parametrize("seed", range(2))
def test_batch_is_the_definition_where_there_are_enough_keys(seed: int) -> None:
    """Keys are compared with keys as of the midnight before, on a crowd of 40 officers."""
    _, table = _assert_batch_is_oracle(crowd(seed, 40), CALENDARS[seed + 1])

    for of in (KEYS[0], KEYS[2]):
        assert np.isfinite(table.values[:, table.names.index(of.name)]).any(), of.name


def _event(number: int, day: float = 0.0, *, version: int = 1, **fields: Any) -> Event:
    return Event(
        scenario="oracle",
        kind="paid",
        event_id=f"E{number}",
        version=version,
        effective_at=EPOCH + timedelta(microseconds=START) + timedelta(days=day),
        fields={"firm": "A", "amount_minor": number, **fields},
    )


def test_change_is_against_the_last_event_that_had_the_value() -> None:
    """An event without the value does not hide the one before it."""
    rows = [_event(1, 0, score=4), _event(2, 1), _event(3, 2, score=6)]
    _, table = _assert_batch_is_oracle([(None, False, rows)])

    assert table.values[2, table.names.index("rise_ppm")] == 500_000.0
