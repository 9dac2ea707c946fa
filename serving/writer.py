"""One service a ledger: a lock file that the kernel releases however its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from features.contracts.errors import LedgerBusyError

LOCK: Final = "service.lock"


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
