"""The application: routes, middleware, errors, console and OpenAPI in one place."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from features.contracts.events import Event
from features.contracts.settings import Settings
from features.scenarios import catalog
from serving import clearance, openapi, problems
from serving.console.labels import collect_titles
from serving.console.pages import console_router
from serving.desk import Desk, watching
from serving.late import LateRecords
from serving.middleware import stack
from serving.monitor import Monitor, request_log
from serving.opening import open_desk
from serving.routes import events, health, records, score
from serving.sessionkey import session_key

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

Opener = Callable[[Settings, Monitor], AbstractContextManager[Desk]]


def create_app(
    settings: Settings,
    *,
    opener: Opener = open_desk,
    monitor: Monitor | None = None,
    on_ready: Callable[[], None] | None = None,
) -> FastAPI:
    """Build the service; the ledger is opened when it starts and closed when it stops.

    `on_ready` is called once everything is open.

    Raises
    ------
    LedgerBusyError
        At start: another service runs on the same home.
    DeclarationError
        A scenario file that the settings name cannot be used.
    InputError
        By the settings measures of persons would be shown to nobody, or to everybody.
    """
    clearance.check(settings)
    catalog.enrol(settings.scenarios)
    watched, late = monitor or Monitor(request_log()), LateRecords()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with opener(settings, watched) as desk:
            app.state.desk = desk
            late.open(desk)
            async with watching(desk, settings.poll_s):
                if on_ready is not None:
                    on_ready()
                yield
            late.close()

    app = FastAPI(
        title="Lianjing",
        version="0.1.0",
        summary="Says how unusual an approval or a payout is among its peers, and why.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=stack(settings, watched),
    )
    _add_routes(app, settings, late)
    return app


def _add_routes(app: FastAPI, settings: Settings, late: LateRecords) -> None:
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    for routes in (score, records, events, health):
        app.include_router(routes.router())
    app.include_router(
        console_router(
            late,
            key_sha256=settings.console_key_sha256,
            supervisor_key_sha256=settings.supervisor_key_sha256,
            cleared=late.cleared if settings.sensitive_features else None,
            signing_key=session_key(settings),
            secure_cookies=settings.host not in _LOOPBACK,
            titles=collect_titles(catalog.load(name) for name in catalog.names()),
        )
    )
    document: dict[str, Any] = {}

    def described() -> dict[str, Any]:
        if not document:
            document.update(openapi.describe(app, [score.ScoreRequest, Event]))
        return document

    app.openapi = described  # type: ignore[method-assign]


async def _refused(_: Request, error: Exception) -> Response:
    return problems.of(error).response()


async def _invalid(_: Request, error: Exception) -> Response:
    told = error.errors() if isinstance(error, RequestValidationError) else ()
    return problems.of(problems.BrokenBodyError(problems.broken_rules(told))).response()
