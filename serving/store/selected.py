"""Why events were reviewed, as their records say, so that a file of findings need not repeat it."""

from typing import Final

from features.contracts.labels import Selected, Selection
from features.contracts.verdicts import Verdict
from features.store.database import Database
from serving.store import records

_PAGE: Final = 500
_ORDER: Final = (Selection.ALERT, Selection.CONTROL, Selection.RULE, Selection.COMPLAINT)
"""What counts of an event that several records speak of, first to last."""


def selections(connection: Database, scenario: str) -> dict[str, Selected]:
    """Of every scored event, by its id, why it was reviewed if it was.

    An alert was certain to be, a control at its announced rate. Where neither selected it, a fixed
    rule that hit did, or else somebody who had reasons of his own.
    """
    found: dict[str, Selected] = {}
    places = records.numbers(connection, scenario)
    for start in range(0, len(places), _PAGE):
        for row in records.at(connection, places[start : start + _PAGE]):
            own = selection_of(Verdict.model_validate_json(row.verdict))
            held = found.get(row.event_id, own)
            found[row.event_id] = min(held, own, key=lambda one: _ORDER.index(one.by))
    return found


def selection_of(verdict: Verdict) -> Selected:
    """What one verdict says."""
    review = verdict.review
    if verdict.scores.is_alert:
        return Selected(Selection.ALERT, 1.0)
    if review is not None and review.is_control:
        return Selected(Selection.CONTROL, review.control_probability)
    is_hit = any(rule.status == "hit" for rule in verdict.rules)
    return Selected(Selection.RULE if is_hit else Selection.COMPLAINT, None)
