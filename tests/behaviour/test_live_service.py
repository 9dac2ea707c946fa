"""The whole way with the real engine and a trained model: load, fit, promote, score, restart."""

import hashlib
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from features.batch import build
from features.contracts.events import Event
from features.contracts.settings import Place, Settings
from features.contracts.verdicts import Verdict
from features.scenarios import catalog
from features.store.deployments import deploy
from features.store.ledger import Ledger
from features.store.schema import tables
from serving.app import create_app
from serving.console.source import TimelineEvent
from serving.store import audit
from serving.store.reading import Records, read_only
from training.fit import fit

with warnings.catch_warnings():  # starlette 1.10 announces its test client's move to httpx2
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

KEY: Final = "only-for-these-tests"
ACCOUNT: Final = "6222021234567890123"
START: Final = datetime(2024, 1, 2, 2, tzinfo=UTC)
N_EVENTS: Final = 2_000


def payout(at: int, amount: int, **fields: object) -> Event:
    """A payment, one every five hours."""
    draw = random.Random(at)  # noqa: S311  (test data)
    told = {
        "enterprise": f"E-{draw.randrange(60)}",
        "authority": f"A-{draw.randrange(4)}",
        "category": f"C-{draw.randrange(6)}",
        "officer": f"O-{draw.randrange(9)}",
        "district": f"D-{draw.randrange(3)}",
        "amount_minor": amount,
        "cap_minor": 3 * amount,
    }
    return Event.model_validate(
        {
            "scenario": "payouts",
            "kind": "payout_paid",
            "event_id": f"P-{at}",
            "effective_at": START + timedelta(hours=5 * at),
            "fields": told | fields,
        }
    )


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, stores: Callable[[], AbstractContextManager[Place]]
) -> Iterator[Settings]:
    """A home with a year of payouts and a champion fitted on them, in each kind of database."""
    with stores() as place:
        home = place.parent if isinstance(place, Path) else tmp_path_factory.mktemp("home")
        yield prepared(home, "" if isinstance(place, Path) else str(place))


def prepared(home: Path, store: str) -> Settings:
    chosen = Settings(
        home=home,
        store=SecretStr(store),
        api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
        pseudonym_key=SecretStr("only-for-these-tests"),
    )
    draw = random.Random(7)  # noqa: S311  (test data)
    ledger, scenario = Ledger.open(chosen.ledger), catalog.load("payouts")
    ledger.admit([payout(at, round(draw.lognormvariate(12, 0.5))) for at in range(N_EVENTS)])
    shy = [item.name for item in scenario.features if item.sensitive]
    created = datetime(2026, 1, 1, tzinfo=UTC)
    bundle = fit(build(ledger, scenario), created_at=created, left_out=shy).bundle
    bundle.save(chosen.bundles / "payouts" / bundle.digest)
    deploy(ledger, "payouts", digest=bundle.digest, model_version="1", by="test")
    ledger.close()
    return chosen


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers={"X-API-Key": KEY}) as running:
        yield running


def scored(client: TestClient, event: Event, **more: Any) -> Any:
    answer = client.post("/v1/score", json={"event": event.model_dump(mode="json"), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_payout_far_above_its_peers_is_an_alert_with_checkable_reasons(
    client: TestClient,
) -> None:
    """Reasons hold numbers, a sentence in both languages and evidence, and accuse nobody."""
    verdict = scored(client, payout(N_EVENTS, 90_000_000))
    assert verdict["scores"]["is_alert"]
    first = verdict["reasons"][0]
    assert first["actual"] > first["typical"]
    assert first["statement_en"]
    assert first["statement_zh"]
    assert any(reason["evidence"] for reason in verdict["reasons"])
    assert all("违" not in reason["statement_zh"] for reason in verdict["reasons"])


def test_a_restart_changes_no_answer_and_no_history(settings: Settings) -> None:
    """The same request before and after a restart gets the same verdict."""
    event = payout(N_EVENTS + 1, 160_000)
    verdicts = []
    for _ in range(2):
        with TestClient(create_app(settings), headers={"X-API-Key": KEY}) as client:
            verdicts.append(scored(client, event))
    assert verdicts[0] == verdicts[1]


def test_a_loaded_event_is_scored_as_of_its_place(client: TestClient, settings: Settings) -> None:
    """Scoring an event of a load gives the very vector that batch computes."""
    draw = random.Random(7)  # noqa: S311  (test data)
    amounts = [round(draw.lognormvariate(12, 0.5)) for _ in range(N_EVENTS)]
    ledger = Ledger.open(settings.ledger)
    table = build(ledger, catalog.load("payouts"))
    verdict = scored(client, payout(1_900, amounts[1_900]))
    with closing(read_only(settings.ledger)) as connection:
        stored = Records(connection).row(verdict["record_id"])
    made = Verdict.model_validate_json(stored.verdict).provenance
    row = table.event_id.tolist().index("P-1900")
    digest = hashlib.sha256(table.values[row].tobytes()).hexdigest()
    assert made.vector_digest == digest
    ledger.close()


def test_a_record_holds_no_measure_of_persons(client: TestClient) -> None:
    """They are computed and kept, left out of what is told, and counted there."""
    shy = {item.name for item in catalog.load("payouts").features if item.sensitive}
    verdict = scored(client, payout(N_EVENTS + 6, 155_000), explain=True)
    answer = client.get(f"/v1/records/{verdict['record_id']}")
    record = answer.json()
    assert len(record["vector"]) == len(catalog.load("payouts").features) - len(shy)
    assert record["withheld"] == len(shy) > 0
    assert record["verdict"] == verdict
    assert verdict["provenance"]["vector_digest"] == ""
    assert not [name for name in shy if name in answer.text]


def test_an_account_number_never_enters(client: TestClient, settings: Settings) -> None:
    """Only its pseudonym is on disk, in whatever file or table."""
    scored(client, payout(N_EVENTS + 2, 170_000, account=ACCOUNT))
    written = b"".join(path.read_bytes() for path in settings.home.iterdir() if path.is_file())
    if settings.has_store:
        with closing(read_only(settings.ledger)) as connection:
            for table in tables(settings.ledger):
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
                written += repr(rows).encode()
    assert ACCOUNT.encode() not in written
    assert b"k1:" in written


def test_an_explanation_can_be_derived_afterwards(client: TestClient) -> None:
    """Reasons on demand, without another verdict."""
    verdict = scored(client, payout(N_EVENTS + 3, 165_000))
    told = client.get(f"/v1/records/{verdict['record_id']}/explanation?lang=en").json()
    again = scored(client, payout(N_EVENTS + 3, 165_000), explain=True)
    assert again == verdict
    assert told["reasons"]
    assert {"feature", "statement", "actual", "typical", "evidence"} <= set(told["reasons"][0])


@pytest.mark.parametrize(("at", "is_loaded"), [(N_EVENTS + 10, False), (N_EVENTS + 20, True)])
def test_what_is_loaded_later_enters_no_explanation_of_a_record_before(
    client: TestClient, settings: Settings, at: int, *, is_loaded: bool
) -> None:
    """Reasons asked for after a load of older events are those of the record's watermark."""
    event = payout(at, 165_000)
    if is_loaded:
        load(settings, [event])
    verdict = scored(client, event)
    assert verdict["reasons"] == []
    path = f"/v1/records/{verdict['record_id']}/explanation"
    before = client.get(path).json()
    timeline = case_timeline(settings, verdict["record_id"])
    backfill = [
        event.model_copy(
            update={
                "event_id": f"B-{at}-{hours}",
                "effective_at": event.effective_at - timedelta(hours=hours),
            }
        )
        for hours in range(1, 5)
    ]
    load(settings, [*backfill, event.model_copy(update={"version": 2})])
    after = scored(client, payout(at + 1, 165_000, enterprise=event.fields["enterprise"]))
    told = client.get(f"/v1/records/{after['record_id']}/explanation").text
    assert f'"B-{at}-1"' in told
    assert any(reason["evidence"] for reason in before["reasons"])
    assert client.get(path).json() == before
    assert case_timeline(settings, verdict["record_id"]) == timeline


def load(settings: Settings, events: list[Event]) -> None:
    """Load `events` beside the running service, each known when it happened."""
    with closing(Ledger.open(settings.ledger)) as ledger:
        assert set(ledger.admit(events)) == {"accepted"}


def case_timeline(settings: Settings, record_id: str) -> tuple[TimelineEvent, ...]:
    """What the console's case page shows of the record's subject."""
    with closing(read_only(settings.ledger)) as connection:
        return Records(connection).timeline(record_id, 40)


def test_a_field_that_is_not_declared_is_refused_by_name(client: TestClient) -> None:
    """The name is told, the value is not."""
    event = payout(N_EVENTS + 4, 1, hobby="golf")
    refused = client.post("/v1/score", json={"event": event.model_dump(mode="json")})
    assert refused.status_code == 422
    assert "hobby" in refused.json()["detail"]
    assert "golf" not in refused.text


def test_the_chain_holds(client: TestClient, settings: Settings) -> None:
    """The audit chain verifies over what a real service wrote."""
    scored(client, payout(N_EVENTS + 5, 150_000))
    ledger = Ledger.open(settings.ledger)
    assert audit.verify(ledger) is None
    ledger.close()
