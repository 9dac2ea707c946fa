"""Live histories: the same rows in the same order, however they came, and no more than fit."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.batch import build
from features.contracts.errors import ConflictError
from features.contracts.events import EPOCH, Event, EventField, to_us
from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.live.engine import LiveEngine
from features.live.view import LiveView
from features.scan.layout import FURTHER_LINES, GONE_FIRST, GONE_OBSERVED, GONE_SEQ, IN_USE, T
from features.scan.light import GROUP_WIDTH
from features.spec import Feature, Measure, RobustZ, Scenario, Share, Since, Where, Window
from features.store.bundle import EVER
from features.store.disk import Asked, Place
from features.store.history import HistoryStore, Sizes
from features.store.keys import End, LightHistory
from features.store.ledger import Ledger
from features.store.shape import Shape

START: Final = EPOCH + timedelta(days=20_000)
FIRM, PAIR = ("firm",), ("firm", "officer")
BUILT: Final = Where("built", "sector", ("build",))
SCENARIO: Final = Scenario(
    name="small",
    zh="小",
    en="small",
    kinds=("paid", "cancelled"),
    scored=("paid",),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=(
        EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
        EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
        EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    ),
    measures=(
        Measure("before", "previous", key=FIRM, field="officer"),
        Measure("rise_ppm", "change_ppm", key=FIRM, field="amount_minor", where=BUILT),
    ),
    features=tuple(
        Feature(item, "特征", "a feature", "缘由", "a reason")
        for item in (
            Window(FIRM, "sum", "amount_minor", days=30),
            Window(FIRM, "count", days=30, where=Where("cancelled", "kind", ("cancelled",))),
            Window(("before",), "max", "rise_ppm", days=30),
            Window(PAIR, "distinct", "before", days=30),
            Share(PAIR, of=FIRM, days=30, min_n=1),
            Since(FIRM, where=BUILT),
            RobustZ("amount_minor", (("sector",),)),
        )
    ),
)


def _row(t: int, seq: int, *, o: int = 0, observed: int = 0, value: int = 0) -> Integers:
    return np.array([t, o, observed, seq, NEVER, NEVER, NEVER, 1, value], np.int64)


def _store(*, chunk_rows: int = 8, cache_rows: int = 10_000) -> HistoryStore:
    nothing = np.empty(0, np.int64)
    shape = Shape(columns=9, slots=nothing.reshape(0, GROUP_WIDTH), codes=nothing)
    sizes = Sizes(chunk_rows=chunk_rows, cache_rows=cache_rows)
    return HistoryStore(Ledger.in_memory().connection, "small", [shape, shape], sizes)


def _rows(store: HistoryStore, place: Place) -> list[list[int]]:
    (history,) = store.read([Asked(place, EVER)])
    assert isinstance(history, LightHistory)
    return _told(history.whole)


def _told(whole: Integers) -> list[list[int]]:
    rows: list[list[int]] = whole[:-FURTHER_LINES, : whole[-1, IN_USE]].T.tolist()
    return rows


PLACES: Final = st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2))
A, B, OTHER = (0, "A"), (0, "B"), (1, "A")


@settings(max_examples=60, deadline=None)
@given(st.lists(PLACES, max_size=30), st.integers(1, 9))
def test_a_late_row_stands_where_it_happened(
    places: list[tuple[int, int, int]], chunk_rows: int
) -> None:
    """Rows appended one by one stand in (t, o, observed, seq) order, in memory and on disk."""
    store = _store(chunk_rows=chunk_rows)
    rows = [_row(t, seq, o=o, observed=seen) for seq, (t, o, seen) in enumerate(places, 1)]
    for row in rows:
        store.append(A, row)
    expected = sorted(row.tolist() for row in rows)

    assert _rows(store, A) == expected
    store.flush()
    store.forget()
    assert _rows(store, A) == expected


def test_a_row_is_gone_since_its_first_known_successor() -> None:
    """In whatever order successors are told, by either clock; other rows stay."""
    store = _store()
    store.append(A, _row(5, 1))
    store.append(A, _row(6, 2))
    for gone in (End(90, 9, 9), End(70, 12, 12), End(80, 3, 3)):
        store.bury(A, 5, 1, gone)
    held = _rows(store, A)
    store.flush()
    store.forget()

    assert [held[0][k] for k in (GONE_OBSERVED, GONE_SEQ, GONE_FIRST)] == [70, 12, 3]
    assert [held[1][k] for k in (GONE_OBSERVED, GONE_SEQ, GONE_FIRST)] == [NEVER] * 3
    assert _rows(store, A) == held


@pytest.mark.parametrize("n", [1, 7, 8, 9, 29])
def test_chunks_hold_every_row_once(n: int) -> None:
    """Chunks on disk are bounded, and together they are the history."""
    store = _store()
    for t in range(n):
        store.append(A, _row(t, t + 1, value=-t))
    store.flush()
    sizes = [row[0] for row in store.disk.connection.execute("SELECT n FROM history").fetchall()]

    assert sum(sizes) == n
    assert max(sizes) <= 8
    assert [row[T] for row in _rows(store, A)] == list(range(n))


def test_keys_and_streams_do_not_mix() -> None:
    """A row is found under its own stream and key only; an unknown key is empty."""
    store = _store()
    for seq, place in enumerate((A, OTHER, B), 1):
        store.append(place, _row(seq, seq))

    assert [_rows(store, place)[0][T] for place in (A, OTHER, B)] == [1, 2, 3]
    assert _rows(store, (1, "B")) == []


def test_memory_lets_go_and_loses_nothing() -> None:
    """The keys go that were used longest ago; what they held is read again."""
    store = _store(cache_rows=400)
    for seq in range(400):
        store.append((0, f"K{seq % 20}"), _row(seq, seq + 1))
        store.flush()
        assert store.held <= 400
    for key in range(20):
        assert [row[T] for row in _rows(store, (0, f"K{key}"))] == list(range(key, 400, 20))
        assert store.held <= 400


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=60), st.lists(st.integers(0, 70)))
def test_memory_reaches_back_as_far_as_is_asked(times: list[int], since: list[int]) -> None:
    """Whatever was asked before and whatever came meanwhile, all rows since an instant are held."""
    store = _store(chunk_rows=3)
    whole = _store(chunk_rows=3)
    for seq, t in enumerate(times, 1):
        for one in (store, whole):
            one.append(A, _row(t, seq))
    store.bury(A, times[0], 1, End(99, 99, 99))
    whole.bury(A, times[0], 1, End(99, 99, 99))
    store.flush()
    store.forget()
    for seq, start in enumerate(since, len(times) + 1):
        (history,) = store.read([Asked(A, start)])
        assert isinstance(history, LightHistory)
        held = [row for row in _told(history.whole) if row[T] >= start]
        assert held == [row for row in _rows(whole, A) if row[T] >= start]
        for one in (store, whole):
            one.append(A, _row(max(start, 10), seq))
            one.flush()

    assert _rows(store, A) == _rows(whole, A)


def _event(number: int, day: float = 0.0, *, version: int = 1, **given: Any) -> Event:
    fields: dict[str, int | str | None] = {"firm": "A", "officer": "O", "sector": "build"}
    return Event(
        scenario="small",
        kind=given.pop("kind", "paid"),
        event_id=f"E{number}",
        version=version,
        effective_at=START + timedelta(days=day),
        retracted=given.pop("retracted", False),
        fields={**fields, "amount_minor": 100, **given},
    )


def test_what_was_rolled_back_is_forgotten() -> None:
    """An event whose transaction failed is not seen by the next, in memory or on disk."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SCENARIO)
    engine.append(ledger.append(_event(1)))
    before = engine.vector(_event(9, 3)).values

    def fail() -> None:
        with ledger.transaction():
            engine.append(ledger.append(_event(2, 1)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    engine.forget()

    np.testing.assert_array_equal(engine.vector(_event(9, 3)).values, before)


def test_an_event_in_the_place_of_one_that_was_rolled_back_is_seen() -> None:
    """The ledger gives the place again, to an event that another writer loads."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SCENARIO)

    def fail() -> None:
        with ledger.transaction():
            engine.append(ledger.append(_event(1)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    engine.forget()
    ledger.admit([_event(2, amount_minor=777)])

    assert engine.vector(_event(9, 3)).values[0] == 777.0


def test_a_stale_version_is_refused_each_time_it_is_asked_about() -> None:
    """Asking twice does not turn a conflict into an answer."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SCENARIO)
    engine.append(ledger.append(_event(1, version=2)))
    stale = _event(1, version=1)
    for _ in range(2):
        with pytest.raises(ConflictError, match="paid E1: a version after 1 is known"):
            engine.vector(stale)


def _held(engine: LiveEngine) -> dict[tuple[int, str], bytes]:
    keys = engine.ledger.connection.execute("SELECT DISTINCT stream, key FROM history").fetchall()
    found = {}
    for stream, key in keys:
        rows = _rows(engine.ground.store, (int(stream), str(key)))
        found[int(stream), str(key)] = np.array(rows).tobytes()
    return {place: data for place, data in found.items() if data}


EVENTS: Final = st.builds(
    Event,
    scenario=st.just("small"),
    kind=st.sampled_from(["paid", "paid", "cancelled"]),
    event_id=st.sampled_from([f"E{k}" for k in range(4)]),
    version=st.integers(1, 3),
    effective_at=st.integers(0, 5).map(lambda k: START + timedelta(days=5 * k)),
    ordinal=st.integers(0, 1),
    retracted=st.integers(0, 7).map(lambda k: k == 0),
    fields=st.fixed_dictionaries(
        {
            "firm": st.sampled_from(["A", "A", "A", "B", None]),
            "officer": st.sampled_from(["O1", "O2", None]),
            "sector": st.sampled_from(["build", "plan"]),
            "amount_minor": st.one_of(st.integers(-9, 99), st.none()),
        }
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_rebuilding_gives_what_appending_gave(events: list[Event], live: list[bool]) -> None:
    """Live appends and bulk loads, corrections in any order: the same bytes under every key."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SCENARIO)
    later = to_us(START + timedelta(days=1000))
    for k, event in enumerate(events):
        if ledger.find("small", event.kind, event.event_id, event.version) is not None:
            continue
        if live[k]:
            engine.append(ledger.append(event, now_us=later + k))
        else:
            ledger.admit([event], observed_us=later + k)
            engine.vector(_event(99, 500.0))
    with ledger.transaction():
        engine.writer.write()
    appended = _held(engine)
    ledger.connection.execute("DELETE FROM history_head")
    rebuilt = _held(LiveEngine(ledger, SCENARIO))

    assert appended.keys() == rebuilt.keys()
    for place, data in appended.items():
        assert data == rebuilt[place], place


def _assert_live_is_batch(engine: LiveEngine) -> None:
    table = build(engine.ledger, SCENARIO)
    for row, seq in enumerate(table.seq.tolist()):
        stored = engine.ledger.at([seq])[0]
        np.testing.assert_array_equal(
            engine.vector(stored.event, stored=stored).values, table.values[row], err_msg=str(seq)
        )


def _assert_backfill_counts(first: list[Event], backfill: list[Event]) -> None:
    ledger = Ledger.in_memory()
    ledger.admit(first)
    engine = LiveEngine(ledger, SCENARIO)
    ledger.admit(backfill)
    engine.vector(_event(99, 500.0))
    _assert_live_is_batch(engine)


def test_a_first_version_loaded_after_its_correction_stays_corrected() -> None:
    """The file holds the correction first; the engine is already running."""
    corrected = _event(1, 10, version=2, amount_minor=7)
    _assert_backfill_counts([_event(5)], [corrected, _event(1, 5), _event(2, 20)])


def test_a_loaded_event_changes_who_came_before() -> None:
    """What lies between two known events is the later one's predecessor, live as in batch."""
    first = [_event(5, 0, officer="X"), _event(6, 10, officer="Y")]
    loaded = [_event(7, 5, officer="Z"), _event(9, 15, officer="Z"), _event(8, 20)]
    _assert_backfill_counts(first, loaded)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, max_size=12), st.lists(EVENTS, min_size=1, max_size=12))
def test_a_backfill_known_at_its_own_time_reaches_the_live_path(
    first: list[Event], backfill: list[Event]
) -> None:
    """Rows loaded behind the engine's back, known before others, count live as in batch."""
    _assert_backfill_counts(first, backfill)


def test_what_another_writes_meanwhile_is_told_as_one_state(tmp_path: Path) -> None:
    """Where more than a look was read and another process wrote, the event is told of again."""
    first, second = (Ledger.open(tmp_path / "ledger.db") for _ in range(2))
    engine, other = (LiveEngine(ledger, SCENARIO, is_shared=True) for ledger in (first, second))
    calls = []

    def work(view: LiveView) -> int:
        calls.append(view.mark)
        if len(calls) == 1:
            with second.transaction():
                other.append(second.append(_event(1)))
        return first.head

    assert engine._told(work, _event(9, 3), None) == 1
    assert calls == [0, 1]
    before = engine.values(_event(9, 3))[0]
    np.testing.assert_array_equal(before, other.values(_event(9, 3))[0])
    first.close()
    second.close()
