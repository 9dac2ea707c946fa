"""Fixed rules: four answers, the same about a column of events and about one."""

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.batch import build
from features.contracts.events import Event
from features.live.engine import LiveEngine
from features.rules import ANSWERS, answer
from features.scenarios import catalog
from features.spec import Rule, Scenario
from features.store.ledger import Ledger

VALUES: Final = st.lists(
    st.tuples(
        st.sampled_from([1.0, 2.0, 3.0, float("nan")]),
        st.sampled_from([0.0, 0.5, float("nan")]),
        st.booleans(),
    ),
    max_size=20,
)


def _rule(*conditions: Any) -> Rule:
    return Rule("many", "多", "many", "internal", conditions)


def _told(rule: Rule, applies: list[bool], **columns: list[float]) -> list[str]:
    values = {name: np.array(column, float) for name, column in columns.items()}
    days = np.zeros(len(applies), np.int64)
    return [ANSWERS[code] for code in answer(rule, values, np.array(applies, bool), days)]


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (">=", ["clear", "hit", "hit"]),
        (">", ["clear", "clear", "hit"]),
        ("<=", ["hit", "hit", "clear"]),
        ("<", ["hit", "clear", "clear"]),
    ],
)
def test_a_threshold_is_compared_as_written(comparison: str, expected: list[str]) -> None:
    """Below, at and above the threshold."""
    assert _told(_rule(("n", comparison, 2.0)), [True] * 3, n=[1, 2, 3]) == expected


def test_every_condition_must_hold() -> None:
    """One condition that does not hold clears the rule."""
    rule = _rule(("n", ">=", 2.0), ("share", ">", 0.4))

    assert _told(rule, [True] * 3, n=[2, 2, 1], share=[0.5, 0.1, 0.5]) == ["hit", "clear", "clear"]


def test_nothing_known_is_not_a_clear() -> None:
    """A missing value is insufficient; where the rule is not for the event, it says only that."""
    told = _told(_rule(("n", ">=", 2.0)), [True, False, False], n=[np.nan, np.nan, 9])

    assert told == ["insufficient", "not_applicable", "not_applicable"]


def test_a_condition_known_not_to_hold_clears_the_rule() -> None:
    """What else is not known could change nothing."""
    rule = _rule(("n", ">=", 2.0), ("share", ">", 0.4))
    told = _told(rule, [True] * 3, n=[1, 2, np.nan], share=[np.nan, np.nan, np.nan])

    assert told == ["clear", "insufficient", "insufficient"]


@settings(deadline=None)
@given(VALUES)
def test_a_row_is_answered_alone_as_in_company(rows: list[tuple[float, float, bool]]) -> None:
    """Which other events stand in the table changes no answer, and each has exactly one."""
    rule = _rule(("n", ">=", 2.0), ("share", "<", 0.5))
    together = _told(
        rule, [row[2] for row in rows], n=[row[0] for row in rows], share=[row[1] for row in rows]
    )
    alone = [_told(rule, [applies], n=[n], share=[share])[0] for n, share, applies in rows]

    assert together == alone


def _steps(scenario: Scenario) -> list[Event]:
    return [
        Event(
            scenario=scenario.name,
            kind="approval_step",
            event_id=f"S{k}",
            effective_at=datetime(2026, 1 + k, 12, tzinfo=UTC),
            fields={"project": "P", "activity": "change_approved", "amount_minor": 10**6 * (1 + k)},
        )
        for k in range(6)
    ]


def test_batch_and_live_give_the_same_answers() -> None:
    """A file with one change after another: both paths answer each rule alike, and one is hit."""
    scenario, ledger = catalog.load("approvals"), Ledger.in_memory()
    steps = _steps(scenario)
    ledger.admit(steps)
    table, engine = build(ledger, scenario), LiveEngine(ledger, scenario)
    seen = set()
    for row, event in enumerate(steps):
        stored = ledger.find(event.scenario, event.kind, event.event_id, event.version)
        told = engine.warnings(event, engine.vector(event, stored=stored), stored=stored)
        live = {warning.rule: warning.status for warning in told}
        assert live == {name: ANSWERS[column[row]] for name, column in table.rules.items()}
        seen |= set(live.values())

    assert "hit" in seen
