"""A small scenario, declared with what a test wants to change about it."""

from typing import Any

from features.contracts.events import EventField
from features.declared import Feature, Measure
from features.spec import Expression, Scenario

FIRM, PAIR = ("firm",), ("firm", "officer")


def field(name: str, kind: Any, **more: Any) -> EventField:
    """A declared field."""
    return EventField(name=name, kind=kind, title_zh="字段", title_en="a field", **more)


def feature(of: Expression, **texts: Any) -> Feature:
    """A declared feature."""
    return Feature(of, "特征", "a feature", "缘由", "a reason", **texts)


def scenario(*of: Expression, **changes: Any) -> Scenario:
    """The scenario with these features."""
    given: dict[str, Any] = {
        "name": "small",
        "zh": "小",
        "en": "small",
        "kinds": ("paid", "cancelled"),
        "scored": ("paid",),
        "history": ("paid",),
        "subject": "firm",
        "amount": "amount_minor",
        "peer_group": "sector",
        "fields": (
            field("firm", "key"),
            field("officer", "key"),
            field("sector", "category"),
            field("amount_minor", "money"),
            field("opened_at", "instant"),
            field("purpose", "sketch"),
            field("returned_minor", "money", known_later=True),
            field("closed_at", "instant", known_later=True),
            field("verdict", "category", known_later=True),
            field("answer", "sketch", known_later=True),
        ),
        "measures": (Measure("before", "previous", key=FIRM, field="officer"),),
        "features": tuple(feature(item) for item in of),
    }
    return Scenario(**{**given, **changes})
