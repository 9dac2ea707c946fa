"""The BentoML service, and the factory that uvicorn starts.

Both run the same application. BentoML keeps lifecycle and packaging; routes, errors, limits and
metrics are the application's own. The settings below cure what BentoML's defaults cost: tracing
and access log a request, metrics labelled by raw path, and timers that live for `timeout` seconds
after each request. Heavy imports wait until a worker starts, so the arbiter stays small.
"""

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from fastapi import FastAPI


def make() -> "FastAPI":
    """The application for `uvicorn --factory serving.service:make`."""
    from features.contracts.settings import Settings  # noqa: PLC0415
    from serving.app import create_app  # noqa: PLC0415

    return create_app(Settings(), on_ready=settle)


def settle() -> None:
    """Take what was loaded at start out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Hosted:
    """The application as BentoML mounts it: made when a worker starts, not at import."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.app is None:
            message = "the application is made at start-up, and this worker has not started"
            raise RuntimeError(message)
        await self.app(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Make the application and keep it open as long as the worker lives."""
        app = make()
        async with app.router.lifespan_context(app):
            self.app = app
            yield
        self.app = None


hosted = Hosted()


@bentoml.service(
    name="lianjing",
    workers=1,
    traffic={"timeout": 5},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
@bentoml.asgi_app(Starlette(routes=[Mount("/", hosted)], lifespan=hosted.lifespan), path="/")
class Lianjing:
    """Scores how unusual an approval or a payout is, says why, and stores the verdict first."""

    def __is_ready__(self) -> bool:
        """Whether the database answers and a champion serves."""
        from serving.routes.health import readiness  # noqa: PLC0415

        return hosted.app is not None and readiness(hosted.app.state.desk).ready
