"""The OpenAPI document: 3.1, complete, and true to what the service does."""

import hashlib
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema.validators import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from features.contracts.settings import Settings
from features.store.deployments import deploy
from features.store.ledger import Ledger
from serving.app import create_app
from serving.opening import open_desk
from serving.testing import payout, small_posts

with warnings.catch_warnings():  # starlette 1.10 announces its test client's move to httpx2
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

NDJSON: Final = "application/x-ndjson"
WRONG: Final = GenerationMode.NEGATIVE
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KEY: Final = "only-for-these-tests"
OPEN: Final = {"/healthz", "/readyz", "/metrics", "/problems/{slug}"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A running service with the small model."""
    home = tmp_path_factory.mktemp("home")
    chosen = Settings(home=home, api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest())
    ledger = Ledger.open(chosen.ledger_path)
    deploy(ledger, "payouts", digest="d" * 64, model_version="1", by="test")
    ledger.close()
    app = create_app(chosen, opener=partial(open_desk, make_posts=small_posts))
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/openapi.json").json()
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    """Version and both ways to send the key are stated."""
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}


def test_every_operation_tells_its_problems(document: dict[str, Any]) -> None:
    """Each refusal that the middleware can make is described as a problem."""
    for path, operation in operations(document):
        refusals = {
            status
            for status, response in operation["responses"].items()
            if "application/problem+json" in response.get("content", {})
        }
        expected = {"500"} if path in OPEN else {"401", "422", "429", "500", "503"}
        assert expected <= refusals, path


def test_only_what_a_supervisor_asks_needs_no_key(document: dict[str, Any]) -> None:
    """Health, metrics and problem pages are open, nothing else."""
    free = {path for path, one in operations(document) if one.get("security") == []}
    assert free == OPEN


def test_every_reference_leads_somewhere_and_every_schema_is_sound(
    document: dict[str, Any],
) -> None:
    """No dangling reference, no invalid schema."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {ref.rsplit("/", 1)[-1] for ref in references(document)} <= set(schemas)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_bodies_are_described(document: dict[str, Any]) -> None:
    """Each body has its one media type."""
    for path, media_type in (("/v1/score", "application/json"), ("/v1/events", NDJSON)):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        assert list(content) == [media_type]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/score"),
        ("GET", "/v1/records"),
        ("GET", "/v1/records/{record_id}"),
        ("GET", "/v1/records/{record_id}/explanation"),
        ("GET", "/readyz"),
        ("GET", "/problems/{slug}"),
    ],
)
def test_whatever_is_sent_the_answer_is_as_described(
    client: TestClient, document: dict[str, Any], method: str, path: str
) -> None:
    """Generated requests, right and wrong, against the running service."""
    operation = schemathesis.openapi.from_dict(document)[path][method]

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy() | operation.as_strategy(generation_mode=WRONG))
    def conforms(case: Case[Any]) -> None:
        told = case.as_transport_kwargs(base_url="http://testserver")
        told.pop("cookies", None)
        if isinstance(told.get("data"), bytes | str):
            told["content"] = told.pop("data")
        told["headers"] = {**dict(told["headers"]), "Authorization": f"Bearer {KEY}"}
        case.validate_response(client.request(**told), checks=CHECKS)

    conforms()


def test_a_plain_request_is_answered_as_described(
    client: TestClient, document: dict[str, Any]
) -> None:
    """A verdict is what its schema says."""
    operation = schemathesis.openapi.from_dict(document)["/v1/score"]["POST"]
    body = {"event": payout(amount_minor=9_999).model_dump(mode="json")}
    answer = client.post("/v1/score", json=body, headers={"X-API-Key": KEY})
    assert answer.status_code == 200
    operation.validate_response(answer)
