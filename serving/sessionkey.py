"""The key that signs sessions of the console: random, made at first start, kept with the ledger."""

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from features.contracts.errors import InputError
from features.contracts.settings import Settings

FILE: Final = "session.key"
KEY_BYTES: Final = 32


def session_key(settings: Settings) -> bytes:
    """The installation's key of sessions; a restart signs nobody out, a new access key everybody.

    A session that is open holds its role, so another supervisors' key ends all sessions too.
    Without any access key nobody gets in, and nothing is kept.

    Raises
    ------
    InputError
        The kept file is no key.
    """
    access = f"{settings.console_key_sha256}.{settings.supervisor_key_sha256}".lower()
    if access == ".":
        return secrets.token_bytes(KEY_BYTES)
    return hmac.digest(_kept(settings.home / FILE), access.encode(), "sha256")


def _kept(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise InputError(f"{path.name} is not {KEY_BYTES} bytes long; remove it and start again")
    return key


def _make(path: Path) -> None:
    """Put a whole key there, or leave the one that another start has put there meanwhile."""
    draft = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
