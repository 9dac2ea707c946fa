"""The database under the ledger: one dialect of SQL, two databases that speak it.

Statements take `?` placeholders and are written in what SQLite and PostgreSQL have in common;
`INSERT ... ON CONFLICT` stands for every form of upsert. Where the two must differ, a method of the
database gives the fragment. What the driver raises when the database cannot answer now (a full
disk, a lost connection, a lock that is not given) comes out as `LedgerError`; any other error of a
driver is a mistake of ours and passes through.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol

Dialect = Literal["sqlite", "postgresql"]
Value = int | float | str | bytes | None
"""What a column may hold."""

LOCK_WAIT_S: Final = 10.0
"""Longest wait for another writer."""


class Rows(Protocol):
    """The rows of one statement, each a tuple of the driver's."""

    def fetchone(self) -> Any:  # noqa: ANN401  (a driver's row)
        """The next row, or None behind the last."""
        ...

    def fetchmany(self, size: int) -> list[Any]:
        """The next rows, so many at most; none behind the last."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""
        ...


class Database(Protocol):
    """One open connection; every statement outside a transaction is one of its own.

    A connection may be used by several threads, but what happens between `begin` and its end
    belongs to one: `Ledger.transaction` sees to it.
    """

    @property
    def dialect(self) -> Dialect:
        """Which of the two this is."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    @property
    def statements(self) -> int:
        """How many statements were run with `execute`."""
        ...

    @property
    def noted(self) -> dict[str, int]:
        """What users of the connection last read or wrote here; a rollback empties it."""
        ...

    def others(self) -> int | None:
        """A number that is another once another connection has committed; None where it is asked.

        No table is read for it.
        """
        ...

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> Rows:
        """Run one statement; its plan is kept for the next time.

        Raises
        ------
        LedgerError
            The database cannot answer now.
        """
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each of `rows`, in as few round trips as the driver can."""
        ...

    def begin(self) -> None:
        """Open a write transaction, as the only writer of the ledger.

        Raises
        ------
        LedgerBusyError
            Another writer did not make room within `LOCK_WAIT_S`.
        """
        ...

    def begin_reading(self) -> None:
        """Open a transaction that sees one state of the database throughout, and locks nobody."""
        ...

    def commit(self) -> None:
        """Keep what the transaction did.

        Raises
        ------
        LedgerError
            It could not be kept; the transaction is over.
        """
        ...

    def roll_back(self) -> None:
        """Forget what the transaction did, if one is still open."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether there is a table `name`."""
        ...

    def json_text(self, column: str, name: str) -> str:
        """SQL of the text that the JSON object in `column` has under `name`; NULL without one."""
        ...

    def contains(self, column: str) -> str:
        """SQL of whether `column` holds the text `?`; letters of ASCII match in either case."""
        ...


def paged(
    database: Database, sql: str, parameters: Sequence[Value] = (), *, size: int = 1_000
) -> Iterator[tuple[Any, ...]]:
    """All rows of a statement without holding more than one page of them.

    The statement's first column numbers its rows, and it ends in `... > ? ORDER BY ... LIMIT ?`.
    """
    place: int = -(2**63)
    while rows := database.execute(sql, (*parameters, place, size)).fetchall():
        yield from rows
        place = int(rows[-1][0])


@contextmanager
def snapshot(database: Database) -> Iterator[None]:
    """All statements inside see one committed state; inside a transaction they see its own."""
    if database.in_transaction:
        yield
        return
    database.begin_reading()
    try:
        yield
    finally:
        database.roll_back()
