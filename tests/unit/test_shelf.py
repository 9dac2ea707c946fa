"""The shelf says of a key what the disk says, or nothing, and takes no more than it may."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.events import EPOCH, Event, EventField
from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.live.engine import LiveEngine
from features.scan.layout import FURTHER_LINES, IN_USE
from features.scan.light import GROUP_WIDTH
from features.spec import Feature, Scenario, Window
from features.store.bundle import EVER, chunks, last, said
from features.store.disk import Asked, Place
from features.store.history import HistoryStore, Sizes
from features.store.keys import End, LightHistory
from features.store.ledger import Ledger
from features.store.shape import Shape

STREAMS: Final = 2
START: Final = EPOCH + timedelta(days=20_000)
SCENARIO: Final = Scenario(
    name="small",
    zh="小",
    en="small",
    kinds=("paid",),
    scored=("paid",),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="firm",
    fields=(
        EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
        EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    ),
    measures=(),
    features=(
        Feature(Window(("firm",), "sum", "amount_minor", days=30), "特征", "a", "缘由", "why"),
        Feature(Window(("firm", "officer"), "count", days=30), "特征", "b", "缘由", "why"),
    ),
)


def _row(t: int, seq: int) -> Integers:
    return np.array([t, 0, 0, seq, NEVER, NEVER, NEVER, 1, -t], np.int64)


def _store(ledger: Ledger, shelf_bytes: int) -> HistoryStore:
    nothing = np.empty(0, np.int64)
    shape = Shape(columns=9, slots=nothing.reshape(0, GROUP_WIDTH), codes=nothing)
    sizes = Sizes(chunk_rows=3, cache_rows=1, shelf_bytes=shelf_bytes)
    return HistoryStore(ledger.connection, "small", [shape] * STREAMS, sizes)


def _rows(store: HistoryStore, place: Place, since: int) -> list[list[int]]:
    (history,) = store.read([Asked(place, since)])
    assert isinstance(history, LightHistory)
    whole = history.whole
    rows = whole[:-FURTHER_LINES, : whole[-1, IN_USE]].T.tolist()
    return [row for row in rows if row[0] >= since]


def _assert_shelf_is_disk(store: HistoryStore) -> None:
    for stream, keys in store.disk.shelf._streams.items():
        for key in keys:
            held = store.disk.shelf.found(stream, key, NEVER)
            assert held is not None
            since, _ = said(held)
            (found,) = store.disk.read([Asked((stream, key), since)])
            ours, theirs = chunks(held), chunks(found)
            assert [c for c in ours if c.t0 >= since] == [c for c in theirs if c.t0 >= since]
            assert last(held) == last(found)
            assert said(held)[1] == sum(chunk.n for chunk in ours)


class Twins:
    """Two stores to which the same happens, of which one has a shelf."""

    def __init__(self) -> None:
        self.shelved = _store(Ledger.in_memory(), 1 << 20)
        self.both = self.shelved, _store(Ledger.in_memory(), 0)
        self.rows: dict[Place, list[tuple[int, int]]] = {}

    def do(self, word: str, place: Place, t: int, seq: int) -> None:
        """One step of a story."""
        held = self.rows.setdefault(place, [])
        if word == "append":
            held.append((t, seq))
            for store in self.both:
                store.append(place, _row(t, seq))
        elif word == "bury" and held:
            for store in self.both:
                store.bury(place, *held[t % len(held)], End(50 + seq, seq, seq))
        else:
            for store in self.both:
                store.flush()
            _assert_shelf_is_disk(self.shelved)
        if word == "shelve":
            self.shelved.shelve(dict.fromkeys(range(STREAMS), t))
        elif word == "forget":
            self.shelved.forget([place])

    def compare(self, place: Place, since: int) -> None:
        """Both say the same of a key."""
        one, other = (_rows(store, place, since) for store in self.both)
        assert one == other


PLACES: Final = st.tuples(st.integers(0, STREAMS - 1), st.sampled_from(["A", "B", "C"]))
STEPS: Final = st.tuples(
    st.sampled_from(["append"] * 6 + ["flush", "bury", "shelve", "forget"]),
    PLACES,
    st.integers(0, 40),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_a_key_is_read_the_same_with_and_without_a_shelf(
    steps: list[tuple[str, Place, int]],
) -> None:
    """Late rows, split chunks, ends and keys that are new, whatever is on the shelf by then."""
    twins = Twins()
    for seq, (word, place, t) in enumerate(steps, 1):
        twins.do(word, place, t, seq)
        twins.compare(place, t)
    for place in twins.rows:
        twins.compare(place, EVER)


def test_a_shelf_takes_no_more_than_it_may() -> None:
    """It is filled key by key until there is no room, and what it lets go makes room."""
    ledger = Ledger.in_memory()
    store = _store(ledger, 1 << 20)
    for seq in range(1, 301):
        store.append((0, f"K{seq % 50}"), _row(seq, seq))
    store.flush()
    small = _store(ledger, 5_000)
    small.shelve({0: 0})
    shelf = small.disk.shelf
    keys = list(shelf._streams[0])

    assert 5 < len(keys) < 50
    assert shelf.held_bytes < 6_000
    for key in keys:
        shelf.discard(0, key)
    assert shelf.held_bytes == 0
    assert shelf.found(0, keys[0], NEVER) is None


def test_old_chunks_stay_on_disk() -> None:
    """A key is put there back to where it is asked for, and read from disk for what is before."""
    ledger = Ledger.in_memory()
    store = _store(ledger, 1 << 20)
    for seq in range(1, 31):
        store.append((0, "A"), _row(seq, seq))
    store.flush()
    other = _store(ledger, 1 << 20)
    other.shelve({0: 20})
    found = other.disk.shelf.found(0, "A", 20)

    assert found is not None
    assert 17 <= chunks(found)[0].t0 < 20
    assert other.disk.shelf.found(0, "A", said(found)[0] - 1) is None
    assert len(_rows(other, (0, "A"), EVER)) == 30


def _event(number: int, firm: str) -> Event:
    return Event(
        scenario="small",
        kind="paid",
        event_id=f"E{number}",
        effective_at=START + timedelta(days=number),
        fields={"firm": firm, "officer": "O", "amount_minor": 10**number},
    )


def test_what_another_process_appends_is_seen(tmp_path: Path) -> None:
    """A key that is on the shelf, that another process writes to, is read anew."""
    first, second = (Ledger.open(tmp_path / "ledger.db") for _ in range(2))
    first.admit([_event(k, firm) for k, firm in enumerate("AABCD")])
    engine, other = (LiveEngine(ledger, SCENARIO, is_shared=True) for ledger in (first, second))
    before = engine.ground.store.disk.shelf.found(0, "B", EVER)
    with second.transaction():
        other.append(second.append(_event(6, "B")))

    assert before is not None
    assert engine.values(_event(7, "C"))[0].tolist() == [1_000.0, 1.0]
    assert engine.values(_event(7, "B"))[0].tolist() == [1_000_100.0, 2.0]
    first.close()
    second.close()


def test_codes_that_the_latest_events_had_are_in_memory() -> None:
    """The next event of the same officer asks the database for no code."""
    ledger = Ledger.in_memory()
    ledger.admit([_event(k, firm) for k, firm in enumerate("AABCD")])
    LiveEngine(ledger, SCENARIO)
    engine = LiveEngine(ledger, SCENARIO)

    assert "O" in engine.ground.codes.held
    assert "P" not in engine.ground.codes.held
