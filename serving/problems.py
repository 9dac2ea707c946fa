"""Errors on the wire: RFC 9457 `application/problem+json`, one shape for every refusal.

The text of our own errors is written for the caller. The text of anybody else's may hold values of
the request and stays inside.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from features.contracts.errors import (
    InputError,
    LedgerError,
    LianjingError,
    UnauthenticatedError,
)

MEDIA_TYPE: Final = "application/problem+json"
CONFLICT: Final = HTTPStatus.CONFLICT
TOO_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_BROKEN: Final = "the request breaks the rules listed under errors; see /openapi.json"
_SHOWN_ERRORS: Final = 16
_PLAIN: Final = re.compile(r"[a-z][a-z_]{0,63}|\[key\]")
_SLUGS: Final = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}


Model = TypeVar("Model", bound=BaseModel)


class BrokenBodyError(InputError):
    """A body that breaks rules of its model; `errors` says where and which, never the value."""

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        super().__init__(_BROKEN)
        self.errors = errors


def parse(model: type[Model], body: bytes) -> Model:
    """The model that a body holds; only here is a `ValidationError` the caller's doing.

    Raises
    ------
    BrokenBodyError
        The body is no JSON, or breaks a rule of the model.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        raise BrokenBodyError(broken_rules(told)) from None  # its text holds values


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: status, stable slug, what was wrong and the way out."""

    status: HTTPStatus
    slug: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The problem document."""
        document: dict[str, Any] = {
            "type": f"/problems/{self.slug}",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def later(self, seconds: float) -> Self:
        """The same, with the time after which to try again."""
        return replace(self, headers={**self.headers, "Retry-After": str(math.ceil(seconds))})

    def response(self) -> Response:
        """The problem as an answer."""
        return Response(
            self.body(), status_code=self.status, media_type=MEDIA_TYPE, headers=dict(self.headers)
        )


def of(error: Exception) -> Problem:
    """The problem that tells of `error`.

    >>> from features.contracts.errors import ConflictError
    >>> of(ConflictError("known with other content")).body().decode()
    '{"type":"/problems/conflict","title":"Conflict","status":409,"detail":"known with other ...
    >>> of(ZeroDivisionError("secret")).detail
    'something went wrong here; the request id names it in the log'
    """
    if isinstance(error, LianjingError):
        errors = error.errors if isinstance(error, BrokenBodyError) else ()
        return Problem(error.status, error.slug, str(error), errors, _headers(error))
    if isinstance(error, HTTPException):
        return _http(error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(
        status, _SLUGS[status], "something went wrong here; the request id names it in the log"
    )


def broken_rules(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, str]]:
    """Where a body or parameter breaks a rule, and which; never the value."""
    return [
        {"where": _where(error["loc"]), "rule": _rule(error)} for error in errors[:_SHOWN_ERRORS]
    ]


def _where(location: Sequence[str | int]) -> str:
    """The place of an error; a name that may be a value stays out.

    >>> _where(("event", "fields", "amount_minor", "110101199003070000"))
    'event/fields/amount_minor/(name)'
    """
    plain = (isinstance(part, int) or _PLAIN.fullmatch(part) for part in location)
    return "/".join(
        str(part) if is_plain else "(name)" for part, is_plain in zip(location, plain, strict=True)
    )


def _rule(error: Mapping[str, Any]) -> str:
    if error["type"] in {"value_error", "json_invalid", "assertion_error"}:
        return str(error["type"]).replace("_", " ")
    return str(error["msg"])


def _headers(error: LianjingError) -> dict[str, str]:
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="lianjing"'}
    return {"Retry-After": "1"} if isinstance(error, LedgerError) else {}


def _http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    return Problem(
        status,
        _SLUGS.get(status, "http"),
        f"{status.description or status.phrase}; see /openapi.json",
        headers=error.headers or {},
    )
