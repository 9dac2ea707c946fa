"""Refusals on the wire: one shape, no value of the request in it, and the way out."""

import asyncio
import hashlib
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from features.contracts.errors import (
    DeadlineError,
    LianjingError,
    UnauthenticatedError,
)
from features.contracts.events import Event
from serving import problems
from serving.auth import authenticate
from serving.middleware import Deadline
from serving.ratelimit import RateLimit
from serving.reference import MEANINGS

CANARY: Final = "110101199003078515"


def tree(root: type[LianjingError]) -> list[type[LianjingError]]:
    return [root, *(error for child in root.__subclasses__() for error in tree(child))]


OWN: Final = [error for error in tree(LianjingError) if "contracts" in error.__module__]


@pytest.mark.parametrize("error", OWN, ids=lambda error: error.__name__)
def test_every_error_of_ours_is_told_by_its_status_and_slug(error: type[LianjingError]) -> None:
    """Each class of the tree has its document and its page of meaning."""
    body = json.loads(problems.of(error("what is wrong; the way out")).body())
    assert body == {
        "type": f"/problems/{error.slug}",
        "title": error.status.phrase,
        "status": error.status,
        "detail": "what is wrong; the way out",
    }
    assert error.slug in MEANINGS


def test_a_foreign_errors_text_stays_inside() -> None:
    """An error that is not ours is a 500 without its text."""
    problem = problems.of(KeyError(CANARY))
    assert problem.status == 500
    assert CANARY not in problem.body().decode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.just(CANARY),
        lambda child: st.lists(child, max_size=3) | st.dictionaries(st.just(CANARY), child),
        max_leaves=6,
    ),
    st.sampled_from([*Event.model_fields, CANARY]),
)
def test_no_value_of_a_broken_body_comes_back(value: Any, name: str) -> None:
    """Neither a value nor a name that the caller made up is repeated."""
    with pytest.raises(problems.BrokenBodyError) as caught:
        problems.parse(Event, json.dumps({name: value}).encode())
    problem = problems.of(caught.value)
    assert (problem.status, problem.slug) == (422, "invalid-input")
    assert problem.errors
    assert CANARY not in problem.body().decode() + str(caught.value)


def test_a_broken_rule_elsewhere_is_not_the_callers_doing() -> None:
    """A model that fails inside the service is a 500, however it fails."""
    with pytest.raises(ValidationError) as caught:
        Event.model_validate({"scenario": CANARY})
    problem = problems.of(caught.value)
    assert (problem.status, problem.slug) == (500, "internal")
    assert CANARY not in problem.body().decode()


def test_many_broken_rules_are_cut_short() -> None:
    """The list of broken rules has a bound."""
    broken = [{"type": "missing", "loc": ("event",), "msg": "Field required"}] * 100
    assert len(problems.broken_rules(broken)) == 16


def test_the_headers_say_how_to_go_on() -> None:
    """Each refusal carries the header that belongs to its status."""
    assert "WWW-Authenticate" in problems.of(UnauthenticatedError("no")).headers
    assert problems.of(DeadlineError("late")).headers == {"Retry-After": "1"}
    assert problems.of(DeadlineError("late")).later(2.1).headers == {"Retry-After": "3"}
    assert problems.of(HTTPException(405, headers={"Allow": "GET"})).headers == {"Allow": "GET"}


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_ten_seconds_hold_more_than_twice_the_agreed_calls(gaps: list[float]) -> None:
    """However calls are spread, a burst is bounded."""
    now, passed = 0.0, []
    limit = RateLimit(3, clock=lambda: now)
    for gap in gaps:
        now += gap
        if limit.wait("platform") == 0.0:
            passed.append(now)
    assert all(sum(1 for other in passed if at <= other < at + 10) <= 6 for at in passed)


def test_callers_do_not_take_from_each_other() -> None:
    """Each caller has an allowance of its own."""
    limit = RateLimit(1, clock=lambda: 0.0)
    assert [limit.wait(who) > 0 for who in ("a", "b", "a")] == [False, False, True]


@pytest.mark.parametrize("stored", ["", "not hex", "密"])
def test_a_strange_setting_lets_nobody_in(stored: str) -> None:
    """A digest that is none matches no key."""
    with pytest.raises(UnauthenticatedError):
        authenticate({b"x-api-key": b"key"}, stored)


def test_an_empty_key_is_nobodys_key() -> None:
    """Not even the digest of the empty key opens for it."""
    with pytest.raises(UnauthenticatedError):
        authenticate({b"x-api-key": b""}, hashlib.sha256(b"").hexdigest())


def test_an_answer_already_begun_is_not_answered_twice() -> None:
    """A deadline that passes in the middle of an answer adds nothing to it."""
    sent: list[str] = []

    async def slow(_: object, __: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(5)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.request"}

    asyncio.run(Deadline(slow, 0.01)({"type": "http"}, receive, send))
    assert sent == ["http.response.start"]
