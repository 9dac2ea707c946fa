"""`POST /v1/score`: how unusual is this event, and why."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from features.contracts.events import Event
from features.contracts.verdicts import RuleWarning, Verdict
from serving.desk import desk_of
from serving.openapi import body, guarded
from serving.problems import CONFLICT, TOO_LARGE, parse
from serving.relation import check_host


class ScoreRequest(BaseModel):
    """An event, what the host's fixed rules say of it, and whether reasons are wanted in any case.

    From band `low` upward reasons always come along.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Event
    rule_warnings: Annotated[tuple[RuleWarning, ...], Field(max_length=64)] = ()
    explain: bool = False


async def score(request: Request) -> Response:
    """Score one event.

    The verdict is stored before it is answered. The same request again gets the same bytes;
    another body under the same scenario, kind, event_id and version is refused with 409.
    """
    asked = parse(ScoreRequest, await request.body())
    check_host(asked.rule_warnings)
    desk = desk_of(request)
    scorer = desk.post(asked.event.scenario).scorer
    actor = request.scope["actor"]
    answer = await desk.work(
        partial(scorer.answer, asked.event, asked.rule_warnings, explain=asked.explain, actor=actor)
    )
    desk.monitor.scored(asked.event.scenario, answer)
    shown = desk.veil.body(asked.event.scenario, answer.body)
    return Response(shown, media_type="application/json")


def router() -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1", tags=["scoring"])
    routes.add_api_route(
        "/score",
        score,
        methods=["POST"],
        response_model=Verdict,
        responses=guarded(CONFLICT, TOO_LARGE),
        openapi_extra=body(ScoreRequest),
    )
    return routes
