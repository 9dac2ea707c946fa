"""Measures of persons: withheld from everybody, or shown to supervisors, whose looks are kept."""

import hashlib
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
import pytest

from features.contracts.errors import LedgerError
from features.contracts.events import Event, Stored
from features.contracts.settings import Settings
from features.contracts.vectors import Cell, FeatureVector, Vector
from features.contracts.verdicts import Evidence, Status
from features.store.deployments import deploy
from features.store.ledger import Ledger
from features.store.schema import migrate
from models.bundle import Bundle
from models.typical import Typical
from serving.app import create_app
from serving.champion import Champion
from serving.desk import Post
from serving.opening import open_desk
from serving.scorer import Scorer
from serving.store import audit
from serving.testing import AMOUNT, KIND, ORDINARY, SCENARIO, SmallEngine, payout, small_bundle
from serving.veil import Openness

with warnings.catch_warnings():  # starlette 1.10 announces its test client's move to httpx2
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

REVIEWERS, SUPERVISORS, PLATFORM = "for reviewers", "for supervisors", "for the platform"
SHARE: Final = AMOUNT.model_copy(
    update={
        "name": "officer_share",
        "title_zh": "同一经办人占比",
        "title_en": "share of one officer",
        "unit": "furlongs",
        "family": "kinship",
        "false_alarm_zh": "窗口只有一人",
        "false_alarm_en": "a counter of one",
    }
)
VALUE: Final = 87_654
"""The share of the event that the stories are about, larger than its amount."""
WEIGHTS: Final = np.array([1.0, 0.5])
TELLING: Final = (
    "officer_share",
    "经办人占比",
    "one officer",
    "87654",
    "87,654",
    "furlongs",
    "窗口只有一人",
    "counter of one",
    "kinship",
    "P-EVIDENCE",
)
"""What only a supervisor may read: name, titles, value, unit, usual causes, family, evidence."""


@dataclass
class PersonsEngine(SmallEngine):
    """The small engine with a second feature, which tells of a person."""

    def vector(self, event: Event, *, stored: Stored | None = None) -> FeatureVector:
        """Amount and share of the event."""
        share = Cell(float(cast("int", event.fields["share"])), Status.OK)
        plain = super().vector(event, stored=stored)
        return replace(plain, names=("amount", "officer_share"), cells=(*plain.cells, share))

    def evidence(self, event: Event, feature: str, **_: Any) -> tuple[Evidence, ...]:
        """The share is computed from one earlier event, the amount from none."""
        one = self.ledger.find(SCENARIO, KIND, "P-EVIDENCE", 1)
        if feature != "officer_share" or one is None or one.event.event_id == event.event_id:
            return ()
        told = one.event
        return (
            Evidence(
                kind=told.kind,
                event_id=told.event_id,
                version=told.version,
                seq=one.seq,
                effective_at=told.effective_at,
            ),
        )


def persons_bundle() -> Bundle:
    """A model that adds up the amount and half the share."""

    def explain_row(values: Vector) -> tuple[float, Vector]:
        return 0.0, values * WEIGHTS

    plain = cast("SimpleNamespace", small_bundle())
    rows = np.column_stack([ORDINARY, ORDINARY])
    told = vars(plain) | {
        "names": ("amount", "officer_share"),
        "manifest": SimpleNamespace(
            **vars(plain.manifest)
            | {"features": (AMOUNT, SHARE), "model_features": ("amount", "officer_share")}
        ),
        "typical": Typical.fit(rows, ["all"] * len(rows)),
        "contributions": lambda x: (0.0, x * WEIGHTS),
        "score": lambda x: x @ WEIGHTS,
        "columns": [0, 1],
        "leading": (0, 1),
        "golden": rows[:1],
        "score_row": lambda values: float(values @ WEIGHTS),
        "explain_row": explain_row,
    }
    return cast("Bundle", SimpleNamespace(**told))


def persons_posts(settings: Settings, ledger: Ledger, deployed: Ledger) -> dict[str, Post]:
    """One post, of whose two features one is open."""
    bundle = persons_bundle()
    champion = Champion(deployed, SCENARIO, lambda _: bundle)
    scorer = Scorer(
        ledger, PersonsEngine(ledger), champion, scored=(KIND,), budget=settings.alert_budget
    )
    openness = Openness(frozenset({"amount"}))
    return {SCENARIO: Post(scorer, champion, lambda _: bundle, openness)}


@dataclass
class Service:
    """A running service with one record that a measure of persons is the first reason of."""

    client: TestClient
    settings: Settings
    verdict: dict[str, Any]

    @property
    def record_id(self) -> str:
        return str(self.verdict["record_id"])

    def sign_in(self, key: str) -> None:
        answer = self.client.post("/console/login", data={"key": key}, follow_redirects=False)
        assert answer.status_code == 303

    def case(self, lang: str = "en") -> str:
        answer = self.client.get(f"/console/cases/{self.record_id}", params={"lang": lang})
        assert answer.status_code == 200
        return str(answer.text)

    def looks(self) -> list[tuple[str, str, str]]:
        """Who looked at which record, and the digest of what was seen, in the audit chain."""
        ledger = Ledger.open(self.settings.ledger)
        assert audit.verify(ledger) is None
        asked = "SELECT actor, object, content FROM audit WHERE action = ? ORDER BY audit"
        found = ledger.connection.execute(asked, (audit.LOOKED,)).fetchall()
        ledger.close()
        return [(str(actor), str(of), str(content)) for actor, of, content in found]


Start = Callable[..., Service]


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def event(event_id: str, amount: int, share: int) -> dict[str, Any]:
    fields = {"enterprise": "E-1", "amount_minor": amount, "share": share}
    return payout(event_id, fields=fields).model_dump(mode="json")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, migrated once; every service works on a copy."""
    folder = tmp_path_factory.mktemp("home")
    migrate(folder / "ledger.db")
    return folder


@pytest.fixture
def start(tmp_path: Path, home: Path) -> Iterator[Start]:
    """`start(sensitive=True)`: a running service whose switch is on."""
    running: list[TestClient] = []

    def started(*, sensitive: bool) -> Service:
        shutil.copytree(home, tmp_path, dirs_exist_ok=True)
        settings = Settings(
            home=tmp_path,
            api_key_sha256=sha256(PLATFORM),
            console_key_sha256=sha256(REVIEWERS),
            supervisor_key_sha256=sha256(SUPERVISORS),
            sensitive_features=sensitive,
        )
        ledger = Ledger.open(settings.ledger_path)
        deploy(ledger, SCENARIO, digest="d" * 64, model_version="1", by="test")
        ledger.close()
        app = create_app(settings, opener=partial(open_desk, make_posts=persons_posts))
        client = TestClient(app, headers={"X-API-Key": PLATFORM})
        client.__enter__()
        running.append(client)
        early = event("P-EVIDENCE", 5, 5) | {"effective_at": "2026-02-01T09:00:00+08:00"}
        assert client.post("/v1/score", json={"event": early}).status_code == 200
        answer = client.post("/v1/score", json={"event": event("P-1", 30_000, VALUE)})
        assert answer.status_code == 200, answer.text
        return Service(client, settings, answer.json())

    yield started
    for client in running:
        client.__exit__(None, None, None)


def told_of(text: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """What of a measure of persons a text gives away."""
    return [word for word in TELLING if word in text and word not in but]


EVENT_OF_SUBJECT: Final = ("P-EVIDENCE",)
"""The earlier event is the subject's own, so its id may stand where it is not called evidence."""


@pytest.mark.parametrize("sensitive", [False, True])
def test_the_platform_is_told_that_there_is_a_reason_and_not_which(
    start: Start, *, sensitive: bool
) -> None:
    """Its place and part in the score stay, so that the order of the reasons is no secret."""
    service = start(sensitive=sensitive)
    first, second = service.verdict["reasons"]
    assert (first["feature"], second["feature"]) == ("measure_of_persons", "amount")
    assert first["share"] == pytest.approx(VALUE / (VALUE + 60_000))
    assert [first[part] for part in ("actual", "typical", "lo", "hi", "peers")] == [None] * 5
    assert first["evidence"] == []
    assert "not shown here" in first["statement_en"]
    assert told_of(str(service.verdict)) == []


@pytest.mark.parametrize("sensitive", [False, True])
def test_no_address_gives_a_measure_of_persons_away(start: Start, *, sensitive: bool) -> None:
    """Every address of the service is asked, by the platform and by a reviewer who is signed in."""
    service = start(sensitive=sensitive)
    service.sign_in(REVIEWERS)
    asked = 0
    for address in addresses(service.client):
        path = re.sub(r"{[a-z_:]+}", service.record_id, address)
        for query in ("", "?lang=zh&families=true", "?lang=en&families=true", "?q=P-1"):
            text = service.client.get(path + query).text
            assert told_of(text, but=EVENT_OF_SUBJECT) == [], path + query
            asked += service.record_id in text
    assert asked >= 16
    assert service.looks() == []


def addresses(client: TestClient) -> Iterator[str]:
    """Every path of the service that can be read."""
    for item in cast("Any", client.app).routes:
        included = getattr(item, "original_router", None)
        for route in [item] if included is None else included.routes:
            if "GET" in (route.methods or ()):
                yield route.path


def test_a_repeated_call_gets_the_same_bytes(start: Start) -> None:
    """What is withheld once is withheld in every answer about the event, and in its record."""
    service = start(sensitive=True)
    again = service.client.post("/v1/score", json={"event": event("P-1", 30_000, VALUE)})
    assert again.json() == service.verdict
    record = service.client.get(f"/v1/records/{service.record_id}").json()
    assert record["verdict"] == service.verdict
    assert [cell["feature"] for cell in record["vector"]] == ["amount"]
    assert record["withheld"] == 1


def test_a_digest_does_not_let_the_value_be_guessed(start: Start) -> None:
    """With all other numbers at hand the digest would confirm a guess, so it is withheld too."""
    service = start(sensitive=True)
    digest = hashlib.sha256(np.array([30_000.0, float(VALUE)]).tobytes()).hexdigest()
    record = service.client.get(f"/v1/records/{service.record_id}").text
    service.sign_in(REVIEWERS)
    assert digest not in str(service.verdict) + record + service.case()


def test_an_explanation_names_neither_the_measure_nor_what_would_be_ordinary(start: Start) -> None:
    """Families are summed as ever, but what tells of persons is one family."""
    service = start(sensitive=True)
    path = f"/v1/records/{service.record_id}/explanation?lang=zh&families=true"
    told = service.client.get(path).json()
    assert [part["family"] for part in told["families"]] == ["measure_of_persons", "amount"]
    assert told["families"][0]["contribution"] == VALUE / 2
    assert told["reasons"][0]["feature"] == "measure_of_persons"
    assert told_of(str(told)) == []


def test_what_would_make_it_ordinary_is_told_to_supervisors_alone(start: Start) -> None:
    """Where it is a measure of persons, others learn that there is such a way and no number."""
    service = start(sensitive=True)
    answer = service.client.post("/v1/score", json={"event": event("P-2", 50, VALUE)})
    service.verdict = answer.json()
    path = f"/v1/records/{service.record_id}/explanation?lang=en"
    way = service.client.get(path).json()["would_be_below"]
    assert way["feature"] == "measure_of_persons"
    assert (way["unit"], way["actual"], way["value"]) == ("", None, None)
    assert told_of(str(way)) == []

    service.sign_in(REVIEWERS)
    page = service.case()
    assert "If one measure of persons were different" in page
    assert told_of(page, but=EVENT_OF_SUBJECT) == []

    service.client.cookies.delete("lianjing_session")
    service.sign_in(SUPERVISORS)
    assert "Share of one officer: if it were" in service.case()


@pytest.mark.parametrize(
    ("lang", "differs", "further"),
    [
        ("zh-CN", "有一项涉及个人的指标与同类不同", "另有 1 项涉及个人的指标，此处不显示。"),
        ("en", "A measure of persons differs", "Measures of persons that are not shown here: 1"),
    ],
)
def test_a_reviewer_is_told_that_something_is_withheld(
    start: Start, lang: str, differs: str, further: str
) -> None:
    """In both languages, with its share of the score, and without a mark on its evidence."""
    service = start(sensitive=True)
    service.sign_in(REVIEWERS)
    page = service.case(lang)
    assert differs in page
    assert further in page
    assert "59%" in page
    assert 'class="is-evidence"' not in page
    assert told_of(page, but=EVENT_OF_SUBJECT) == []


def test_a_supervisor_sees_it_and_the_audit_chain_says_so(start: Start) -> None:
    """Name, value, unit, usual causes and evidence; one row for each look, by session and case."""
    service = start(sensitive=True)
    service.sign_in(SUPERVISORS)
    english, chinese = service.case("en"), service.case("zh-CN")
    for words in ("share of one officer", "87,654", "a counter of one", 'class="is-evidence"'):
        assert words.lower() in english.lower()
    assert "同一经办人占比" in chinese
    assert "every look at them is recorded" in english
    session = service.client.cookies["lianjing_session"].split(".")[2][:8]
    content = audit.digest(["officer_share"])
    look = (f"supervisor:{session}", service.record_id, content)
    assert service.looks() == [look, look]


def test_the_queue_shows_no_measure_of_persons_to_supervisors_either(start: Start) -> None:
    """A list is looked through, a case is looked at; only the latter is a look that is kept."""
    service = start(sensitive=True)
    service.sign_in(SUPERVISORS)
    page = service.client.get("/console/queue?lang=en").text
    assert "A measure of persons differs from its peers" in page
    assert told_of(page, but=EVENT_OF_SUBJECT) == []
    assert service.looks() == []


def test_while_the_switch_is_off_a_supervisor_sees_what_everybody_sees(start: Start) -> None:
    """The key lets in, and shows nothing more; nothing is looked at."""
    service = start(sensitive=False)
    service.sign_in(REVIEWERS)
    everybodys = service.case()
    service.client.cookies.delete("lianjing_session")
    service.sign_in(SUPERVISORS)
    assert service.case() == everybodys
    assert told_of(everybodys, but=EVENT_OF_SUBJECT) == []
    assert service.looks() == []


def test_a_session_that_claims_the_role_has_none(start: Start) -> None:
    """A reviewer's cookie with the other role written in is no session at all."""
    service = start(sensitive=True)
    service.sign_in(REVIEWERS)
    token = service.client.cookies["lianjing_session"]
    service.client.cookies.clear()
    service.client.cookies.set("lianjing_session", token.replace("reviewer", "supervisor"))
    answer = service.client.get(f"/console/cases/{service.record_id}", follow_redirects=False)
    assert (answer.status_code, answer.text) == (303, "")
    assert service.looks() == []


def test_what_cannot_be_noted_is_not_shown(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look without its row in the audit chain does not happen."""

    def full(*_: object) -> None:
        raise LedgerError("there is no room for another row")

    service = start(sensitive=True)
    service.sign_in(SUPERVISORS)
    monkeypatch.setattr(audit, "append", full)
    answer = service.client.get(f"/console/cases/{service.record_id}")
    assert answer.status_code == 503
    assert told_of(answer.text) == []
