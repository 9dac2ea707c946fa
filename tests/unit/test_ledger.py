"""The ledger: one order, no second content under one key, one writer, nothing half-written."""

import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.batch import build
from features.calendar import Calendar
from features.contracts.errors import ConflictError, LedgerBusyError, LedgerError
from features.contracts.events import EPOCH, Event
from features.contracts.settings import Place
from features.scenarios import catalog
from features.store.ledger import Ledger
from features.store.schema import HEAD, MIGRATIONS, migrate, tables, upgrade

START = EPOCH + timedelta(days=20_000)


def _event(number: int = 1, *, version: int = 1, day: float = 0.0, **fields: Any) -> Event:
    return Event(
        scenario="payouts",
        kind="payout_paid",
        event_id=f"P-{number}",
        version=version,
        effective_at=START + timedelta(days=day),
        fields={"amount_minor": 100, **fields},
    )


def test_same_content_is_a_duplicate_and_other_content_a_conflict(ledger: Ledger) -> None:
    """Neither is stored; the first stays as it was."""
    outcomes = ledger.admit([_event(), _event(), _event(amount_minor=7), _event(2)])

    assert outcomes == ["accepted", "duplicate", "conflict", "accepted"]
    assert ledger.head == 2
    stored = ledger.find("payouts", "payout_paid", "P-1", 1)
    assert stored is not None
    assert stored.event.fields == {"amount_minor": 100}


def test_field_order_does_not_make_a_conflict(ledger: Ledger) -> None:
    """The content is what counts, not how it was written down."""
    first = _event(enterprise="E", officer="O")
    turned = first.model_copy(update={"fields": dict(reversed(list(first.fields.items())))})

    assert ledger.admit([first, turned]) == ["accepted", "duplicate"]


def test_an_append_of_what_is_there_is_refused_by_name(ledger: Ledger) -> None:
    """A live event under a known natural key is a conflict, whatever its content."""
    ledger.append(_event())
    with pytest.raises(ConflictError, match="payout_paid P-1 version 1 is in the ledger"):
        ledger.append(_event())

    assert ledger.head == 1


def test_versions_stand_side_by_side(ledger: Ledger) -> None:
    """A correction is a further row; each version is found and knows its others."""
    ledger.admit([_event(version=2, amount_minor=2), _event(version=1), _event(2)])
    stored = ledger.find("payouts", "payout_paid", "P-1", 1)
    assert stored is not None

    assert [item.event.version for item in ledger.other_versions(stored.event)] == [2]
    assert [item.seq for item in ledger.iter_events("payouts", after_seq=1)] == [2, 3]
    assert [item.event.event_id for item in ledger.at([3, 1])] == ["P-1", "P-2"]
    assert ledger.find("payouts", "payout_paid", "P-1", 3) is None


TEXT: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    event=st.builds(
        Event,
        scenario=st.just("payouts"),
        kind=st.sampled_from(["payout_paid", "payout_requested"]),
        event_id=TEXT.filter(str.strip),
        version=st.integers(1, 9),
        effective_at=st.integers(0, 10**12).map(lambda s: EPOCH + timedelta(microseconds=s)),
        ordinal=st.integers(0, 5),
        retracted=st.booleans(),
        currency=st.sampled_from(["CNY", "GBP"]),
        fields=st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.one_of(st.integers(-(2**60), 2**60), TEXT, st.none()),
        ),
    )
)
def test_what_is_read_is_what_was_written(ledger: Ledger, event: Event) -> None:
    """Any event comes back as it was: same content, same digest, its instant to the microsecond."""
    with suppress(KeyError), ledger.transaction():
        written = ledger.append(event, now_us=1)
        read = ledger.find(event.scenario, event.kind, event.event_id, event.version)
        raise KeyError  # the next example finds an empty ledger

    assert read is not None
    assert (read.event, read.seq, read.observed_us) == (event, written.seq, written.observed_us)
    assert read.event.digest == event.digest


def _write_and_fail(ledger: Ledger, *, now_us: int) -> None:
    with ledger.transaction():
        ledger.admit([_event(2)])
        ledger.declare("payouts", currency="GBP", calendar=Calendar.plain("Europe/London"))
        ledger.append(_event(3), now_us=now_us)
        raise KeyError


def test_a_rolled_back_transaction_leaves_nothing(ledger: Ledger) -> None:
    """What was admitted before the failure is gone with it, and the order goes on without a gap."""
    ledger.admit([_event()])
    with pytest.raises(KeyError):
        _write_and_fail(ledger, now_us=1)

    assert ledger.head == 1
    assert ledger.profile("payouts")[0] == "CNY"
    assert ledger.append(_event(4)).seq == 2


def test_observed_time_never_runs_backwards(ledger: Ledger) -> None:
    """A clock that jumps back, or a bulk load known later, is waited out."""
    learned = [ledger.append(_event(k), now_us=now).observed_us for k, now in enumerate((5, 9, 7))]
    ledger.admit([_event(10)], observed_us=20)
    learned.append(ledger.append(_event(11), now_us=8).observed_us)

    assert learned == [5, 9, 9, 20]


def test_observed_time_does_not_run_backwards_after_a_rollback(ledger: Ledger) -> None:
    """A place that was rolled back and given again is looked at again."""
    with pytest.raises(KeyError):
        _write_and_fail(ledger, now_us=100)
    ledger.admit([_event(5), _event(6)], observed_us=500)

    assert ledger.append(_event(7), now_us=200).observed_us == 500


def test_a_feature_table_has_the_same_bits_from_either_database(ledger: Ledger) -> None:
    """Batch reads rows in their order, with corrections, retractions and texts as written."""
    events = [
        _event(
            k % 60,
            version=1 + k // 60,
            day=k % 50,
            enterprise=f"企业-{k % 3}",
            category="c",
            note=None,
        )
        for k in range(90)
    ]
    events.append(_event(5, version=3).model_copy(update={"retracted": True}))
    tables = []
    for one in (ledger, Ledger.in_memory()):
        assert set(one.admit(events[:60])) == set(one.admit(events[60:], observed_us=2**50))
        tables.append(build(one, catalog.load("payouts")))

    assert len(tables[0]) > 0
    assert tables[0].values.tobytes() == tables[1].values.tobytes()
    assert tables[0].event_id.tolist() == tables[1].event_id.tolist()


def test_a_scenario_has_one_currency_and_one_calendar(ledger: Ledger) -> None:
    """The same statement again is fine; another is refused with both sides."""
    calendar = Calendar.plain("Europe/London")
    ledger.declare("payouts", currency="GBP", calendar=calendar)
    ledger.declare("payouts", currency="GBP", calendar=calendar)
    assert ledger.profile("payouts") == ("GBP", calendar)

    with pytest.raises(ConflictError, match="kept with currency 'GBP', the mapping states 'CNY'"):
        ledger.declare("payouts", currency="CNY", calendar=calendar)
    with pytest.raises(ConflictError, match="one calendar"):
        ledger.declare("payouts", currency="GBP", calendar=Calendar.prc())


def test_a_ledger_is_there_when_it_is_opened_again(store: Place) -> None:
    """Events, order and clock survive closing."""
    ledger = Ledger.open(store)
    ledger.append(_event(), now_us=50)
    ledger.close()
    again = Ledger.open(store)

    assert again.head == 1
    assert again.append(_event(2), now_us=10).observed_us == 50
    again.close()


HOLD = """
import sys
from features.store.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
with ledger.transaction():
    print("held", flush=True)
    sys.stdin.read()
"""


SOON: Final = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = 50"}
"""Shortens the wait for another writer."""


def test_a_second_writer_is_refused_while_the_first_writes(store: Place, ledger: Ledger) -> None:
    """Another process in the middle of a write: busy now, served once it is done."""
    ledger.connection.execute(SOON[ledger.connection.dialect])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(LedgerBusyError, match="written by another process"):
            ledger.append(_event())
        other.communicate(b"")

    assert ledger.append(_event()).seq == 1


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    """HEAD is the only head of the chain, so a file that stands there needs nothing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_new_file_has_every_table(tmp_path: Path) -> None:
    """Migrating makes folder, file and tables, and a second time does nothing."""
    path = tmp_path / "deep" / "ledger.db"
    migrate(path)
    before = path.read_bytes()
    migrate(path)

    assert {"event", "profile", "code", "history", "history_head", "deployment"} < set(tables(path))
    assert path.read_bytes() == before


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    """A file of the first schema keeps its events and gets what came later."""
    path = tmp_path / "ledger.db"
    upgrade(path, "0001")
    assert "record" not in tables(path)
    ledger = Ledger.open(path)
    ledger.append(_event())

    assert {"record", "audit"} < set(tables(path))
    assert ledger.head == 1
    ledger.close()


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """What this release does not know it does not touch."""
    path = tmp_path / "ledger.db"
    migrate(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"at schema 9999, .*install the newer release"):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The message names the file and the way out; the file stays as it was."""
    path = tmp_path / "ledger.db"
    path.write_text("minutes of the meeting\n" * 100)
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"ledger\.db is no ledger .*name another LIANJING_HOME"):
        Ledger.open(path)
    assert path.read_bytes() == before
