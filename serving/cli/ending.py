"""An orderly end: signals that would kill a command end it as an exception does.

So what is half-written is taken away, and locks and sessions are given back.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_BASE: Final = 128


@contextmanager
def orderly() -> Iterator[None]:
    """End with exit code 128 + n on SIGTERM and SIGHUP, once everything is tidied up.

    A signal that is ignored (as under `nohup`) or seen to by somebody else stays so.
    """
    ours = [number for number in SIGNALS if _is_free(number)]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def at_once() -> None:
    """Give the signals back: a server sees to its own end."""
    for number in SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)


def _is_free(number: signal.Signals) -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(number) is signal.SIG_DFL


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Leave; a second signal does not interrupt the tidying up."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(_BASE + number)
