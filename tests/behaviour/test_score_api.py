"""The service as the platform meets it: one record an event, plain refusals, nothing echoed."""

import hashlib
import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from starlette.requests import Request
from starlette.routing import Route

from features.contracts.events import Event
from features.contracts.settings import Settings
from features.store.deployments import deploy
from features.store.ledger import Ledger
from features.store.schema import migrate
from serving.app import create_app
from serving.desk import Desk
from serving.monitor import Monitor, request_log
from serving.opening import open_desk
from serving.scorer import Scorer
from serving.store import audit
from serving.testing import payout, small_posts

with warnings.catch_warnings():  # starlette 1.10 announces its test client's move to httpx2
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

KEY: Final = "only-for-these-tests"
HEADERS: Final = {"Authorization": f"Bearer {KEY}"}
CANARY: Final = "110101199003078515"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, migrated once; every service works on a copy."""
    folder = tmp_path_factory.mktemp("home")
    migrate(folder / "ledger.db")
    return folder


Start = Callable[..., TestClient]


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
def start(tmp_path: Path, home: Path, log: StringIO) -> Iterator[Start]:
    """`start(champion=True, **settings)`: a running service over an empty ledger."""
    running: list[TestClient] = []

    def started(*, champion: bool = True, **changes: Any) -> TestClient:
        shutil.copytree(home, tmp_path, dirs_exist_ok=True)
        told: dict[str, Any] = {
            "home": tmp_path,
            "api_key_sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        }
        settings = Settings(**(told | changes))
        if champion:
            ledger = Ledger.open(settings.ledger_path)
            deploy(ledger, "payouts", digest="d" * 64, model_version="1", by="test")
            ledger.close()
        app = create_app(
            settings,
            opener=partial(open_desk, make_posts=small_posts),
            monitor=Monitor(request_log(log)),
        )
        client = TestClient(app, headers=HEADERS, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return client

    yield started
    for client in running:
        client.__exit__(None, None, None)


def asked(event_id: str = "P-1", amount_minor: int = 120, **more: Any) -> dict[str, Any]:
    event = payout(event_id, amount_minor).model_dump(mode="json")
    return {"event": event, **more}


def test_an_event_is_scored_and_can_be_read_again(start: Start) -> None:
    """The stored record holds the verdict that was answered."""
    client = start()
    answer = client.post("/v1/score", json=asked(amount_minor=9_999))
    assert answer.status_code == 200
    verdict = answer.json()
    assert verdict["scores"]["band"] == "high"
    assert verdict["reasons"][0]["feature"] == "amount"
    record = client.get(f"/v1/records/{verdict['record_id']}").json()
    assert record["schema"] == "anomaly_record/1"
    assert record["verdict"] == verdict


def test_a_retry_gets_the_same_bytes(start: Start) -> None:
    """Sending the same again is safe."""
    client = start()
    first = client.post("/v1/score", json=asked())
    again = client.post("/v1/score", json=asked())
    assert (first.status_code, again.content) == (200, first.content)


def test_parallel_equal_requests_make_one_record(start: Start) -> None:
    """Many callers with one request get one verdict."""
    client = start()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.post("/v1/score", json=asked()), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(client.get("/v1/records").json()["records"]) == 1


def test_another_body_under_the_same_key_is_409(start: Start) -> None:
    """The refusal says how to send a correction."""
    client = start()
    client.post("/v1/score", json=asked(amount_minor=120))
    refused = client.post("/v1/score", json=asked(amount_minor=121))
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/conflict"
    assert "as version 2" in refused.json()["detail"]


def test_the_relation_to_the_hosts_rules_is_stated(start: Start) -> None:
    """Alert or not, and rule hit or not, make the four relations."""
    client = start()
    hit = [{"rule": "over_cap", "status": "hit"}]
    verdicts = [
        client.post("/v1/score", json=body).json()
        for body in (
            asked("A", 9_999, rule_warnings=hit),
            asked("B", 9_999),
            asked("C", 1, rule_warnings=hit),
            asked("D", 1),
        )
    ]
    assert [one["relation"] for one in verdicts] == ["confirms", "new", "rule_only", "none"]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer no"}, {"X-API-Key": "no"}, {"Authorization": KEY}]
)
def test_without_the_key_the_answer_is_401(start: Start, headers: dict[str, str]) -> None:
    """Whatever is asked for, an unknown caller learns nothing but how to sign in."""
    client = start()
    del client.headers["Authorization"]
    for method, path in (("POST", "/v1/score"), ("GET", "/v1/records"), ("GET", "/nowhere")):
        refused = client.request(method, path, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.json()["type"] == "/problems/unauthenticated"


def test_a_service_without_a_key_lets_nobody_in(start: Start) -> None:
    """The refusal names the setting that is missing."""
    refused = start(api_key_sha256="").post("/v1/score", json=asked())
    assert refused.status_code == 401
    assert "LIANJING_API_KEY_SHA256" in refused.json()["detail"]


def test_the_other_header_works_too(start: Start) -> None:
    """The key may come as `X-API-Key`."""
    client = start()
    del client.headers["Authorization"]
    assert client.get("/v1/records", headers={"X-API-Key": KEY}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_what_a_supervisor_asks_is_open(start: Start, path: str) -> None:
    """Health, metrics and the document need no key."""
    client = start()
    del client.headers["Authorization"]
    assert client.get(path).status_code == 200


def test_a_large_body_is_413_announced_or_streamed(start: Start) -> None:
    """The limit holds with and without an announced length."""
    client = start(body_limit=1_024)
    large = b"x" * 1_025

    def stream() -> Iterator[bytes]:
        yield large[:600]
        yield large[600:]

    for content in (large, stream()):
        refused = client.post("/v1/score", content=content)
        assert refused.status_code == 413
        assert refused.json()["type"] == "/problems/body-too-large"


def test_a_lying_length_is_refused(start: Start) -> None:
    """A length that is no number is refused before the body is read."""
    refused = start().post("/v1/score", content=b"{}", headers={"Content-Length": "-1"})
    assert refused.status_code == 422


BROKEN: Final = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"event": NaN}',
    b'{"event": "\\ud800"}',
    b"\xff\xfe",
    b"[" * 60_000,
    json.dumps(asked() | {CANARY: 1}).encode(),
    json.dumps({"event": asked()["event"] | {"event_id": [CANARY]}}).encode(),
    json.dumps({"event": asked()["event"] | {"fields": {CANARY: 1}}}).encode(),
    json.dumps({"event": asked()["event"] | {"fields": {"amount_minor": CANARY}}}).encode(),
    json.dumps({"event": asked()["event"] | {"effective_at": CANARY}}).encode(),
    json.dumps({"event": asked()["event"] | {"effective_at": 1}}).encode(),
    json.dumps({"event": asked()["event"] | {"currency": CANARY}}).encode(),
    json.dumps({"event": asked()["event"] | {"version": 10**30}}).encode(),
    json.dumps(asked(rule_warnings=[{"rule": "r", "status": CANARY}])).encode(),
    json.dumps(asked(explain="true")).encode(),
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_body_is_422_and_never_echoed(start: Start, log: StringIO, body: bytes) -> None:
    """No value of a broken body is in the answer or the log."""
    refused = start().post("/v1/score", content=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert CANARY not in refused.text + log.getvalue()


def test_a_422_says_where_and_which_rule(start: Start) -> None:
    """The caller learns the place and the rule."""
    body = {"event": asked()["event"] | {"version": 0}}
    problem = start().post("/v1/score", json=body).json()
    assert problem["errors"] == [
        {"where": "event/version", "rule": "Input should be greater than or equal to 1"}
    ]


def test_an_unknown_scenario_names_the_nearest(start: Start) -> None:
    """A slip of the pen is answered with what was meant."""
    body = {"event": asked()["event"] | {"scenario": "payout"}}
    refused = start().post("/v1/score", json=body)
    assert (refused.status_code, refused.json()["detail"]) == (
        404,
        "no scenario 'payout'; nearest: payouts",
    )


def test_too_many_calls_are_429_with_the_time_to_wait(start: Start) -> None:
    """The limit names the wait, and does not touch health checks."""
    client = start(rate_limit=2)
    answers = [client.get("/v1/records") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    assert client.get("/healthz").status_code == 200


def test_an_answer_past_the_deadline_is_503_and_a_retry_succeeds(start: Start) -> None:
    """A late answer is refused in time, and the same request works afterwards."""
    client = start(deadline_s=0.05)
    desk = client.app.state.desk  # type: ignore[attr-defined]
    is_free = desk.thread.submit(partial(time.sleep, 0.3))
    late = client.post("/v1/score", json=asked())
    assert late.status_code == 503
    assert late.headers["retry-after"] == "1"
    assert late.json()["type"] == "/problems/deadline"
    is_free.result()
    assert client.post("/v1/score", json=asked()).status_code == 200


def test_without_a_champion_scoring_is_503_and_the_service_not_ready(start: Start) -> None:
    """The process lives, and gets no traffic."""
    client = start(champion=False)
    refused = client.post("/v1/score", json=asked())
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/no-champion")
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_unknown_paths_and_methods_are_problems(start: Start) -> None:
    """The framework's own refusals have our shape."""
    client = start()
    nowhere, wrong = client.get("/v1/nowhere"), client.delete("/v1/score")
    assert (nowhere.status_code, wrong.status_code) == (404, 405)
    assert "POST" in wrong.headers["allow"]
    for refused in (nowhere, wrong):
        assert refused.headers["content-type"] == "application/problem+json"


def test_the_unexpected_is_a_500_without_its_text(start: Start, log: StringIO) -> None:
    """The log has the kind of error and its place, the answer neither."""
    client = start()

    async def broken(_: Request) -> NoReturn:
        raise ZeroDivisionError(CANARY)

    routes = client.app.router.routes  # type: ignore[attr-defined]
    routes.insert(0, Route("/console/broken", broken))
    refused = client.get("/console/broken")
    assert refused.status_code == 500
    assert refused.json()["type"] == "/problems/internal"
    assert CANARY not in refused.text + log.getvalue()
    assert "ZeroDivisionError" in log.getvalue()


def test_a_model_that_breaks_inside_is_a_500_and_logged(
    start: Start, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the body is the caller's; a stored verdict that cannot be read is our own trouble."""

    def unreadable(*_: object, **__: object) -> NoReturn:
        Event.model_validate({"scenario": CANARY})
        raise AssertionError

    client = start()
    monkeypatch.setattr(Scorer, "answer", unreadable)
    refused = client.post("/v1/score", json=asked())
    assert (refused.status_code, refused.json()["type"]) == (500, "/problems/internal")
    assert "ValidationError" in log.getvalue()
    assert CANARY not in refused.text + log.getvalue()


def test_a_failing_watch_is_shown_and_logged_once_and_goes_on(
    start: Start, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stops the look for new bundles is told by its kind, and ends when it is mended."""

    def fail(_: object) -> NoReturn:
        raise ZeroDivisionError(CANARY)

    client = start(poll_s=0.01)
    monkeypatch.setattr(Desk, "refresh", fail)
    assert shown(client, "ZeroDivisionError")["ready"]
    time.sleep(0.1)
    assert log.getvalue().count("watch_failed") == 1
    assert CANARY not in log.getvalue()
    monkeypatch.undo()
    assert shown(client, "")["ready"]


def shown(client: TestClient, failure: str) -> dict[str, Any]:
    """What /readyz says once it tells this failure of the watch."""
    end, told = time.monotonic() + 5, dict[str, Any]()
    while told.get("watch_failure") != failure:
        assert time.monotonic() < end, told
        told = client.get("/readyz").json()
    return told


def test_every_problem_type_has_a_page(start: Start) -> None:
    """The type of a problem leads to its meaning."""
    client = start()
    problem = client.post("/v1/score", content=b"{").json()
    meaning = client.get(problem["type"]).json()
    assert (meaning["status"], meaning["type"]) == (422, problem["type"])
    assert client.get("/problems/nothing").status_code == 404


def test_history_is_taken_line_by_line(start: Start) -> None:
    """Each line has its outcome, and a bad one stops no other."""
    client = start()
    lines = [
        payout("P-1").model_dump_json(),
        payout("P-1").model_dump_json(),
        "",
        payout("P-1", 7).model_dump_json(),
        f'{{"event_id": ["{CANARY}"]}}',
        payout("P-2").model_dump_json().replace("payouts", "payout"),
    ]
    answer = client.post("/v1/events", content="\n".join(lines))
    assert answer.status_code == 200
    assert [(one["line"], one["outcome"]) for one in answer.json()["lines"]] == [
        (1, "accepted"),
        (2, "duplicate"),
        (4, "conflict"),
        (5, "invalid"),
        (6, "invalid"),
    ]
    assert "nearest: payouts" in answer.json()["lines"][-1]["detail"]
    assert CANARY not in answer.text
    assert client.get("/v1/records").json()["records"] == []


def test_a_batch_has_a_bound(start: Start) -> None:
    """Too many lines are refused with the number that is allowed."""
    refused = start().post("/v1/events", content=b"{}\n" * 1_001)
    assert refused.status_code == 422
    assert "at most 1000 lines" in refused.json()["detail"]


def test_the_feed_goes_on_where_it_stopped(start: Start) -> None:
    """Following the cursor gives every record once."""
    client = start()
    for at in range(3):
        client.post("/v1/score", json=asked(f"P-{at}"))
    first = client.get("/v1/records", params={"limit": 2}).json()
    rest = client.get("/v1/records", params={"cursor": first["next_cursor"]}).json()
    ids = [one["verdict"]["event_id"] for one in first["records"] + rest["records"]]
    assert ids == ["P-0", "P-1", "P-2"]
    end = client.get("/v1/records", params={"cursor": rest["next_cursor"]}).json()
    assert end == {"records": [], "next_cursor": rest["next_cursor"]}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=-1", f"cursor={CANARY}0"])
def test_a_broken_query_is_422_and_not_echoed(start: Start, query: str) -> None:
    """Parameters are refused like bodies, without their value."""
    refused = start().get(f"/v1/records?{query}")
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert CANARY not in refused.text


@pytest.mark.parametrize(("lang", "name"), [("zh", "金额"), ("en", "amount")])
def test_reasons_are_derived_later_in_the_readers_language(
    start: Start, lang: str, name: str
) -> None:
    """An explanation is told in the language that is asked for."""
    client = start()
    verdict = client.post("/v1/score", json=asked()).json()
    assert verdict["reasons"] == []
    path = f"/v1/records/{verdict['record_id']}/explanation"
    told = client.get(path, params={"lang": lang}).json()
    assert (told["lang"], told["reasons"][0]["name"]) == (lang, name)


def test_an_explanation_says_what_would_make_an_alert_ordinary(start: Start) -> None:
    """Value, sentence, sense and, on request, families; null for what is no alert."""
    client = start()
    alert = client.post("/v1/score", json=asked("P-1", 250_000)).json()
    quiet = client.post("/v1/score", json=asked("P-2", 120)).json()
    path = "/v1/records/{record_id}/explanation?lang=en&families=true"
    told = client.get(path.format(**alert)).json()

    assert told["would_be_below"]["value"] == 99.0
    assert "Amount: if it were CNY 99.00, all else equal" in told["would_be_below"]["statement"]
    assert told["reasons"][0]["sense"] == "too_high"
    assert told["families"] == [{"family": "amount", "contribution": 250_000.0, "share": 1.0}]
    assert told["reliability"]["leading_missing"] == 0
    plain = client.get(path.format(**quiet).removesuffix("&families=true")).json()
    assert plain["would_be_below"] is None
    assert plain["families"] is None


def test_an_unknown_record_is_404(start: Start) -> None:
    """There is nothing to read or to explain."""
    client = start()
    for path in ("/v1/records/x", "/v1/records/x/explanation"):
        assert client.get(path).status_code == 404


def test_metrics_know_routes_not_paths(start: Start) -> None:
    """The number of labels does not grow with what is asked."""
    client = start()
    client.post("/v1/score", json=asked(amount_minor=9_999))
    for at in range(20):
        client.get(f"/v1/records/{at}")
        client.get(f"/nowhere/{at}")
    text = client.get("/metrics").text
    assert 'route="/v1/records/{record_id}",status="4xx"} 20.0' in text
    assert 'route="unmatched",status="4xx"} 20.0' in text
    assert 'lianjing_verdicts_total{band="high",scenario="payouts"} 1.0' in text
    assert 'lianjing_alerts_total{scenario="payouts"} 1.0' in text
    assert 'lianjing_alert_rate_expected{scenario="payouts"} 0.01' in text
    assert 'lianjing_alert_rate_realised{scenario="payouts"} 1.0' in text
    assert "lianjing_champion_info{" in text
    assert "/nowhere" not in text


def test_each_request_is_one_log_line_with_its_id(start: Start, log: StringIO) -> None:
    """A plain id of the caller is kept, another one is replaced."""
    client = start()
    log.truncate(0)
    log.seek(0)
    kept = client.get("/v1/records/x", headers={"X-Request-ID": "abc-1"})
    made = client.get("/v1/records/x", headers={"X-Request-ID": CANARY * 9})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["abc-1", made.headers["x-request-id"]]
    assert kept.headers["x-request-id"] == "abc-1"
    assert {(line["route"], line["status"]) for line in lines} == {("/v1/records/{record_id}", 404)}


def test_the_chain_covers_every_state_changing_call(start: Start, tmp_path: Path) -> None:
    """Scoring and learning are audited once; a retry is not."""
    client = start()
    client.post("/v1/score", json=asked("P-1"))
    client.post("/v1/score", json=asked("P-1"))
    client.post("/v1/events", content=payout("P-2").model_dump_json())
    ledger = Ledger.open(tmp_path / "ledger.db")
    rows = ledger.connection.execute("SELECT actor, action FROM audit").fetchall()
    assert rows == [("platform", "score"), ("platform", "learn")]
    assert audit.verify(ledger) is None
    ledger.close()


def test_a_second_service_on_one_home_does_not_start(start: Start) -> None:
    """One service writes a ledger."""
    start()
    with pytest.raises(Exception, match="another service runs"):
        start(champion=False)


def test_the_console_is_mounted_with_its_own_door(start: Start) -> None:
    """The API key is not asked for there, the access key is."""
    client = start()
    del client.headers["Authorization"]
    assert client.get("/console/login").status_code == 200
    inside = client.get("/console/queue", follow_redirects=False)
    assert inside.status_code == 303
