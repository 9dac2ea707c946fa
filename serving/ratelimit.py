"""How often a caller may ask: a bucket that refills evenly, one a caller."""

import time
from collections.abc import Callable
from typing import Final

PERIOD_S: Final = 10.0


class RateLimit:
    """At most `calls` calls in ten seconds a caller, refilled evenly.

    >>> now = 0.0
    >>> limit = RateLimit(2, clock=lambda: now)
    >>> [limit.wait("platform") for _ in range(3)]
    [0.0, 0.0, 5.0]
    """

    def __init__(self, calls: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls, self._clock = calls, clock
        self._rate = calls / PERIOD_S
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> float:
        """Take one call; 0 when it may pass, else seconds until the next one may."""
        now = self._clock()
        left, at = self._buckets.get(caller, (float(self._calls), now))
        left = min(self._calls, left + (now - at) * self._rate)
        is_free = left >= 1.0
        self._buckets[caller] = (left - 1.0 if is_free else left, now)
        return 0.0 if is_free else (1.0 - left) / self._rate
