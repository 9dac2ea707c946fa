"""PostgreSQL as the ledger's database, through psycopg 3.

A write transaction takes the ledger's head, an advisory lock of its schema, when it begins; so
`seq`, records and audit rows have one order, which is the order in which they become visible,
however many processes write. A connection that was lost is opened again by the next transaction.
Passwords appear in no message: what cannot be read as an address is not repeated.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from threading import RLock
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper

from features.contracts.errors import LedgerBusyError, LedgerError
from features.store.database import LOCK_WAIT_S, Dialect, Value

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]
T = TypeVar("T")

_DEFAULTS: Final = {
    "application_name": "lianjing",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "30000",
}
"""What an address leaves unsaid; a host that vanished is noticed within half a minute."""
_SESSION: Final = (
    f"SET lock_timeout = {int(LOCK_WAIT_S * 1000)};"
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
)
"""What the server is told: a client that vanished gives the head up within a minute."""
_PREPARED: Final = 400
"""Plans kept on one connection."""
_CANNOT: Final = (psycopg.OperationalError, psycopg.InternalError)
"""What means that the server cannot do it now; anything else is a mistake of ours."""
_MALFORMED: Final = (
    "LIANJING_STORE is no address of a PostgreSQL database; write "
    "postgresql://user:password@host:5432/database, with / @ ? # % of a password percent-encoded"
)


@lru_cache(maxsize=1024)
def _statement(sql: str) -> bytes:
    """`sql` with psycopg's placeholders.

    >>> _statement("SELECT '%' WHERE x = ?")
    b"SELECT '%%' WHERE x = %s"
    """
    return sql.replace("%", "%%").replace("?", "%s").encode()


def parsed(url: str) -> dict[str, Any]:
    """What the address `url` says, with our defaults.

    Raises
    ------
    LedgerError
        It is none, or one that could be read in two ways.
    """
    authority, _, rest = url.partition("://")[2].partition("/")
    if authority.count("@") > 1 or "@" in rest.partition("?")[0]:
        raise LedgerError(_MALFORMED)
    try:
        return {**_DEFAULTS, **conninfo_to_dict(url)}
    except psycopg.ProgrammingError:
        raise LedgerError(_MALFORMED) from None  # its text repeats a part of the address


def connected(url: str) -> Connection:
    """A new connection in autocommit mode.

    Raises
    ------
    LedgerError
        The server cannot be reached, or does not let us in.
    """
    try:
        connection = psycopg.connect(**parsed(url), autocommit=True, client_encoding="UTF8")
        connection.execute(_SESSION, prepare=False)
    except psycopg.OperationalError as error:
        why = " ".join(str(error).split())
        message = f"the database of LIANJING_STORE cannot be reached ({why})"
        raise LedgerError(message) from error
    return connection


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def head_lock(connection: Connection) -> str:
    """SQL that takes the head of the ledger in the connection's schema.

    Raises
    ------
    LedgerError
        There is no such schema, or the database keeps text in another encoding.
    """
    row = connection.execute(
        "SELECT current_schema(), current_setting('server_encoding')"
    ).fetchone()
    schema, encoding = row or (None, None)
    if schema is None or encoding != "UTF8":
        message = (
            f"the database of LIANJING_STORE has schema {schema!r} and encoding {encoding!r}; "
            "name a schema that exists, in a database made WITH ENCODING 'UTF8'"
        )
        raise LedgerError(message)
    digest = hashlib.sha256(f"lianjing {schema}".encode()).digest()
    key = int.from_bytes(digest[:8], signed=True)
    return f"SELECT pg_advisory_xact_lock({key})"


class Postgres:
    """A connection to a PostgreSQL database, opened again when it was lost between transactions."""

    dialect: Final[Dialect] = "postgresql"

    def __init__(self, url: str, *, is_read_only: bool = False) -> None:
        self._url, self._is_read_only = url, is_read_only
        self._lock = RLock()
        self._is_open = False
        self._statements = 0
        self._noted: dict[str, int] = {}
        self._connection = self._connected()
        try:
            self._begin = f"BEGIN; {head_lock(self._connection)}".encode()
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Connection:
        connection = connected(self._url)
        connection.prepared_max = _PREPARED
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        if self._is_read_only:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun here and has not ended."""
        return self._is_open

    @property
    def statements(self) -> int:
        """How many statements were run with `execute`."""
        return self._statements

    @property
    def noted(self) -> dict[str, int]:
        """What users of the connection last read or wrote here; a rollback empties it."""
        return self._noted

    def others(self) -> None:
        """Nothing: the server has to be asked."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> Cursor:
        """Run one prepared statement; its rows are all fetched."""
        self._statements += 1
        statement = _statement(sql)
        return self._done(
            lambda connection: connection.execute(statement, parameters, prepare=True, binary=True)
        )

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each of `rows`, in a pipeline."""
        statement = _statement(sql)
        self._done(lambda connection: connection.cursor().executemany(statement, rows))

    def _done(self, work: Callable[[Connection], T]) -> T:
        with self._lock:
            try:
                return self._run(work, may_repeat=self._is_read_only and not self._is_open)
            except _CANNOT as error:
                raise self._cannot(error) from error

    def _run(self, work: Callable[[Connection], T], *, may_repeat: bool) -> T:
        """Do `work`, and once more on a new connection if the old one turns out to be lost."""
        try:
            return work(self._usable())
        except _CANNOT:
            if not (may_repeat and self._connection.closed):
                raise
        return work(self._usable())

    def _usable(self) -> Connection:
        if self._connection.closed:
            if self._is_open:
                raise LedgerError("the ledger's database was lost within a transaction")
            try:
                self._connection = self._connected()
            except LedgerError as error:  # a caller's answer names no host and no user
                message = "the ledger's database cannot be reached now; send the request again"
                raise LedgerError(message) from error
        return self._connection

    @staticmethod
    def _cannot(error: Exception) -> LedgerError:
        return LedgerError(
            f"the ledger cannot be used now ({_first_line(error)}); nothing was stored: send the "
            "request again"
        )

    def begin(self) -> None:
        """Open a write transaction and take the ledger's head."""
        self._open(self._begin)

    def begin_reading(self) -> None:
        """Open a transaction that sees one state of the database throughout."""
        self._open(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def _open(self, sql: bytes) -> None:
        with self._lock:
            try:
                self._run(
                    lambda connection: connection.execute(sql, prepare=False), may_repeat=True
                )
            except psycopg.errors.LockNotAvailable as error:
                self.roll_back()
                why = _first_line(error)
                message = f"the ledger is being written by another process ({why}); try again"
                raise LedgerBusyError(message) from error
            except _CANNOT as error:
                self.roll_back()
                raise self._cannot(error) from error
            self._is_open = True

    def _end(self, sql: bytes) -> None:
        self._is_open = False
        self._connection.execute(sql, prepare=False)

    def commit(self) -> None:
        """Keep what the transaction did."""
        with self._lock:
            if self._connection.pgconn.transaction_status != TransactionStatus.INTRANS:
                self.roll_back()
                raise LedgerError("a statement failed within the transaction; nothing was stored")
            try:
                self._end(b"COMMIT")
            except _CANNOT as error:
                self.roll_back()
                message = (
                    f"the ledger did not confirm what was written ({_first_line(error)}); send the "
                    "request again: it is stored once"
                )
                raise LedgerError(message) from error

    def roll_back(self) -> None:
        """Forget what the transaction did; a lost connection has done it already."""
        with self._lock:
            self._noted.clear()
            self._is_open = False
            status = self._connection.pgconn.transaction_status
            if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                try:
                    self._end(b"ROLLBACK")
                except _CANNOT:
                    self._connection.close()

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def __del__(self) -> None:
        """Release the connection when nobody holds it, as SQLite does with a file."""
        with suppress(AttributeError):  # it was never made
            self._connection.close()

    def has_table(self, name: str) -> bool:
        """Whether the schema has a table `name`."""
        row = self.execute("SELECT to_regclass(?) IS NOT NULL", (name,)).fetchone()
        return row is not None and bool(row[0])

    @staticmethod
    def json_text(column: str, name: str) -> str:
        """SQL of the text under `name` in the JSON of `column`."""
        return f"(CAST({column} AS json) ->> '{name}')"

    @staticmethod
    def contains(column: str) -> str:
        """SQL of whether `column` holds the text `?`; the collation's `lower` knows ASCII alone."""
        return f'strpos(lower({column} COLLATE "C"), lower(? COLLATE "C")) > 0'
