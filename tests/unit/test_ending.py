"""Signals: a command that is told to end leaves nothing half-written."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Final

import polars as pl
import pytest

from serving.cli import ending

STALLED: Final = """
import time
import pyarrow.parquet as pq
from serving.cli import main

def stall(*_, **__):
    print("writing", flush=True)
    time.sleep(300)

pq.ParquetWriter.write_table = stall
main()
"""


@pytest.fixture(autouse=True)
def as_given() -> Iterator[None]:
    """Signals as a system gives them, under `nohup` too."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ending.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """One payment, and no repairs."""
    events, repairs = tmp_path / "events.parquet", tmp_path / "repairs.parquet"
    one = {"effective_at": [10**15], "enterprise": ["E"]}
    pl.DataFrame(one | {"amount_minor": [1]}).write_parquet(events)
    pl.DataFrame(one)[:0].write_parquet(repairs)
    return events, repairs


@pytest.mark.parametrize("number", ending.SIGNALS, ids=lambda number: number.name)
def test_a_build_that_is_told_to_end_leaves_nothing(
    files: tuple[Path, Path], tmp_path: Path, number: signal.Signals
) -> None:
    """What stood there before stands there after, and the exit code says which signal it was."""
    events, repairs = files
    out = tmp_path / "out" / "table.parquet"
    out.parent.mkdir()
    out.write_bytes(b"before")
    words = ("--out", str(out), "--from", str(events), "--source", f"credit_repairs={repairs}")
    command = [sys.executable, "-c", STALLED, "features", "build", "payouts", *words]
    paths = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": paths, "LIANJING_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        assert len(list(out.parent.iterdir())) == 2
        process.send_signal(number)

    assert process.returncode == 128 + number
    assert out.read_bytes() == b"before"
    assert [path.name for path in out.parent.iterdir()] == ["table.parquet"]


def test_an_ignored_signal_stays_ignored() -> None:
    """As `nohup` wants it; the other one is taken."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending.orderly():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_signal_does_not_interrupt_the_end() -> None:
    """What is tidied up is tidied up whole."""
    steps = list[str]()

    def told_twice() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGHUP)
            steps.append("tidied")

    with pytest.raises(SystemExit) as ended, ending.orderly():
        told_twice()

    assert (ended.value.code, steps) == (128 + signal.SIGTERM, ["tidied"])


def test_a_server_sees_to_its_own_end() -> None:
    """It gets the signals as the system gives them."""
    with ending.orderly():
        ending.at_once()

        assert [signal.getsignal(number) for number in ending.SIGNALS] == [signal.SIG_DFL] * 2


def test_beside_the_main_thread_nothing_is_taken() -> None:
    """Only the main thread may."""
    found = list[object]()

    def look() -> None:
        with ending.orderly():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = Thread(target=look)
    thread.start()
    thread.join()

    assert found == [signal.SIG_DFL]
