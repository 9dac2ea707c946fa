"""`GET /v1/records…`: stored verdicts, one by one, as a feed, and in a reader's language."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from features.contracts.verdicts import (
    AnomalyRecord,
    Counterfactual,
    Evidence,
    FamilyPart,
    Peers,
    Reason,
    Reliability,
    Status,
    Verdict,
)
from models.bundle import Bundle
from models.explain import by_family, sense_of
from models.phrase import Sense
from serving.desk import desk_of
from serving.openapi import guarded
from serving.ordinary import ordinary_at
from serving.store import cells
from serving.store.records import Row
from serving.veil import Veil

Language = Literal["zh", "en"]
RecordId = str


class Feed(BaseModel):
    """Records in the order they were stored; `next_cursor` is where the next call goes on."""

    model_config = ConfigDict(frozen=True)

    records: tuple[AnomalyRecord, ...]
    next_cursor: str


class Told(BaseModel):
    """One reason in one language."""

    model_config = ConfigDict(frozen=True)

    feature: str
    name: str
    statement: str
    false_alarm: str
    unit: str
    actual: float | None
    typical: float | None
    lo: float | None
    hi: float | None
    direction: Literal["high", "low", "none"]
    status: Status
    share: float
    sense: Sense
    peers: Peers | None
    window_days: int | None
    evidence: tuple[Evidence, ...]


class Way(BaseModel):
    """The nearest value of one feature with which the event would not be an alert."""

    model_config = ConfigDict(frozen=True)

    feature: str
    name: str
    statement: str
    unit: str
    actual: float | None
    value: float | None


class Explanation(BaseModel):
    """Why a record differs from its peers, in one language.

    `story` names the features that are unusual side by side, null where no declared pattern is.
    `would_be_below` is null where the record is no alert, or no single feature makes it one.
    """

    model_config = ConfigDict(frozen=True)

    record_id: str
    lang: Language
    story: str | None
    reasons: tuple[Told, ...]
    would_be_below: Way | None
    reliability: Reliability | None
    families: tuple[FamilyPart, ...] | None = None


def record(request: Request, record_id: RecordId) -> Response:
    """Give one record with the vector it was made from, as everybody may see it."""
    desk = desk_of(request)
    return _json(desk.veil.record(desk.records.row(record_id).record()))


def feed(
    request: Request,
    *,
    cursor: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Give the records that were stored after `cursor`; an empty one starts at the first."""
    desk = desk_of(request)
    rows = desk.records.feed(int(cursor or 0), limit)
    last = str(rows[-1][0]) if rows else cursor or "0"
    shown = tuple(desk.veil.record(row.record()) for _, row in rows)
    return _json(Feed.model_construct(records=shown, next_cursor=last))


def explanation(
    request: Request,
    record_id: RecordId,
    *,
    lang: Annotated[Language, Query()] = "zh",
    families: Annotated[bool, Query()] = False,
) -> Response:
    """Say why; what was not computed at scoring is derived from the stored vector.

    With `families` contributions come grouped by feature family too, measures of persons together.
    """
    desk = desk_of(request)
    veil = desk.veil
    row = desk.records.row(record_id)
    post = desk.post(row.scenario)
    verdict = veil.verdict(Verdict.model_validate_json(row.verdict))
    bundle = post.bundle(verdict.provenance.bundle_digest)
    way = veil.way(row.scenario, ordinary_at(row, bundle))
    reasons = (veil.reason(row.scenario, one) for one in post.scorer.explain(row, bundle))
    told = Explanation(
        record_id=record_id,
        lang=lang,
        story=_story(verdict, lang),
        reasons=tuple(tell(reason, lang) for reason in reasons),
        would_be_below=None if way is None else tell_way(way, lang),
        reliability=verdict.reliability,
        families=_families(bundle, row, veil) if families else None,
    )
    return _json(told)


def _families(bundle: Bundle, row: Row, veil: Veil) -> tuple[FamilyPart, ...]:
    return by_family(bundle, cells.read(row.vector), veil.family(row.scenario))


def _story(verdict: Verdict, lang: Language) -> str | None:
    if verdict.story is None:
        return None
    return verdict.story.title_zh if lang == "zh" else verdict.story.title_en


def tell(reason: Reason, lang: Language) -> Told:
    """One reason in one language."""
    shared = reason.model_dump(include=set(Told.model_fields))
    is_zh = lang == "zh"
    return Told(
        name=reason.name_zh if is_zh else reason.name_en,
        statement=reason.statement_zh if is_zh else reason.statement_en,
        false_alarm=reason.false_alarm_zh if is_zh else reason.false_alarm_en,
        sense=sense_of(reason),
        **shared,
    )


def tell_way(way: Counterfactual, lang: Language) -> Way:
    """What would make an event ordinary, in one language."""
    is_zh = lang == "zh"
    return Way(
        name=way.name_zh if is_zh else way.name_en,
        statement=way.statement_zh if is_zh else way.statement_en,
        **way.model_dump(include={"feature", "unit", "actual", "value"}),
    )


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(by_alias=True), media_type="application/json")


def router() -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/records", tags=["records"], responses=guarded())
    routes.add_api_route("", feed, methods=["GET"], response_model=Feed)
    routes.add_api_route("/{record_id}", record, methods=["GET"], response_model=AnomalyRecord)
    routes.add_api_route(
        "/{record_id}/explanation", explanation, methods=["GET"], response_model=Explanation
    )
    return routes
