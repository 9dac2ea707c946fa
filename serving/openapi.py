"""The OpenAPI 3.1 document: FastAPI's own, completed by what is checked outside of FastAPI.

Bodies are read and validated by the routes themselves, keys and limits by the middleware; both are
described here, so that the document says what the service does.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from serving.problems import MEDIA_TYPE

REF: Final = "#/components/schemas/{model}"
OPEN: Final[dict[str, Any]] = {"security": []}
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class BrokenRule(BaseModel):
    """One rule that a request breaks, and where; the value itself is never repeated."""

    model_config = ConfigDict(title="BrokenRule")

    where: str
    rule: str


class ProblemDocument(BaseModel):
    """RFC 9457: why a request was refused, and the way out."""

    model_config = ConfigDict(title="Problem")

    type: Annotated[str, Field(examples=["/problems/conflict"])]
    title: str
    status: int
    detail: str
    errors: list[BrokenRule] = []


def refusals(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation."""
    schema = {"$ref": REF.format(model="ProblemDocument")}
    return {
        int(status): {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def guarded(*more: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation behind the key."""
    return refusals(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *more,
    )


def body(model: type[BaseModel], media_type: str = "application/json") -> dict[str, Any]:
    """What an operation that reads its body itself says of it."""
    schema = {"$ref": REF.format(model=model.__name__)}
    content = {media_type: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, bodies: list[type[BaseModel]]) -> dict[str, Any]:
    """The document of `app`; `bodies` are the models that its operations read themselves."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        openapi_version="3.1.0",
        routes=app.routes,
    )
    read: list[type[BaseModel]] = [*bodies, ProblemDocument]
    _, told = models_json_schema([(model, "validation") for model in read], ref_template=REF)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(told["$defs"])
    components["securitySchemes"] = _SECURITY
    document["security"] = [{name: []} for name in _SECURITY]
    return document
