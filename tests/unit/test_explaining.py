"""A cell explained from the ledger: which event is meant, as of when, and what was seen."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from features.contracts.errors import (
    AccessError,
    InputError,
    NotFoundError,
    UnknownFeatureError,
)
from features.contracts.events import Event, from_us
from features.contracts.verdicts import Status
from features.store.ledger import Ledger
from serving.cli import show
from serving.explaining import Asked, explain
from serving.store import audit

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
SUM = "amount_minor_sum_365d_by_enterprise"


def _paid(event_id: str, day: int, amount: int, **changes: object) -> Event:
    told: dict[str, object] = {
        "scenario": "payouts",
        "kind": "payout_paid",
        "event_id": event_id,
        "effective_at": from_us(START_US + day * DAY_US),
        "fields": {"enterprise": "E-1", "amount_minor": amount},
    }
    return Event.model_validate(told | changes)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Three payments, a request under the last one's id, and a payment loaded later."""
    made = Ledger.in_memory()
    made.admit([_paid("P-1", 1, 100), _paid("P-2", 2, 250), _paid("P-3", 3, 30)])
    made.append(_paid("P-3", 4, 30, kind="payout_requested"), now_us=START_US + 5 * DAY_US)
    made.admit([_paid("P-0", 0, 7)])
    yield made
    made.close()


def test_a_cell_is_shown_with_the_events_it_came_from(ledger: Ledger) -> None:
    """Value, version, formula, and each event with its number, in time order."""
    found = explain(ledger, Asked("P-2", SUM))
    told = found.document()
    (part,) = told["parts"]

    assert (found.value, found.status) == (107.0, Status.OK)
    assert [(item["seq"], item["event_id"], item["value"]) for item in part["events"]] == [
        (5, "P-0", 7),
        (1, "P-1", 100),
    ]
    assert told["formula"][-1] == "value = sum over S of amount_minor_j"
    assert told["how"] == "7 + 100 = 107"
    assert told["as_of_seq"] == 5
    assert len(told["spec_hash"]) == 64


def test_keys_that_are_compared_are_shown(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many there are and the greatest; all of them on request, and in the document."""
    found = explain(ledger, Asked("P-2", SUM))
    keys = tuple(((f"L-{number:02d}",), number) for number in range(33))
    compared = replace(found, trace=replace(found.trace, keys=keys))
    show.explanation(compared, everything=False, json=False)
    some = capsys.readouterr().out
    show.explanation(compared, everything=True, json=False)
    every = capsys.readouterr().out

    assert "compared: 33 keys, the greatest 20 (--all shows all)" in some
    assert "L-32" in some
    assert "L-05" not in some
    assert "compared: 33 keys\n" in every
    assert "L-05" in every
    assert compared.document()["keys"][1] == {"key": ("L-01",), "number": 1}


def test_as_of_a_place_what_was_learned_later_is_not_seen(ledger: Ledger) -> None:
    """The payment that was loaded last is gone from the sum."""
    assert explain(ledger, Asked("P-2", SUM, as_of=4)).value == 100.0
    assert explain(ledger, Asked("P-2", SUM, as_of=1)).value == 100.0


def test_a_live_event_is_seen_as_it_was_when_it_came(ledger: Ledger) -> None:
    """It knows what stood in the ledger before it, and no more."""
    found = explain(ledger, Asked("P-3", SUM, kind="payout_requested"))

    assert found.value == 380.0
    assert found.as_of_seq == 3


def test_an_id_that_two_kinds_have_asks_which(ledger: Ledger) -> None:
    """The message names both, and the options that tell them apart."""
    with pytest.raises(InputError, match=r"payout_requested.*payout_paid.*--scenario and --kind"):
        explain(ledger, Asked("P-3", SUM))
    assert explain(ledger, Asked("P-3", SUM, kind="payout_paid")).value == 357.0


def test_the_latest_version_is_meant_where_none_is_named(ledger: Ledger) -> None:
    """A correction counts; the version before it can still be asked for."""
    ledger.admit([_paid("P-2", 2, 260, version=2)])

    assert explain(ledger, Asked("P-2", SUM)).stored.event.version == 2
    assert explain(ledger, Asked("P-2", SUM, version=1)).stored.event.version == 1


def test_a_missing_value_says_why(ledger: Ledger) -> None:
    """Not applicable is not zero."""
    found = explain(ledger, Asked("P-2", "n_1095d_by_object_code"))

    assert (found.value, found.status) == (None, Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (Asked("P-9", SUM), NotFoundError, "no event 'P-9'"),
        (Asked("P-2", SUM, version=3), NotFoundError, "no event 'P-2'"),
        (Asked("P-2", "nosuch", scenario="payouts"), UnknownFeatureError, "no feature 'nosuch'"),
        (Asked("P-2", SUM, scenario="approvals"), NotFoundError, "no event 'P-2'"),
    ],
)
def test_what_is_not_there_is_named(
    ledger: Ledger, asked: Asked, error: type[Exception], told: str
) -> None:
    """An event, a version, a feature."""
    with pytest.raises(error, match=told):
        explain(ledger, asked)


def test_a_feature_that_tells_of_persons_is_shown_only_where_it_may_be(ledger: Ledger) -> None:
    """The refusal names feature, setting and way out; a look that is let in is kept."""
    shy = "officer_share_365d_by_enterprise"
    count = "SELECT actor, action, object, content FROM audit"
    with pytest.raises(AccessError, match=f"{shy} tells of persons.*SENSITIVE_FEATURES is off"):
        explain(ledger, Asked("P-2", shy))
    assert ledger.connection.execute(count).fetchall() == []

    assert explain(ledger, Asked("P-2", shy), sensitive=True).feature.name == shy
    explain(ledger, Asked("P-2", SUM), sensitive=True)
    looked = ("operator", audit.LOOKED, "P-2", audit.digest([shy]))
    assert [tuple(row) for row in ledger.connection.execute(count).fetchall()] == [looked]
    assert audit.verify(ledger) is None
