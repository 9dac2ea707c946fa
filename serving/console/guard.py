"""What surrounds every console route: strict headers, and errors answered as pages."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from features.contracts.errors import LianjingError, UnauthenticatedError
from serving.console import labels
from serving.console.render import HEADERS, Renderer

LOGIN = "/console/login"


def guarded_route(renderer: Renderer) -> type[APIRoute]:
    """Make the route class of the console.

    The message of an error stays out of the page, since it may quote what was asked for.
    """

    class GuardedRoute(APIRoute):
        """A route whose answers, good or bad, are pages with the console's headers."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    response = await answer(request)
                except UnauthenticatedError:
                    response = _to_login(request)
                except LianjingError as error:
                    response = _refusal(renderer, request, error.status)
                except RequestValidationError:
                    response = _refusal(renderer, request, HTTPStatus.UNPROCESSABLE_ENTITY)
                response.headers.update(HEADERS)
                if "cache-control" not in response.headers:
                    response.headers["Cache-Control"] = "no-store"
                return response

            return guarded

    return GuardedRoute


def _to_login(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"{LOGIN}?{urlencode({'next': wanted})}"
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": target})
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)


def _refusal(renderer: Renderer, request: Request, status: HTTPStatus) -> Response:
    sentence = labels.REFUSALS.get(status, labels.REFUSALS[HTTPStatus.SERVICE_UNAVAILABLE])
    return renderer.page(request, "refusal.html", status=status, sentence=sentence)
