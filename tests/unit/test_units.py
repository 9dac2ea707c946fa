"""Units: what a budget is spent on, from the label of a row to the order of review."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.batch import build
from features.contracts.events import Event
from features.scenarios import catalog
from features.spec import Unit
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.cases import Cases
from training.planted import Planted
from training.unit_orders import UnitOrders, severity_of
from training.units import Units, UnitScores, independence, sidak, tail_p

Make = Callable[..., FeatureTable]
P: Final = st.floats(1e-6, 1.0)


def _step(event_id: str, at: str, **fields: Any) -> Event:
    return Event(
        scenario="approvals",
        kind="approval_step",
        event_id=event_id,
        effective_at=datetime.fromisoformat(at),
        fields={"activity": "filed", **fields},
    )


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (Unit(), ["S-1", "S-2", "S-3"]),
        (Unit(("project",)), ["X", "X", "X"]),
        (Unit(("project", "officer")), ["X | o1", "X | o1", "S-3"]),
        (
            Unit(("project",), "quarter"),
            ["X | 2026-01-01", "X | 2026-04-01", "X | 2026-04-01"],
        ),
    ],
)
def test_a_row_says_its_unit(unit: Unit, expected: list[str]) -> None:
    """Key, period by the office's calendar; an incomplete key leaves the event by itself."""
    scenario, ledger = replace(catalog.load("approvals"), unit=unit), Ledger.in_memory()
    ledger.admit(
        [
            _step("S-1", "2026-03-31T15:59:00+00:00", project="X", officer="o1"),
            _step("S-2", "2026-03-31T16:00:00+00:00", project="X", officer="o1"),
            _step("S-3", "2026-04-02T09:00:00+08:00", project="X"),
        ]
    )

    assert build(ledger, scenario).unit.tolist() == expected


@given(arrays(np.float64, 8, elements=P), st.integers(1, 50))
def test_the_corrected_p_is_a_probability_between_bounds(p: Any, n: int) -> None:
    """Never under the least p, never over n times it (Bonferroni), and itself for one event."""
    corrected = sidak(p, np.full(8, n))

    assert (corrected >= p * (1 - 1e-9)).all()
    assert (corrected <= np.minimum(n * p, 1.0) * (1 + 1e-9)).all()
    np.testing.assert_allclose(sidak(p, np.ones(8, np.int64)), p, rtol=1e-9)


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e3, 1e3)))
def test_a_higher_score_never_has_a_higher_p(held: Any) -> None:
    """Also beyond what was held out, and p lies in (0, 1]."""
    held_out = np.sort(held)
    score = np.linspace(held_out[0] - 1, held_out[-1] + 5, 200)
    p = tail_p(score, held_out)

    assert ((p > 0) & (p <= 1)).all()
    assert (np.diff(p) <= 1e-12).all()


def test_many_events_need_a_smaller_p() -> None:
    """One event at 2 % beats the best of ten at 1 %; its leading row is the most unusual one."""
    units = Units.of(np.array(["many"] * 10 + ["one"]))
    p = np.array([*[0.5] * 9, 0.01, 0.02])
    scores = UnitScores.of(units, -p, p)

    assert units.labels[scores.order].tolist() == ["one", "many"]
    assert scores.lead.tolist() == [9, 10]


@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    """Units rank the same however their events are listed."""
    labels = np.array(list("aabbbccccddd"))
    p = np.array([3, 40, 5, 60, 70, 8, 9, 10, 110, 12, 13, 140]) / 1000.0
    units, moved = Units.of(labels), Units.of(labels[order])

    expected = UnitScores.of(units, -p, p)
    found = UnitScores.of(moved, -p[order], p[order])

    assert moved.labels[found.order].tolist() == units.labels[expected.order].tolist()
    np.testing.assert_allclose(found.p, expected.p)


def _orders(make_table: Make) -> UnitOrders:
    """Four units of two rows; the first is most unusual, rules hit the last two."""
    table = replace(
        make_table(8),
        unit=np.array(["a", "a", "b", "b", "c", "c", "d", "d"]),
        amount_minor=np.array([1, 1, 1, 1, 1, 50, 1, 99]),
        rules={
            "mild": np.array([0, 0, 0, 0, 0, 0, 0, 1], np.int8),
            "grave": np.array([0, 0, 0, 0, 1, 0, 3, 2], np.int8),
        },
    )
    p = np.array([0.001, 0.5, 0.01, 0.5, 0.2, 0.5, 0.1, 0.5])
    return UnitOrders.of(table, -p, p, severities={"mild": 1, "grave": 3}, budget=0.5)


def test_rules_go_by_severity_then_money(make_table: Make) -> None:
    """A grave hit on a small amount comes before a mild one on a large."""
    orders = _orders(make_table)

    assert orders.units.labels[orders.rules].tolist() == ["c", "d"]
    assert orders.reviewed("model").tolist() == [0, 1]
    assert orders.reviewed("split").tolist() == [0, 2]


def test_a_rule_without_a_known_severity_counts_as_mild(make_table: Make) -> None:
    """The host's own rules have none of ours."""
    table = replace(make_table(2), rules={"theirs": np.array([1, 0], np.int8)})

    assert severity_of(table, {}).tolist() == [1, 0]


def _truth(rows: list[tuple[str, str, str, bool]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "event_id": event_id,
                "scenario": "payouts",
                "typology": typology,
                "severity": "none" if benign else "blatant",
                "onset": datetime(2023, 11, 14, 23, tzinfo=UTC),
                "telling_features": "f0",
                "case_id": case_id,
                "look_alike": benign,
                "rule_sees": False,
                "adaptive": False,
            }
            for event_id, case_id, typology, benign in rows
        ]
    ).with_columns(pl.col("onset").dt.cast_time_unit("us"))


def test_what_is_left_of_a_case_in_the_next_year_is_not_its_subject(make_table: Make) -> None:
    """Of four events and one, the first unit is to be found; of two and two, both are."""
    table = replace(make_table(9), unit=np.array([*"aaaab", *"ccdd"]))
    told = [(f"P-{k}", "c1", "T1", False) for k in range(5)]
    told += [(f"P-{k}", "c2", "T1", False) for k in range(5, 9)]
    planted = Planted.of(Units.of_table(table), Cases.of(table, _truth(told)))

    assert planted.is_planted.tolist() == [True, False, True, True]


def test_alike_events_count_as_fewer() -> None:
    """Units whose events repeat one draw are as one event each, and none is held against its size.

    Where each draws anew, all count; and of a handful of units nobody can tell.
    """
    rng = np.random.default_rng(3)
    n = rng.integers(1, 60, 4_000)
    once = rng.random(len(n))
    anew = rng.beta(1, n)

    assert independence(once, n) < 0.03
    assert independence(anew, n) > 0.97
    assert independence(once[:50], n[:50]) == 1.0


def test_a_unit_belongs_to_the_planted_case_before_a_lookalike(make_table: Make) -> None:
    """A unit of both is to be found; one of a look-alike alone is not."""
    table = replace(make_table(6), unit=np.array(["a", "a", "b", "b", "c", "c"]))
    told = [("P-0", "c2", "L1", True), ("P-1", "c1", "T1", False), ("P-3", "c2", "L1", True)]
    planted = Planted.of(Units.of_table(table), Cases.of(table, _truth(told)))

    assert planted.is_planted.tolist() == [True, False, False]
    assert planted.is_lookalike.tolist() == [False, True, False]
    assert {kind: units.tolist() for kind, units in planted.kinds().items()} == {
        ("T1", "blatant"): [0]
    }
    assert planted.n_cases(np.array([0, 1, 2])) == 1
    assert planted.case(2) is None
