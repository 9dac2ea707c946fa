"""Templates to responses: one Jinja environment a language, the same headers on every page."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.console.assets import Assets
from serving.console.formats import TIMEZONE, Formats
from serving.console.labels import Titles
from serving.console.language import TAGS, Language, load_languages, pick_tag
from serving.console.views import Reader

TEMPLATES: Final = Path(__file__).with_name("templates")
LANGUAGE_COOKIE: Final = "lianjing_lang"
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_YEAR_S: Final = 365 * 24 * 3600


class Renderer:
    """Writes pages in the language a request asks for."""

    def __init__(
        self, *, assets: Assets, clock: Callable[[], datetime], secure_cookies: bool, titles: Titles
    ) -> None:
        self._clock = clock
        self._secure = secure_cookies
        self._titles = titles
        self._languages = load_languages()
        self._environments = {
            tag: _environment(language, assets) for tag, language in self._languages.items()
        }

    def reader(self, request: Request) -> Reader:
        """Say whom the answer to this request is written for."""
        tag = pick_tag(request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
        language = self._languages[tag]
        return Reader(language, Formats(language.locale, TIMEZONE), self._clock(), self._titles)

    def page(
        self, request: Request, template: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Render a template; a language that was asked for is remembered."""
        tag = self.reader(request).language.tag
        body = (
            self._environments[tag]
            .get_template(template)
            .render(tag=tag, languages=_switch(request), path=request.url.path, **context)
        )
        response = HTMLResponse(body, status, {"Cache-Control": "no-store", **HEADERS})
        if "lang" in request.query_params:
            response.set_cookie(
                LANGUAGE_COOKIE,
                tag,
                max_age=_YEAR_S,
                path="/console",
                secure=self._secure,
                httponly=True,
                samesite="strict",
            )
        return response


def case_url(record_id: str) -> str:
    """Give the address of a record's page.

    >>> case_url("R/1?")
    '/console/cases/R%2F1%3F'
    """
    return f"/console/cases/{quote(record_id, safe='')}"


def queue_url(query: Mapping[str, str]) -> str:
    """Give the queue's address with these filters, empty ones left out.

    >>> queue_url({"band": "high", "q": ""})
    '/console/queue?band=high'
    """
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"/console/queue?{kept}" if kept else "/console/queue"


def _switch(request: Request) -> dict[str, str]:
    query = dict(request.query_params)
    return {tag: f"{request.url.path}?{urlencode(query | {'lang': tag})}" for tag in TAGS}


def _environment(language: Language, assets: Assets) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = language.catalogue
    environment.install_gettext_callables(  # type: ignore[attr-defined] # added by the extension
        catalogue.gettext, catalogue.ngettext, newstyle=True
    )
    environment.globals |= {"asset": assets.url, "case_url": case_url, "say": language.say}
    return environment
