"""`POST /v1/events`: history only, one JSON event a line, an outcome a line."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from features.contracts.errors import InputError, LianjingError
from features.contracts.events import Event
from serving import problems
from serving.desk import Desk, desk_of
from serving.openapi import body, guarded
from serving.problems import TOO_LARGE, parse

MAX_LINES: Final = 1_000
NDJSON: Final = "application/x-ndjson"


class LineOutcome(BaseModel):
    """What became of one line."""

    model_config = ConfigDict(frozen=True)

    line: int
    outcome: Literal["accepted", "duplicate", "conflict", "invalid"]
    detail: str = ""


class EventsOutcome(BaseModel):
    """What became of a batch: counts, and every line in order."""

    model_config = ConfigDict(frozen=True)

    counts: dict[str, int]
    lines: tuple[LineOutcome, ...]


async def learn(request: Request) -> EventsOutcome:
    """Take events into the ledger as history, without scoring them.

    A line that breaks a rule is not stored and says why; the others are. A line that is there
    already with the same content is a duplicate, so a batch may be sent again.
    """
    lines = (await request.body()).splitlines()
    if len(lines) > MAX_LINES:
        raise InputError(f"a batch has at most {MAX_LINES} lines; send the rest in another call")
    desk = desk_of(request)
    outcomes = await desk.work(partial(take, desk, lines, actor=request.scope["actor"]))
    counts = Counter[str](one.outcome for one in outcomes)
    return EventsOutcome(counts=dict(counts), lines=tuple(outcomes))


def take(desk: Desk, lines: Sequence[bytes], *, actor: str) -> list[LineOutcome]:
    """Store what can be stored, one transaction a scenario, and say what became of each line."""
    outcomes: dict[int, LineOutcome] = {}
    ready: dict[str, list[tuple[int, Event]]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = parse(Event, line)
            admitted = desk.post(event.scenario).scorer.admit(event)
        except LianjingError as error:
            outcomes[number] = LineOutcome(line=number, outcome="invalid", detail=_detail(error))
        else:
            ready.setdefault(event.scenario, []).append((number, admitted))
    for scenario, numbered in ready.items():
        found = desk.post(scenario).scorer.learn([event for _, event in numbered], actor=actor)
        for (number, _), outcome in zip(numbered, found, strict=True):
            outcomes[number] = LineOutcome(line=number, outcome=outcome)
    return [outcomes[number] for number in sorted(outcomes)]


def _detail(error: LianjingError) -> str:
    problem = problems.of(error)
    broken = "; ".join(f"{one['where']}: {one['rule']}" for one in problem.errors)
    return broken or problem.detail


def router() -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1", tags=["history"])
    routes.add_api_route(
        "/events",
        learn,
        methods=["POST"],
        response_model=EventsOutcome,
        responses=guarded(TOO_LARGE),
        openapi_extra=body(Event, NDJSON),
    )
    return routes
