"""The sessions' key: random, kept for the installation, readable by nobody else."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.contracts.errors import InputError
from features.contracts.settings import Settings
from serving.sessionkey import FILE, session_key


def settings(home: Path, access_key: str = "a key for reviewers") -> Settings:
    """An installation at `home` with that access key."""
    return Settings(home=home, console_key_sha256=hashlib.sha256(access_key.encode()).hexdigest())


def test_a_restart_signs_nobody_out(tmp_path: Path) -> None:
    """The first start makes the key, every further one finds it, and only its owner may read it."""
    chosen = settings(tmp_path / "new")
    first = session_key(chosen)
    assert session_key(chosen) == first
    assert (chosen.home / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in chosen.home.iterdir()] == [FILE]


def test_whoever_knows_the_settings_cannot_sign(tmp_path: Path) -> None:
    """Two installations with one access key have different keys."""
    assert session_key(settings(tmp_path / "a")) != session_key(settings(tmp_path / "b"))


def test_another_access_key_ends_all_sessions(tmp_path: Path) -> None:
    """Whoever was let in by the old key has to come in again by the new one."""
    assert session_key(settings(tmp_path)) != session_key(settings(tmp_path, "a new key"))


def test_another_supervisors_key_ends_all_sessions_too(tmp_path: Path) -> None:
    """Who was let in as a supervisor is none any more when the key is withdrawn."""
    reviewers = settings(tmp_path)
    supervisors = reviewers.model_copy(update={"supervisor_key_sha256": "a" * 64})
    assert session_key(reviewers) != session_key(supervisors)


def test_starts_at_one_moment_agree(tmp_path: Path) -> None:
    """Whichever start comes first, all sign with one key, and no draft is left."""
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: session_key(settings(tmp_path)), range(16)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    """A short file is not taken for a key, and the refusal says what to do."""
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(InputError, match="remove it"):
        session_key(settings(tmp_path))


def test_without_an_access_key_nothing_is_kept(tmp_path: Path) -> None:
    """A console that lets nobody in leaves no key behind."""
    session_key(Settings(home=tmp_path))
    assert list(tmp_path.iterdir()) == []
