"""One service a file: a lock that the kernel releases however its holder dies.

Services over one PostgreSQL database share it; their transactions take turns there.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from features.contracts.errors import LedgerBusyError
from features.contracts.settings import Settings

LOCK: Final = "service.lock"


def writer(settings: Settings) -> AbstractContextManager[None]:
    """The right to write the ledger of `settings`: of one service where it is a file.

    Raises
    ------
    LedgerBusyError
        Another service holds it.
    """
    return nullcontext() if settings.has_store else only_writer(settings.home)


@contextmanager
def only_writer(home: Path) -> Iterator[None]:
    """Hold the service's lock on `home`.

    Raises
    ------
    LedgerBusyError
        Another service holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"another service runs on {home}; one service writes a ledger: stop it, or give "
                "this one another LIANJING_HOME"
            )
            raise LedgerBusyError(message) from error
        yield
    finally:
        os.close(descriptor)
