"""SQLite as the ledger's database: a file in WAL mode, or memory."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from features.contracts.errors import LedgerBusyError, LedgerError
from features.store.database import LOCK_WAIT_S, Dialect, Value

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "wal_autocheckpoint = 4000",
    "mmap_size = 2147418112",
)


def _refuse(error: sqlite3.OperationalError) -> NoReturn:
    """Raise the error of ours; a statement that is wrong stays what it is."""
    if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
        raise error
    message = f"the ledger cannot be used now ({error}); nothing was stored: send the request again"
    raise LedgerError(message) from error


class _Cursor(sqlite3.Cursor):
    """A cursor whose errors are ours: SQLite reads as rows are fetched."""

    def fetchone(self) -> Any:  # noqa: ANN401  (a driver's row)
        try:
            return super().fetchone()
        except sqlite3.OperationalError as error:
            _refuse(error)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        try:
            return super().fetchmany(size or self.arraysize)
        except sqlite3.OperationalError as error:
            _refuse(error)

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.OperationalError as error:
            _refuse(error)

    def __next__(self) -> Any:  # noqa: ANN401  (a driver's row)
        try:
            return super().__next__()
        except sqlite3.OperationalError as error:
            _refuse(error)


class SQLite:
    """An SQLite connection in autocommit mode, over a migrated database."""

    dialect: Final[Dialect] = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._statements = 0
        self._noted: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, *, is_read_only: bool = False) -> Self:
        """The database file at `path`, waiting up to `LOCK_WAIT_S` for another writer."""
        mode = "ro" if is_read_only else "rwc"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=LOCK_WAIT_S,
            cached_statements=256,
        )
        if not is_read_only:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        return cls(connection)

    @classmethod
    def in_memory(cls, image: bytes) -> Self:
        """A database in memory that starts as a copy of the file with content `image`."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.deserialize(image)
        return cls(connection)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    @property
    def statements(self) -> int:
        """How many statements were run with `execute`."""
        return self._statements

    @property
    def noted(self) -> dict[str, int]:
        """What users of the connection last read or wrote here; a rollback empties it."""
        return self._noted

    def others(self) -> int:
        """The file's data version, which commits of this connection leave as it is."""
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError as error:
            _refuse(error)

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> _Cursor:
        """Run one statement."""
        self._statements += 1
        try:
            return self._connection.cursor(_Cursor).execute(sql, parameters)
        except sqlite3.OperationalError as error:
            _refuse(error)

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each of `rows`."""
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.OperationalError as error:
            _refuse(error)

    def begin(self) -> None:
        """Open a write transaction; the file's write lock makes it the only one."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            message = f"the ledger is being written by another process ({error}); try again"
            raise LedgerBusyError(message) from error

    def begin_reading(self) -> None:
        """Open a transaction that sees one state of the file throughout."""
        self.execute("BEGIN")

    def commit(self) -> None:
        """Keep what the transaction did."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self.roll_back()
            message = f"the ledger could not be written ({error}); nothing was stored"
            raise LedgerError(message) from error

    def roll_back(self) -> None:
        """Forget what the transaction did; on a full disk SQLite has done it already."""
        self._noted.clear()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def has_table(self, name: str) -> bool:
        """Whether the file has a table `name`."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self.execute(sql, (name,)).fetchone() is not None

    @staticmethod
    def json_text(column: str, name: str) -> str:
        """SQL of the text under `name` in the JSON of `column`."""
        return f"json_extract({column}, '$.{name}')"

    @staticmethod
    def contains(column: str) -> str:
        """SQL of whether `column` holds the text `?`; `lower` knows ASCII alone."""
        return f"instr(lower({column}), lower(?)) > 0"
