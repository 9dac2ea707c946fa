"""Records as they are read: exact vectors, a stable queue, a complete feed, an honest timeline."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import InputError, LedgerBusyError, LedgerError, NotFoundError
from features.contracts.settings import Place
from features.contracts.vectors import Cell, FeatureVector
from features.contracts.verdicts import AnomalyRecord, Peers, Status
from features.scenarios import catalog
from features.store.ledger import Ledger
from serving.late import LateRecords
from serving.scorer import Scorer, Serving
from serving.store import cells, queue, timeline
from serving.store.reading import Records, read_only
from serving.testing import KIND, SmallEngine, payout, small_bundle
from serving.writer import only_writer

FLOATS = st.floats(allow_infinity=False)
PEERS = st.none() | st.builds(
    Peers, key=st.text(max_size=8), level=st.integers(0, 3), n=st.integers(0, 10**9)
)
CELLS = st.builds(
    Cell,
    value=FLOATS,
    status=st.sampled_from(Status),
    actual=st.none() | FLOATS.filter(math.isfinite),
    typical=st.none() | FLOATS.filter(math.isfinite),
    lo=st.none() | FLOATS.filter(math.isfinite),
    hi=st.none() | FLOATS.filter(math.isfinite),
    peers=PEERS,
)


class Shelf:
    """A ledger with a scorer, and its records read from beside."""

    def __init__(self, place: Place) -> None:
        self.ledger = Ledger.open(place)
        self.now = 1_800_000_000_000_000
        serving = Serving(small_bundle(), "d" * 64, "1")
        self.scorer = Scorer(
            self.ledger,
            SmallEngine(self.ledger),
            lambda: serving,
            scored=(KIND,),
            budget=0.01,
            clock=self.clock,
        )
        self.reading = read_only(place)
        self.records = Records(self.reading)

    def clock(self) -> int:
        self.now += 1
        return self.now

    def close(self) -> None:
        self.reading.close()
        self.ledger.close()


@pytest.fixture
def shelf(store: Place) -> Iterator[Shelf]:
    made = Shelf(store)
    yield made
    made.close()


@given(st.lists(CELLS, max_size=5))
def test_a_vector_comes_back_bit_for_bit(given_cells: list[Cell]) -> None:
    """Any cells survive being written; a missing value is shown as null."""
    names = tuple(f"f{at}" for at in range(len(given_cells)))
    vector = FeatureVector("payouts", "s", "k", 3, names, tuple(given_cells), "all/组")
    back = cells.read(cells.write(vector))
    assert repr(back) == repr(vector)
    shown = cells.values(cells.write(vector))
    assert [one.value is None for one in shown] == [math.isnan(one.value) for one in given_cells]


def test_nothing_is_read_before_it_is_committed(shelf: Shelf) -> None:
    """The console sees a record only once its transaction has ended."""
    with shelf.ledger.transaction():
        verdict = shelf.scorer.score(payout())
        assert shelf.records.record(verdict.record_id) is None
    assert shelf.records.record(verdict.record_id) is not None


def test_a_record_holds_the_verdict_and_its_vector(shelf: Shelf) -> None:
    """What is read is what was answered, with the values it was made from."""
    verdict = shelf.scorer.score(payout(amount_minor=120))
    record = shelf.records.record(verdict.record_id)
    assert record is not None
    assert record.verdict == verdict
    assert (record.amount_minor, record.currency) == (120, "CNY")
    assert [(one.feature, one.value) for one in record.vector] == [("amount", 120.0)]
    assert '"schema":"anomaly_record/1"' in record.model_dump_json(by_alias=True)


def test_the_queue_shows_the_most_unusual_first_and_the_newest_among_equals(shelf: Shelf) -> None:
    """Order is by p-value, then by time of scoring, newest first."""
    for event_id, amount in (("A", 5), ("B", 9_000), ("C", 9_000), ("D", 9_999)):
        shelf.scorer.score(payout(event_id, amount))
    page = shelf.records.queue(None, None, "", cursor="", limit=10)
    assert [row.verdict.event_id for row in page.rows] == ["D", "C", "B", "A"]
    assert page.next_cursor == ""


def test_the_queue_filters_by_scenario_band_and_text(shelf: Shelf) -> None:
    """Filters narrow the queue; the text is a part of the event id, never a pattern."""
    for event_id, amount in (("A-1", 5), ("A-2", 9_999), ("B-1", 9_998)):
        shelf.scorer.score(payout(event_id, amount))

    def ids(scenario: str | None = None, band: str | None = None, text: str = "") -> list[str]:
        page = shelf.records.queue(scenario, band, text, cursor="", limit=10)
        return [row.verdict.event_id for row in page.rows]

    assert ids(scenario="approvals") == []
    assert ids(scenario="payouts", band="info") == ["A-1"]
    assert ids(text="a-") == ["A-2", "A-1"]
    assert ids(text="%") == []


@settings(max_examples=20, deadline=None)
@given(
    amounts=st.lists(st.integers(1, 12_000), min_size=1, max_size=12),
    limit=st.integers(1, 5),
)
def test_pages_put_together_are_the_whole_queue(
    stores: Callable[[], AbstractContextManager[Place]], amounts: list[int], limit: int
) -> None:
    """Paging by cursor skips nothing and repeats nothing, whatever the page size."""
    with stores() as place, closing(Shelf(place)) as shelf:
        check_pages(shelf, amounts, limit)


def check_pages(shelf: Shelf, amounts: list[int], limit: int) -> None:
    for at, amount in enumerate(amounts):
        shelf.scorer.score(payout(f"P-{at}", amount))
    whole = shelf.records.queue(None, None, "", cursor="", limit=100).rows
    pieces: list[AnomalyRecord] = []
    cursor = ""
    for _ in range(len(amounts)):
        page = shelf.records.queue(None, None, "", cursor=cursor, limit=limit)
        pieces += page.rows
        cursor = page.next_cursor
        if not cursor:
            break
    assert pieces == list(whole)


@pytest.mark.parametrize("cursor", ["x", "Mjox", "bmFuOjE=", "MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk="])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    """A cursor that was not given out here is told so."""
    with pytest.raises(InputError, match="not given out here"):
        queue.read_cursor(cursor)


def test_the_feed_gives_every_record_once_in_the_order_of_storing(shelf: Shelf) -> None:
    """The feed goes on behind its cursor and ends empty."""
    for at in range(5):
        shelf.scorer.score(payout(f"P-{at}"))
    first = shelf.records.feed(0, 3)
    rest = shelf.records.feed(first[-1][0], 3)
    assert [row.event_id for _, row in first + rest] == [f"P-{at}" for at in range(5)]
    assert shelf.records.feed(rest[-1][0], 3) == []


def test_an_unknown_id_is_not_found(shelf: Shelf) -> None:
    """The console gets None, the API an error of ours."""
    assert shelf.records.record("nothing") is None
    with pytest.raises(NotFoundError):
        shelf.records.row("nothing")
    with pytest.raises(NotFoundError):
        shelf.records.timeline("nothing", 5)


def test_the_scenarios_are_those_with_records(shelf: Shelf) -> None:
    """A scenario without records is not offered as a filter."""
    assert shelf.records.scenarios() == ()
    shelf.scorer.score(payout())
    assert shelf.records.scenarios() == ("payouts",)


def test_the_timeline_is_the_subjects_own_up_to_the_record(shelf: Shelf) -> None:
    """Earlier events of the same subject, oldest first, evidence highlighted."""
    other = {"enterprise": "E-2", "amount_minor": 1}
    shelf.scorer.learn(
        [
            payout("P-2", effective_at="2026-02-01T09:00:00+08:00"),
            payout("P-1", effective_at="2026-01-01T09:00:00+08:00"),
            payout("P-3", effective_at="2027-01-01T09:00:00+08:00"),
            payout("X-1", effective_at="2026-01-01T09:00:00+08:00", fields=other),
        ]
    )
    verdict = shelf.scorer.score(payout("P-9", 9_999))
    seen = shelf.records.timeline(verdict.record_id, 10, verdict.reasons)
    assert [one.event_id for one in seen] == ["P-1", "P-2", "P-9"]
    assert [one.highlighted for one in seen] == [True, True, False]
    assert not any(one.highlighted for one in shelf.records.timeline(verdict.record_id, 10))
    assert [one.event_id for one in shelf.records.timeline(verdict.record_id, 2)] == ["P-2", "P-9"]


def test_the_timeline_shows_the_latest_version_known_then(shelf: Shelf) -> None:
    """A correction shows from the next record on, not in the ones before."""
    earlier = "2026-02-01T09:00:00+08:00"
    shelf.scorer.learn([payout("P-1", 1, effective_at=earlier)])
    verdict = shelf.scorer.score(payout("P-9"))
    shelf.scorer.learn([payout("P-1", 2, version=2, effective_at=earlier)])
    after = shelf.scorer.score(payout("P-10"))

    def amounts(record_id: str) -> list[int | None]:
        return [one.amount_minor for one in shelf.records.timeline(record_id, 10)][:1]

    assert amounts(verdict.record_id) == [1]
    assert amounts(after.record_id) == [2]


def test_the_timeline_leaves_out_what_was_retracted(shelf: Shelf) -> None:
    """An event that had been retracted by then is not shown."""
    earlier = "2026-02-01T09:00:00+08:00"
    shelf.scorer.learn(
        [
            payout("P-1", effective_at=earlier),
            payout("P-1", version=2, retracted=True, effective_at=earlier),
        ]
    )
    verdict = shelf.scorer.score(payout("P-9"))
    seen = shelf.records.timeline(verdict.record_id, 10)
    assert [one.event_id for one in seen] == ["P-9"]


def test_an_event_without_subject_has_no_timeline(shelf: Shelf) -> None:
    """Where the subject is missing there is nothing to show."""
    verdict = shelf.scorer.score(payout(fields={"amount_minor": 1}))
    assert shelf.records.timeline(verdict.record_id, 10) == ()


EXPLAIN: Final = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}


@pytest.mark.parametrize("name", catalog.NAMES)
def test_the_timeline_is_found_by_its_index(shelf: Shelf, name: str) -> None:
    """A timeline never reads the whole ledger, in any scenario of the catalogue."""
    subject, connection = catalog.load(name).subject, shelf.ledger.connection
    text = connection.json_text("fields", subject)
    sql = timeline._AROUND.format(scenario=name, subject=text)
    values: tuple[str | int, ...] = ("E-1", *[1] * (sql.count("?") - 1))
    if connection.dialect == "postgresql":
        connection.execute("SET enable_seqscan = off")  # a small table is read whole otherwise
    plan = connection.execute(f"{EXPLAIN[connection.dialect]} {sql}", values)
    told = " ".join(str(step) for step in plan.fetchall())
    assert any(index in told for index in (f"event_{subject}", f"event_{name}_{subject}"))


def test_the_timeline_stays_as_it_was_at_the_watermark(shelf: Shelf) -> None:
    """A load of older events, known when they happened, enters no timeline of a record before."""
    earlier = "2026-02-01T09:00:00+08:00"
    shelf.scorer.learn([payout("P-1", 1, effective_at=earlier)])
    verdict = shelf.scorer.score(payout("P-9"))
    before = shelf.records.timeline(verdict.record_id, 10)
    late = [payout("P-2", effective_at=earlier), payout("P-1", 2, version=2, effective_at=earlier)]
    assert shelf.ledger.admit(late) == ["accepted", "accepted"]
    assert shelf.records.timeline(verdict.record_id, 10) == before
    after = shelf.scorer.score(payout("P-10"))
    seen = shelf.records.timeline(after.record_id, 10)
    assert [(one.event_id, one.amount_minor) for one in seen][:2] == [("P-2", 120), ("P-1", 2)]


def test_a_record_of_a_scenario_that_is_gone_has_no_timeline(shelf: Shelf) -> None:
    """A record outlives its scenario's declaration; its page needs no subject."""
    row = shelf.records.row(shelf.scorer.score(payout()).record_id)
    assert timeline.around(shelf.reading, row._replace(scenario="grants"), 10) == ()


def test_the_console_waits_for_the_start(shelf: Shelf) -> None:
    """Before the ledger is open the console says so; afterwards it reads."""
    late = LateRecords()
    with pytest.raises(LedgerError, match="starting"):
        late.scenarios()
    late.records = shelf.records
    verdict = shelf.scorer.score(payout())
    assert late.scenarios() == ("payouts",)
    assert late.record(verdict.record_id) is not None
    assert len(late.queue(None, None, "", cursor="", limit=5).rows) == 1
    assert len(late.timeline(verdict.record_id, 5)) == 1


def test_a_second_service_on_one_home_is_refused(tmp_path: Path) -> None:
    """The lock is held while a service runs, and free afterwards."""
    with (
        only_writer(tmp_path),
        pytest.raises(LedgerBusyError, match="another service"),
        only_writer(tmp_path),
    ):
        pass
    with only_writer(tmp_path):
        pass
