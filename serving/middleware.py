"""What every request passes on its way in, outermost first.

Request id and log → body limit → authentication → rate limit → deadline → error mapper. All are
plain ASGI: no task, no queue and no copy of the body a request.
"""

import asyncio
import re
import secrets
import time
from abc import ABC, abstractmethod
from http import HTTPStatus
from typing import Final

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.contracts.errors import (
    BodyTooLargeError,
    DeadlineError,
    InputError,
    LianjingError,
    RateLimitError,
)
from features.contracts.settings import Settings
from serving import problems
from serving.auth import authenticate
from serving.monitor import UNMATCHED, Monitor, places
from serving.ratelimit import RateLimit

BATCH: Final = "/v1/events"
BATCH_FACTOR: Final = 128
"""How many times larger a batch of history may be than one call."""
_OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/console"})
_OPEN_UNDER: Final = ("/console/", "/problems/")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def is_open(path: str) -> bool:
    """Whether a path needs no API key; the console has its own door.

    >>> is_open("/healthz"), is_open("/console/queue"), is_open("/v1/score")
    (True, True, False)
    """
    return path in _OPEN or path.startswith(_OPEN_UNDER)


def stack(settings: Settings, monitor: Monitor) -> list[Middleware]:
    """All of them, in order."""
    return [
        Middleware(RequestLog, monitor=monitor),
        Middleware(BodyLimit, limit=settings.body_limit),
        Middleware(Authentication, key_sha256=settings.api_key_sha256),
        Middleware(Rate, limit=RateLimit(settings.rate_limit)),
        Middleware(Deadline, seconds=settings.deadline_s),
        Middleware(ErrorMapper, monitor=monitor),
    ]


class Layer(ABC):
    """One layer around the application: it serves requests, and lets the lifespan through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; whatever else the server tells goes straight to the application."""
        serve = self.serve if scope["type"] == "http" else self._app
        await serve(scope, receive, send)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""


class RequestLog(Layer):
    """Gives each request an id, and when it is answered one log line and one count.

    An id that the caller sends in `X-Request-ID` is kept when it is short and plain.
    """

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        super().__init__(app)
        self._monitor = monitor

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started, status = time.perf_counter(), 500
        request_id = scope["request_id"] = _request_id(scope)

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, marked)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or UNMATCHED
        self._monitor.answered(scope["method"], route, status, seconds)
        self._monitor.log.info(
            "request_answered",
            request_id=scope["request_id"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 3),
        )


class BodyLimit(Layer):
    """Refuses a body over the limit, by its announced length or as soon as too much has come."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        super().__init__(app)
        self._limit = limit

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        limit = self._limit * (BATCH_FACTOR if scope["path"] == BATCH else 1)
        announced = _header(scope, b"content-length")
        if announced and not announced.isdigit():
            await refuse(InputError("Content-Length is no number"), scope, receive, send)
        elif announced and int(announced[:20]) > limit:
            await refuse(_too_large(limit), scope, receive, send)
        else:
            await self._app(scope, _counted(receive, limit), send)


class Authentication(Layer):
    """Lets in who presents the platform's key; `scope["actor"]` says who it was."""

    def __init__(self, app: ASGIApp, key_sha256: str) -> None:
        super().__init__(app)
        self._key_sha256 = key_sha256

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not is_open(scope["path"]):
            try:
                scope["actor"] = authenticate(dict(scope["headers"]), self._key_sha256)
            except LianjingError as error:
                await refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)


class Rate(Layer):
    """Refuses callers who ask more often than agreed, and says when they may ask again."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        super().__init__(app)
        self._limit = limit

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        actor = scope.get("actor")
        wait = self._limit.wait(actor) if actor else 0.0
        if wait:
            error = RateLimitError(f"too many calls; the next one may come in {wait:.1f} s")
            await problems.of(error).later(wait).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Deadline(Layer):
    """Answers 503 when the caller would have stopped waiting; what is committed stays committed."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        super().__init__(app)
        self._seconds = seconds

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        once = _Once(send)
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, once)
        except TimeoutError:
            if not once.is_started:
                message = "no answer within the deadline; send the same request again"
                await refuse(DeadlineError(message), scope, receive, send)


class ErrorMapper(Layer):
    """The last door: whatever was raised becomes a problem document; its text stays inside."""

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        super().__init__(app)
        self._monitor = monitor

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        once = _Once(send)
        try:
            await self._app(scope, receive, once)
        except Exception as error:  # noqa: BLE001  (nothing stands behind this door)
            self._tell(scope, error)
            if not once.is_started:
                await refuse(error, scope, receive, send)

    def _tell(self, scope: Scope, error: Exception) -> None:
        if problems.of(error).status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._monitor.log.error(
                "request_failed",
                request_id=scope.get("request_id", ""),
                error=type(error).__name__,
                at=places(error),
            )


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem that tells of `error`."""
    await problems.of(error).response()(scope, receive, send)


class _Once:
    """A `send` that remembers whether an answer was begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = False

    async def __call__(self, message: Message) -> None:
        self.is_started = True
        await self._send(message)


def _counted(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {limit} bytes; send less at a time")


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found


def _request_id(scope: Scope) -> str:
    sent = _header(scope, b"x-request-id")
    return sent.decode() if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
