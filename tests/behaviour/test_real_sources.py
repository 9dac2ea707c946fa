"""The shipped mappings against the public files they were written for."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from features.calendar import Calendar
from features.contracts.events import Event, FieldValue
from features.contracts.settings import Settings
from features.sources.ingest import Outcome, ingest
from features.sources.mapping import Mapping
from features.sources.quality import QualityReport

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.needs("data")


class FakeLedger:
    """Takes everything, and knows it again."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, int], Event] = {}

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        self.declared = scenario, currency, calendar.name

    def admit(self, events: Sequence[Event], *, observed_us: Sequence[int]) -> list[Outcome]:
        assert list(observed_us) == [event.effective_us for event in events]
        return [self._admit(event) for event in events]

    def _admit(self, event: Event) -> Outcome:
        key = event.event_id, event.version
        known = self.events.setdefault(key, event)
        return "accepted" if known is event else "duplicate"


Loaded = tuple[FakeLedger, QualityReport]


def load(name: str, *paths: Path) -> Loaded:
    ledger = FakeLedger()
    report = ingest(paths, mapping=Mapping.load(name), ledger=ledger, settings=Settings())
    return ledger, report


@pytest.fixture(scope="module")
def payments() -> Loaded:
    return load("oxford_payments", DATA / "payments")


def test_every_payment_of_seventeen_quarters_is_accounted_for(payments: Loaded) -> None:
    """One quarter has no dates and one row no content; two rows stand twice; the rest goes in."""
    _, report = payments
    c = report.total.counts

    assert len(report.files) == 17
    assert (c.read, c.accepted, c.duplicates, c.rejected) == (61_529, 57_690, 2, 3_837)


def test_the_quarter_without_dates_is_told_with_the_way_out(payments: Loaded) -> None:
    """All its rows are rejected for one reason, which names the override."""
    _, report = payments
    group = max(report.rejections, key=lambda group: group.count)

    assert (group.file, group.count) == ("expenditure-over-500-apr-jun-2014.csv", 3_836)
    assert "[[overrides]]" in group.reason
    assert group.examples[0].value == "00:00:00"


def test_every_header_variant_is_understood(payments: Loaded) -> None:
    """No column is undeclared, and every payment has authority and category."""
    ledger, report = payments

    assert report.undeclared == ()
    for field in ("authority", "category"):
        assert all(event.fields[field] for event in ledger.events.values())


def test_every_header_is_told_as_it_stands(payments: Loaded) -> None:
    """The quarters write their headers in thirteen ways; each is listed with its files."""
    _, report = payments
    written: dict[tuple[str, ...], list[str]] = {}
    for path in sorted((DATA / "payments").glob("*.csv")):
        first = path.read_bytes().splitlines()[0].decode("utf-8-sig")
        header = tuple(cell.strip() for cell in first.split(","))
        written.setdefault(header, []).append(path.name)

    assert {v.columns: list(v.files) for v in report.header_variants} == written
    assert len(written) == 13


def test_a_payment_without_supplier_is_kept(payments: Loaded) -> None:
    """A blank supplier, or the catch-all for general expenses, is no supplier and no fault."""
    ledger, _ = payments

    assert sum(event.fields["enterprise"] is None for event in ledger.events.values()) == 228


def test_spellings_of_one_office_are_one(payments: Loaded) -> None:
    """Commas lost in some quarters do not split an office."""
    ledger, _ = payments
    offices = {event.fields["authority"] for event in ledger.events.values()}

    assert len([name for name in offices if str(name).startswith("policy")]) == 1


def test_reversals_are_listed_one_by_one(payments: Loaded) -> None:
    """Each negative amount with its place."""
    _, report = payments

    assert 71 == len(report.reversals) == report.total.reversals


@pytest.mark.parametrize(
    ("name", "file", "n_cases", "n_steps"),
    [
        ("coselog_receipt", "receipt.xes.gz", 1_434, 8_577),
        ("bpic15", "BPIC15_1.xes.gz", 1_199, 52_217),
    ],
)
def test_every_step_of_every_case_goes_in(name: str, file: str, n_cases: int, n_steps: int) -> None:
    """Nothing is rejected, no column is undeclared, the steps of a case keep their order."""
    ledger, report = load(name, DATA / "permits" / file)
    steps = list(ledger.events.values())

    assert n_steps == report.total.counts.accepted == len(steps)
    assert n_cases == len({step.fields["project"] for step in steps})
    assert report.undeclared == ()
    last: dict[FieldValue, int] = {}
    for step in steps:
        project = step.fields["project"]
        assert last.get(project, 0) < step.ordinal
        last[project] = step.ordinal
