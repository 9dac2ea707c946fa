import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from features.calendar import Calendar
from features.contracts.errors import ConflictError, InputError, UnreadableSourceError
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.sources.ingest import Outcome, Progress, ingest
from features.sources.mapping import Mapping
from features.sources.quality import EXAMPLES, QualityReport

DATA = Path(__file__).parents[1] / "data"
JANUARY, FEBRUARY = DATA / "town_january.csv", DATA / "town_february.csv"
TOWN = Mapping.load(DATA / "town_payments.toml")
KEYED = Settings(pseudonym_key=SecretStr("test"))
HEADER = ["Payment No", "Line", "State", "Paid On", "Version", "Amount"]


class FakeLedger:
    """What a ledger promises a load, in memory."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str, int], Event] = {}
        self.declared: dict[str, tuple[str, str]] = {}
        self.n_calls = 0
        self.learned_us: list[int] = []

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        held = self.declared.setdefault(scenario, (currency, calendar.digest))
        if held != (currency, calendar.digest):
            raise ConflictError(f"{scenario} is kept in {held[0]}")

    def admit(self, events: Sequence[Event], *, observed_us: Sequence[int]) -> list[Outcome]:
        self.n_calls += 1
        self.learned_us += observed_us
        return [self._admit(event) for event in events]

    def _admit(self, event: Event) -> Outcome:
        key = event.kind, event.event_id, event.version
        held = self.events.get(key)
        if held is None:
            self.events[key] = event
            return "accepted"
        return "duplicate" if held.digest == event.digest else "conflict"


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


def load(
    ledger: FakeLedger, *paths: Path, mapping: Mapping = TOWN, progress: Progress | None = None
) -> QualityReport:
    return ingest(paths, mapping=mapping, ledger=ledger, settings=KEYED, progress=progress)


def write(
    folder: Path,
    rows: Iterable[Sequence[str]],
    name: str = "rows.csv",
    header: Sequence[str] = HEADER,
) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path = folder / name
    path.write_text(text.getvalue(), "utf-8", newline="")
    return path


def numbers(report: QualityReport) -> tuple[int, int, int, int]:
    c = report.total.counts
    return c.read, c.accepted, c.duplicates, c.rejected


def test_a_month_is_read_as_declared(ledger: FakeLedger) -> None:
    """Kinds by a table, money in fen, offices squashed, accounts as pseudonyms, constants."""
    load(ledger, JANUARY)

    event = ledger.events["payout_paid", "P-1-1", 1]
    assert datetime(2026, 1, 4, 16, tzinfo=UTC) == event.effective_at
    account = event.fields["account"]
    assert str(account).startswith("k1:")
    assert account == ledger.events["payout_paid", "P-1-2", 1].fields["account"]
    assert {
        "enterprise": "E-1",
        "account": account,
        "authority": "policy culture and communication",
        "sector": "farming",
        "amount_minor": 120_000,
        "employees": 12,
        "district": "North",
    } == event.fields
    assert ledger.events["payout_paid", "P-2-1", 1].fields["enterprise"] is None
    assert ledger.events["payout_requested", "P-3-1", 1].retracted


def test_every_row_is_accounted_for(ledger: FakeLedger) -> None:
    """Read is accepted plus duplicates plus rejected, and each rejection says why."""
    report = load(ledger, JANUARY)

    assert numbers(report) == (9, 4, 1, 4)
    assert report.total.kinds == {"payout_paid": 3, "payout_requested": 1}
    told = {group.column: (group.reason, group.examples[0]) for group in report.rejections}
    assert told[""][0] == "has 4 cells where the header has 14"
    assert told["State"][0] == "is none of asked, paid"
    assert told["Amount"][0].startswith("is no number")
    assert (told["Amount"][1].place.line, told["Amount"][1].value) == (7, "eighty")
    assert "[[overrides]]" in told["Paid On"][0]
    assert report.total.first_effective_at == datetime(2026, 1, 4, 16, tzinfo=UTC)
    assert report.total.last_effective_at == datetime(2026, 1, 6, 16, tzinfo=UTC)


def test_doubts_are_listed_with_their_place(ledger: FakeLedger) -> None:
    """Repeated rows, reversals, rounded values and columns without a use are all told."""
    report = load(ledger, JANUARY)

    (again,) = report.duplicates
    assert (
        again.event_id,
        again.place.line,
        str(again.first_seen),
    ) == ("P-1-1", 10, "town_january.csv:2")
    (back,) = report.reversals
    assert (back.event_id, back.place.line, back.amount_minor) == ("P-2-1", 4, -5000)
    assert report.total.rounded == 1
    assert [note.column for note in report.ignored] == ["contact"]
    assert [note.column for note in report.undeclared] == ["remark"]


def test_a_report_can_be_stored_and_read(ledger: FakeLedger) -> None:
    """JSON keeps all of it; Markdown shows each part as a table."""
    report = load(ledger, JANUARY)

    assert QualityReport.model_validate_json(report.to_json()) == report
    text = report.to_markdown()
    assert "| town_january.csv | 9 | 4 | 1 | 4 | 1 | 1 |" in text
    assert "| town_january.csv | 1 | Amount | is no number" in text
    assert "| P-2-1 | town_january.csv:4 | amount_minor | -5000 |" in text


def test_a_time_of_day_contradicts_date_only(ledger: FakeLedger, tmp_path: Path) -> None:
    """A mapping that declares dates does not swallow hours."""
    stamps = TOWN.effective_at.model_copy(update={"formats": ("iso",)})
    mapping = TOWN.model_copy(update={"effective_at": stamps})
    path = write(tmp_path, [["P-1", "1", "paid", "2026-01-05 09:30", "1", "1"]])
    (group,) = load(ledger, path, mapping=mapping).rejections

    assert "has a time of day" in group.reason


def test_no_personal_value_is_in_the_report(ledger: FakeLedger, tmp_path: Path) -> None:
    """Neither names nor accounts, not even faulty ones."""
    rows = [["P-1", "1", "paid", "2026-01-05", "1", "1", "x" * 300, "6222\x00"]]
    path = write(tmp_path, rows, header=[*HEADER, "Contact", "Bank Account"])
    told = load(ledger, JANUARY, path).to_json() + load(FakeLedger(), path).to_markdown()

    assert not [word for word in ("Person", "6222", "xxx", str(tmp_path)) if word in told]


def test_contradicting_rows_are_all_rejected(ledger: FakeLedger) -> None:
    """P-3 costs 80 in one file and 81 in the other: neither is believed; version 2 is."""
    report = load(ledger, JANUARY, FEBRUARY)

    versions = [key[2] for key in ledger.events if key[1] == "P-3-1"]
    assert versions == [2]
    told = {str(g.examples[0].place): str(g.examples[0].other) for g in report.rejections}
    assert told["town_january.csv:5"] == "town_february.csv:4"
    assert told["town_february.csv:4"] == "town_january.csv:5"


def test_other_spelling_of_the_same_is_a_duplicate(ledger: FakeLedger) -> None:
    """Header, date format and office may be written otherwise; the event is the same."""
    report = load(ledger, JANUARY, FEBRUARY)

    repeated = {note.event_id: str(note.first_seen) for note in report.duplicates}
    assert repeated["P-2-1"] == "town_february.csv:3"
    first, second = report.header_variants
    assert first.columns[:2] == ("NO", "Line")
    assert second.columns[:2] == ("Payment No", "Line")


def test_a_later_contradiction_does_not_change_the_ledger(ledger: FakeLedger) -> None:
    """What an earlier load brought stands; the new row is rejected."""
    load(ledger, JANUARY)
    report = load(ledger, FEBRUARY)

    assert numbers(report) == (4, 2, 1, 1)
    (group,) = report.rejections
    assert str(group.examples[0].other) == "the ledger"
    assert "higher version" in group.reason


def test_loading_twice_changes_nothing(ledger: FakeLedger) -> None:
    """The second load finds only what is there."""
    first = load(ledger, JANUARY, FEBRUARY)
    held = dict(ledger.events)
    second = load(ledger, JANUARY, FEBRUARY)

    assert held == ledger.events
    assert second.total.counts.accepted == 0
    assert first.total.counts.rejected == second.total.counts.rejected


def test_the_order_of_the_files_does_not_matter() -> None:
    """Same events in the same order, same report."""
    one, two = FakeLedger(), FakeLedger()

    assert load(one, JANUARY, FEBRUARY) == load(two, FEBRUARY, JANUARY, JANUARY)
    assert list(one.events.items()) == list(two.events.items())


def test_events_are_offered_once_and_in_time(ledger: FakeLedger) -> None:
    """One call, oldest first."""
    load(ledger, FEBRUARY, JANUARY)
    stamps = [event.effective_us for event in ledger.events.values()]

    assert ledger.n_calls == 1
    assert sorted(stamps) == stamps


def test_an_event_after_the_present_is_rejected(ledger: FakeLedger, tmp_path: Path) -> None:
    """It would be known before it happened; at the present itself it is known."""
    rows = [
        ["P-1", "1", "paid", "2026-01-05", "1", "1"],
        ["P-2", "1", "paid", "2026-01-06", "1", "1"],
    ]
    now = datetime(2026, 1, 4, 16, tzinfo=UTC)
    path = write(tmp_path, rows)
    report = ingest([path], mapping=TOWN, ledger=ledger, settings=KEYED, now=now)

    assert [key[1] for key in ledger.events] == ["P-1-1"]
    (group,) = report.rejections
    assert (group.file, group.column, group.count) == ("rows.csv", "Paid On", 1)
    assert group.reason.startswith("lies after the present")
    assert (group.examples[0].place.line, group.examples[0].value) == (3, "2026-01-06")


def test_a_constant_date_after_the_present_is_no_better(ledger: FakeLedger, tmp_path: Path) -> None:
    """The override of an undated file is held to the same rule."""
    path = write(tmp_path, [["P-1", "1", "paid", "", "1", "1"]], "undated-1.csv")
    now = datetime(2025, 6, 1, tzinfo=UTC)
    report = ingest([path], mapping=TOWN, ledger=ledger, settings=KEYED, now=now)

    assert (report.rejections[0].column, ledger.events) == ("effective_at", {})


def test_the_present_is_that_of_the_clock_unless_given(ledger: FakeLedger, tmp_path: Path) -> None:
    """Nobody pays in 2099 yet."""
    report = load(ledger, write(tmp_path, [["P-1", "1", "paid", "2099-01-05", "1", "1"]]))

    assert numbers(report) == (1, 0, 0, 1)


ANOTHER_KIND = [["Name", "Paid On"], ["A. Person", "2026-01-05"]]


@pytest.mark.parametrize("rows", [ANOTHER_KIND, ANOTHER_KIND[:1]])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_of_another_kind_stops_the_load(
    ledger: FakeLedger, tmp_path: Path, form: Literal["csv", "parquet"], rows: list[list[str]]
) -> None:
    """With or without rows, all that is missing is named, with every spelling looked for."""
    header, *cells = rows
    frame = pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String), orient="row")
    path = tmp_path / f"guests.{form}"
    getattr(frame, f"write_{form}")(path)
    sound = tmp_path / f"a_sound_one.{form}"
    getattr(pl.read_csv(JANUARY, infer_schema=False, truncate_ragged_lines=True), f"write_{form}")(
        sound
    )
    with pytest.raises(UnreadableSourceError) as caught:
        load(ledger, sound, path, mapping=TOWN.model_copy(update={"format": form}))

    told = str(caught.value)
    assert told.startswith(
        f"guests.{form}: the header has no column for event_id ('Payment No' or 'No'), event_id "
        "('Line'), kind ('State'), version ('Version'), amount_minor ('Amount');"
    )
    assert "effective_at" not in told
    assert (ledger.events, ledger.declared) == ({}, {})


def test_bytes_that_happen_to_decode_are_no_table(ledger: FakeLedger, tmp_path: Path) -> None:
    """What is no text at all is refused by the header it does not have."""
    junk = tmp_path / "junk.csv"
    junk.write_bytes(bytes(range(128)) * 3)
    with pytest.raises(UnreadableSourceError, match=r"junk\.csv: the header has no column for"):
        load(ledger, junk)


def test_a_damaged_gzip_file_is_refused(ledger: FakeLedger, tmp_path: Path) -> None:
    """A fault inside the compressed bytes is told as one of the file."""
    packed = bytearray(gzip.compress(JANUARY.read_bytes()))
    packed[12] ^= 0xFF
    (tmp_path / "cut.csv.gz").write_bytes(packed)
    with pytest.raises(UnreadableSourceError, match=r"cut\.csv\.gz"):
        load(ledger, tmp_path)


def test_an_override_stands_in_for_a_missing_date_column(
    ledger: FakeLedger, tmp_path: Path
) -> None:
    """What the mapping gives as a constant need not be in the header."""
    header = [name for name in HEADER if name != "Paid On"]
    load(ledger, write(tmp_path, [["P-1", "1", "paid", "1", "1"]], "undated-1.csv", header))

    assert len(ledger.events) == 1


def test_header_variants_are_told_as_they_stand(ledger: FakeLedger, tmp_path: Path) -> None:
    """Case and underscores tell variants apart, blanks around a cell do not."""
    other = [name.upper().replace(" ", "_") for name in HEADER]
    padded = [f" {name} " for name in HEADER]
    for name, header in (("a.csv", HEADER), ("b.csv", other), ("c.csv", padded)):
        write(tmp_path, [], name, header)
    report = load(ledger, tmp_path)

    assert [(v.columns, v.files) for v in report.header_variants] == [
        (tuple(HEADER), ("a.csv", "c.csv")),
        (tuple(other), ("b.csv",)),
    ]
    assert "| PAYMENT_NO, LINE, STATE, PAID_ON, VERSION, AMOUNT | b.csv |" in report.to_markdown()


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["1", "2", "paid", "asked", "2026-01-05", "05/01/2026", "-3.005", "", "x" * 200]
    ),
)
ROWS = st.lists(st.lists(CELLS, max_size=8) | st.lists(CELLS, min_size=6, max_size=6), max_size=12)
SOUND = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.sampled_from("12"),
        st.sampled_from(["paid", "asked"]),
        st.sampled_from(["2026-01-05", "05/01/2026", "2026-01-06"]),
        st.sampled_from("12"),
        st.sampled_from(["1", "1.00", "2"]),
    ),
    max_size=12,
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(ROWS)
def test_counts_add_up_for_any_rows(tmp_path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Whatever stands in the cells, every row is accepted, a duplicate or rejected."""
    path = write(tmp_path, rows)
    n_rows = sum(1 for row in rows if row)
    ledger = FakeLedger()

    read, accepted, _, _ = numbers(load(ledger, path))
    assert (n_rows, len(ledger.events)) == (read, accepted)
    again = load(ledger, path)
    assert again.total.counts.accepted == 0


@QUICK
@given(SOUND, SOUND)
def test_no_order_of_files_changes_the_ledger(
    tmp_path: Path, first: list[tuple[str, ...]], second: list[tuple[str, ...]]
) -> None:
    """Repeated and contradicting rows settle the same whichever file comes first."""
    paths = [write(tmp_path, first, "a.csv"), write(tmp_path, second, "b.csv")]
    one, two = FakeLedger(), FakeLedger()

    assert load(one, *paths) == load(two, *paths[::-1])
    assert list(one.events.items()) == list(two.events.items())


def test_many_rejections_are_counted_and_few_are_listed(ledger: FakeLedger, tmp_path: Path) -> None:
    """The list is capped, the count is not."""
    rows = [[f"P-{n}", "1", "paid", "never", "1", "1"] for n in range(50)]
    (group,) = load(ledger, write(tmp_path, rows)).rejections

    assert (group.count, len(group.examples)) == (50, EXAMPLES)
    assert ledger.n_calls == 0


def test_a_file_without_dates_gets_one_from_an_override(ledger: FakeLedger, tmp_path: Path) -> None:
    """The mapping's constant stands before the column."""
    path = write(tmp_path, [["P-1", "1", "paid", "00:00:00", "1", "1"]], "undated-1.csv")
    load(ledger, path)

    (event,) = ledger.events.values()
    assert datetime(2025, 6, 29, 16, tzinfo=UTC) == event.effective_at
    assert event.fields["district"] == "South"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_declared_encodings_are_tried_in_turn(
    ledger: FakeLedger, tmp_path: Path, encoding: str
) -> None:
    """A byte order mark or the national encoding: the text is the same."""
    text = f"{','.join(HEADER)},Company\r\nP-1,1,paid,2026-01-05,1,1,廉镜公司\r\n"
    path = tmp_path / "coded.csv"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    load(ledger, path)

    (event,) = ledger.events.values()
    assert event.fields["enterprise"] == "廉镜公司"


def test_a_quoted_line_break_keeps_lines_true(ledger: FakeLedger, tmp_path: Path) -> None:
    """A row is told by the line on which it starts."""
    rows = [["P-1\n", "1", "paid", "2026-01-05", "1", "1"], ["P-2", "1", "paid", "?", "1", "1"]]
    report = load(ledger, write(tmp_path, rows))

    assert report.rejections[0].examples[0].place.line == 4


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    """Typed cells become the same events."""
    one, two = FakeLedger(), FakeLedger()
    row = {"Payment No": "P-1", "Line": 1, "State": "paid", "Version": 1, "Amount": 12.5}
    typed = pl.DataFrame([row | {"Paid On": date(2026, 1, 5), "Employees": 3.0}])
    typed.write_parquet(tmp_path / "rows.parquet")
    typed.write_csv(tmp_path / "rows.csv")
    columnar = TOWN.model_copy(update={"format": "parquet"})
    report = load(two, tmp_path, mapping=columnar)

    load(one, tmp_path / "rows.csv")
    assert one.events == two.events
    assert numbers(report) == (1, 1, 0, 0)


def test_a_case_becomes_steps_in_file_order(ledger: FakeLedger) -> None:
    """Two steps at one midnight keep their order; a placeholder officer is no officer."""
    report = load(ledger, DATA / "permits_small.xes", mapping=Mapping.load("coselog_receipt"))

    steps = list(ledger.events.values())
    assert [(step.event_id, step.ordinal) for step in steps] == [
        ("case-1#1", 1),
        ("case-1#2", 2),
        ("case-2#1", 1),
    ]
    assert [step.fields["officer"] for step in steps] == ["R1", None, None]
    assert steps[0].fields["due_at"] == 1_401_400_800_000_000
    assert numbers(report) == (3, 3, 0, 0)


def test_progress_is_told_file_by_file(ledger: FakeLedger) -> None:
    """Done, all, name."""
    seen: list[tuple[int, int, str]] = []
    load(ledger, JANUARY, FEBRUARY, progress=lambda done, n, name: seen.append((done, n, name)))

    assert seen == [(1, 2, "town_february.csv"), (2, 2, "town_january.csv")]


def test_an_unreadable_file_stops_the_load_before_anything_is_written(
    ledger: FakeLedger, tmp_path: Path
) -> None:
    """All or nothing."""
    (tmp_path / "bad.csv").write_bytes(b"\xff\xff\xff")
    with pytest.raises(UnreadableSourceError, match=r"bad\.csv: the bytes fit none"):
        load(ledger, JANUARY, tmp_path / "bad.csv")

    assert (ledger.events, ledger.declared) == ({}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no header"), ("Amount,amount \n1,2\n", "two columns read as 'amount'")],
)
def test_a_header_that_cannot_be_used_is_refused(
    ledger: FakeLedger, tmp_path: Path, text: str, message: str
) -> None:
    """The error names the file."""
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(UnreadableSourceError, match=message):
        load(ledger, tmp_path / "bad.csv")


def test_a_folder_without_files_of_the_format_is_told(ledger: FakeLedger, tmp_path: Path) -> None:
    """Nothing to read is an error, not an empty success."""
    with pytest.raises(UnreadableSourceError, match="holds no csv file"):
        load(ledger, tmp_path)
    with pytest.raises(UnreadableSourceError, match="no such file or folder"):
        load(ledger, tmp_path / "none")


def test_a_file_that_is_no_parquet_is_refused(ledger: FakeLedger, tmp_path: Path) -> None:
    """Foreign errors are translated."""
    (tmp_path / "bad.parquet").write_bytes(b"PAR0")
    columnar = TOWN.model_copy(update={"format": "parquet"})
    with pytest.raises(UnreadableSourceError, match=r"bad\.parquet: no readable Parquet"):
        load(ledger, tmp_path, mapping=columnar)


def test_another_currency_is_refused(ledger: FakeLedger) -> None:
    """A ledger holds one currency for a scenario."""
    load(ledger, JANUARY)
    foreign = TOWN.model_copy(update={"currency": "EUR"})
    with pytest.raises(ConflictError, match="CNY"):
        load(ledger, FEBRUARY, mapping=foreign)


def test_personal_fields_need_a_key(ledger: FakeLedger) -> None:
    """Without the key nothing is read at all."""
    with pytest.raises(InputError, match="LIANJING_PSEUDONYM_KEY"):
        ingest(
            [JANUARY], mapping=TOWN, ledger=ledger, settings=Settings(pseudonym_key=SecretStr(""))
        )


KEYED_IN = Mapping.model_validate(
    TOWN.model_dump() | {"observed_at": {"columns": ["Keyed In"]}, "ignored": ()}
)
KEYED_HEADER = [*HEADER, "Keyed In"]


def paid(number: str, day: str, keyed: str, version: str = "1") -> list[str]:
    return [number, "1", "paid", day, version, "10.00", keyed]


def test_rows_are_offered_as_they_were_learned(ledger: FakeLedger, tmp_path: Path) -> None:
    """Late rows come after rows of later days; a blank cell means known when it happened."""
    rows = [
        paid("P-1", "2026-01-05", "2026-02-20T10:00:00"),
        paid("P-2", "2026-01-06", ""),
        paid("P-1", "2026-01-05", "2026-03-01", version="2"),
    ]
    report = load(ledger, write(tmp_path, rows, header=KEYED_HEADER), mapping=KEYED_IN)

    assert numbers(report) == (3, 3, 0, 0)
    assert [key[1:] for key in ledger.events] == [("P-2-1", 1), ("P-1-1", 1), ("P-1-1", 2)]
    assert ledger.learned_us == sorted(ledger.learned_us)
    assert ledger.learned_us[0] == ledger.events["payout_paid", "P-2-1", 1].effective_us


@pytest.mark.parametrize(
    ("keyed", "reason"),
    [
        ("2026-01-04", "lies before the event itself"),
        ("2099-01-01", "lies after the present"),
        ("soon", "fits none of the declared date formats"),
    ],
)
def test_nothing_is_learned_before_it_happens(
    ledger: FakeLedger, tmp_path: Path, keyed: str, reason: str
) -> None:
    """A row that was known before its event, or will be, is rejected by name."""
    rows = [paid("P-1", "2026-01-05", keyed), paid("P-2", "2026-01-06", "2026-01-07")]
    report = load(ledger, write(tmp_path, rows, header=KEYED_HEADER), mapping=KEYED_IN)

    assert numbers(report) == (2, 1, 0, 1)
    assert report.rejections[0].column == "Keyed In"
    assert reason in report.rejections[0].reason
