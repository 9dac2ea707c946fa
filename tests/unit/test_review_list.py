"""Review lists of a small ledger: one place an event, never beyond the room, whoever asks again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from features.batch import build
from features.contracts.errors import InputError, LianjingError
from features.contracts.events import Event
from features.spec import Own, Scenario, Since, Window
from features.store.ledger import Ledger
from models.budget import ReviewRule
from models.bundle import Bundle
from models.control import Control, review_id
from serving.cli.app import app
from tests.unit.small import FIRM, scenario
from training.fit import fit
from training.review_list import review_list

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
N = 240
SMALL = scenario(
    Own("amount_minor"),
    Window(FIRM, "count", days=30),
    Window(FIRM, "sum", "amount_minor", days=60),
    Since(FIRM, days=60),
)
KEY = b"only-for-these-tests"


def paid(k: int, amount: int, version: int = 1) -> Event:
    """A payment, three a day: two in the north, one in the south."""
    return Event(
        scenario="small",
        kind="paid",
        event_id=f"P-{k}",
        version=version,
        effective_at=START + timedelta(hours=8 * k),
        fields={
            "firm": f"E-{k % 7}",
            "officer": "O-1",
            "sector": "south" if k % 3 == 0 else "north",
            "amount_minor": amount,
        },
    )


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """Eighty days of payments, one of which was corrected."""
    amounts = np.random.default_rng(3).lognormal(9.0, 1.0, N).astype(int).tolist()
    made = Ledger.in_memory()
    made.admit([paid(k, amount) for k, amount in enumerate(amounts)])
    made.admit([paid(5, 77, version=2)])
    return made


@pytest.fixture(scope="module")
def bundle(ledger: Ledger) -> Bundle:
    """What was fitted on the ledger."""
    return fit(build(ledger, SMALL), created_at=START, budget=0.1).bundle


def listed(
    ledger: Ledger, bundle: Bundle, rule: ReviewRule, of: Scenario = SMALL, unit: str = ""
) -> pl.DataFrame:
    """The list of the whole ledger."""
    return review_list(ledger, of, bundle, rule, unit=unit)


def chosen(frame: pl.DataFrame) -> Sequence[str]:
    """Ids of the selected events."""
    ids: Sequence[str] = frame.filter(frame["selected_by"].is_not_null())["event_id"].to_list()
    return ids


def test_an_event_stands_once_and_as_it_was_known_last(ledger, bundle):
    """A correction takes the place of what it corrects."""
    frame = listed(ledger, bundle, ReviewRule(budget=0.1))

    assert sorted(frame["event_id"]) == sorted(f"P-{k}" for k in range(N))
    assert frame.filter(pl.col("event_id") == "P-5")["version"].to_list() == [2]


def test_each_period_has_the_highest_scores_there_is_room_for(ledger, bundle):
    """A tenth of the events of each month, and its line is the lowest score among them."""
    frame = listed(ledger, bundle, ReviewRule(budget=0.1))
    for (_,), part in frame.group_by("period"):
        room = int(0.1 * len(part) + 1e-9)
        best = part.sort("score", descending=True)["event_id"].to_list()[:room]
        assert sorted(chosen(part)) == sorted(best)
        line = part["threshold"].unique().to_list()
        assert line == [part.filter(pl.col("selected_by").is_not_null())["score"].min()]


def test_a_unit_has_no_more_reviews_than_its_own_reviewers_can_do(ledger, bundle):
    """What the north cannot take goes to the south."""
    frame = listed(ledger, bundle, ReviewRule(budget=0.2, units={"north": 1}), unit="sector")
    taken = frame.filter(pl.col("selected_by").is_not_null()).group_by("period", "unit").len()

    assert taken.filter(pl.col("unit") == "north")["len"].to_list() == [1, 1, 1]
    assert sorted(frame["unit"].unique()) == ["north", "south"]
    assert taken["len"].sum() > 6


def test_the_control_sample_is_the_one_that_the_service_draws(ledger, bundle):
    """By the event's id and its percentile, with its probability beside it."""
    control = Control.planned(KEY, "c1", budget=0.3, share=0.5)
    frame = listed(ledger, bundle, ReviewRule(budget=0.3, control=control, control_share=0.5))
    drawn = frame.filter(pl.col("selected_by").is_in(["control", "both"]))

    assert len(drawn) > 0
    assert all(
        control.is_drawn(review_id("small", event_id), percentile)
        for event_id, percentile in drawn.select("event_id", "percentile").iter_rows()
    )
    assert (drawn["control_probability"] > 0).all()


def test_the_same_list_comes_again(ledger, bundle):
    """Whoever makes it."""
    rule = ReviewRule(budget=0.1)
    assert listed(ledger, bundle, rule).equals(listed(ledger, bundle, rule))


def test_a_window_keeps_what_happened_in_it(ledger, bundle):
    """From its first instant on, before its last."""
    february = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    frame = review_list(ledger, SMALL, bundle, ReviewRule(budget=0.1), window=february)
    assert frame["period"].unique().to_list() == ["2026-02"]
    assert len(frame) == 28 * 3


@pytest.mark.parametrize(
    ("rule", "unit", "message"),
    [
        (ReviewRule(budget=0.1, units={"north": 1}), "", "no field says what unit"),
        (ReviewRule(budget=0.1), "amount_minor", "no key or category 'amount_minor'; use firm"),
        (ReviewRule(budget=0.1, units={"nord": 1}), "sector", "no event has sector 'nord'"),
    ],
)
def test_what_cannot_be_meant_is_refused(ledger, bundle, rule, unit, message):
    """With the offender and what fits."""
    with pytest.raises(InputError, match=message):
        listed(ledger, bundle, rule, unit=unit)


def test_a_window_without_events_is_refused(ledger, bundle):
    """Rather than an empty list that looks as if all were well."""
    late = datetime(2030, 1, 1, tzinfo=UTC), None
    with pytest.raises(InputError, match="no event of small happened in that time"):
        review_list(ledger, SMALL, bundle, ReviewRule(budget=0.1), window=late)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "list.txt"], "list.txt"),
        (["--out", "list.csv", "--quota", "north"], "quota 'north' must be UNIT=N"),
        (["--out", "list.csv", "--quota", "a=1", "--quota", "a=2"], "quota 'a=2' must be"),
        (["--out", "list.csv"], "ledger"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(tmp_path, monkeypatch, arguments, message):
    """A file of another kind, a bound that is none, a home without a ledger; nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["select", "payouts", *arguments])
    assert isinstance(done.exception, LianjingError)
    assert message in str(done.exception)
    assert not list(tmp_path.glob("list.*"))
