"""`GET /v1/records…`: stored verdicts, one by one, as a feed, and in a reader's language."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from features.contracts.verdicts import AnomalyRecord, Evidence, Peers, Reason, Status, Verdict
from serving.desk import desk_of
from serving.openapi import guarded

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
    peers: Peers | None
    window_days: int | None
    evidence: tuple[Evidence, ...]


class Explanation(BaseModel):
    """Why a record differs from its peers, in one language."""

    model_config = ConfigDict(frozen=True)

    record_id: str
    lang: Language
    reasons: tuple[Told, ...]


def record(request: Request, record_id: RecordId) -> Response:
    """Give one record with the vector it was made from."""
    found = desk_of(request).records.row(record_id).record()
    return _json(found)


def feed(
    request: Request,
    *,
    cursor: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Give the records that were stored after `cursor`; an empty one starts at the first."""
    rows = desk_of(request).records.feed(int(cursor or 0), limit)
    last = str(rows[-1][0]) if rows else cursor or "0"
    return _json(
        Feed.model_construct(records=tuple(row.record() for _, row in rows), next_cursor=last)
    )


def explanation(
    request: Request, record_id: RecordId, *, lang: Annotated[Language, Query()] = "zh"
) -> Response:
    """Say why; reasons that were not computed at scoring are derived from the stored vector."""
    desk = desk_of(request)
    row = desk.records.row(record_id)
    post = desk.post(row.scenario)
    digest = Verdict.model_validate_json(row.verdict).provenance.bundle_digest
    reasons = post.scorer.explain(row, post.bundle(digest))
    told = tuple(tell(reason, lang) for reason in reasons)
    return _json(Explanation(record_id=record_id, lang=lang, reasons=told))


def tell(reason: Reason, lang: Language) -> Told:
    """One reason in one language."""
    shared = reason.model_dump(include=set(Told.model_fields))
    is_zh = lang == "zh"
    return Told(
        name=reason.name_zh if is_zh else reason.name_en,
        statement=reason.statement_zh if is_zh else reason.statement_en,
        false_alarm=reason.false_alarm_zh if is_zh else reason.false_alarm_en,
        **shared,
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
