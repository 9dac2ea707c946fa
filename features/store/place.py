"""Where a ledger is: an SQLite file or the address of a PostgreSQL database."""

from pathlib import Path

from pydantic import SecretStr

from features.contracts.errors import LedgerError
from features.contracts.settings import SCHEMES, Place
from features.store.database import Database
from features.store.sqlite import SQLite


def address(place: Place) -> str | None:
    """The address of a PostgreSQL database, or None where `place` is a file.

    >>> address("postgresql://host/ledger"), address(Path("ledger.db"))
    ('postgresql://host/ledger', None)
    """
    text = place.get_secret_value() if isinstance(place, SecretStr) else str(place)
    return text if text.startswith(SCHEMES) else None


def connect(place: Place, *, is_read_only: bool = False) -> Database:
    """A connection to the migrated database at `place`; see `features.store.schema.migrate`.

    Raises
    ------
    LedgerError
        It cannot be reached, or needs what is not installed.
    """
    url = address(place)
    if url is None:
        return SQLite.open(Path(str(place)), is_read_only=is_read_only)
    try:
        from features.store.postgres import Postgres  # noqa: PLC0415  (an extra, and seldom needed)
    except ImportError as error:
        message = (
            "PostgreSQL needs the extra lianjing[postgres]; install it, or unset LIANJING_STORE"
        )
        raise LedgerError(message) from error
    return Postgres(url, is_read_only=is_read_only)
