"""Whom and what a case is about: fields, dates, steps, and how much is known of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.calendar import Calendar
from features.contracts.errors import LedgerError, NotFoundError
from features.contracts.events import from_us
from features.contracts.verdicts import AnomalyRecord, Band, Relation, Reliability
from features.scenarios import catalog
from features.store.ledger import Ledger
from serving.console.formats import Formats
from serving.console.language import load_languages
from serving.console.memory import MemorySource
from serving.console.source import Facts, TimelineEvent
from serving.console.views import Case, Reader, write_case
from serving.late import LateRecords
from serving.scorer import Scorer, Serving
from serving.store import timeline
from serving.store.reading import Records, read_only
from serving.testing import KIND, SmallEngine, payout, small_bundle

NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
SAMPLES = MemorySource.load(Path(__file__).parents[1] / "data" / "console_records.json")
LANGUAGES = load_languages()
THIN = Reliability(usable=3, features=40, is_thin=True)
FIELDS = {
    "enterprise": "E-1",
    "category": "wages",
    "account": "hashed",
    "sector": "C",
    "amount_minor": 120,
}


def shown(
    record: AnomalyRecord,
    facts: Facts | None = None,
    events: tuple[TimelineEvent, ...] = (),
    *,
    tag: str = "en",
) -> Case:
    language = LANGUAGES[tag]
    reader = Reader(language, Formats(language.locale), NOON, {})
    return write_case(record, events, facts or Facts(), reader)


def altered(at: int, **changes: object) -> AnomalyRecord:
    record = SAMPLES.records[at]
    return record.model_copy(update={"verdict": record.verdict.model_copy(update=changes)})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger on disk."""
    made = Ledger.open(tmp_path / "ledger.db")
    yield made
    made.close()


@pytest.fixture
def records(ledger: Ledger, tmp_path: Path) -> Iterator[Records]:
    """What is read of the ledger from beside."""
    assert ledger.head == 0
    reading = read_only(tmp_path / "ledger.db")
    yield Records(reading)
    reading.close()


def score(ledger: Ledger, **changes: object) -> str:
    serving = Serving(small_bundle(), "d" * 64, "1")
    scorer = Scorer(
        ledger,
        SmallEngine(ledger),
        lambda: serving,
        scored=(KIND,),
        budget=0.01,
        clock=lambda: 1_800_000_000_000_000,
    )
    return scorer.score(payout(**changes)).record_id  # type: ignore[arg-type] # fields by name


# ---- from the ledger ------------------------------------------------------------------------


def test_the_ledger_tells_the_main_fields_of_the_event(ledger: Ledger, records: Records) -> None:
    """Main fields in their order with both titles; missing ones and pseudonyms are left out."""
    facts = records.facts(score(ledger, fields=FIELDS))
    assert facts.fields == (
        ("企业", "enterprise", "E-1"),
        ("政策事项", "policy item", "wages"),
    )
    assert facts.effective_at == datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert facts.timezone == "Asia/Shanghai"


def test_the_zone_is_that_of_the_scenarios_calendar(ledger: Ledger, records: Records) -> None:
    """What was declared for the scenario decides whose midnight it is."""
    ledger.declare("payouts", currency="CNY", calendar=Calendar.plain("Europe/London"))
    assert records.facts(score(ledger)).timezone == "Europe/London"


def test_a_pseudonym_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a main field stays out where the scenario declares it a pseudonym."""
    monkeypatch.setattr(timeline, "MAIN_FIELDS", {"payouts": ("enterprise", "account")})
    assert timeline._main_fields("payouts", FIELDS) == (("企业", "enterprise", "E-1"),)


@pytest.mark.parametrize("name", catalog.NAMES)
def test_every_scenario_says_what_its_events_are_about(name: str) -> None:
    """Each main field is declared, and no main field is a pseudonym."""
    declared = {field.name: field for field in catalog.load(name).fields}
    for field in (*timeline.MAIN_FIELDS[name], timeline._WHAT[name]):
        assert not declared[field].is_replaced


def test_the_ledgers_timeline_names_the_item(ledger: Ledger, records: Records) -> None:
    """A payout's row says which policy item it was for."""
    seen = records.timeline(score(ledger, fields=FIELDS), 5)
    assert [one.what for one in seen] == ["wages"]


def test_what_is_gone_has_no_fields(ledger: Ledger, records: Records) -> None:
    """A scenario that left the catalogue, or an event that left the ledger, is no error."""
    row = records.row(score(ledger))
    connection = ledger.connection
    gone = timeline.facts(connection, row._replace(scenario="grants"))
    assert gone == Facts(from_us(1_772_326_800_000_000))
    assert timeline.facts(connection, row._replace(seq=99)) == Facts()
    with pytest.raises(NotFoundError):
        records.facts("nothing")


def test_facts_wait_for_the_start(ledger: Ledger, records: Records) -> None:
    """Before the ledger is open the console says so; afterwards it reads."""
    late = LateRecords()
    with pytest.raises(LedgerError, match="starting"):
        late.facts("R-0001")
    late.records = records
    assert late.facts(score(ledger)).fields[0][2] == "E-1"


# ---- on the page ----------------------------------------------------------------------------


@pytest.mark.parametrize(("tag", "title"), [("en", "Policy item"), ("zh-CN", "政策事项")])
def test_the_page_says_whom_and_what_it_is_about(tag: str, title: str) -> None:
    """Titles are in the reader's language, values as they are."""
    case = shown(SAMPLES.records[0], SAMPLES.facts("R-0001"), tag=tag)
    assert case.happened == "2026-03-04 09:12"
    assert case.about[1] == (title, "稳岗补贴")


def test_times_are_the_scenarios_own() -> None:
    """Local midnight is a date; any other time has its clock; scoring keeps the reader's zone."""
    midnight = datetime(2014, 6, 30, 23, tzinfo=UTC)
    later = datetime(2014, 7, 1, 8, 30, tzinfo=UTC)
    events = tuple(
        TimelineEvent("approval_step", at, "A-1", None, highlighted=False, what="permit_issued")
        for at in (midnight, later)
    )
    case = shown(SAMPLES.records[0], Facts(midnight, "Europe/London"), events)
    assert case.happened == "2014-07-01"
    assert [moment.at for moment in case.timeline] == ["2014-07-01", "2014-07-01 09:30"]
    assert {moment.what for moment in case.timeline} == {"permit_issued"}
    assert case.row.scored == "2026-03-04 09:30"


@given(st.floats(0, 1))
def test_no_percentile_reads_as_all_or_as_more_than_it_is(value: float) -> None:
    """A percentile is written rounded down, and never as everything."""
    written = Formats("en").percentile(value)
    assert written != "100%"
    assert Decimal(written.rstrip("%")) / 100 <= Decimal(str(value))


@pytest.mark.parametrize(
    ("percentile", "said"),
    [(1.0, "than 99.999% of"), (0.0, "than less than 0.1% of"), (0.001, "unusual than 0.1% of")],
)
def test_the_ends_of_the_scale_are_said_with_care(percentile: float, said: str) -> None:
    """Nothing is beyond everything, and nothing is above no one."""
    scores = SAMPLES.records[0].verdict.scores.model_copy(update={"percentile": percentile})
    assert said in shown(altered(0, scores=scores)).row.rarity


@pytest.mark.parametrize(("tag", "said"), [("en", "Too little is known"), ("zh-CN", "信息太少")])
def test_a_thin_comparison_says_so_instead_of_nothing_stands_out(tag: str, said: str) -> None:
    """An ordinary score of an event that little is known of is not called ordinary."""
    case = shown(altered(4, reliability=THIN), tag=tag)
    for text in (said, "3", "40"):
        assert text in case.row.headline
    assert case.caution == case.row.headline
    scores = SAMPLES.records[0].verdict.scores.model_copy(update={"band": Band.INFO})
    assert said in shown(altered(0, reliability=THIN, scores=scores), tag=tag).row.headline


def test_a_thin_comparison_that_differs_keeps_its_reason() -> None:
    """What stands out is the headline all the same; the caution stands beside it."""
    case = shown(altered(0, reliability=THIN))
    assert case.row.headline.startswith("The payout of")
    assert "3 of 40" in case.caution
    assert not shown(altered(0, reliability=THIN.model_copy(update={"is_thin": False}))).caution


def test_a_rule_beside_a_thin_comparison_is_not_contradicted() -> None:
    """The event is not called ordinary where it could hardly be compared."""
    case = shown(altered(4, reliability=THIN, relation=Relation.RULE_ONLY))
    assert case.relation_sentence.endswith(
        "too little is known to compare the event with its peers."
    )


def test_the_legal_basis_of_a_rule_is_shown_in_its_own_language_only() -> None:
    """Ours is on file in Chinese; what the host says of the event stays in both."""
    rules = SAMPLES.records[1].verdict.rules
    ours = tuple(rule.model_copy(update={"source": "lianjing"}) for rule in rules)
    assert shown(altered(1, rules=ours)).rules[0].detail == ""
    assert shown(altered(1, rules=ours), tag="zh-CN").rules[0].detail == rules[0].detail
    assert shown(altered(1)).rules[0].detail == rules[0].detail
