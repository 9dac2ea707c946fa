"""Record ids: ULIDs, sortable by time, unique, and never running backwards within a process.

A ULID is 48 bits of milliseconds and 80 random bits, written in Crockford's base 32. Within one
millisecond, or when the clock steps back, the last id is counted up by one instead.
"""

import os
import threading
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS: Final = 80
_LENGTH: Final = 26


def encode(number: int) -> str:
    """128 bits as 26 characters.

    >>> encode(0), encode(33)
    ('00000000000000000000000000', '00000000000000000000000011')
    """
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


class Ulids:
    """A source of ids that only grow; safe to call from several threads.

    >>> ids = Ulids()
    >>> first, second = ids.at(1_000_000), ids.at(999_000)
    >>> first < second
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def at(self, now_us: int) -> str:
        """The next id, at `now_us` microseconds since 1970."""
        fresh = (now_us // 1000 << _RANDOM_BITS) | int.from_bytes(os.urandom(10))
        with self._lock:
            last_ms = self._last >> _RANDOM_BITS
            self._last = fresh if fresh >> _RANDOM_BITS > last_ms else self._last + 1
            return encode(self._last)
