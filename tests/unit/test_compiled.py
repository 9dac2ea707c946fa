"""Compiled kernels are kept apart for every state of their sources."""

from pathlib import Path

import pytest

import features
from features import compiled


def test_another_state_of_any_kernel_is_another_place(tmp_path: Path) -> None:
    """What a kernel calls lies in other files, so all of them count; the rest does not."""
    callee, other = tmp_path / "a" / "callee.py", tmp_path / "a" / "other.py"
    callee.parent.mkdir()
    callee.write_text("from numba import njit\nHALF = 2\n")
    other.write_text("HALF = 2\n")
    before = compiled.digest(callee.parent)
    other.write_text("HALF = 3\n")
    assert compiled.digest(callee.parent) == before
    callee.write_text("from numba import njit\nHALF = 3\n")
    assert compiled.digest(callee.parent) != before
    callee.rename(callee.parent / "called.py")
    assert len({before, compiled.digest(callee.parent)}) == 2


@pytest.mark.parametrize(
    "how",
    ["from a.k.states import HALF", "from a.k import (\n    HALF,\n)", "from a.k import states"],
)
def test_a_constant_that_comes_through_others_is_a_state_too(tmp_path: Path, how: str) -> None:
    """It is compiled in, though its file compiles nothing."""
    package = tmp_path / "a"
    (package / "k").mkdir(parents=True)
    states = package / "k" / "states.py"
    (package / "k" / "__init__.py").write_text("from a.k.states import HALF\n")
    (package / "kernel.py").write_text(f"from numba import njit\n{how}\n")
    states.write_text("HALF = 2\n")
    before = compiled.digest(package)
    states.write_text("HALF = 3\n")
    assert compiled.digest(package) != before


def test_constants_of_the_projects_own_kernels_are_among_them() -> None:
    """The columns of a state are laid out in a file without a kernel."""
    package = Path(features.__file__).parent
    used = compiled.sources(package)
    assert {package / "kernels" / "states.py", package / "scan" / "layout.py"} <= used.keys()
    assert package / "scenarios" / "payouts.py" not in used


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
