"""Words for the codes that records carry; a code without a word is shown as it is.

Features and rules have their titles where a scenario declares them: `collect_titles` gathers them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from features.contracts.verdicts import Band, Relation, Status
from features.spec import Scenario
from serving.console.language import Language, mark

BANDS: Final[Mapping[str, str]] = {
    Band.HIGH: mark("High"),
    Band.MEDIUM: mark("Medium"),
    Band.LOW: mark("Low"),
    Band.INFO: mark("Ordinary"),
}
RELATIONS: Final = {
    Relation.NEW: mark("Model only"),
    Relation.CONFIRMS: mark("Rule and model"),
    Relation.RULE_ONLY: mark("Rule only"),
    Relation.NONE: mark("No warning"),
}
RELATION_SENTENCES: Final = {
    Relation.NEW: mark(
        "No fixed rule warned; only the comparison with peers points to this event."
    ),
    Relation.CONFIRMS: mark("A fixed rule warned, and the comparison with peers agrees."),
    Relation.RULE_ONLY: mark("A fixed rule warned; compared with its peers the event is ordinary."),
    Relation.NONE: mark("Neither a fixed rule nor the comparison with peers points to this event."),
}
SELECTIONS: Final = {
    "alert": mark("yes, above the review line"),
    "control": mark("yes, drawn at random (control sample)"),
    "both": mark("yes, above the review line and drawn at random"),
    "none": mark("no"),
}
RULE_STATUSES: Final = {
    "hit": mark("Warned"),
    "clear": mark("Not triggered"),
    "not_applicable": mark("Does not apply"),
    "insufficient": mark("Too little data"),
}
RULE_SOURCES: Final = {"host": mark("Monitoring platform"), "lianjing": mark("Lianjing")}
STATUSES: Final = {
    Status.OK: mark("Computed"),
    Status.NOT_APPLICABLE: mark("Does not apply to this kind of event."),
    Status.INSUFFICIENT: mark("Too little history or too few peers to compare with."),
    Status.ERROR: mark("Could not be computed; the score does without it."),
    Status.IMPUTED: mark("Was missing; an ordinary value stands in, so it adds little."),
}
DIRECTIONS: Final = {
    "high": mark("above typical"),
    "low": mark("below typical"),
    "none": mark("differs"),
}
SCENARIOS: Final = {
    "payouts": mark("Payouts"),
    "approvals": mark("Approvals"),
    "assignments": mark("Assignments"),
    "small_works": mark("Small works"),
    "credit_repairs": mark("Credit repairs"),
}
KINDS: Final = {
    "payout_requested": mark("Payout requested"),
    "payout_paid": mark("Payout made"),
    "payout_cancelled": mark("Payout cancelled"),
    "approval_step": mark("Approval step"),
    "recipient_dissolved": mark("Recipient dissolved"),
    "penalty_published": mark("Penalty published"),
    "penalty_downgraded": mark("Penalty put into a milder class"),
    "penalty_lapsed": mark("Penalty lapsed"),
    "evidence_recorded": mark("Evidence recorded"),
    "repair_applied": mark("Repair applied for"),
    "repair_refused": mark("Repair refused"),
    "repair_decided": mark("Repair granted"),
    "quote_submitted": mark("Quote submitted"),
    "contract_awarded": mark("Contract awarded"),
    "contract_amended": mark("Contract amended"),
    "contract_settled": mark("Contract settled"),
    "assignment_drawn": mark("Agency drawn"),
    "assignment_declined": mark("Turn declined"),
    "assignment_withdrawn": mark("Case withdrawn"),
    "review_done": mark("Review done"),
    "pair_quarter": mark("A pair's quarter"),
}
UNITS: Final = {
    "0/1": mark("yes or no"),
    "amendments": mark("amendments"),
    "authorities": mark("authorities"),
    "buyers": mark("buyers"),
    "contracts": mark("contracts"),
    "count": mark("count"),
    "days": mark("days"),
    "draws": mark("draws"),
    "enterprises": mark("enterprises"),
    "events": mark("events"),
    "fair quarters": mark("fair quarters"),
    "hour": mark("hour of the day"),
    "index": mark("index from 0 to 1"),
    "items": mark("items"),
    "matters": mark("matters"),
    "minutes": mark("minutes"),
    "octaves": mark("octaves (1 is twice or half as much)"),
    "officers": mark("officers"),
    "people": mark("people"),
    "places": mark("places"),
    "ppm": mark("parts per million"),
    "projects": mark("projects"),
    "quotes": mark("quotes"),
    "share": mark("percent"),
    "standard deviations": mark("standard deviations"),
    "steps": mark("steps"),
    "suppliers": mark("suppliers"),
    "working days": mark("working days"),
    "working_days": mark("working days"),
}
REFUSALS: Final = {
    401: mark("Please sign in again."),
    403: mark("You may not see this page."),
    404: mark("There is no such page or record."),
    422: mark("The address of this page holds a value that is not known."),
    503: mark("The records cannot be read right now. Please try again in a moment."),
}


def word(table: Mapping[str, str], code: str, language: Language) -> str:
    """Give the word for a code, or the code itself where nobody gave it one."""
    text = table.get(code)
    return code if text is None else language.say(text)


Titles = Mapping[tuple[str, str], tuple[str, str]]
"""Chinese and English titles of features and rules, by scenario and name; of the scenario by "".
"""


def collect_titles(scenarios: Iterable[Scenario]) -> Titles:
    """Gather the titles that scenarios declare for themselves, their features and rules.

    >>> from features.scenarios.payouts import SCENARIO
    >>> collect_titles([SCENARIO])["payouts", "check_missing"]
    ('全网核查缺失', 'network-wide check missing')
    """
    titles: dict[tuple[str, str], tuple[str, str]] = {}
    for scenario in scenarios:
        titles[scenario.name, ""] = (scenario.zh, scenario.en)
        titles |= {(scenario.name, each.name): (each.zh, each.en) for each in scenario.features}
        titles |= {(scenario.name, each.name): (each.zh, each.en) for each in scenario.rules}
    return titles
