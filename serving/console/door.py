"""Signing in and out in embedded mode: one access key for each role of an installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from features.contracts.errors import (
    AccessError,
    BodyTooLargeError,
    InputError,
    UnauthenticatedError,
)
from serving.console.guard import LOGIN
from serving.console.language import mark
from serving.console.lockout import Lockout
from serving.console.render import Renderer
from serving.console.sessions import Role, Session, Sessions, is_access_key

SESSION_COOKIE: Final = "lianjing_session"
HOME: Final = "/console/queue"
FORM_LIMIT: Final = 4096
UNKNOWN: Final = mark("This access key is not known. Check it and try again.")
LOCKED: Final = mark("Too many failed attempts from this address. Try again in a few minutes.")
CLOSED: Final = mark("No access key is set up on this server; ask its operator for one.")


@dataclass(frozen=True, slots=True)
class Door:
    """Lets people in and out, and says in which session a request comes.

    `keys` are the SHA-256 (hex) of the roles' access keys, empty where a role has none.
    """

    renderer: Renderer
    sessions: Sessions
    keys: Mapping[Role, str]
    secure_cookies: bool
    clock: Callable[[], datetime]
    lockout: Lockout = field(default_factory=Lockout)

    async def require(self, request: Request) -> None:
        """Keep the session with the request, or refuse one that has none open."""
        session = self._session(request)
        if session is None:
            raise UnauthenticatedError("no open session; sign in at /console/login")
        request.state.session = session

    async def form(self, request: Request) -> Response:
        """Show the sign-in form, or go on where that is not needed."""
        target = safe_target(request.query_params.get("next", ""))
        if self._session(request):
            return RedirectResponse(target, HTTPStatus.SEE_OTHER)
        return self._form(request, target, "" if any(self.keys.values()) else CLOSED)

    async def enter(self, request: Request) -> Response:
        """Check an access key and open a session."""
        _refuse_foreign(request)
        fields, now, address = await _read_form(request), self.clock(), _address(request)
        target = safe_target(fields.get("next", ""))
        wait = self.lockout.wait(address, now)
        if wait:
            refused = self._form(request, target, LOCKED, HTTPStatus.TOO_MANY_REQUESTS)
            refused.headers["Retry-After"] = str(int(wait.total_seconds()) + 1)
            return refused
        role = self._role(fields.get("key", ""))
        if role is None:
            self.lockout.fail(address, now)
            return self._form(request, target, UNKNOWN, HTTPStatus.UNAUTHORIZED)
        self.lockout.clear(address)
        return self._open(target, now, role)

    async def leave(self, request: Request) -> Response:
        """Close the session."""
        _refuse_foreign(request)
        self.sessions.end(request.cookies.get(SESSION_COOKIE, ""), self.clock())
        response = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
        response.delete_cookie(SESSION_COOKIE, path="/console")
        return response

    def _session(self, request: Request) -> Session | None:
        return self.sessions.find(request.cookies.get(SESSION_COOKIE, ""), self.clock())

    def _role(self, offered: str) -> Role | None:
        """The role that a key opens; every key is tried, so the time tells nothing."""
        opened = [role for role, sha256 in self.keys.items() if is_access_key(offered, sha256)]
        return opened[0] if opened else None

    def _open(self, target: str, now: datetime, role: Role) -> Response:
        response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        response.set_cookie(
            SESSION_COOKIE,
            self.sessions.issue(now, role),
            max_age=int(self.sessions.lifetime.total_seconds()),
            path="/console",
            secure=self.secure_cookies,
            httponly=True,
            samesite="strict",
        )
        return response

    def _form(
        self, request: Request, target: str, problem: str, status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        return self.renderer.page(
            request, "login.html", status=status, target=target, problem=problem
        )


def safe_target(wanted: str) -> str:
    r"""Give the page to go to after signing in: one of the console's own, else the queue.

    >>> safe_target("/console/cases/R-1"), safe_target("//elsewhere.example/"), safe_target("")
    ('/console/cases/R-1', '/console/queue', '/console/queue')
    """
    is_own = wanted.startswith("/console/") and wanted.isprintable() and "\\" not in wanted
    is_door = wanted.startswith((LOGIN, "/console/logout", "/console/static/"))
    return wanted if is_own and not is_door else HOME


def _refuse_foreign(request: Request) -> None:
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise AccessError("a form of another site may not sign in or out here; use /console/login")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise BodyTooLargeError(f"the sign-in form takes at most {FORM_LIMIT} bytes")
    try:
        pairs = parse_qs(body.decode("ascii"), max_num_fields=8, strict_parsing=bool(body))
    except ValueError as error:
        raise InputError("the sign-in form is not form-encoded; use /console/login") from error
    return {name: values[-1] for name, values in pairs.items()}
