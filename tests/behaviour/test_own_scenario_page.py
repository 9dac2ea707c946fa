"""The page about a scenario of one's own: its files are written, its commands run, in its order."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from serving.cli.line import free_port, stop
from tests.contract.test_readme import Step, steps_of

PAGE: Final = (Path(__file__).parents[2] / "notebooks" / "own_scenario.md").read_text("utf-8")
SHARED: Final = Path(__file__).parents[3] / "shared"
KEY: Final = "only for this test"
_FLAGS: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_START_S: Final = 400


def code(language: str) -> str:
    """The one block of the page in that language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


def test_it_takes_fewer_than_60_lines() -> None:
    """As many as the page says."""
    lines = [line for part in ("python", "toml") for line in code(part).splitlines() if line]

    assert len(lines) < 60
    assert f"in {len(lines)} lines" in PAGE


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the page's two files, and the payments beside it."""
    (tmp_path / "shared").symlink_to(SHARED)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "council.py").write_text(code("python"), "utf-8")
    (folder / "council.toml").write_text(code("toml"), "utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.needs("data")
def test_the_page_is_true(place: Path) -> None:
    """Draft, check, load, train, promote, serve and score, and a call as another program makes."""
    port = free_port()
    steps = steps_of(PAGE)
    served = next(k for k, step in enumerate(steps) if step.command.endswith("&"))
    for step in steps[:served]:
        run(step, place, port)
    with serving(steps[served], place, port):
        for step in steps[served + 1 :]:
            run(step, place, port)
        verdict = post(port)

    assert verdict["scenario"] == "council"
    assert 0 < verdict["scores"]["p_value"] <= 1


def environment(place: Path, port: int) -> dict[str, str]:
    """What the commands are told."""
    return os.environ | {
        "LIANJING_HOME": str(place / "home"),
        "LIANJING_PORT": str(port),
        "LIANJING_API_KEY": KEY,
        "LIANJING_API_KEY_SHA256": sha256(KEY.encode()).hexdigest(),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "COLUMNS": "150",
        "NO_COLOR": "1",
    }


def run(step: Step, place: Path, port: int) -> None:
    """Run one command and compare what it prints."""
    done = subprocess.run(
        command(step),
        check=False,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env=environment(place, port),
    )
    is_refusal = step.prints.startswith("lianjing: ")

    assert doctest.OutputChecker().check_output(step.prints.strip(), done.stdout.strip(), _FLAGS), (
        done.stdout
    )
    assert (done.returncode != 0) == is_refusal, (step.command, done.returncode)


def command(step: Step) -> list[str]:
    """The command without the shell."""
    words = [word for word in shlex.split(step.command)[1:] if word != "&"]
    return [sys.executable, "-m", "serving.cli", *words]


@contextmanager
def serving(step: Step, place: Path, port: int) -> Iterator[None]:
    """The service that the page starts in the background, ready."""
    with (place / "service.log").open("wb") as log:
        process = subprocess.Popen(
            command(step), cwd=place, env=environment(place, port), stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _START_S
        while not is_ready(port):
            assert process.poll() is None, (place / "service.log").read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield
    finally:
        stop(process)


def is_ready(port: int) -> bool:
    """Whether the service answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def post(port: int) -> dict[str, Any]:
    """The verdict on one more payment."""
    event = {
        "scenario": "council",
        "kind": "council_paid",
        "event_id": "one-more",
        "effective_at": "2018-04-02T00:00:00+01:00",
        "currency": "GBP",
        "fields": {
            "supplier": "new",
            "code": "D3701",
            "unit": "finance",
            "amount_minor": 9_900_000,
        },
    }
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/score",
        json={"event": event},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=30,
    )
    assert answer.is_success, answer.text
    return dict(answer.json())
