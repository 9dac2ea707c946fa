"""A client of the scoring API, as a platform would write it: one connection, safe retries."""

import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx

from features.contracts.errors import InputError, LedgerError
from features.contracts.events import Event, from_us

_TRIES: Final = 6
_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0


class ScoreClient:
    """Calls a running service; a call that was cut off is sent again, which is safe by its key."""

    def __init__(self, url: str, key: str, *, timeout_s: float = 10.0) -> None:
        if not key:
            message = "no key to call the service with; set LIANJING_API_KEY (`lianjing key new`)"
            raise InputError(message)
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def score(self, event: Event, *, explain: bool = False) -> dict[str, Any]:
        """The verdict about `event`."""
        body = {"event": _wire(event), "explain": explain}
        answer: dict[str, Any] = self._send("/v1/score", json.dumps(body), "application/json")
        return answer

    def tell(self, event: Event) -> None:
        """Send an event that is history only.

        Raises
        ------
        InputError
            The service did not take it, and why.
        """
        answer = self._send("/v1/events", json.dumps(_wire(event)) + "\n", "application/x-ndjson")
        (line,) = answer["lines"]
        if line["outcome"] not in ("accepted", "duplicate"):
            detail = line["detail"] or "known with other content"
            raise InputError(f"{event.event_id}: the service refused it as history: {detail}")

    def ready(self) -> bool:
        """Whether the service says it is ready."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _send(self, path: str, body: str, kind: str) -> Any:  # noqa: ANN401  (JSON is anything)
        last = "no answer"
        for attempt in range(_TRIES):
            try:
                answer = self._http.post(path, content=body, headers={"Content-Type": kind})
            except httpx.TransportError:
                time.sleep(_PAUSE_S * 2**attempt)
                continue
            if answer.status_code in (httpx.codes.TOO_MANY_REQUESTS, 503):
                last = f"{answer.status_code}: {_detail(answer)}"
                time.sleep(pause_s(answer.headers.get("Retry-After", ""), datetime.now(UTC)))
                continue
            if answer.is_error:
                message = f"{self.url}{path} answered {answer.status_code}: {_detail(answer)}"
                raise InputError(message)
            return answer.json()
        message = f"{self.url} did not serve after {_TRIES} tries ({last}); is it running?"
        raise LedgerError(message)


def pause_s(retry_after: str, now: datetime) -> float:
    """Seconds to wait by a `Retry-After` of seconds or of a date, within bounds.

    >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> pause_s("2", now), pause_s("Sun, 01 Mar 2026 12:00:05 GMT", now), pause_s("soon", now)
    (2.0, 5.0, 0.2)
    """
    try:
        asked = float(retry_after) if retry_after.strip().isdecimal() else _until(retry_after, now)
    except ValueError:
        return _PAUSE_S
    return min(max(asked, 0.0), _LONGEST_PAUSE_S)


def _until(date: str, now: datetime) -> float:
    at = parsedate_to_datetime(date)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except ValueError:
        return answer.text[:200]


def _wire(event: Event) -> dict[str, Any]:
    content = event.model_dump(mode="json")
    content["effective_at"] = from_us(event.effective_us).isoformat()
    return content
