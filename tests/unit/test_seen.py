"""What a ledger cannot know is told from memory, and never of what it knows."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.events import Event
from features.live.engine import LiveEngine
from features.store.ledger import Ledger
from features.store.seen import Seen
from tests.unit.test_shelf import SCENARIO, START

IDS = st.lists(st.text("ab", min_size=1, max_size=6), max_size=30)


def paid(event_id: str, amount: int = 1, version: int = 1, day: int = 0) -> Event:
    """A payment of one officer to one firm."""
    fields: dict[str, int | str | None] = {"firm": "A", "officer": "B", "amount_minor": amount}
    return Event(
        scenario="small",
        kind="paid",
        event_id=event_id,
        version=version,
        effective_at=START + timedelta(days=day),
        ordinal=len(event_id),
        fields=fields,
    )


def _admit(ledger: Ledger, ids: list[str]) -> None:
    ledger.admit([paid(event_id) for event_id in dict.fromkeys(ids)])


@given(IDS, IDS, IDS)
def test_no_event_of_the_ledger_is_said_to_be_new(
    first: list[str], second: list[str], third: list[str]
) -> None:
    """Whether it was there when the bitmap was made, was read later, or was added one by one."""
    ledger = Ledger.in_memory()
    seen = Seen(ledger.connection, "small")
    _admit(ledger, first)
    seen.reach(ledger.head)
    _admit(ledger, second)
    seen.reach(ledger.head)
    assert seen.mark == ledger.head
    for at, event_id in enumerate(third, ledger.head + 1):
        seen.add(paid(event_id), at)
        assert seen.mark == at
    assert all(seen.may_hold(paid(event_id)) for event_id in [*first, *second, *third])


def test_most_new_events_are_known_to_be_new() -> None:
    """At most one in sixteen shares its bit; 0.1 leaves seven standard deviations."""
    ledger = Ledger.in_memory()
    ledger.admit([paid(f"P-{k}") for k in range(3_000)])
    seen = Seen(ledger.connection, "small")
    seen.reach(ledger.head)
    assert sum(seen.may_hold(paid(f"Q-{k}")) for k in range(3_000)) < 300


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.db")
    yield opened
    opened.close()


def _score(engine: LiveEngine, event: Event) -> int:
    """Statements that the event's vector takes."""
    before = engine.ledger.connection.statements
    engine.values(event)
    return engine.ledger.connection.statements - before


def _append(engine: LiveEngine, event: Event) -> None:
    with engine.ledger.transaction():
        engine.append(engine.ledger.append(event))


def _told_anew(ledger: Ledger, event: Event) -> list[str]:
    values, _ = LiveEngine(ledger, SCENARIO).values(event)
    return [repr(value) for value in values.tolist()]


def _told(engine: LiveEngine, event: Event) -> list[str]:
    return [repr(value) for value in engine.values(event)[0].tolist()]


def test_a_new_event_of_known_keys_asks_the_database_nothing(ledger: Ledger) -> None:
    """Also after events that this process appended."""
    engine = LiveEngine(ledger, SCENARIO)
    for k in range(5):
        engine.values(paid(f"P-{k}"))
        _append(engine, paid(f"P-{k}"))
    engine.values(paid("P-a"))
    _append(engine, paid("P-a"))
    assert _score(engine, paid("P-b")) == 0


def _assert_memory_tells(engine: LiveEngine) -> None:
    """A new event takes no statement once the database was asked."""
    _told(engine, paid("Q-1"))
    assert _score(engine, paid("Q-2")) == 0


def test_another_process_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    """What it appended, and a version of the event itself."""
    engine = LiveEngine(ledger, SCENARIO)
    _append(engine, paid("P-1", day=-2))
    _assert_memory_tells(engine)
    other = Ledger.open(tmp_path / "ledger.db")
    other.admit([paid("P-2", 7, day=-1), paid("P-3", 9, day=-1)])
    other.close()
    for event in (paid("P-4"), paid("P-2", 8, version=2)):
        assert _told(engine, event) == _told_anew(ledger, event)


def test_what_is_taken_back_is_not_held_against_what_comes_instead(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Another event takes the place in the ledger that a rollback left free."""
    engine = LiveEngine(ledger, SCENARIO)
    _append(engine, paid("P-1", day=-2))
    _assert_memory_tells(engine)
    with suppress(ZeroDivisionError), ledger.transaction():
        engine.append(ledger.append(paid("P-2", 5, day=-1)))
        raise ZeroDivisionError
    engine.forget()
    other = Ledger.open(tmp_path / "ledger.db")
    other.admit([paid("P-3", 7, day=-1)])
    other.close()
    for event in (paid("P-5"), paid("P-3", 8, version=2), paid("P-2")):
        assert _told(engine, event) == _told_anew(ledger, event)


def test_after_a_rollback_the_database_is_asked(ledger: Ledger) -> None:
    """Also where the engine was not told to forget."""
    engine = LiveEngine(ledger, SCENARIO)
    _append(engine, paid("P-1", day=-2))
    _assert_memory_tells(engine)
    with suppress(ZeroDivisionError), ledger.transaction():
        raise ZeroDivisionError
    assert _score(engine, paid("P-2")) > 0
    assert _score(engine, paid("P-3")) == 0


def test_a_second_engine_that_makes_histories_anew_is_noticed(ledger: Ledger) -> None:
    """It writes through the same connection, which no data version tells."""
    engine = LiveEngine(ledger, SCENARIO)
    _append(engine, paid("P-1", day=-2))
    with ledger.transaction():
        engine.writer.write()
    second = LiveEngine(ledger, SCENARIO)
    _assert_memory_tells(engine)
    second.rebuild()
    assert _score(engine, paid("P-4")) > 0
    assert _told(engine, paid("P-5")) == _told_anew(ledger, paid("P-5"))
