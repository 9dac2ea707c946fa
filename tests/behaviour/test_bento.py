"""The service as BentoML packs it and serves it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BENTOML: Final = [sys.executable, "-m", "bentoml"]
START_S: Final = 60.0
STOP_S: Final = 10.0


def environment(folder: Path) -> dict[str, str]:
    """This environment with a fresh home, and no word to anybody."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("LIANJING_")}
    return told | {
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(folder / "bentoml"),
        "LIANJING_HOME": str(folder / "home"),
    }


def test_the_bento_holds_the_service_and_what_it_needs(tmp_path: Path) -> None:
    """The packages, templates and migrations are in; commands, training and tests stay out."""
    subprocess.run(
        [*BENTOML, "build", "--output", "tag", "."],
        check=True,
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
    )
    (source,) = (tmp_path / "bentoml" / "bentos" / "lianjing").glob("*/src")
    held = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert {
        "serving/service.py",
        "serving/console/templates/case.html",
        "features/store/migrations/versions/0001_ledger.py",
        "models/bundle.py",
    } <= held
    parts = {tuple(path.split("/")[:2]) for path in held}
    assert not [part for part in parts if part[0] in {"tests", "training", "notebooks"}]
    assert ("serving", "cli") not in parts
    assert not [path for path in held if "node_modules" in path]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The service under BentoML once it answers: its address and its process."""
    port = free_port()
    command = [*BENTOML, "serve", "serving.service:Lianjing", "--host", "127.0.0.1"]
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            env=environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, process, folder / "service.log")
        yield url, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ask /healthz until it answers 200."""
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1) as answer:  # noqa: S310
                if answer.status == HTTPStatus.OK:
                    return
        except OSError:  # not listening yet, or not ready
            time.sleep(0.1)
    pytest.fail(log.read_text())


def test_the_service_runs_under_bentoml(tmp_path: Path) -> None:
    """It lives, refuses a call without key by a problem document, and stops when it is told."""
    with served(tmp_path) as (url, process):
        call = urllib.request.Request(f"{url}/v1/score", data=b"{}", method="POST")  # noqa: S310
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(call, timeout=5)  # noqa: S310
        with caught.value as refused:
            assert refused.code == HTTPStatus.UNAUTHORIZED
            assert refused.headers["content-type"] == "application/problem+json"
            assert json.load(refused)["type"] == "/problems/unauthenticated"
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
    assert (tmp_path / "home" / "ledger.db").exists()
