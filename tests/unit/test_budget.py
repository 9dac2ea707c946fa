"""Laws of the review budget: never beyond the room, never by the order of rows, never biased."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.contracts.errors import InputError
from models.budget import Candidates, ReviewRule, period_of, select
from models.control import Control, Stratum
from models.online import OnlineBudget
from models.rolling import RollingWindow
from models.selection import Selection

KEY = b"only-for-these-tests"
DAY_US = 86_400_000_000
UNITS = ("north", "south", "west")
_EVENT = st.tuples(
    st.integers(0, 6).map(float), st.floats(0, 1), st.integers(0, 40), st.sampled_from(UNITS)
)
_EVENTS = st.lists(_EVENT, max_size=60)
_RULES = st.builds(
    ReviewRule,
    budget=st.floats(0.01, 0.9),
    period=st.sampled_from(["day", "week", "month"]),
    reviews=st.none() | st.integers(0, 8),
    units=st.dictionaries(st.sampled_from(UNITS), st.integers(0, 4)),
    control=st.none()
    | st.builds(
        lambda low, high: Control(KEY, "c1", (Stratum(0.0, low), Stratum(0.9, high))),
        st.floats(0.01, 1),
        st.floats(0.01, 1),
    ),
)


def _candidates(events: list[tuple[float, float, int, str]]) -> Candidates:
    return Candidates(
        [f"E-{number}" for number in range(len(events))],
        np.array([event[0] for event in events]),
        np.array([event[1] for event in events]),
        np.array([event[2] * DAY_US for event in events], dtype=np.int64),
        [event[3] for event in events],
    )


def _by_period(found: tuple[Selection, ...]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(found):
        rows.setdefault(one.period, []).append(row)
    return rows


@given(_EVENTS, _RULES)
def test_never_more_than_there_is_room_for(
    events: list[tuple[float, float, int, str]], rule: ReviewRule
) -> None:
    """In all, and in each unit of each period, control sample included."""
    found = select(rule, _candidates(events))
    for rows in _by_period(found).values():
        chosen = [row for row in rows if found[row].is_selected]
        assert len(chosen) <= rule.room(len(rows))
        for unit, n in Counter(events[row][3] for row in chosen).items():
            assert n <= rule.units.get(unit, n)


@given(_EVENTS, _RULES)
def test_room_stays_empty_only_where_no_unit_could_use_it(
    events: list[tuple[float, float, int, str]], rule: ReviewRule
) -> None:
    """What one unit leaves unused goes to the next score of another."""
    found = select(rule, _candidates(events))
    for rows in _by_period(found).values():
        chosen = Counter(events[row][3] for row in rows if found[row].is_selected)
        if chosen.total() == rule.room(len(rows)):
            continue
        for row in rows:
            unit = events[row][3]
            assert found[row].is_selected or chosen[unit] == rule.units.get(unit)


_NORTH, _SOUTH = (0.0, 0.0, 0, "north"), (0.0, 0.0, 0, "south")
_HALF = Control(KEY, "c1", (Stratum(0.0, 0.5), Stratum(0.9, 1.0)))


@given(_EVENTS, _RULES)
@example(
    [_NORTH, (1.0, 0.0, 0, "south"), _NORTH, _NORTH, _NORTH, _SOUTH],
    ReviewRule(budget=0.75, period="day", units={"south": 1}, control=_HALF),
)
def test_no_score_is_passed_over_for_a_lower_one(
    events: list[tuple[float, float, int, str]], rule: ReviewRule
) -> None:
    """Within a unit and a period alerts are the highest scores, and the line is the lowest."""
    found = select(rule, _candidates(events))
    for rows in _by_period(found).values():
        alerts = [events[row][0] for row in rows if found[row].is_alert]
        assert {found[row].threshold for row in rows} == {min(alerts, default=float("inf"))}
        for row in rows:
            if not found[row].is_selected:
                mates = [r for r in rows if found[r].is_alert and events[r][3] == events[row][3]]
                assert all(events[mate][0] >= events[row][0] for mate in mates)


@given(_EVENTS, _RULES, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(
    events: list[tuple[float, float, int, str]], rule: ReviewRule, random: object
) -> None:
    """Ties included: equal scores are told apart by the hash of the id."""
    one = _candidates(events)
    order = list(range(len(events)))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = Candidates(
        [one.ids[at] for at in order],
        one.score[order],
        one.percentile[order],
        one.at_us[order],
        [one.units[at] for at in order],
    )
    first, second = select(rule, one), select(rule, other)
    assert [first[at] for at in order] == list(second)


@given(_EVENTS, st.floats(0.01, 1), st.integers(1, 9))
def test_the_control_sample_ignores_scores_and_company(
    events: list[tuple[float, float, int, str]], rate: float, keep: int
) -> None:
    """With room for all, an event is drawn the same at any score and beside any others."""
    control = Control(KEY, "c1", (Stratum(0.0, rate),))
    rule = ReviewRule(budget=0.999, period="month", control=control)
    flat = [(0.0, *event[1:]) for event in events]
    some = select(rule, _candidates(events[:keep]))
    for one, other in zip(
        select(rule, _candidates(events)), select(rule, _candidates(flat)), strict=True
    ):
        if one.control_probability == other.control_probability == rate:
            assert one.is_control == other.is_control
    for row, one in enumerate(some):
        if one.control_probability == rate:
            assert one.is_control == control.is_drawn(f"E-{row}", events[row][1])


@given(_EVENTS, _RULES)
def test_batch_and_live_agree_on_the_control_sample(
    events: list[tuple[float, float, int, str]], rule: ReviewRule
) -> None:
    """They draw the same, but for what a period has no room for; the record says so."""
    rows = _candidates(events)
    live = OnlineBudget(rule, RollingWindow(10))
    for row, one in enumerate(select(rule, rows)):
        told = live.judge(
            rows.ids[row],
            events[row][0],
            percentile=events[row][1],
            at_us=int(rows.at_us[row]),
        )
        assert (told.period, told.rule) == (one.period, one.rule)
        assert one.control_probability <= told.control_probability
        if one.control_probability == told.control_probability:
            assert one.is_control == told.is_control
        else:
            assert told.is_control or not one.is_control


@given(_EVENTS, _RULES)
def test_every_selection_says_how_likely_it_was(
    events: list[tuple[float, float, int, str]], rule: ReviewRule
) -> None:
    """1 for an alert, the announced rate for a control, and never 0 for what was drawn."""
    for one in select(rule, _candidates(events)):
        assert one.rule == rule.version
        if one.is_alert:
            assert one.inclusion_probability == 1.0
        else:
            assert one.inclusion_probability == one.control_probability
        if one.is_control:
            assert 0.0 < one.control_probability <= 1.0


def _estimate(rule: ReviewRule, events: Candidates, finds: np.ndarray) -> float:
    """Finds among all events, told from the control sample alone."""
    drawn = [
        find / one.control_probability
        for one, find in zip(select(rule, events), finds.tolist(), strict=True)
        if one.is_control
    ]
    return float(sum(drawn))


def _simulated(n: int) -> tuple[Candidates, np.ndarray]:
    """Finds are likelier where scores are high, and the upper tenth is drawn more often."""
    rng = np.random.default_rng(3)
    percentile = (np.arange(n) + 0.5) / n
    finds = (rng.random(n) < 0.05 + 0.3 * percentile**4).astype(float)
    rows = Candidates(
        [f"E-{number}" for number in range(n)],
        percentile * 10,
        percentile,
        np.zeros(n, dtype=np.int64),
        ["north"] * n,
    )
    return rows, finds


def test_finds_are_told_without_bias_from_the_control_sample() -> None:
    """Over 400 keys the Horvitz-Thompson mean is the truth, to four exact standard errors."""
    events, finds = _simulated(300)
    rates = np.where(events.percentile >= 0.9, 0.3, 0.05)
    variance = float((finds**2 * (1 - rates) / rates).sum())
    n_keys = 400
    estimates = [
        _estimate(
            ReviewRule(
                budget=0.9,
                control=Control(
                    KEY + bytes([k % 256, k // 256]), "c1", (Stratum(0, 0.05), Stratum(0.9, 0.3))
                ),
            ),
            events,
            finds,
        )
        for k in range(n_keys)
    ]
    error = (variance / n_keys) ** 0.5
    assert np.mean(estimates) == pytest.approx(finds.sum(), abs=4 * error)
    assert np.std(estimates) == pytest.approx(variance**0.5, rel=0.2)


def test_too_little_room_costs_precision_and_no_truth() -> None:
    """Where half of the drawn events find no room the estimate is still unbiased."""
    events, finds = _simulated(300)
    n_keys = 400
    estimates = [
        _estimate(
            ReviewRule(
                budget=0.9,
                reviews=12,
                control=Control(
                    KEY + bytes([k % 256, k // 256]), "c1", (Stratum(0, 0.05), Stratum(0.9, 0.3))
                ),
            ),
            events,
            finds,
        )
        for k in range(n_keys)
    ]
    error = float(np.std(estimates)) / n_keys**0.5
    assert np.mean(estimates) == pytest.approx(finds.sum(), abs=4 * error)


def test_room_passes_on_from_a_unit_that_does_not_use_it() -> None:
    """The north has room for one of its three high scores; the rest goes south by score."""
    events = Candidates(
        ["a", "b", "c", "d", "e"],
        np.array([9.0, 8.0, 7.0, 2.0, 1.0]),
        np.zeros(5),
        np.zeros(5, dtype=np.int64),
        ["north", "north", "north", "south", "south"],
    )
    found = select(ReviewRule(budget=0.6, units={"north": 1}), events)
    assert [one.selected_by for one in found] == ["alert", None, None, "alert", "alert"]


def test_a_control_event_that_scores_high_is_both() -> None:
    """It takes one review, not two, so the next score still has room."""
    events = Candidates(
        ["a", "b", "c"], np.array([3.0, 2.0, 1.0]), np.zeros(3), np.zeros(3, np.int64), [""] * 3
    )
    drawn = Control(KEY, "c1", (Stratum(0.0, 1.0),))
    found = select(ReviewRule(budget=0.7, control=drawn), events)
    assert sum(one.is_selected for one in found) == 2
    assert all(one.selected_by in {"control", None} for one in found)
    few = Control(KEY, "c1", (Stratum(0.0, 1e-9), Stratum(0.9, 1.0)))
    percentile = np.array([0.95, 0.0, 0.0])
    found = select(ReviewRule(budget=0.7, control=few), events._replace(percentile=percentile))
    assert [one.selected_by for one in found] == ["both", "alert", None]
    assert [one.inclusion_probability for one in found] == [1.0, 1.0, 1e-9]


def test_a_period_is_told_where_the_reviewers_live() -> None:
    """New Year's night in Shanghai is still the old year in UTC."""
    at_us = int(datetime(2025, 12, 31, 16, 30, tzinfo=UTC).timestamp() * 1e6)
    shanghai = ZoneInfo("Asia/Shanghai")
    assert period_of(at_us, "month") == "2025-12"
    assert period_of(at_us, "month", shanghai) == "2026-01"
    assert period_of(at_us, "day", shanghai) == "2026-01-01"
    assert period_of(at_us, "week", shanghai) == "2026-W01"


def test_the_version_tells_rules_apart_and_no_key() -> None:
    """Whatever is declared is in it; the key itself is not."""
    control = Control.planned(KEY, "c1", budget=0.01)
    same_rates = Control.planned(KEY + b"!", "c1", budget=0.01)
    rules = [
        ReviewRule(budget=0.01),
        ReviewRule(budget=0.02),
        ReviewRule(budget=0.01, period="day"),
        ReviewRule(budget=0.01, reviews=9),
        ReviewRule(budget=0.01, units={"north": 1}),
        ReviewRule(budget=0.01, zone=ZoneInfo("Asia/Shanghai")),
        ReviewRule(budget=0.01, control=control),
    ]
    assert len({rule.version for rule in rules}) == len(rules)
    assert (
        ReviewRule(budget=0.01, control=same_rates).version
        == ReviewRule(budget=0.01, control=control).version
    )


def test_what_is_no_budget_is_refused() -> None:
    """Shares lie between 0 and 1, room is not negative, ids are distinct."""
    for budget in (0.0, 1.0):
        with pytest.raises(InputError, match="between 0 and 1"):
            ReviewRule(budget=budget)
    with pytest.raises(InputError, match="0 or more"):
        ReviewRule(budget=0.1, units={"north": -1})
    twice = Candidates(
        ["a", "a"], np.zeros(2), np.zeros(2), np.zeros(2, dtype=np.int64), ["north"] * 2
    )
    with pytest.raises(InputError, match="one id"):
        select(ReviewRule(budget=0.1), twice)
