"""Origins: what a cell took of earlier events is in its trace, through whichever measure."""

from datetime import timedelta
from functools import cache
from typing import Final

import numpy as np
import pytest

from features import batch
from features.contracts.events import EPOCH, Event
from features.contracts.verdicts import Status
from features.document.by_hand import by_hand
from features.history import History
from features.kernels import MISSING
from features.live.engine import LiveEngine
from features.measure import bits_of
from features.origin import measures_behind
from features.retrace import Trace, trace, visible
from features.scenarios import catalog
from features.spec import Measure, Scenario
from features.store.history import Sizes
from features.store.ledger import Ledger
from tests.unit import drawn
from tests.unit.every import SCENARIO as EVERY

SCENARIOS: Final = [
    pytest.param(scenario, id=scenario.name)
    for scenario in (*(catalog.load(name) for name in catalog.NAMES), EVERY)
]
TRACED: Final = 6
"""Events whose every cell is traced."""


CUT: Final = Sizes(chunk_rows=8, heavy_rows=60, cache_rows=400)
"""Histories are cut small, so that many keys are heavy."""


@cache
def _ledger(name: str) -> Ledger:
    return drawn.ledger(EVERY if name == EVERY.name else catalog.load(name), 800, seed=3)


@cache
def _history(name: str) -> History:
    return batch.of_ledger(_ledger(name), EVERY if name == EVERY.name else catalog.load(name))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_a_measure_looked_at_is_in_the_trace(scenario: Scenario) -> None:
    """Every feature: a measure behind it that saw anything has a part, which gives its value."""
    history = _history(scenario.name)
    for row in history.scored()[-TRACED:].tolist():
        for feature in scenario.features:
            found = trace(history, row, feature)
            behind = measures_behind(scenario, feature.of)
            looking = [(one, one.atom) for one in behind if one.atom is not None]
            saw = [one.name for one, atom in looking if len(visible(history, row, atom))]
            parts = {part.look.measure for part in found.parts}
            assert parts.issuperset(saw)
            assert parts - {None} == {one.name for one, _ in looking}
            if found.status is Status.OK and saw and len(found.states) == 0:
                assert any(part.seen for part in found.parts), feature.name
            _assert_measures_by_hand(history, row, found, behind)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_live_traces_the_events_that_batch_does(scenario: Scenario) -> None:
    """Look by look: the same events, and the same taken of each."""
    history, ledger = _history(scenario.name), _ledger(scenario.name)
    engine = LiveEngine(ledger, scenario, sizes=CUT)
    for row in history.scored()[-2:].tolist():
        (stored,) = ledger.at([int(history.columns.seq[row])])
        for feature in scenario.features:
            parts = trace(history, row, feature).parts
            found = engine.trace(stored.event, feature.name, stored=stored)
            for part in parts:
                live = [(one.stored.seq, one.value) for one in found if one.look == part.look]
                assert live[::-1] == [(one.seq, one.value) for one in part.seen], part.look
            assert len(found) == sum(len(part.seen) for part in parts)


def _assert_measures_by_hand(
    history: History, row: int, found: Trace, behind: tuple[Measure, ...]
) -> None:
    """The event's measures are what its own fields and the traced events make of them."""
    c = history.columns
    fields = {
        item.name: c.frame[item.name][row]
        for item in history.scenario.fields
        if c.frame[item.name][row] is not None
    }
    for measure in history.scenario.measures:
        if measure not in behind:
            continue
        parts = tuple(part for part in found.parts if part.look.measure == measure.name)
        value: int | str | None
        if measure.is_code:
            code = int(c.codes[measure.name][row])
            value = None if code < 0 else str(c.texts[measure.name][code])
            if parts[0].seen:
                assert value == parts[0].seen[0].value
        else:
            number = int(c.numbers[measure.name][row])
            value = None if number == MISSING else number
            told = fields.get(measure.field)
            if measure.how == "steps":
                taken = parts[0].seen[0].value if parts[0].seen else 0
                assert value == bits_of(None if told is None else str(told)) | int(taken or 0)
            elif value is not None:
                t = int(c.t[row])
                expected = by_hand(measure, fields, t, parts, history.calendar, {}).value
                assert value == expected, measure.name
        if value is not None:
            fields[measure.name] = value


def test_a_measure_of_a_measure_names_the_event_it_came_from() -> None:
    """A permit 30 days after construction started: the start is found two measures down."""
    scenario, ledger = catalog.load("approvals"), Ledger.in_memory()
    ledger.admit([_step(0, "construction_started"), _step(30, "permit_issued")])
    history = batch.of_ledger(ledger, scenario)
    found = trace(history, 1, scenario.feature("permit_after_works"))
    (part,) = found.parts

    assert (found.value, found.own) == (1.0, 1)
    assert part.look.measure == "works_d"
    assert [item.event_id for item in part.seen] == ["S-0"]


def test_a_key_that_is_a_measure_names_the_event_it_came_from() -> None:
    """The step before, by which the event is compared."""
    scenario, ledger = catalog.load("approvals"), Ledger.in_memory()
    ledger.admit([_step(0, "construction_started"), _step(30, "permit_issued")])
    history = batch.of_ledger(ledger, scenario)
    found = trace(history, 1, scenario.feature("activity_rarity_1095d_by_prev_activity"))
    (came,) = [part for part in found.parts if part.look.measure == "prev_activity"]

    assert [part.look.measure for part in found.parts] == [None, None, "prev_activity"]
    assert [(item.event_id, item.value) for item in came.seen] == [("S-0", "construction_started")]


def _step(day: int, activity: str) -> Event:
    return Event(
        scenario="approvals",
        kind=catalog.load("approvals").kinds[0],
        event_id=f"S-{day}",
        effective_at=EPOCH + timedelta(days=20_000 + day),
        fields={"project": "P-1", "activity": activity, "case_type": "new"},
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_measure_is_tried(scenario: Scenario) -> None:
    """Among the drawn events each has a value."""
    history = _history(scenario.name)
    for measure in scenario.measures:
        if not measure.is_code:
            numbers = history.columns.numbers[measure.name][history.scored()]
            assert np.any(numbers != MISSING), measure.name
