"""Two services over one PostgreSQL: either answers, whatever the other did or how it ended."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from features.contracts.settings import Settings
from features.store.deployments import deploy
from features.store.ledger import Ledger
from features.store.testing import Server
from serving.cli.client import ScoreClient
from serving.store import audit
from serving.testing import payout, small_posts

KEY: Final = "only-for-these-tests"
START_S: Final = 60.0
EVENTS: Final = 30

pytestmark = pytest.mark.needs("postgres")


def serve(home: str, port: str) -> None:
    """A service with a small model, as an installation of its own would run it."""
    import uvicorn  # noqa: PLC0415  (of the other process)

    from serving.app import create_app  # noqa: PLC0415
    from serving.opening import open_desk  # noqa: PLC0415

    settings = Settings(home=Path(home), api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest())
    app = create_app(settings, opener=partial(open_desk, make_posts=small_posts))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


@contextmanager
def running(home: Path, store: str) -> Iterator[tuple[subprocess.Popen[bytes], ScoreClient]]:
    """A service of its own process, ready, and a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LIANJING_STORE": store,
    }
    command = [sys.executable, __file__, str(home), str(port)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            with ScoreClient(f"http://127.0.0.1:{port}", KEY) as client:
                deadline = time.monotonic() + START_S
                while not client.ready():
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                yield process, client
        finally:
            process.kill()


@pytest.fixture
def store(postgres: Server) -> Iterator[str]:
    """A ledger with a champion."""
    with postgres.ledger() as url:
        with closing(Ledger.open(SecretStr(url))) as ledger:
            deploy(ledger, "payouts", digest="d" * 64, model_version="1", by="test")
        yield url


def test_either_service_answers_and_both_write_one_chain(store: str, tmp_path: Path) -> None:
    """The same event gets one verdict from both; one service's end leaves the other at work."""
    events = [payout(f"P-{at}", 1 + at) for at in range(EVENTS)]

    def sent(client: ScoreClient) -> list[dict[str, Any]]:
        return [client.score(event) for event in events]

    with ExitStack() as stack:
        (first, one), (_, other) = (stack.enter_context(running(tmp_path, store)) for _ in range(2))
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(sent, (one, other)))
        assert answers[0] == answers[1]
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert sent(other) == answers[0]
        other.score(payout("P-after"))
    with closing(Ledger.open(store)) as ledger:
        assert ledger.head == EVENTS + 1
        assert audit.verify(ledger) is None


if __name__ == "__main__":
    serve(*sys.argv[1:])
