"""Compiled kernels are kept apart for every state of their sources."""

from pathlib import Path

import pytest

from features import compiled


def test_another_state_of_any_kernel_is_another_place(tmp_path: Path) -> None:
    """What a kernel calls lies in other files, so all of them count; the rest does not."""
    callee, other = tmp_path / "callee.py", tmp_path / "other.py"
    callee.write_text("from numba import njit\nHALF = 2\n")
    other.write_text("HALF = 2\n")
    before = compiled.digest(tmp_path)
    other.write_text("HALF = 3\n")
    assert compiled.digest(tmp_path) == before
    callee.write_text("from numba import njit\nHALF = 3\n")
    assert compiled.digest(tmp_path) != before
    callee.rename(tmp_path / "called.py")
    assert len({before, compiled.digest(tmp_path)}) == 2


def test_a_stated_folder_is_kept_and_entered_once(tmp_path: Path) -> None:
    """Processes that one starts find the folder that it stated, not one in it."""
    state = "0123456789ab"
    first = compiled.place(str(tmp_path), state)
    assert first == tmp_path / state
    assert compiled.place(str(first), state) == first


def test_without_a_folder_it_is_the_cache_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where that cannot be written the compiler decides."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    state = "0123456789ab"
    assert compiled.place(None, state) == tmp_path / "cache" / "lianjing" / state
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled.place(None, state) is None
