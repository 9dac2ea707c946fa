"""Trouble with the database file, told as an error of ours where it enters."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from features.contracts.errors import LedgerError


@contextmanager
def translated() -> Iterator[None]:
    """Raise `LedgerError` for what SQLite cannot do now: a full disk, a locked or lost file.

    >>> with translated():
    ...     raise sqlite3.OperationalError("database or disk is full")
    Traceback (most recent call last):
    features.contracts.errors.LedgerError: the ledger cannot be used now (database or disk ...
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        message = (
            f"the ledger cannot be used now ({error}); nothing was stored: send the request again"
        )
        raise LedgerError(message) from error
