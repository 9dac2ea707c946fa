"""Sessions in embedded mode: an access key at the door, a signed cookie afterwards."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from features.contracts.errors import InputError

LIFETIME: Final = timedelta(hours=8)
MIN_KEY_BYTES: Final = 32
_NAME_CHARACTERS: Final = 8


class Role(StrEnum):
    """What a session may see: measures of persons are for supervisors."""

    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: its role, and a name that tells it from others and opens nothing."""

    role: Role
    name: str


def is_access_key(offered: str, key_sha256: str) -> bool:
    """Say whether the offered key has the stored SHA-256, in time that depends on neither.

    An empty stored digest opens for nobody.

    >>> is_access_key("open", hashlib.sha256(b"open").hexdigest()), is_access_key("open", "")
    (True, False)
    """
    digest = hashlib.sha256(offered.encode("utf-8", "surrogatepass")).hexdigest()
    return hmac.compare_digest(digest.encode(), key_sha256.lower().encode())


class Sessions:
    """Issues and checks session tokens; a token is an expiry, a role, a nonce and their HMAC.

    Tokens ended before their expiry are remembered until then, in this process only.

    >>> from datetime import UTC
    >>> sessions, noon = Sessions(b"k" * 32), datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> token = sessions.issue(noon)
    >>> sessions.find(token, noon).role, sessions.find(token, noon + LIFETIME)
    (<Role.REVIEWER: 'reviewer'>, None)
    """

    def __init__(self, signing_key: bytes, lifetime: timedelta = LIFETIME) -> None:
        if len(signing_key) < MIN_KEY_BYTES:
            raise InputError(
                f"the console's signing key has {len(signing_key)} bytes; "
                f"give at least {MIN_KEY_BYTES} random ones"
            )
        self.lifetime = lifetime
        self._key = signing_key
        self._ended: dict[str, float] = {}

    def issue(self, now: datetime, role: Role = Role.REVIEWER) -> str:
        """Make a token that is good from `now` for the sessions' lifetime."""
        expiry = int((now + self.lifetime).timestamp())
        body = f"{expiry}.{role}.{secrets.token_hex(16)}"
        return f"{body}.{self._sign(body)}"

    def find(self, token: str, now: datetime) -> Session | None:
        """Give the session of a token that is ours, in time, and not ended; else None."""
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        if token in self._ended or now.timestamp() >= _expiry(body):
            return None
        _, role, nonce = body.split(".")
        return Session(Role(role), nonce[:_NAME_CHARACTERS])

    def end(self, token: str, now: datetime) -> None:
        """Close a session before its time; tokens that are not open are left alone."""
        if self.find(token, now):
            self._ended[token] = _expiry(token)
            stale = [old for old, expiry in self._ended.items() if expiry <= now.timestamp()]
            for old in stale:
                del self._ended[old]

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _expiry(body: str) -> float:
    return float(body.partition(".")[0])
