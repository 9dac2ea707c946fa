"""How often one address may fail to sign in before it has to wait."""

from collections import deque
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

LIMIT: Final = 5
WINDOW: Final = timedelta(minutes=15)
MAX_ADDRESSES: Final = 10_000


class Lockout:
    """Counts failures per client address in a sliding window; memory is bounded.

    An IPv6 client counts by its /64 network, within which addresses cost nothing.

    >>> from datetime import UTC
    >>> lockout, noon = Lockout(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> for _ in range(LIMIT): lockout.fail("192.0.2.1", noon)
    >>> lockout.wait("192.0.2.1", noon), lockout.wait("192.0.2.2", noon)
    (datetime.timedelta(seconds=900), datetime.timedelta(0))
    """

    def __init__(self, limit: int = LIMIT, window: timedelta = WINDOW) -> None:
        self._limit = limit
        self._window = window
        self._failures: dict[str, deque[datetime]] = {}

    def wait(self, address: str, now: datetime) -> timedelta:
        """How long this address has to wait before it may try again; zero when it may."""
        failures = self._failures.get(_client(address), deque())
        if len(failures) < self._limit:
            return timedelta()
        return max(failures[0] + self._window - now, timedelta())

    def fail(self, address: str, now: datetime) -> None:
        """Note a failure."""
        client = _client(address)
        failures = self._failures.pop(client, deque(maxlen=self._limit))
        while failures and failures[0] <= now - self._window:
            failures.popleft()
        failures.append(now)
        self._failures[client] = failures
        if len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]

    def clear(self, address: str) -> None:
        """Forget the failures of an address that has signed in."""
        self._failures.pop(_client(address), None)


def _client(address: str) -> str:
    """Give the name failures are counted under.

    >>> _client("2001:db8::1") == _client("2001:db8::2"), _client("testclient")
    (True, 'testclient')
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed.packed[:8] + bytes(8), 64)))
    return address
