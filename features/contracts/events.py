"""Events: what happened, when it happened, when the ledger learned it.

An event version is never changed; a correction is a further version of the same event, and a
retraction is a version that says the event no longer counts.
All values are integers or text: money in minor units (fen, pence), decimals in fixed point as their
field declares, instants in microseconds since 1970-01-01 UTC. Nothing here is a float.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from features.contracts.errors import DeclarationError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400
_SECOND_US: Final = 1_000_000
VALUE_BOUND: Final = 2**43
"""Largest absolute integer a measured field may hold: with it a window of 2**20 rows keeps
n * sum(x**2) below 2**127, so no state can wrap. 2**43 fen is 88 billion yuan."""

FieldKind = Literal["key", "category", "money", "number", "instant", "sketch"]
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
WITHOUT_NUL: Final = r"^[^\u0000]*$"
"""Text as every database can keep it."""
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, strip_whitespace=True, pattern=WITHOUT_NUL),
]
FieldValue = (
    Annotated[int, Field(strict=True)]
    | Annotated[str, Field(max_length=4096, pattern=WITHOUT_NUL)]
    | None
)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly.

    >>> to_us(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    since = instant - EPOCH
    return (since.days * _DAY_S + since.seconds) * _SECOND_US + since.microseconds


def from_us(us: int) -> datetime:
    """The instant `us` microseconds after 1970-01-01 UTC.

    >>> from_us(86_400_000_000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=us)


class EventField(BaseModel):
    """One declared field of a scenario's events.

    `key` names whom history is kept for; `category` is a code compared for equality only; `money`
    is in minor units of the event's currency; `number` is an integer (`scale` decimal places of
    fixed point); `instant` is a second point in time, in microseconds; `sketch` is 62 keyed bits
    that stand for a text, taken at the door, where the text itself comes in (`strips_lots`: without
    the numbers of lots and phases; `strips_places`: without the villages that it begins with). A
    `pseudonym` field is replaced at the door by a keyed HMAC of what came in. What is `known_later`
    (an outcome) belongs to an event but was not known with it:
    of the event itself no feature may show it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    kind: FieldKind
    title_zh: str
    title_en: str
    required: bool = False
    scale: Annotated[int, Field(ge=0, le=6)] = 0
    pseudonym: bool = False
    strips_lots: bool = False
    strips_places: bool = False
    known_later: bool = False

    @property
    def is_replaced(self) -> bool:
        """Whether what comes in is replaced at the door: a pseudonym, or the sketch of a text."""
        return self.pseudonym or self.kind == "sketch"

    @model_validator(mode="after")
    def _is_replaced_once(self) -> Self:
        if self.pseudonym and self.kind not in ("key", "category"):
            message = f"field {self.name!r} is a {self.kind}: only a key or category is a pseudonym"
            raise DeclarationError(message)
        if (self.strips_lots or self.strips_places) and self.kind != "sketch":
            message = f"field {self.name!r} is a {self.kind}: only a sketch strips lots or places"
            raise DeclarationError(message)
        return self


class Event(BaseModel):
    """One version of something that happened, as it enters the ledger.

    `ordinal` orders events of one instant where a mapping declares that file order carries the
    order
    (date-only stamps); it is 0 elsewhere, and events of one instant are then invisible to each
    other.

    >>> event = Event(scenario="payouts", kind="payout_paid", event_id="P-1",
    ...               effective_at="2026-03-01T09:00:00+08:00", currency="CNY",
    ...               fields={"enterprise": "E-1", "amount_minor": 120_000})
    >>> event.effective_us
    1772326800000000
    >>> event.digest == event.model_copy(update={"fields": {"amount_minor": 120_000,
    ...                                                      "enterprise": "E-1"}}).digest
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: Name
    kind: Name
    event_id: Identifier
    version: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    effective_at: AwareDatetime
    ordinal: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    retracted: bool = False
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"
    fields: Mapping[Name, FieldValue] = Field(default_factory=dict)

    @property
    def effective_us(self) -> int:
        """When it happened, in microseconds since 1970-01-01 UTC."""
        return to_us(self.effective_at)

    @property
    def digest(self) -> str:
        """SHA-256 of the content; two versions with one digest say the same."""
        return hashlib.sha256(self.payload().encode()).hexdigest()

    def payload(self) -> str:
        """Canonical JSON of the content: keys sorted, no spaces, the instant in microseconds."""
        content = {
            "scenario": self.scenario,
            "kind": self.kind,
            "event_id": self.event_id,
            "version": self.version,
            "effective_us": self.effective_us,
            "ordinal": self.ordinal,
            "retracted": self.retracted,
            "currency": self.currency,
            "fields": dict(self.fields),
        }
        return _CANONICAL.encode(content)


class Stored(BaseModel):
    """An event version with what the ledger added: its place in the order, when it was learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Event
    seq: int
    observed_us: int
    is_live: bool = False
    """Whether it was learned as it happened: it knows what stood in the ledger, and no more."""
