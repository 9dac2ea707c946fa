"""Who calls: the platform by its API key, which is held only as its SHA-256."""

import hashlib
import hmac
from collections.abc import Mapping

from features.contracts.errors import UnauthenticatedError

PLATFORM = "platform"


def presented(headers: Mapping[bytes, bytes]) -> bytes:
    """The key a call presents, in `Authorization: Bearer` or `X-API-Key`; empty if there is none.

    >>> presented({b"authorization": b"Bearer abc"}), presented({b"x-api-key": b"abc"})
    (b'abc', b'abc')
    """
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    return headers.get(b"x-api-key", b"")


def authenticate(headers: Mapping[bytes, bytes], key_sha256: str) -> str:
    """The caller's name.

    Raises
    ------
    UnauthenticatedError
        No key, an unknown key, or an installation without one.
    """
    if not key_sha256:
        message = "this service has no API key; set LIANJING_API_KEY_SHA256 and start it again"
        raise UnauthenticatedError(message)
    key = presented(headers)
    digest = hashlib.sha256(key).hexdigest()
    if not key or not hmac.compare_digest(digest.encode(), key_sha256.strip().lower().encode()):
        raise UnauthenticatedError("send the platform's key as `Authorization: Bearer <key>`")
    return PLATFORM
