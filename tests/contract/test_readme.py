"""The README's commands are run, and print what it says they print."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

README: Final = Path(__file__).parents[2] / "README.md"
MARK: Final = "<!-- executed -->"
_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FLAGS: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Step:
    """One command as it is written, and what it is said to print."""

    command: str
    prints: str


def steps_of(text: str) -> list[Step]:
    """The commands of all console blocks that begin with `$ lianjing`, in order.

    Raises
    ------
    ValueError
        The text says that its blocks are executed and has none, or a block holds another command.
    """
    blocks = [block for block in _BLOCK.findall(text) if block.startswith("$ lianjing")]
    if MARK in text.splitlines() and not blocks:
        message = f"{MARK} stands there, but no console block begins with '$ lianjing'"
        raise ValueError(message)
    found = []
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, prints = part.replace("\\\n", " ").partition("\n")
            if command.split()[0] != "lianjing":
                message = f"only lianjing can be run here, not: {command}"
                raise ValueError(message)
            found.append(Step(command, prints))
    return found


def run(step: Step, home: Path) -> None:
    """Run one command over `home` and compare; an announced error may leave with a code."""
    arguments = shlex.split(step.command, comments=True)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "serving.cli", *arguments],
        check=False,
        cwd=README.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={**os.environ, "LIANJING_HOME": str(home), "COLUMNS": "100", "NO_COLOR": "1"},
    )
    is_refusal = re.search("^(lianjing|refused): ", step.prints, re.MULTILINE) is not None

    assert doctest.OutputChecker().check_output(step.prints, done.stdout, _FLAGS), done.stdout
    assert (done.returncode != 0) == is_refusal, (step.command, done.returncode)


def test_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    """Every block is run in the order of the page, over one new home."""
    for step in steps_of(README.read_text()):
        run(step, tmp_path / "home")


def test_a_page_that_promises_executed_blocks_has_some() -> None:
    """The mark without a block is a failure, not a pass."""
    assert steps_of("# Page\n") == []
    with pytest.raises(ValueError, match="no console block begins"):
        steps_of(f"# Page\n{MARK}\n```console\n$ make demo\n```\n")


def test_commands_and_outputs_are_told_apart() -> None:
    """A block may hold several commands, long ones over two lines, some without output."""
    page = "```console\n$ lianjing a \\\n  --b\n1\n2\n$ lianjing c  # why\n```\n"

    assert steps_of(page) == [Step("lianjing a    --b", "1\n2\n"), Step("lianjing c  # why", "")]


def test_the_runner_sees_what_is_wrong(tmp_path: Path) -> None:
    """The right output passes, with what varies left out; another output or exit code fails."""
    run(Step("lianjing key new", "key: ...\nsetting: ...\n"), tmp_path)
    run(Step("lianjing features list payout", "lianjing: no scenario 'payout'; ...\n"), tmp_path)
    with pytest.raises(AssertionError):
        run(Step("lianjing key new", "setting: ...\nkey: ...\n"), tmp_path)
    with pytest.raises(AssertionError):
        run(Step("lianjing features list payout", "...\n"), tmp_path)
