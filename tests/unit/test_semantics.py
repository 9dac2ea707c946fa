"""The rules of `notebooks/semantics.md`, each in an example that can be worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
import pytest

from features import frames
from features.batch import build
from features.calendar import Calendar
from features.contracts.events import Event, EventField
from features.contracts.vectors import STATUS_CODES
from features.kernels import MISSING
from features.spec import (
    Excess,
    Expression,
    Feature,
    IsNew,
    Measure,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Scenario,
    Share,
    Since,
    Source,
    Where,
    Window,
)
from features.store.ledger import Ledger
from features.window import DAY_US

START: Final = datetime(2024, 3, 1, 1, tzinfo=UTC)
FIRM, PAIR = ("firm",), ("firm", "officer")
COUNT: Final = Window(FIRM, "count", days=7)
SUM: Final = Window(FIRM, "sum", "amount", days=30)
LONDON: Final = Calendar(name="london", tz="Europe/London", fiscal_month=4)
FIELDS: Final = tuple(
    EventField.model_validate(
        {"name": name, "kind": kind, "title_zh": "字段", "title_en": "a field"}
    )
    for name, kind in {
        "firm": "key",
        "officer": "key",
        "sector": "category",
        "amount": "money",
        "late": "number",
        "late_ppm": "number",
        "purpose": "sketch",
    }.items()
)


def _scenario(*of: Expression, **changes: Any) -> Scenario:
    given: dict[str, Any] = {
        "name": "small",
        "zh": "小",
        "en": "small",
        "kinds": ("asked", "paid", "cancelled"),
        "scored": ("asked", "paid"),
        "history": ("paid",),
        "subject": "firm",
        "amount": "amount",
        "peer_group": "sector",
        "fields": FIELDS,
        "measures": (),
        "features": tuple(Feature(item, "特征", "a feature", "缘由", "a reason") for item in of),
    }
    return Scenario(**{**given, **changes})


def _answers(of: Expression, *, tz: Calendar = LONDON, **columns: Any) -> list[float]:
    """The feature of events of one firm, in the order given; an hour apart where none is said."""
    n = len(next(iter(columns.values())))
    hours = [START + timedelta(hours=k) for k in range(n)]
    events = pl.DataFrame({"effective_at": hours, "firm": ["A"] * n} | columns)
    found: list[float] = frames.compute(events, _scenario(of), calendar=tz)[of.name].to_list()
    return found


def _days(*days: float) -> list[datetime]:
    return [START + timedelta(days=day) for day in days]


def _at(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]


def test_an_event_never_sees_itself() -> None:
    """The first of all has no history, the second has one event."""
    assert _answers(SUM, amount=[7, 5]) == [0.0, 7.0]


def test_what_happened_later_is_not_seen() -> None:
    """Whatever the order in which the rows stand."""
    assert _answers(COUNT, effective_at=_days(2, 0, 1)) == [2.0, 0.0, 1.0]


def test_what_was_not_known_is_not_seen() -> None:
    """The second event was learned three days late: the third did not know it, the fourth did."""
    happened, learned = _days(0, 1, 2, 5), _days(0, 4, 2, 5)

    assert _answers(COUNT, effective_at=happened, observed_at=learned) == [0.0, 1.0, 1.0, 3.0]


def test_learned_at_one_instant_the_place_in_the_ledger_decides() -> None:
    """`seq` is the total order of learning."""
    known: dict[str, Any] = {"effective_at": _days(0, 1, 2), "observed_at": _days(9, 9, 9)}

    assert _answers(COUNT, **known, seq=[1, 2, 3]) == [0.0, 1.0, 2.0]
    assert _answers(COUNT, **known, seq=[3, 2, 1]) == [0.0, 0.0, 0.0]


def test_events_of_one_instant_do_not_see_each_other() -> None:
    """A tie says nothing of before and after."""
    assert _answers(COUNT, effective_at=_days(0, 1, 1, 2)) == [0.0, 1.0, 1.0, 3.0]


def test_an_ordinal_orders_events_of_one_instant() -> None:
    """Where file order carries the order; equal ordinals stay a tie."""
    ordinal = [0, 1, 2, 2]

    assert _answers(COUNT, effective_at=_days(1, 1, 1, 1), ordinal=ordinal) == [0.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("back_us", "seen"), [(7 * DAY_US, 1.0), (7 * DAY_US + 1, 0.0), (1, 1.0), (0, 0.0)]
)
def test_a_window_holds_its_left_edge_and_not_its_right(back_us: int, seen: float) -> None:
    """An event exactly seven days ago counts, one a microsecond older does not; nor does now."""
    now = 20_000 * DAY_US

    assert _answers(COUNT, effective_at=[now - back_us, now])[1] == seen


def test_a_window_in_minutes_has_the_same_edges() -> None:
    """Ten minutes and not a microsecond more."""
    of = Window(FIRM, "count", minutes=10)

    assert _answers(of, effective_at=[0, 1, 600_000_000, 600_000_001]) == [0.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("period", "before", "first"),
    [
        ("day", "2024-05-14T22:59:59.999999", "2024-05-14T23:00:00"),
        ("month", "2024-04-30T22:59:59.999999", "2024-04-30T23:00:00"),
        ("quarter", "2024-03-31T22:59:59.999999", "2024-03-31T23:00:00"),
        ("year", "2024-03-31T22:59:59.999999", "2024-03-31T23:00:00"),
    ],
)
def test_a_period_starts_at_its_first_local_instant(period: Any, before: str, first: str) -> None:
    """London, in summer an hour before UTC's midnight; the fiscal year there begins in April."""
    of = Window(FIRM, "count", period=period)
    happened = _at(f"{before}+00:00", f"{first}+00:00", "2024-05-15T10:00:00+00:00")

    assert _answers(of, effective_at=happened) == [0.0, 0.0, 1.0]


def test_a_quarter_is_one_of_the_fiscal_year() -> None:
    """A year that begins in February has a quarter from May to July."""
    of = Window(FIRM, "count", period="quarter")
    happened = _at(*(f"2024-{month:02}-15T12:00:00+00:00" for month in (4, 5, 6, 7, 8)))
    calendar = LONDON.model_copy(update={"fiscal_month": 2})

    assert _answers(of, tz=calendar, effective_at=happened) == [0.0, 0.0, 1.0, 2.0, 0.0]


def test_a_correction_takes_its_predecessors_place_once_it_is_known() -> None:
    """7 was paid, on the third day it was known to be 5: the second day saw 7, the fourth 5."""
    given: dict[str, Any] = {
        "event_id": ["a", "b", "a", "c"],
        "version": [1, 1, 2, 1],
        "effective_at": _days(0, 1, 0, 3),
        "observed_at": _days(0, 1, 2, 3),
        "amount": [7, 1, 5, 1],
    }

    assert _answers(SUM, **given) == [0.0, 7.0, 0.0, 6.0]


def test_a_correction_does_not_see_what_it_corrects() -> None:
    """It is another version of the same event, and sees the other events it could know."""
    given: dict[str, Any] = {
        "event_id": ["a", "b", "a"],
        "version": [1, 1, 2],
        "effective_at": _days(0, 1, 4),
        "amount": [7, 1, 5],
    }

    assert _answers(SUM, **given) == [0.0, 7.0, 1.0]


def test_a_retraction_takes_an_event_away_once_it_is_known() -> None:
    """A retracted version is not scored and counts nowhere; its predecessor counted until then."""
    given: dict[str, Any] = {
        "event_id": ["a", "b", "a", "c"],
        "version": [1, 1, 2, 1],
        "effective_at": _days(0, 1, 0, 3),
        "observed_at": _days(0, 1, 2, 3),
        "retracted": [False, False, True, False],
        "amount": [7, 1, 7, 1],
    }

    assert _answers(SUM, **given) == [0.0, 7.0, 1.0]


def test_a_version_that_comes_after_its_correction_never_counts() -> None:
    """The file held the correction first: the older version is stale when it is learned."""
    given: dict[str, Any] = {
        "event_id": ["a", "a", "b"],
        "version": [2, 1, 1],
        "effective_at": _days(0, 0, 3),
        "observed_at": _days(1, 2, 3),
        "amount": [5, 7, 1],
    }

    assert _answers(SUM, **given) == [0.0, 5.0]


def test_a_stale_version_is_not_measured_by_its_own_event() -> None:
    """It knows the later version, which happened before it: that is itself, and nobody else."""
    idle = Measure("idle", "elapsed", key=("firm",), unit="days", days=30)
    events = pl.DataFrame(
        {
            "event_id": ["b", "a", "a", "c"],
            "version": [1, 2, 1, 1],
            "effective_at": _days(0, 2, 5, 6),
            "observed_at": _days(0, 5, 6, 7),
            "firm": ["F"] * 4,
        }
    )
    history = frames.of_tables(events, _scenario(COUNT, measures=(idle,)))
    history.measure()

    assert history.columns.numbers["idle"].tolist() == [MISSING, 2, 5, 4]


def test_an_id_that_was_asked_for_is_not_scored_again_when_it_is_paid() -> None:
    """It was scored when it was asked for; paid without that, it is scored then."""
    given: dict[str, Any] = {
        "event_id": ["a", "a", "b"],
        "kind": ["asked", "paid", "paid"],
        "effective_at": _days(0, 1, 2),
    }

    assert _answers(COUNT, **given) == [0.0, 1.0]


def test_a_condition_on_kinds_stands_for_the_kinds_that_count() -> None:
    """By default paid ones count; who asks for cancelled ones gets those alone."""
    cancelled = Window(FIRM, "count", days=7, where=Where("gone", "kind", ("cancelled",)))
    kinds = ["asked", "cancelled", "cancelled", "paid"]

    assert _answers(COUNT, kind=kinds) == [0.0, 0.0]
    assert _answers(cancelled, kind=kinds) == [0.0, 2.0]


def test_a_second_condition_is_a_measure_of_0_or_1_that_is_summed() -> None:
    """Cancelled ones of at least 100: the kind is the condition, the amount is in the sum."""
    gone = Where("gone", "kind", ("cancelled",))
    large = Measure("is_large", "within", field="amount", low=100)
    of = Window(FIRM, "sum", "is_large", days=7, where=gone)
    events = pl.DataFrame(
        {
            "effective_at": _days(0, 1, 2, 3, 4),
            "firm": ["A"] * 5,
            "kind": ["cancelled", "paid", "cancelled", "cancelled", "paid"],
            "amount": [100, 500, 99, 200, 1],
        }
    )

    assert frames.compute(events, _scenario(of, measures=(large,)))[of.name].to_list() == [1.0, 2.0]


def test_another_scenarios_events_are_seen_by_the_same_two_clocks() -> None:
    """Earlier and known earlier; at the same instant, or known with it, not."""
    of = Window(FIRM, "count", days=7, source="repairs")
    scenario = _scenario(of, sources=(Source("repairs", ("fixed",), FIELDS[:2]),))
    ours = pl.DataFrame({"effective_at": _days(5), "firm": ["A"]})
    theirs = pl.DataFrame(
        {
            "effective_at": _days(1, 4, 4, 5, 6, -3),
            "observed_at": _days(1, 4, 6, 5, 6, 0),
            "firm": ["A"] * 6,
        }
    )
    found = frames.compute(ours, scenario, sources={"repairs": theirs})

    assert found[of.name].to_list() == [2.0]


@pytest.mark.parametrize(("seq", "seen"), [(1, 1.0), (2, 0.0), (3, 0.0)])
def test_learned_with_another_scenarios_event_is_not_learned_before_it(
    seq: int, seen: float
) -> None:
    """Tables that say one place in the order of learning twice decide nothing by it."""
    of = Window(FIRM, "count", days=7, source="repairs")
    scenario = _scenario(of, sources=(Source("repairs", ("fixed",), FIELDS[:2]),))
    ours, theirs = (
        pl.DataFrame(
            {"effective_at": _days(day), "observed_at": _days(9), "firm": ["A"], "seq": [k]}
        )
        for day, k in ((5, 2), (4, seq))
    )
    found = frames.compute(ours, scenario, sources={"repairs": theirs})

    assert found[of.name].to_list() == [seen]


def test_a_live_event_knew_the_ledger_and_no_more() -> None:
    """A load that claims to have known earlier is not seen by what was scored before it."""
    ledger = Ledger.in_memory()
    first, second = (
        Event(scenario="small", kind="paid", event_id=name, effective_at=at, fields={"firm": "A"})
        for name, at in zip("ab", _days(0, 1), strict=True)
    )
    ledger.append(second, now_us=10**15)
    ledger.admit([first])

    assert build(ledger, _scenario(COUNT)).values.ravel().tolist() == [0.0, 0.0]


def test_what_the_key_lacks_is_not_applicable() -> None:
    """An event without the field has no such history, and counts in none."""
    of = Window(("officer",), "count", days=7)
    found = _statuses(of, officer=[None, "O", None, "O"])

    assert found == ["not_applicable", "ok", "not_applicable", "ok"]
    assert _answers(of, officer=[None, "O", None, "O"])[3] == 1.0


def _statuses(of: Expression, **columns: Any) -> list[str]:
    n = len(next(iter(columns.values())))
    hours = [START + timedelta(hours=k) for k in range(n)]
    events = pl.DataFrame({"effective_at": hours, "firm": ["A"] * n} | columns)
    found = frames.compute(events, _scenario(of), with_status=True)
    codes = found[f"{of.name}.status"].to_list()
    return [STATUS_CODES[code].value for code in codes]


def test_missing_values_are_passed_over() -> None:
    """They are no zeros: the mean of 4, nothing and 8 is 6."""
    of = Window(FIRM, "mean", "amount", days=7)

    assert _answers(of, amount=[4, None, 8, 0])[3] == 6.0
    assert _answers(Window(FIRM, "count", days=7), amount=[4, None, 8, 0])[3] == 3.0


def test_negative_amounts_are_amounts() -> None:
    """A refund lowers a sum, may be the least, and has its own side of the log grid."""
    assert _answers(SUM, amount=[-7, 5, 0]) == [0.0, -7.0, -2.0]
    assert _answers(Window(FIRM, "min", "amount", days=7), amount=[-7, 5, 0])[2] == -7.0
    assert _answers(Window(FIRM, "median", "amount", days=7), amount=[-7, 4, 0])[2] == -1.5


def test_a_share_of_nothing_is_missing() -> None:
    """Where refunds outweigh payments, or cancel them, there is no whole to be a part of."""
    of = Share(PAIR, of=FIRM, value="amount", days=7, min_n=1)

    assert _statuses(of, amount=[-5, 5, 5, 1], officer=["O"] * 4) == [
        "insufficient",
        "insufficient",
        "insufficient",
        "ok",
    ]


EMPTY: Final[list[tuple[Expression, float | None]]] = [
    (Window(FIRM, "count", days=7), 0.0),
    (Window(FIRM, "sum", "amount", days=7), 0.0),
    *((Window(FIRM, agg, "amount", days=7), None) for agg in ("mean", "std", "min", "max")),
    *((Window(FIRM, agg, "amount", days=7), None) for agg in ("median", "mad")),
    *((Window(FIRM, agg, "sector", days=7), None) for agg in ("distinct", "hhi", "entropy")),
    (Since(FIRM), None),
    (Since(FIRM, which="first"), None),
    (Share(PAIR, of=FIRM), None),
    (IsNew(PAIR, of=FIRM), None),
    (Rarity(PAIR, of=FIRM), None),
    (RobustZ("amount", (FIRM,)), None),
    (PeerRank("amount", (FIRM,)), None),
    (Excess(FIRM, "late", "late_ppm"), None),
    (NearDuplicates(FIRM, "purpose"), 0.0),
]


@pytest.mark.parametrize(("of", "value"), EMPTY, ids=[of.name for of, _ in EMPTY])
def test_an_empty_window_is_zero_or_missing(of: Expression, value: float | None) -> None:
    """What counts and adds is 0, everything else has nothing to say: insufficient, not zero."""
    given: dict[str, Any] = {
        "officer": ["O"],
        "amount": [5],
        "late": [1],
        "late_ppm": [9],
        "purpose": [7],
    }
    found, status = _answers(of, **given), _statuses(of, **given)

    assert status == ["insufficient" if value is None else "ok"]
    assert np.isnan(found[0]) if value is None else found == [value]


def test_a_deviation_takes_two_and_a_median_one() -> None:
    """One value has a median and a MAD of 0, but no sample deviation."""
    assert _statuses(Window(FIRM, "std", "amount", days=7), amount=[5, 5, 5])[1:] == [
        "insufficient",
        "ok",
    ]
    assert _answers(Window(FIRM, "mad", "amount", days=7), amount=[5, 5])[1] == 0.0


def test_what_the_event_lacks_itself_is_not_applicable() -> None:
    """It has no number to show or to compare, however many peers there are."""
    for of in (Own("amount"), RobustZ("amount", (FIRM,)), PeerRank("amount", (FIRM,))):
        assert _statuses(of, amount=[5, None])[1] == "not_applicable"
    assert _statuses(NearDuplicates(FIRM, "purpose"), purpose=[5, None])[1] == "not_applicable"


def test_fewer_than_30_peers_are_too_few() -> None:
    """The finest level with 30 of them answers; with none of the levels it is insufficient."""
    of = RobustZ("amount", (PAIR, FIRM), days=60)
    officers = ["O", "P"] * 16
    status = _statuses(of, amount=[5] * 32, officer=officers)

    assert status == ["insufficient"] * 30 + ["ok"] * 2


def test_what_is_no_probability_is_an_error() -> None:
    """An error is no missing value: something is wrong with the data, and it is said."""
    of = Excess(FIRM, "late", "late_ppm", min_n=1)

    assert _statuses(of, late=[1, 1, 0], late_ppm=[500_000, 2_000_000, 1])[1:] == ["ok", "error"]


def test_an_answer_stands_in_where_it_is_declared_and_says_so() -> None:
    """A fill takes the place of what is missing; the status is then imputed."""
    scenario = _scenario(Since(FIRM))
    feature = Feature(Since(FIRM), "特征", "a feature", "缘由", "a reason", fill=999.0)
    events = pl.DataFrame({"effective_at": _days(0, 1), "firm": ["A", "A"]})
    filled = frames.compute(events, _scenario(features=(feature,)), with_status=True)

    assert filled[feature.name].to_list() == [999.0, 1.0]
    codes = filled[f"{feature.name}.status"].to_list()
    assert [STATUS_CODES[code].value for code in codes] == ["imputed", "ok"]
    assert np.isnan(frames.compute(events, scenario)[feature.name][0])
