"""What a screening says of ten units that can be counted by hand.

A budget of four tenths pays for four reviews. The model takes a, b, c, d; rules hit c (gravely), e
(a large amount) and g, so the half that is theirs adds e to a, c, b. Planted are a (T1), c and f
(T2, which rules should hit) and e (T2, which they need not); b and h are look-alikes.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.batch import build
from features.contracts.errors import InputError
from features.contracts.events import Event
from features.contracts.labels import Label
from features.contracts.vectors import Vector
from features.spec import Own, Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from tests.unit import small
from training.cases import Cases
from training.concentration import concentrations
from training.delay import delays
from training.evaluation import Rate
from training.fit import fit
from training.labels import Labels
from training.sampled import sampled
from training.screen import Scored, orders_of, screen
from training.screen_ledger import scored_by
from training.screening import Screening
from training.stability import stability
from training.unit_orders import UnitOrders

Make = Callable[..., FeatureTable]
START: Final = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
"""When the first row of a made table happened."""
UNITS: Final = "aabcdefghijj"
P: Final = [0.5, 0.001, 0.01, 0.02, 0.03, 0.6, 0.6, 0.7, 0.7, 0.8, 0.8, 0.9]
TOLD: Final = [  # event, case, typology, severity, rules should hit it, telling
    ("P-0", "c1", "T1", "blatant", False, "f0"),
    ("P-1", "c1", "T1", "blatant", False, "f0"),
    ("P-2", "l1", "L1", "none", False, "f0"),
    ("P-3", "c2", "T2", "blatant", True, "amount_minor"),
    ("P-5", "c3", "T2", "subtle", False, ""),
    ("P-6", "c4", "T2", "blatant", True, "f0"),
    ("P-8", "l2", "L1", "none", False, "f0"),
]


def _truth(rows: list[tuple[str, str, str, str, bool, str]], onset: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "event_id": event_id,
                "scenario": "payouts",
                "typology": typology,
                "severity": severity,
                "onset": onset,
                "telling_features": telling,
                "case_id": case_id,
                "look_alike": severity == "none",
                "rule_sees": rule_sees,
                "adaptive": False,
            }
            for event_id, case_id, typology, severity, rule_sees, telling in rows
        ]
    ).with_columns(pl.col("onset").dt.cast_time_unit("us"))


def _contributions(names: tuple[str, ...], at: Any) -> Any:
    """The first event of a case leads by f0; of the event P-3, f1 is the fourth reason."""
    parts = np.tile([4.0, 3.0, 2.0, 1.0], (len(at), 1))
    parts[np.asarray(at) == 3] = [4.0, 1.0, 2.0, 3.0]
    assert parts.shape[1] == len(names)
    return parts


@pytest.fixture
def scored(make_table: Make) -> Scored:
    """The story's twelve events."""
    grave, mild, amount = np.zeros((3, 12), np.int64)
    grave[3] = mild[5] = mild[7] = 1
    amount[5], amount[7] = 900, 100
    table = replace(
        make_table(12, 4),
        unit=np.array(list(UNITS)),
        amount_minor=amount,
        rules={"grave": grave.astype(np.int8), "mild": mild.astype(np.int8)},
    )
    p = np.array(P)
    return Scored(
        table=table,
        score=-p,
        p=p,
        held_out=np.sort(-p),
        names=table.names,
        contributions=lambda at: _contributions(table.names, at),
        severities={"grave": 3, "mild": 1},
        reads={"f1": frozenset({"amount_minor"})},
        fitted_until_us=int(table.effective_us[4]),
    )


@pytest.fixture
def story(scored: Scored) -> Screening:
    """What is said of it."""
    cases = Cases.of(scored.table, _truth(TOLD, START))
    return screen(scored, budget=0.4, cases=cases)


def test_precision_is_told_with_its_interval(story: Screening) -> None:
    """Two finds of four are somewhere between 15 and 85 in a hundred (Wilson, 95 %)."""
    model = story.arm("model")

    assert (story.n_rows, story.n_fitted, story.n_units, story.n_reviews) == (12, 5, 10, 4)
    assert model is not None
    assert (model.finds.hits, model.finds.n, model.finds.rate) == (2, 4, 0.5)
    assert (model.finds.low, model.finds.high) == pytest.approx((0.1500, 0.8500), abs=5e-5)


def test_finds_of_a_hundred_reviews(story: Screening) -> None:
    """The rules have but three units to review; half the reviews each find more than either."""
    told = {arm.name: (arm.n_reviews, arm.n_cases, arm.n_lookalikes) for arm in story.arms}

    assert told == {"model": (4, 2, 1), "rules": (3, 2, 0), "split": (4, 3, 1)}
    assert [arm.per_100 for arm in story.arms] == pytest.approx([50.0, 200 / 3, 75.0])


def test_what_both_select_and_what_one_selects_adds_up(story: Screening) -> None:
    """Both c; the model alone a, b, d; rules alone e and g, and nothing beyond the budget."""
    parts = story.overlap

    assert (parts.both.hits, parts.both.n) == (1, 1)
    assert (parts.model_only.hits, parts.model_only.n) == (1, 3)
    assert (parts.rules_only.hits, parts.rules_only.n) == (1, 2)
    assert (parts.rules_hit.hits, parts.rules_hit.n) == (2, 3)


def test_recall_by_typology_and_severity_is_the_count_by_hand(story: Screening) -> None:
    """Of the blatant T2 one is found, by all; the subtle one by rules, and not by the model."""
    counts = {
        (row.typology, row.severity): (row.n_units, row.model, row.rules, row.split, row.rule_hits)
        for row in story.recalls
    }
    seen = {(row.typology, row.severity): (row.n_seen, row.seen_hit) for row in story.recalls}

    assert counts == {
        ("T1", "blatant"): (1, 1, 0, 1, 0),
        ("T2", "blatant"): (2, 1, 1, 1, 1),
        ("T2", "subtle"): (1, 0, 1, 1, 1),
    }
    assert seen == {("T1", "blatant"): (0, 0), ("T2", "blatant"): (2, 1), ("T2", "subtle"): (0, 0)}
    assert [row.recall for row in story.recalls] == [1.0, 0.5, 0.0]


def test_a_find_is_explained_when_a_telling_feature_is_among_three_reasons(
    story: Screening,
) -> None:
    """a is, by f0; c is not: what reads its telling field comes fourth."""
    assert story.explained is not None
    assert (story.explained.hits, story.explained.n) == (1, 2)


def test_a_feature_that_reads_a_telling_field_explains(scored: Scored) -> None:
    """With f1 among the first three reasons, c is explained too; a negative part is no reason."""
    cases = Cases.of(scored.table, _truth(TOLD, START))

    def explained(parts: list[float]) -> tuple[int, int]:
        told = replace(scored, contributions=lambda at: np.tile(parts, (len(at), 1)))
        rate = screen(told, budget=0.4, cases=cases).explained
        assert rate is not None
        return rate.hits, rate.n

    assert explained([3.0, 2.0, 1.0, 0.0]) == (2, 2)
    assert explained([3.0, -1.0, -2.0, -3.0]) == (1, 2)


def test_lookalikes_are_held_against_their_share_of_all(story: Screening) -> None:
    """One of four selected, two of ten in all: a quarter more often than anybody."""
    assert story.lookalikes is not None
    assert (story.lookalikes.selected.hits, story.lookalikes.selected.n) == (1, 4)
    assert (story.lookalikes.everywhere.hits, story.lookalikes.everywhere.n) == (2, 10)
    assert story.lookalikes.ratio == pytest.approx(1.25)


def test_without_truth_nothing_is_said_of_finds(scored: Scored) -> None:
    """Who selects what is told all the same."""
    plain = screen(scored, budget=0.4)

    assert (plain.arms, plain.recalls, plain.delays) == ((), (), ())
    assert (plain.explained, plain.lookalikes, plain.arm("model")) == (None, None, None)
    assert (plain.overlap.both.n, plain.overlap.model_only.n, plain.overlap.rules_only.n) == (
        1, 3, 2,
    )  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 999), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
)
def test_parts_add_up_to_the_arms(
    make_table: Make, rows: list[tuple[int, bool, bool]], budget: float
) -> None:
    """Both and one alone make each arm, units and finds; kinds together make all planted units."""
    p = np.array([one for one, _, _ in rows]) / 1000
    hit = np.array([one for _, one, _ in rows])
    table = replace(make_table(len(rows)), rules={"rule": hit.astype(np.int8)})
    truth = _truth(
        [(f"P-{k}", f"c{k}", "T1", "subtle", False, "") for k, row in enumerate(rows) if row[2]]
        or [("P-none", "none", "T1", "subtle", False, "")],
        START,
    )
    scored = Scored(table, -p, p, np.sort(-p), table.names, lambda at: np.zeros((len(at), 3)), {})
    found = screen(scored, budget=budget, cases=Cases.of(table, truth))
    both, parts = found.overlap.both, found.overlap
    model, rules = found.arm("model"), found.arm("rules")

    assert model is not None
    assert rules is not None
    assert (both.n + parts.model_only.n, both.hits + parts.model_only.hits) == (
        model.n_reviews, model.finds.hits,
    )  # fmt: skip
    assert (both.n + parts.rules_only.n, both.hits + parts.rules_only.hits) == (
        rules.n_reviews, rules.finds.hits,
    )  # fmt: skip
    assert sum(row.model for row in found.recalls) == model.finds.hits
    assert sum(row.rules for row in found.recalls) == rules.finds.hits
    assert sum(row.n_units for row in found.recalls) == sum(row[2] for row in rows)


def _delays(make_table: Make, alerts: list[int], told: Any) -> Any:
    """Ten events, one a day, of which those named rise above a line that ordinary ones draw."""
    table = make_table(10)
    score = np.zeros(10)
    score[alerts] = 1000.0 + np.arange(len(alerts))
    truth = pl.concat(
        _truth([(f"P-{k}", case, typology, severity, False, "") for k in rows], onset)
        for case, typology, severity, rows, onset in told
    )
    return delays(table, score, np.arange(1000.0), Cases.of(table, truth), budget=0.01)


def test_detection_is_timed_from_the_onset_to_the_first_event_above_the_line(
    make_table: Make,
) -> None:
    """Three days and one: two in the median; who never rises above it is counted, and no more."""
    day = timedelta(days=1)
    (told,), n_outside = _delays(
        make_table,
        [3, 5, 6, 8],
        [
            ("c1", "T1", "subtle", [0, 3, 5], START),
            ("c2", "T1", "subtle", [6, 8], START + 5 * day),
            ("c3", "T1", "subtle", [1, 2], START + day),
        ],
    )

    assert (told.typology, told.n_cases, told.detected, n_outside) == ("T1", 3, 2, 0)
    assert (told.median_days, told.p90_days) == pytest.approx((2.0, 2.8))


def test_an_onset_outside_of_the_window_is_in_no_delay(make_table: Make) -> None:
    """It is counted beside; a look-alike is neither, and a kind never detected has no median."""
    day = timedelta(days=1)
    (told,), n_outside = _delays(
        make_table,
        [4, 9],
        [
            ("c1", "T1", "subtle", [4], START - day),
            ("c2", "T2", "subtle", [5], START + 5 * day),
            ("l1", "L1", "none", [9], START + 8 * day),
        ],
    )

    assert (told.typology, told.n_cases, told.detected, n_outside) == ("T2", 1, 0, 1)
    assert (told.median_days, told.p90_days) == (None, None)


@pytest.fixture(scope="module")
def refitted(make_table: Make) -> Callable[..., Any]:
    """`refitted(far, n_refits)`: four of two hundred events lie far out; as many are reviewed."""
    plain = make_table(200, 4, seed=5)

    def again(far: float, n_refits: int) -> Any:
        values: Vector = plain.values.copy()
        values[25::50] += far
        table = replace(plain, values=values)
        bundle = fit(table, created_at=START, budget=0.02).bundle
        orders = orders_of(scored_by(bundle, table, small.scenario()), 0.02)
        return stability(bundle, table, table, orders, n_refits=n_refits)

    return again


def test_a_refit_selects_what_lies_far_out_again(refitted: Callable[..., Any]) -> None:
    """One refit, the same units; where nothing does, chance has a say in the selection."""
    clear, vague = refitted(50.0, 1), refitted(0.0, 1)

    assert (clear.n_refits, clear.jaccard) == (1, 1.0)
    assert vague.jaccard < 1.0
    assert 0.5 < clear.rank_correlation <= 1.0
    assert clear == refitted(50.0, 1)


def test_without_refits_nothing_is_said_of_stability(refitted: Callable[..., Any]) -> None:
    """None, not a perfect one."""
    assert refitted(50.0, 0) is None


def _paid(k: int, office: str | None) -> Event:
    fields: dict[str, Any] = {"firm": f"E-{k}", "amount_minor": 100}
    return Event(
        scenario="small",
        kind="paid",
        event_id=f"P-{k}",
        effective_at=START + timedelta(days=k),
        fields=fields if office is None else {**fields, "office": office},
    )


Offices = tuple[Ledger, Scenario, FeatureTable, UnitOrders]


@pytest.fixture
def offices() -> Offices:
    """Payments of offices A, A, none, B, C and A; the first four are reviewed."""
    plain = small.scenario(Own("amount_minor"))
    declared = replace(plain, fields=(*plain.fields, small.field("office", "key")))
    ledger = Ledger.in_memory()
    ledger.admit([_paid(k, office) for k, office in enumerate(["A", "A", None, "B", "C", "A"])])
    table = build(ledger, declared)
    p = np.arange(1, 7) / 10
    return ledger, declared, table, UnitOrders.of(table, -p, p, severities={}, budget=4 / 6)


def test_concentration_holds_the_selected_against_all_by_office(offices: Offices) -> None:
    """Two thirds of the selected are A's, three fifths of all; who has no office is left out."""
    (found,) = concentrations(*offices)

    assert found.field == "office"
    assert found.hhi_selected == pytest.approx((4 + 1) / 9)
    assert found.hhi_all == pytest.approx((9 + 1 + 1) / 25)
    assert [(one.name, one.n_units, one.selected) for one in found.groups] == [
        ("A", 3, 2),
        ("B", 1, 1),
    ]


def test_concentration_is_told_by_the_fields_asked_for(offices: Offices) -> None:
    """Each firm was paid once; an amount is no field to count by, and what is one is named."""
    (found,) = concentrations(*offices, ["firm"])

    assert (found.hhi_selected, found.hhi_all) == pytest.approx((1 / 4, 1 / 6))
    with pytest.raises(InputError, match="no key or category 'amount_minor'; use firm, officer"):
        concentrations(*offices, ["amount_minor"])


def _label(event_id: str, outcome: str, by: str, chance: float | None) -> Label:
    return Label.model_validate(
        {
            "event_id": event_id,
            "outcome": outcome,
            "reviewer": "r1",
            "decided_at": START,
            "selected_by": by,
            "inclusion_probability": chance,
        }
    )


FOUND: Final = [
    _label("P-0", "confirmed", "alert", 1.0),
    _label("P-1", "confirmed", "alert", 1.0),
    _label("P-2", "cleared", "alert", 1.0),
    _label("P-3", "confirmed", "control", 0.1),
    _label("P-4", "cleared", "control", 0.1),
    _label("P-5", "unclear", "control", 0.1),
    _label("P-6", "confirmed", "complaint", None),
]


def test_a_control_stands_for_those_that_chance_left_out() -> None:
    """Two alerts and one control at a tenth: twelve of a hundred, of which the alerts find two."""
    found = sampled(Labels.of(FOUND), 100)

    assert found is not None
    assert (found.n_reviews, found.precision) == (5, Rate.of(2, 3))
    assert (found.prevalence, found.recall) == pytest.approx((0.12, 2 / 12))
    assert found.prevalence_low == pytest.approx(0.02)
    assert found.prevalence_high == pytest.approx(0.12 + 1.96 * 90**0.5 / 100, abs=1e-4)


def test_without_a_control_sample_nobody_knows_what_the_alerts_miss() -> None:
    """Their precision is told, no recall; a complaint alone tells nothing at all."""
    found = sampled(Labels.of(FOUND[:3]), 100)

    assert found is not None
    assert (found.precision, found.recall) == (Rate.of(2, 3), None)
    assert (found.prevalence_low, found.prevalence_high) == (0.02, 1.0)
    assert sampled(Labels.of(FOUND[6:]), 100) is None
