"""Signing in to the reviewers' console: who gets in, for how long, and who has to wait."""

import hashlib
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from serving.console.memory import MemorySource
from serving.console.pages import console_router
from serving.console.sessions import LIFETIME

with warnings.catch_warnings():
    # starlette 1.10 asks for httpx2, which the lock does not have; goes when the lock has it
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

KEY = "a key for reviewers"
SUPERVISORS = "a key for supervisors"
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def open_console(
    clock: Clock | None = None,
    key_sha256: str = hashlib.sha256(KEY.encode()).hexdigest(),
    supervisor_key_sha256: str = "",
) -> TestClient:
    app = FastAPI()
    app.include_router(
        console_router(
            MemorySource(()),
            key_sha256=key_sha256,
            supervisor_key_sha256=supervisor_key_sha256,
            signing_key=b"s" * 32,
            secure_cookies=True,
            clock=clock or Clock(),
        )
    )
    return TestClient(app, base_url="https://console.example", follow_redirects=False)


def sign_in(client: TestClient, key: str = KEY) -> int:
    return int(client.post("/console/login", data={"key": key}).status_code)


@pytest.fixture
def client() -> TestClient:
    """A reviewer who has signed in."""
    signed_in = open_console()
    assert sign_in(signed_in) == 303
    return signed_in


@pytest.mark.parametrize("path", ["", "/", "/queue", "/cases/R-0001", "/nowhere"])
def test_every_page_asks_for_sign_in(path: str) -> None:
    """Without a session a page leads to the sign-in form, which leads back."""
    answer = open_console().get(f"/console{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login?next=%2Fconsole")
    assert answer.text == ""


def test_a_wrong_key_opens_nothing() -> None:
    """A key with another digest is answered 401 and no cookie."""
    client = open_console()
    answer = client.post("/console/login", data={"key": "guess"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "访问密钥不正确" in answer.text


def test_without_a_configured_key_nobody_gets_in() -> None:
    """An empty digest is not the digest of an empty key."""
    client = open_console(key_sha256="")
    assert sign_in(client, "") == sign_in(client, KEY) == 401
    assert "尚未设置访问密钥" in client.get("/console/login").text


def test_supervisors_come_in_by_a_key_of_their_own() -> None:
    """With or without a reviewers' key; the session says who came in, and not by which key."""
    sha256 = hashlib.sha256(SUPERVISORS.encode()).hexdigest()
    for reviewers, status in ((hashlib.sha256(KEY.encode()).hexdigest(), 303), ("", 401)):
        client = open_console(key_sha256=reviewers, supervisor_key_sha256=sha256)
        assert sign_in(client, KEY) == status
        client.cookies.clear()
        assert sign_in(client, SUPERVISORS) == 303
        assert client.cookies["lianjing_session"].split(".")[1] == "supervisor"
        assert client.get("/console/queue").status_code == 200


def test_the_session_cookie_is_strict(client: TestClient) -> None:
    """The cookie is out of reach of scripts, of other sites and of plain HTTP, for eight hours."""
    cookie = client.post("/console/login", data={"key": KEY}).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/console", "Max-Age=28800"):
        assert part in cookie


def test_sign_in_goes_on_to_the_page_that_was_wanted() -> None:
    """The page asked for comes after the key; another site never does."""
    client = open_console()
    wanted = {"key": KEY, "next": "/console/cases/R-0001?lang=en"}
    assert client.post("/console/login", data=wanted).headers["location"] == wanted["next"]
    foreign = {"key": KEY, "next": "https://elsewhere.example/"}
    assert client.post("/console/login", data=foreign).headers["location"] == "/console/queue"


def test_five_failures_lock_an_address_for_fifteen_minutes() -> None:
    """The sixth try is refused even with the right key, and works again when the time is over."""
    clock = Clock()
    client = open_console(clock=clock)
    assert [sign_in(client, "guess") for _ in range(5)] == [401] * 5
    locked = client.post("/console/login", data={"key": KEY})
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 901
    clock.now += timedelta(minutes=15)
    assert sign_in(client) == 303


def test_a_session_ends_with_sign_out_and_with_time(client: TestClient) -> None:
    """A copied cookie is worthless after sign-out, and after eight hours."""
    token = client.cookies["lianjing_session"]
    client.post("/console/logout")
    client.cookies.set("lianjing_session", token, path="/console")
    assert client.get("/console/queue").status_code == 303

    clock = Clock()
    late = open_console(clock=clock)
    sign_in(late)
    clock.now += LIFETIME
    assert late.get("/console/queue").status_code == 303


def test_a_form_of_another_site_is_refused() -> None:
    """Sign-in and sign-out answer only to the console's own forms; other bodies are refused."""
    client = open_console()
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/console/login", data={"key": KEY}, headers=foreign).status_code == 403
    assert client.post("/console/logout", headers=foreign).status_code == 403
    assert client.post("/console/login", content=b"k" * 5000).status_code == 413
    assert client.post("/console/login", content="密钥".encode()).status_code == 422
