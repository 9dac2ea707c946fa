"""One interface, two databases: the same answers, the same refusals, and no password told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr, ValidationError

from features.contracts.errors import LedgerBusyError, LedgerError
from features.contracts.settings import Place, Settings
from features.store import schema
from features.store.database import Database, paged, snapshot
from features.store.ledger import Ledger
from features.store.place import connect
from features.store.testing import Server
from serving.store.reading import Records, read_only
from serving.testing import payout
from serving.writer import writer

CANARY: Final = "canary-7f3a"
SOON: Final = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = 50"}
WRITE: Final = "INSERT INTO code (text) VALUES (?)"


@pytest.fixture
def database(store: Place) -> Iterator[Database]:
    with closing(connect(store)) as made:
        yield made


def texts(database: Database) -> list[str]:
    return [text for (text,) in database.execute("SELECT text FROM code ORDER BY code")]


def test_rows_come_one_by_one_or_all_at_once(database: Database) -> None:
    """The shape of the standard library's cursors."""
    database.executemany(WRITE, [(text,) for text in "abc"])
    rows = database.execute("SELECT text FROM code WHERE text > ? ORDER BY text", ("a",))
    assert rows.fetchone() == ("b",)
    assert rows.fetchall() == [("c",)]
    assert rows.fetchone() is None
    assert texts(database) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "value", [0, -1, 2**63 - 1, -(2**63), 0.1, 5e-324, "%s?' 组", "", b"\0\xff"]
)
def test_a_value_comes_back_bit_for_bit(database: Database, value: float | str | bytes) -> None:
    """Integers of 64 bits, floats, text and bytes."""
    column, table = {
        int: ("effective_us", "bigint"),
        float: ("p", "double precision"),
        str: ("t", "text"),
        bytes: ("b", "bytea" if database.dialect == "postgresql" else "blob"),
    }[type(value)]
    database.execute(f"CREATE TABLE probe ({column} {table})")
    database.execute("INSERT INTO probe VALUES (?)", (value,))
    (back,) = database.execute("SELECT * FROM probe").fetchone()
    assert (type(back), repr(back)) == (type(value), repr(value))


def test_pages_put_together_are_all_rows(database: Database) -> None:
    """Whatever the page size, each row once and in order."""
    database.executemany(WRITE, [(str(at),) for at in range(10)])
    sql = "SELECT code, text FROM code WHERE text <> ? AND code > ? ORDER BY code LIMIT ?"
    for size in (1, 3, 9, 100):
        found = [text for _, text in paged(database, sql, ("4",), size=size)]
        assert found == [str(at) for at in range(10) if at != 4]


def test_a_text_of_json_is_found_whatever_else_is_there(database: Database) -> None:
    """A missing name and a null are NULL, as in the timeline of a subject."""
    for fields, expected in (('{"a":"组","b":1}', "组"), ('{"b":"x"}', None), ('{"a":null}', None)):
        held = "(SELECT CAST(? AS text) AS f) AS t"
        sql = f"SELECT {database.json_text('f', 'a')} FROM {held}"  # noqa: S608
        assert database.execute(sql, (fields,)).fetchone() == (expected,)


@pytest.mark.parametrize(
    ("held", "asked", "expected"),
    [("P-10", "p-1", True), ("P-10", "%", False), ("Ä-1", "ä", False), ("Ä-1", "Ä-", True)],
)
def test_letters_of_ascii_alone_match_in_either_case(
    database: Database, held: str, asked: str, expected: bool
) -> None:
    """The same rule in both databases, whatever their locale."""
    column = "(SELECT CAST(? AS text) AS t) AS held"
    sql = f"SELECT {database.contains('t')} FROM {column}"  # noqa: S608
    assert bool(database.execute(sql, (asked, held)).fetchone()[0]) is expected


def test_a_snapshot_sees_one_state_while_another_writes(store: Place, database: Database) -> None:
    """What is committed meanwhile is seen afterwards."""
    database.execute(WRITE, ("before",))
    with closing(connect(store, is_read_only=True)) as reader:
        with snapshot(reader), snapshot(reader):
            assert texts(reader) == ["before"]
            database.execute(WRITE, ("meanwhile",))
            assert texts(reader) == ["before"]
        assert texts(reader) == ["before", "meanwhile"]


def test_a_snapshot_is_no_place_to_write(ledger: Ledger) -> None:
    """A write inside is a mistake that is told, and nothing stays of it."""
    with ledger.snapshot(), pytest.raises(RuntimeError, match="snapshot"):
        ledger.admit([payout()])
    assert ledger.head == 0
    assert ledger.admit([payout()]) == ["accepted"]


def test_what_is_read_only_writes_nothing(store: Place) -> None:
    """The console's connection cannot change a record, by whatever statement."""
    with closing(read_only(store)) as reader:
        with pytest.raises(LedgerError, match="cannot be used now"):
            reader.execute(WRITE, ("x",))
        assert texts(reader) == []


def test_a_wrong_statement_is_our_mistake_and_no_trouble_of_the_database(
    database: Database,
) -> None:
    """It is not told to a caller as something to try again."""
    with pytest.raises(Exception, match="nowhere") as caught:
        database.execute("SELECT * FROM nowhere")
    assert not isinstance(caught.value, LedgerError)


def test_a_writer_waits_for_the_head_and_not_for_ever(store: Place, ledger: Ledger) -> None:
    """Readers are let in meanwhile; the connection is usable after the refusal."""
    with closing(Ledger.open(store)) as other:
        other.connection.execute(SOON[other.connection.dialect])
        with ledger.transaction():
            ledger.admit([payout("P-1")])
            assert other.head == 0
            with pytest.raises(LedgerBusyError, match="written by another process"):
                other.admit([payout("P-2")])
        assert other.admit([payout("P-2")]) == ["accepted"]
        assert other.head == 2


def test_text_with_nul_is_refused_at_the_door() -> None:
    """No event holds what one of the databases cannot keep."""
    for change in ({"event_id": "P\0"}, {"fields": {"enterprise": "E\0"}}):
        with pytest.raises(ValidationError, match="should match pattern"):
            payout(**change)


MALFORMED: Final = [
    f"postgresql://u:{CANARY}@b@host/db",
    f"postgresql://u:{CANARY}/b@host/db",
    f"postgresql://u:{CANARY}%zz@host/db",
    f"postgresql://u:{CANARY}@host/db?nonsense=1",
]
UNREACHABLE: Final = [
    f"postgresql://u:{CANARY}@127.0.0.1:1/db",
    f"postgresql://u:{CANARY}@host.invalid/db",
]


@pytest.mark.parametrize("url", [*MALFORMED, *UNREACHABLE])
def test_no_error_tells_the_password(url: str) -> None:
    """Neither the message nor the errors it came from, nor any look at the settings."""
    settings = Settings(store=SecretStr(url))
    with pytest.raises(LedgerError, match="LIANJING_STORE") as caught:
        Ledger.open(settings.ledger)
    told = [repr(settings), str(settings), settings.model_dump_json()]
    error: BaseException | None = caught.value
    while error is not None:
        told.append(repr(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert CANARY not in "".join(told)


def test_a_store_that_is_no_address_is_refused_without_being_repeated() -> None:
    """The rule and the way out, and not what may be a password."""
    with pytest.raises(ValidationError, match="write postgresql://") as caught:
        Settings(store=SecretStr(f"mysql://u:{CANARY}@host/db"))
    assert CANARY not in str(caught.value)


def test_without_the_extra_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the driver says which extra brings it."""
    monkeypatch.delitem(sys.modules, "features.store.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"lianjing\[postgres\]"):
        connect("postgresql://host/db")


def test_only_a_file_has_one_writing_service(tmp_path: Path) -> None:
    """Services over one database share it; their transactions take turns."""
    of_a_file = Settings(home=tmp_path)
    with writer(of_a_file), pytest.raises(LedgerBusyError), writer(of_a_file):
        pass
    shared = Settings(home=tmp_path, store=SecretStr("postgresql://host/db"))
    with writer(shared), writer(shared):
        pass


@pytest.mark.needs("postgres")
class TestPostgres:
    """What PostgreSQL alone can do or refuse."""

    def test_every_integer_has_64_bits(self, postgres: Server) -> None:
        """No column of the ledger is narrower than the engine's integers."""
        sql = (
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name <> 'alembic_version'"
        )
        with postgres.ledger() as url, closing(connect(url)) as database:
            types = {row[2] for row in database.execute(sql)}
        assert types == {"bigint", "text", "bytea", "double precision"}

    def test_processes_may_start_on_an_empty_database_together(self, postgres: Server) -> None:
        """One makes the tables, the other waits for it and finds them."""
        opening = "import sys; from features.store.ledger import Ledger; Ledger.open(sys.argv[1])"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with postgres.database() as url:
            command = [sys.executable, "-c", opening, url]
            running = [subprocess.Popen(command, env=environment) for _ in range(3)]
            assert [process.wait() for process in running] == [0, 0, 0]
            assert schema.version_at(url) == schema.HEAD
            assert {"event", "record", "audit"} < set(schema.tables(url))

    def test_each_schema_is_a_ledger_of_its_own(self, postgres: Server) -> None:
        """One schema's writer keeps nobody of another waiting."""
        with postgres.database() as url, closing(connect(url)) as owner:
            for name in ("one", "two"):
                owner.execute(f"CREATE SCHEMA {name}")
            one, two = (Ledger.open(f"{url}&options=-csearch_path%3D{n}") for n in ("one", "two"))
            with closing(one), closing(two), one.transaction(), two.transaction():
                one.admit([payout("P-1"), payout("P-2")])
                two.admit([payout("P-1")])
                assert (one.head, two.head) == (2, 1)

    def test_a_schema_that_is_not_there_is_refused(self, postgres: Server) -> None:
        """Nothing is made elsewhere instead."""
        with (
            postgres.database() as url,
            pytest.raises(LedgerError, match="name a schema that exists"),
        ):
            Ledger.open(f"{url}&options=-csearch_path%3Dnowhere")

    def test_another_encoding_is_refused(self, postgres: Server) -> None:
        """Text must come back as it was."""
        with (
            postgres.database("template0 ENCODING 'LATIN1' LOCALE 'C'") as url,
            pytest.raises(LedgerError, match="WITH ENCODING 'UTF8'"),
        ):
            Ledger.open(url)

    def test_who_may_make_no_tables_is_told_so(self, postgres: Server) -> None:
        """A role without the right to migrate gets one line with the reason."""
        postgres.execute("CREATE ROLE guest LOGIN")
        with postgres.database() as url:
            guest = url.replace("lianjing@", "guest@")
            with pytest.raises(LedgerError, match="permission denied"):
                Ledger.open(guest)

    def test_a_database_of_a_newer_release_is_refused(self, postgres: Server) -> None:
        """What this release does not know it does not touch."""
        with postgres.ledger() as url:
            with closing(connect(url)) as database:
                database.execute("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(LedgerError, match=r"at schema 9999, .*install the newer release"):
                Ledger.open(url)

    def test_a_statement_that_failed_takes_the_transaction_with_it(self, postgres: Server) -> None:
        """Where the failure was swallowed, the commit says that nothing was stored."""
        with postgres.ledger() as url, closing(connect(url)) as database:
            database.begin()
            database.execute(WRITE, ("x",))
            with pytest.raises(Exception, match="duplicate key"):
                database.execute(WRITE, ("x",))
            with pytest.raises(LedgerError, match="nothing was stored"):
                database.commit()
            assert not database.in_transaction
            assert texts(database) == []

    def test_a_reader_outlives_the_server_ending_its_connection(self, postgres: Server) -> None:
        """A look that failed because the connection was lost is repeated on a new one."""
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'made_%'"
        with postgres.ledger() as url, closing(read_only(url)) as reader:
            shown = Records(reader)
            assert shown.alive()
            postgres.execute(kill)
            assert shown.alive()
            with pytest.raises(LedgerError, match="cannot be used now"):
                reader.execute(WRITE, ("x",))

    def test_a_database_that_is_gone_is_told_without_where_it_was(self, postgres: Server) -> None:
        """What a service answers then holds no host, user or database."""
        with postgres.ledger() as url, closing(Ledger.open(url)) as ledger:
            name = url.partition("@/")[2].partition("?")[0]
            postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
            with pytest.raises(LedgerError, match="cannot be used now"):
                assert ledger.head
            with pytest.raises(LedgerError, match="cannot be reached now") as caught:
                ledger.admit([payout()])
            assert name not in str(caught.value)
