"""The keyed pseudonym that stands for a personal identifier from the door inward."""

import hmac
import unicodedata
from typing import Final

from features.contracts.errors import InputError
from features.contracts.settings import Settings

HEX_DIGITS: Final = 24


def check_key(settings: Settings, field: str) -> None:
    """Refuse `field` if there is no key to replace it with."""
    if not settings.pseudonym_key.get_secret_value():
        raise InputError(
            f"field {field!r} is replaced at the door, which needs a key; "
            "set LIANJING_PSEUDONYM_KEY to a long random text and keep it"
        )


def pseudonymise(text: str, settings: Settings) -> str:
    """HMAC-SHA256 of an identifier, with the id of the key; blanks, width and case do not matter.

    >>> settings = Settings(pseudonym_key="only-for-this-example")
    >>> pseudonymise("6222 0212 3456", settings) == pseudonymise("622202123456", settings)
    True
    >>> pseudonymise("6222 0212 3456", settings)[:3], len(pseudonymise("6222", settings))
    ('k1:', 27)
    """
    key = settings.pseudonym_key.get_secret_value().encode()
    if not key:
        check_key(settings, "pseudonym")
    plain = "".join(unicodedata.normalize("NFKC", text).upper().split())
    mark = hmac.digest(key, plain.encode(), "sha256").hex()[:HEX_DIGITS]
    return f"{settings.pseudonym_key_id}:{mark}"
