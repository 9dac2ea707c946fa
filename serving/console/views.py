"""What the templates show of a record: texts chosen, numbers written, nothing left to compute.

Contributions and raw scores stop here: a reader sees shares, percentiles and actual values only.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from features.contracts.verdicts import (
    WITHHELD,
    AnomalyRecord,
    Band,
    Peers,
    Reason,
    Relation,
    RuleWarning,
    Status,
    Verdict,
)
from models.typical import EVERYONE
from serving.console import labels
from serving.console.charts import Bullet, draw_bullet
from serving.console.formats import NOTHING, Formats
from serving.console.language import Language, mark
from serving.console.source import Facts, TimelineEvent

TOP: Final = 3
FLAGS: Final = frozenset({"0/1", "flag"})
YES: Final = mark("yes")
NO: Final = mark("no")
EVERYONE_WORD: Final = mark("all events")
_RULE_ONLY: Final = mark("A fixed rule warned; compared with its peers nothing stands out.")
_NOTHING_STANDS_OUT: Final = mark("No single measure stands out from its peers.")
_TOO_LITTLE: Final = mark(
    "Too little is known to compare this event with its peers: "
    "%(usable)s of %(all)s measures can be used."
)
_RULE_AND_TOO_LITTLE: Final = mark(
    "A fixed rule warned; too little is known to compare the event with its peers."
)
_LEADING: Final = mark(
    "Of the %(all)s measures that usually say most, %(missing)s could not be used; "
    "they count as ordinary."
)
_CONFIRMED: Final = mark(
    "Reviews confirm about %(share)s of events that score like this: "
    "with 95 percent confidence between %(low)s and %(high)s, from %(n)s reviews."
)
_SUREST: Final = 0.99
"""No chance of being confirmed is written as more than this."""
TINY: Final = 0.001
_HARDLY: Final = mark(
    "More unusual than less than %(share)s of ordinary events, about 1 in %(one_in)s."
)
_RARITY: Final = mark("More unusual than %(share)s of ordinary events, about 1 in %(one_in)s.")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a page is written for: language, formats, and the moment of reading."""

    language: Language
    formats: Formats
    now: datetime
    titles: labels.Titles

    def title(self, scenario: str, name: str) -> str:
        """The title of a feature or rule, or its name where nobody gave it one."""
        return self.language.choose(*self.titles.get((scenario, name), (name, name)))

    def scenario(self, name: str) -> str:
        """What a scenario is called: the console's word, its own title, or its name."""
        if name in labels.SCENARIOS:
            return labels.word(labels.SCENARIOS, name, self.language)
        return self.language.choose(*self.titles.get((name, ""), (name, name)))


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One reason as a line of the table and of the chart."""

    feature: str
    name: str
    statement: str
    actual: str
    typical: str
    ordinary: str
    unit: str
    peers: str
    n_peers: str
    window_days: int | None
    direction: str
    direction_text: str
    share: str
    share_percent: float
    false_alarm: str
    bullet: Bullet | None
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One record in the queue."""

    record_id: str
    event_id: str
    scenario: str
    kind: str
    band: str
    band_text: str
    relation: str
    relation_text: str
    headline: str
    reasons: tuple[ReasonView, ...]
    n_more: int
    amount: str
    age: str
    scored: str
    scored_iso: str
    rarity: str
    is_alert: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One fixed rule's answer in words."""

    rule: str
    title: str
    status: str
    status_text: str
    source: str
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """A measure that is missing or stands on weak ground, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the subject's timeline."""

    kind: str
    what: str
    at: str
    iso: str
    event_id: str
    amount: str
    is_evidence: bool
    is_self: bool


@dataclass(frozen=True, slots=True)
class Case:
    """Everything the case page shows beyond its queue row."""

    row: Row
    version: int
    happened: str
    happened_iso: str
    about: tuple[tuple[str, str], ...]
    story: str
    reasons: tuple[ReasonView, ...]
    others: tuple[ReasonView, ...]
    relation_sentence: str
    selected: str
    caution: str
    leading: str
    confirmed: str
    rules: tuple[Rule, ...]
    notes: tuple[Note, ...]
    n_measures: int
    withheld: int
    timeline: tuple[Moment, ...]
    provenance: tuple[tuple[str, str], ...]


def write_row(record: AnomalyRecord, reader: Reader) -> Row:
    """Write a record as one line of the queue."""
    verdict, say, formats = record.verdict, reader.language, reader.formats
    reasons = _lead(record, reader)
    return Row(
        record_id=verdict.record_id,
        event_id=verdict.event_id,
        scenario=reader.scenario(verdict.scenario),
        kind=labels.word(labels.KINDS, verdict.kind, say),
        band=verdict.scores.band.value,
        band_text=say.say(labels.BANDS[verdict.scores.band]),
        relation=verdict.relation.value,
        relation_text=say.say(labels.RELATIONS[verdict.relation]),
        headline=_headline(verdict, reasons, reader),
        reasons=reasons[:TOP],
        n_more=max(0, len(reasons) - TOP),
        amount=formats.money(record.amount_minor, record.currency),
        age=formats.age(verdict.scored_at, reader.now),
        scored=formats.moment(verdict.scored_at),
        scored_iso=verdict.scored_at.isoformat(),
        rarity=_rarity(record, reader),
        is_alert=verdict.scores.is_alert,
    )


def _selected_by(verdict: Verdict) -> str:
    """What selected the event; records from before there were selections know alerts alone."""
    if verdict.review is None:
        return "alert" if verdict.scores.is_alert else "none"
    return verdict.review.selected_by or "none"


def write_case(
    record: AnomalyRecord, timeline: tuple[TimelineEvent, ...], facts: Facts, reader: Reader
) -> Case:
    """Write a record, its event and its subject's timeline as a page.

    What happened is told in the scenario's own time zone, when it was scored in the reader's.
    """
    verdict = record.verdict
    local = replace(reader, formats=replace(reader.formats, timezone=facts.timezone))
    at = facts.effective_at
    rest = [reason for reason in verdict.reasons if reason.share <= 0]
    return Case(
        row=write_row(record, reader),
        version=verdict.version,
        happened=local.formats.stamp(at) if at else NOTHING,
        happened_iso=at.isoformat() if at else "",
        about=tuple(
            (_title(reader.language.choose(zh, en)), text) for zh, en, text in facts.fields
        ),
        story=_story(verdict, reader),
        reasons=_lead(record, reader),
        others=tuple(_reason(reason, record.currency, reader) for reason in rest),
        selected=reader.language.say(labels.SELECTIONS[_selected_by(verdict)]),
        relation_sentence=reader.language.say(_relation(verdict)),
        caution=_caution(verdict, reader),
        leading=_leading(verdict, reader),
        confirmed=_confirmed(verdict, reader),
        rules=_rules(record, reader),
        notes=_notes(record, reader),
        n_measures=len(record.vector),
        withheld=record.withheld,
        timeline=tuple(_moment(event, record, local) for event in timeline),
        provenance=_provenance(record),
    )


def _lead(record: AnomalyRecord, reader: Reader) -> tuple[ReasonView, ...]:
    raising = [reason for reason in record.verdict.reasons if reason.share > 0]
    raising.sort(key=lambda reason: -reason.share)
    return tuple(_reason(reason, record.currency, reader) for reason in raising)


def _story(verdict: Verdict, reader: Reader) -> str:
    """What is unusual side by side; empty where no declared pattern is."""
    told = verdict.story
    return "" if told is None else reader.language.choose(told.title_zh, told.title_en)


def _headline(verdict: Verdict, reasons: tuple[ReasonView, ...], reader: Reader) -> str:
    if reasons and verdict.scores.band is not Band.INFO:
        return reasons[0].statement
    silence = reader.language.say(_silence(verdict.relation))
    return _caution(verdict, reader) or (reasons[0].statement if reasons else silence)


def _caution(verdict: Verdict, reader: Reader) -> str:
    """That the comparison is thin, in words; empty where it is not."""
    known = verdict.reliability
    if known is None or not known.is_thin:
        return ""
    usable, features = (reader.formats.number(n) for n in (known.usable, known.features))
    return reader.language.say(_TOO_LITTLE, usable=usable, all=features)


def _leading(verdict: Verdict, reader: Reader) -> str:
    """How many of the measures that matter most are missing, in words; empty where none is."""
    known = verdict.reliability
    if known is None or not known.leading or not known.leading_missing:
        return ""
    missing, all_ = (reader.formats.number(n) for n in (known.leading_missing, known.leading))
    return reader.language.say(_LEADING, missing=missing, all=all_)


def _confirmed(verdict: Verdict, reader: Reader) -> str:
    """P(confirmed) with its interval, in words; empty before there are enough reviews."""
    told = verdict.scores.p_confirmed
    if told is None:
        return ""
    numbers = {
        name: reader.formats.percentile(min(float(f"{value:.2g}"), _SUREST))
        for name, value in (("share", told.value), ("low", told.low), ("high", told.high))
    }
    n = reader.formats.number(told.n_reviews)
    return reader.language.say(_CONFIRMED, n=n, **numbers)


def _relation(verdict: Verdict) -> str:
    if (
        verdict.relation is Relation.RULE_ONLY
        and verdict.reliability
        and verdict.reliability.is_thin
    ):
        return _RULE_AND_TOO_LITTLE
    return labels.RELATION_SENTENCES[verdict.relation]


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]


def _silence(relation: Relation) -> str:
    return _RULE_ONLY if relation is Relation.RULE_ONLY else _NOTHING_STANDS_OUT


def _rarity(record: AnomalyRecord, reader: Reader) -> str:
    scores = record.verdict.scores
    return reader.language.say(
        _HARDLY if scores.percentile < TINY else _RARITY,
        share=reader.formats.percentile(max(scores.percentile, TINY)),
        one_in=reader.formats.number(scores.one_in),
    )


def _reason(reason: Reason, currency: str, reader: Reader) -> ReasonView:
    say, formats = reader.language, reader.formats
    return ReasonView(
        feature=reason.feature,
        name=say.choose(reason.name_zh, reason.name_en),
        statement=say.choose(reason.statement_zh, reason.statement_en),
        actual=_value(reason.actual, reason.unit, currency, reader),
        typical=_value(reason.typical, reason.unit, currency, reader),
        ordinary=_ordinary(reason, currency, reader),
        unit=_unit(reason.unit, currency, say),
        peers=_peers(reason.peers, say),
        n_peers=_size(reason.peers, formats),
        window_days=reason.window_days,
        direction=reason.direction,
        direction_text=say.say(labels.DIRECTIONS[reason.direction]),
        share=formats.share(reason.share),
        share_percent=round(100 * reason.share, 1),
        false_alarm=say.choose(reason.false_alarm_zh, reason.false_alarm_en),
        bullet=draw_bullet(reason),
        is_withheld=reason.feature == WITHHELD,
    )


def _value(value: float | None, unit: str, currency: str, reader: Reader) -> str:
    if unit in FLAGS and value in {0, 1}:
        return reader.language.say(YES if value else NO)
    return reader.formats.quantity(value, unit, currency)


def _ordinary(reason: Reason, currency: str, reader: Reader) -> str:
    if reason.lo is None or reason.hi is None:
        return NOTHING
    ends = [_value(end, reason.unit, currency, reader) for end in (reason.lo, reason.hi)]
    return ends[0] if ends[0] == ends[1] else " – ".join(ends)


def _unit(unit: str, currency: str, language: Language) -> str:
    return currency if unit in {"money", currency} else labels.word(labels.UNITS, unit, language)


def _peers(peers: Peers | None, language: Language) -> str:
    if peers is None:
        return NOTHING
    return language.say(EVERYONE_WORD) if peers.key == EVERYONE else peers.key


def _size(peers: Peers | None, formats: Formats) -> str:
    return formats.number(peers.n) if peers else NOTHING


def _rules(record: AnomalyRecord, reader: Reader) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            rule=warning.rule,
            title=reader.title(record.verdict.scenario, warning.rule),
            status=warning.status,
            status_text=reader.language.say(labels.RULE_STATUSES[warning.status]),
            source=reader.language.say(labels.RULE_SOURCES[warning.source]),
            detail=_detail(warning, reader.language),
        )
        for warning in record.verdict.rules
    )


def _detail(warning: RuleWarning, language: Language) -> str:
    """What a rule adds to its answer; the legal basis of our own is on file in Chinese only."""
    is_basis = warning.source == "lianjing"
    return language.choose(warning.detail, "") if is_basis else warning.detail


def _notes(record: AnomalyRecord, reader: Reader) -> tuple[Note, ...]:
    names = {
        reason.feature: reader.language.choose(reason.name_zh, reason.name_en)
        for reason in record.verdict.reasons
    }
    return tuple(
        Note(
            name=names.get(cell.feature) or reader.title(record.verdict.scenario, cell.feature),
            why=reader.language.say(labels.STATUSES[cell.status]),
        )
        for cell in record.vector
        if cell.status is not Status.OK
    )


def _moment(event: TimelineEvent, record: AnomalyRecord, reader: Reader) -> Moment:
    return Moment(
        kind=labels.word(labels.KINDS, event.kind, reader.language),
        what=event.what,
        at=reader.formats.stamp(event.effective_at),
        iso=event.effective_at.isoformat(),
        event_id=event.event_id,
        amount=reader.formats.money(event.amount_minor, event.currency or record.currency),
        is_evidence=event.highlighted,
        is_self=(event.kind, event.event_id) == (record.verdict.kind, record.verdict.event_id),
    )


def _provenance(record: AnomalyRecord) -> tuple[tuple[str, str], ...]:
    origin = record.verdict.provenance
    return (
        (mark("Bundle digest"), origin.bundle_digest),
        (mark("Model version"), origin.model_version),
        (mark("Feature spec"), origin.spec_hash),
        (mark("Kernel version"), origin.kernel_version),
        (mark("Ledger watermark"), str(origin.as_of_seq)),
        (mark("Vector digest"), origin.vector_digest),
    )
