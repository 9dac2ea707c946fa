"""kill -9 in the middle of writing: nothing acknowledged is lost, nothing is there twice."""

import os
import signal
import subprocess
import sys
from typing import Final

from features.contracts.settings import Place
from features.store.ledger import Ledger
from serving.scorer import Scorer, Serving
from serving.store import audit
from serving.testing import KIND, SmallEngine, payout, small_bundle

KILLS: Final = 4
WANTED: Final = 60
"""Acknowledgements that are read before each kill."""


def scorer_over(ledger: Ledger) -> Scorer:
    serving = Serving(small_bundle(), "d" * 64, "1")
    return Scorer(ledger, SmallEngine(ledger), lambda: serving, scored=(KIND,), budget=0.01)


def write_for_ever(place: str, first: int) -> None:
    """Score one event after the other; say each id once its verdict is committed."""
    scorer, number = scorer_over(Ledger.open(place)), first
    while True:
        scorer.score(payout(f"P-{number}", 1 + number))
        os.write(1, f"{number}\n".encode())
        number += 1


def killed_writer(place: Place, first: int) -> int:
    """Run a writer, kill it in the middle, and give the last id it acknowledged."""
    command = [sys.executable, __file__, str(place), str(first)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for _ in range(WANTED):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
        return int(said[-1]) if said else first + WANTED - 1


def test_nothing_acknowledged_is_lost_and_retries_add_nothing(store: Place, ledger: Ledger) -> None:
    """After each kill every acknowledged event is there once, with record and audit row."""
    last = 0
    for _ in range(KILLS):
        last = killed_writer(store, last)
    scorer = scorer_over(ledger)
    answers = [scorer.answer(payout(f"P-{n}", 1 + n)) for n in range(last + 1)]
    assert not any(answer.is_fresh for answer in answers)
    counts = [
        ledger.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("event", "record", "audit")
    ]
    assert counts[0] == counts[1] == counts[2] >= last + 1
    if ledger.connection.dialect == "sqlite":
        assert ledger.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert audit.verify(ledger) is None


if __name__ == "__main__":
    write_for_ever(sys.argv[1], int(sys.argv[2]))
