"""The whole way with the real engine and a trained model: load, fit, promote, score, restart."""

import hashlib
import random
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pydantic import SecretStr

from features.batch import build
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.store.deployments import deploy
from features.store.ledger import Ledger
from serving.app import create_app
from serving.store import audit
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
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a year of payouts and a champion fitted on them."""
    chosen = Settings(
        home=tmp_path_factory.mktemp("home"),
        api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
        pseudonym_key=SecretStr("only-for-these-tests"),
    )
    draw = random.Random(7)  # noqa: S311  (test data)
    ledger, scenario = Ledger.open(chosen.ledger_path), catalog.load("payouts")
    ledger.admit([payout(at, round(draw.lognormvariate(12, 0.5))) for at in range(N_EVENTS)])
    bundle = fit(build(ledger, scenario), created_at=datetime(2026, 1, 1, tzinfo=UTC)).bundle
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
    verdict = scored(client, payout(N_EVENTS, 90_000_000))
    assert verdict["scores"]["is_alert"]
    first = verdict["reasons"][0]
    assert first["actual"] > first["typical"]
    assert first["statement_en"]
    assert first["statement_zh"]
    assert any(reason["evidence"] for reason in verdict["reasons"])
    assert all("违" not in reason["statement_zh"] for reason in verdict["reasons"])


def test_a_restart_changes_no_answer_and_no_history(settings: Settings) -> None:
    event = payout(N_EVENTS + 1, 160_000)
    verdicts = []
    for _ in range(2):
        with TestClient(create_app(settings), headers={"X-API-Key": KEY}) as client:
            verdicts.append(scored(client, event))
    assert verdicts[0] == verdicts[1]


def test_a_loaded_event_is_scored_as_of_its_place(client: TestClient, settings: Settings) -> None:
    draw = random.Random(7)  # noqa: S311  (test data)
    amounts = [round(draw.lognormvariate(12, 0.5)) for _ in range(N_EVENTS)]
    ledger = Ledger.open(settings.ledger_path)
    table = build(ledger, catalog.load("payouts"))
    verdict = scored(client, payout(1_900, amounts[1_900]))
    row = table.event_id.tolist().index("P-1900")
    digest = hashlib.sha256(table.values[row].tobytes()).hexdigest()
    assert verdict["provenance"]["vector_digest"] == digest
    ledger.close()


def test_an_account_number_never_enters(client: TestClient, settings: Settings) -> None:
    scored(client, payout(N_EVENTS + 2, 170_000, account=ACCOUNT))
    written = b"".join(path.read_bytes() for path in settings.home.iterdir() if path.is_file())
    assert ACCOUNT.encode() not in written
    assert b"k1:" in written


def test_an_explanation_can_be_derived_afterwards(client: TestClient) -> None:
    verdict = scored(client, payout(N_EVENTS + 3, 165_000))
    told = client.get(f"/v1/records/{verdict['record_id']}/explanation?lang=en").json()
    again = scored(client, payout(N_EVENTS + 3, 165_000), explain=True)
    assert again == verdict
    assert told["reasons"]
    assert {"feature", "statement", "actual", "typical", "evidence"} <= set(told["reasons"][0])


def test_a_field_that_is_not_declared_is_refused_by_name(client: TestClient) -> None:
    event = payout(N_EVENTS + 4, 1, hobby="golf")
    refused = client.post("/v1/score", json={"event": event.model_dump(mode="json")})
    assert refused.status_code == 422
    assert "hobby" in refused.json()["detail"]
    assert "golf" not in refused.text


def test_the_chain_holds(client: TestClient, settings: Settings) -> None:
    scored(client, payout(N_EVENTS + 5, 150_000))
    ledger = Ledger.open(settings.ledger_path)
    assert audit.verify(ledger) is None
    ledger.close()
