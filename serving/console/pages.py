"""The console's addresses: sign-in, queue, case, static files; it reads records, it writes none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from features.contracts.errors import BundleError, InputError, NotFoundError, UnknownScenarioError
from features.contracts.verdicts import Band
from serving.console import labels
from serving.console.assets import Assets
from serving.console.door import HOME, Door
from serving.console.guard import guarded_route
from serving.console.language import mark
from serving.console.render import Renderer, queue_url
from serving.console.sessions import Role, Session, Sessions
from serving.console.source import RecordSource
from serving.console.views import Reader, write_case, write_row

Cleared = Callable[[str], RecordSource]
"""Gives the source that a supervisor's session of that name reads."""

PAGE_ROWS: Final = 25
TIMELINE_EVENTS: Final = 40
_NONE: Final = mark("No single measure: several together set this event apart.")
_UNKNOWN: Final = mark("Not known: the model that scored this event is not at hand.")

Text = Annotated[str, Query(max_length=128)]
Cursor = Annotated[str, Query(max_length=512)]


def utc_now() -> datetime:
    """Give the present instant."""
    return datetime.now(UTC)


def console_router(
    source: RecordSource,
    *,
    key_sha256: str,
    signing_key: bytes,
    secure_cookies: bool,
    supervisor_key_sha256: str = "",
    cleared: Cleared | None = None,
    clock: Callable[[], datetime] = utc_now,
    titles: labels.Titles = MappingProxyType({}),
    assets: Assets | None = None,
) -> APIRouter:
    """Build the console over a source of records.

    `key_sha256` is the SHA-256 (hex) of the reviewers' access key, `supervisor_key_sha256` that of
    the supervisors'; an empty one lets nobody in. `signing_key` (32 random bytes or more) signs
    sessions: another key ends them all.
    `cleared` gives what a supervisor's session sees, by its name; without it they see what
    reviewers see. `secure_cookies` must be true wherever the console is reached by HTTPS.
    `titles` names features and rules in words (`labels.collect_titles`); without it codes show.
    """
    files = assets or Assets()
    renderer = Renderer(assets=files, clock=clock, secure_cookies=secure_cookies, titles=titles)
    keys = {Role.REVIEWER: key_sha256, Role.SUPERVISOR: supervisor_key_sha256}
    door = Door(renderer, Sessions(signing_key), keys, secure_cookies, clock)
    router = APIRouter(
        prefix="/console", route_class=guarded_route(renderer), include_in_schema=False
    )
    router.add_api_route("/login", door.form, methods=["GET"])
    router.add_api_route("/login", door.enter, methods=["POST"])
    router.add_api_route("/logout", door.leave, methods=["POST"])
    router.add_api_route("/static/{name:path}", Statics(files).send, methods=["GET"])
    _add_pages(router, Pages(source, renderer, cleared), door)
    return router


def _add_pages(router: APIRouter, pages: "Pages", door: Door) -> None:
    inside = [Depends(door.require)]
    for path, page in (
        ("", pages.home),
        ("/", pages.home),
        ("/queue", pages.queue),
        ("/cases/{record_id:path}", pages.case),
        ("/{rest:path}", pages.nowhere),
    ):
        router.add_api_route(path, page, methods=["GET"], dependencies=inside)


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of somebody who has signed in."""

    source: RecordSource
    renderer: Renderer
    cleared: Cleared | None = None

    async def home(self) -> Response:
        """Go to the queue."""
        return RedirectResponse(HOME, HTTPStatus.SEE_OTHER)

    async def nowhere(self, rest: str) -> Response:
        """Refuse an address that leads nowhere."""
        raise NotFoundError(f"no console page {rest!r}; start at {HOME}")

    def queue(
        self,
        request: Request,
        *,
        scenario: Text = "",
        band: Text = "",
        q: Text = "",
        cursor: Cursor = "",
    ) -> Response:
        """Show the records that ask for a look, filtered as wanted."""
        scenarios = self.source.scenarios()
        _check_filters(scenario, band, scenarios)
        page = self.source.queue(
            scenario or None, band or None, q.strip(), cursor=cursor, limit=PAGE_ROWS
        )
        reader = self.renderer.reader(request)
        filters = {"scenario": scenario, "band": band, "q": q.strip()}
        further = queue_url(filters | {"cursor": page.next_cursor}) if page.next_cursor else ""
        return self.renderer.page(
            request,
            "queue.html",
            rows=[write_row(record, reader) for record in page.rows],
            filters=filters,
            scenarios=[(name, reader.scenario(name)) for name in scenarios],
            bands=_choices(labels.BANDS, tuple(labels.BANDS), reader),
            first_url=queue_url(filters) if cursor else "",
            next_url=further,
        )

    def case(self, request: Request, record_id: str) -> Response:
        """Show one record and why it differs from its peers."""
        source = self._seen_in(request)
        record = source.record(record_id)
        if record is None:
            raise NotFoundError(f"no record {record_id!r}; find it in {HOME}")
        timeline = source.timeline(record_id, TIMELINE_EVENTS, record.verdict.reasons)
        facts = source.facts(record_id)
        reader = self.renderer.reader(request)
        case = write_case(record, timeline, facts, reader)
        return self.renderer.page(
            request,
            "case.html",
            case=case,
            ordinary=_ordinary(source, record_id, reader),
            is_cleared=source is not self.source,
        )

    def _seen_in(self, request: Request) -> RecordSource:
        """What the session of a request may see."""
        session: Session = request.state.session
        if session.role is Role.SUPERVISOR and self.cleared is not None:
            return self.cleared(session.name)
        return self.source


@dataclass(frozen=True, slots=True)
class Statics:
    """Styles and scripts, for everyone."""

    files: Assets

    async def send(self, name: str, v: Text = "") -> Response:
        """Send a file; only an address that carries its digest is cached for ever."""
        asset = self.files.find(name)
        if asset is None:
            raise NotFoundError(f"no static file {name!r}")
        is_pinned = v == asset.digest
        caching = "public, max-age=31536000, immutable" if is_pinned else "no-cache"
        return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": caching})


def _ordinary(source: RecordSource, record_id: str, reader: Reader) -> str:
    """What would make the record ordinary, in words."""
    try:
        way = source.ordinary(record_id)
    except BundleError:
        return reader.language.say(_UNKNOWN)
    if way is None:
        return reader.language.say(_NONE)
    return reader.language.choose(way.statement_zh, way.statement_en)


def _check_filters(scenario: str, band: str, scenarios: tuple[str, ...]) -> None:
    if band and band not in list(Band):
        raise InputError(f"no band {band!r}; there are: {', '.join(Band)}")
    if scenario and scenario not in scenarios:
        raise UnknownScenarioError.among(scenario, scenarios)


def _choices(
    table: Mapping[str, str], codes: tuple[str, ...], reader: Reader
) -> list[tuple[str, str]]:
    return [(str(code), labels.word(table, code, reader.language)) for code in codes]
