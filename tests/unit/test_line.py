"""The line and its client: what is scored, how a service ends, how long a call waits."""

import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from features.contracts.errors import LedgerError
from features.contracts.events import Event
from serving.cli.client import ScoreClient, pause_s
from serving.cli.line import Line, score_all, stop

SCORED = ("payout_requested", "payout_paid")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def event(kind, event_id, version=1):
    return Event(
        scenario="payouts",
        kind=kind,
        event_id=event_id,
        version=version,
        effective_at=NOW,
        fields={"amount_minor": 1},
    )


class Recorder(ScoreClient):
    """A client that keeps what it was asked."""

    def __init__(self):
        super().__init__("http://127.0.0.1:9", "key")
        self.sent = []

    def score(self, event, **_):
        self.sent.append(("score", event.kind, event.event_id, event.version))
        return {}

    def tell(self, event):
        self.sent.append(("tell", event.kind, event.event_id, event.version))


def test_a_payment_after_its_request_is_history():
    """What was scored as a request is not scored again; what nothing came before is."""
    client = Recorder()
    client._http.close()
    told = [
        event("payout_requested", "P-1"),
        event("payout_paid", "P-1"),
        event("payout_paid", "P-2"),
        event("payout_cancelled", "P-1"),
        event("payout_paid", "P-2", 2),
        event("payout_requested", "P-2"),
        event("payout_paid", "P-2", 3),
    ]
    answered = score_all(client, told, SCORED)

    assert client.sent == [
        ("score", "payout_requested", "P-1", 1),
        ("tell", "payout_paid", "P-1", 1),
        ("score", "payout_paid", "P-2", 1),
        ("tell", "payout_cancelled", "P-1", 1),
        ("score", "payout_paid", "P-2", 2),
        ("score", "payout_requested", "P-2", 1),
        ("tell", "payout_paid", "P-2", 3),
    ]
    assert answered.events == [told[0], told[2], told[4], told[5]]


def test_a_process_that_does_not_listen_is_killed():
    """Asked first; after the patience is over it is gone all the same."""
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    stop(process, patience_s=0.2)
    process.stdout.close()

    assert process.returncode == -9


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A line whose service is a process that sleeps, and the processes it has started."""
    processes = []
    start = subprocess.Popen

    def popen(_words, **options):
        processes.append(start([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return processes[-1]

    monkeypatch.setattr("serving.cli.line.subprocess.Popen", popen)
    monkeypatch.setattr(Line, "_wait", lambda *_: None)
    yield Line(tmp_path, port=9), processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("keep", "fails", "is_up"), [(1, 0, 1), (1, 1, 0), (0, 0, 0), (0, 1, 0)])
def test_a_service_is_kept_only_after_a_run_that_succeeded(started, keep, fails, is_up):
    """A failed run leaves nothing behind, whatever was wished."""
    line, processes = started
    outcome = pytest.raises(KeyError) if fails else contextlib.nullcontext()
    with outcome, line.service(keep=bool(keep)):
        {0: "fine"}[fails]

    assert (processes[0].poll() is None) == bool(is_up)


@pytest.fixture
def starting(tmp_path, monkeypatch):
    """`starting(words)`: a line whose service is a process of Python that runs these words."""
    start = subprocess.Popen

    def line(words):
        monkeypatch.setattr(
            "serving.cli.line.subprocess.Popen",
            lambda _, **options: start([sys.executable, "-c", words], **options),
        )
        return Line(tmp_path, port=9)

    return line


def test_a_service_that_ends_before_it_is_ready_is_named_with_its_log(starting, tmp_path):
    """At once, however long a start may take."""
    with (
        pytest.raises(LedgerError, match="ended before it was ready") as told,
        starting("").service(),
    ):
        pytest.fail("no service ran")
    assert str(tmp_path / "service.log") in str(told.value)


def test_a_slow_start_is_told_of_and_ends_at_the_limit(starting, monkeypatch, capsys):
    """One line says what takes so long; a service that hangs is stopped."""
    monkeypatch.setattr("serving.cli.line._TOLD_S", 0.1)
    monkeypatch.setattr("serving.cli.line._START_S", 0.5)
    line = starting("import time; time.sleep(60)")
    with pytest.raises(LedgerError, match="not ready after"), line.service():
        pytest.fail("no service ran")

    assert capsys.readouterr().err.count("compiles its kernels") == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.pid_file.read_text()), 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("Sun, 01 Mar 2026 12:00:05 GMT", 5.0),
        ("Sun, 01 Mar 2026 12:00:05 -0000", 5.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("86400", 30.0),
        ("soon", 0.2),
        ("", 0.2),
        ("-1", 0.2),
        ("nan", 0.2),
    ],
)
def test_a_service_says_in_seconds_or_by_date_when_to_come_back(text, seconds):
    """What cannot be read, or is beyond reason, stops nobody."""
    assert pause_s(text, NOW) == seconds


def test_a_date_to_come_back_at_is_heeded():
    """A call that was put off by a date is sent again."""
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    answers = [httpx.Response(503, headers={"Retry-After": past}), httpx.Response(200, json={})]
    with ScoreClient("http://127.0.0.1:9", "key") as client:
        client._http.close()
        client._http = httpx.Client(
            base_url=client.url, transport=httpx.MockTransport(lambda _: answers.pop(0))
        )
        assert client.score(event("payout_paid", "P-1")) == {}
    assert answers == []
