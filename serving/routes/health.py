"""What a supervisor asks: does it live, may it get traffic, how is it doing."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from features.contracts.errors import LedgerError, NotFoundError
from serving.desk import Desk, desk_of
from serving.openapi import OPEN, refusals
from serving.reference import MEANINGS


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class ScenarioState(BaseModel):
    """Which bundle serves a scenario, and why a newer one does not, if so."""

    champion: str | None
    model_version: str | None
    failure: str


class Ready(BaseModel):
    """Whether scoring can be answered, and what keeps new bundles from being found, if anything."""

    ready: bool
    database: bool
    watch_failure: str
    scenarios: dict[str, ScenarioState]


class Meaning(BaseModel):
    """What a problem type means."""

    type: str
    title: str
    status: int
    meaning: str


def readiness(desk: Desk) -> Ready:
    """The database answers, and at least one scenario has a champion that passed its self-test.

    A failing watch is shown and leaves the service ready: what serves goes on serving.
    """
    states = {name: _state(desk, name) for name in desk.posts}
    database = _database(desk)
    serves = any(state.champion for state in states.values())
    return Ready(
        ready=database and serves,
        database=database,
        watch_failure=desk.failure,
        scenarios=states,
    )


def _state(desk: Desk, name: str) -> ScenarioState:
    champion = desk.posts[name].champion
    serving = champion.serving
    return ScenarioState(
        champion=None if serving is None else serving.digest,
        model_version=None if serving is None else serving.model_version,
        failure=champion.failure,
    )


def _database(desk: Desk) -> bool:
    try:
        return desk.records.alive()
    except LedgerError as error:
        desk.monitor.log.warning("database_unreachable", error=type(error).__name__)
        return False


async def healthz() -> Alive:
    """Say that the process and its event loop answer."""
    return Alive()


def readyz(request: Request) -> JSONResponse:
    """Say whether scoring can be answered, and by which bundles."""
    state = readiness(desk_of(request))
    status = HTTPStatus.OK if state.ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(state.model_dump(), status_code=status)


def metrics(request: Request) -> Response:
    """Give the metrics as Prometheus text."""
    return Response(desk_of(request).monitor.exposition(), media_type=CONTENT_TYPE_LATEST)


def meaning(slug: str) -> Meaning:
    """Say what a problem type means."""
    if slug not in MEANINGS:
        raise NotFoundError("no problem type of this name; the type of a problem names its page")
    kind = MEANINGS[slug]
    return Meaning(
        type=f"/problems/{slug}", title=kind.status.phrase, status=kind.status, meaning=kind.meaning
    )


def router() -> APIRouter:
    """The routes; none needs a key."""
    routes = APIRouter(tags=["service"])
    failed = refusals(HTTPStatus.INTERNAL_SERVER_ERROR)
    unready: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "Not ready"}}
    text: dict[int | str, dict[str, Any]] = {
        200: {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }
    for path, endpoint, extra in (
        ("/healthz", healthz, failed),
        ("/readyz", readyz, failed | unready),
        ("/problems/{slug}", meaning, failed | refusals(HTTPStatus.NOT_FOUND)),
    ):
        routes.add_api_route(
            path, endpoint, methods=["GET"], responses=extra, openapi_extra=dict(OPEN)
        )
    routes.add_api_route(
        "/metrics",
        metrics,
        methods=["GET"],
        responses=failed | text,
        response_class=Response,
        openapi_extra=dict(OPEN),
    )
    return routes
