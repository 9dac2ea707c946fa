"""Processes on one PostgreSQL: one order, nothing lost, nothing twice, nothing half done."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from typing import Final

import pytest

from features.contracts.errors import LedgerError
from features.contracts.events import EPOCH, Event
from features.contracts.verdicts import Verdict
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.store.ledger import Ledger
from features.store.testing import Server
from models.budget import ReviewRule
from models.rolling import RollingWindow, size_for
from serving.reviewing import Reviewer
from serving.scorer import Scorer, Serving
from serving.store import audit, records
from serving.store.past import StoredScores
from serving.testing import KIND, SCENARIO, SmallEngine, payout, small_bundle
from serving.warm import warm

PROCESSES: Final = 3
EVENTS: Final = 40
SHARED: Final = 10
"""Events that every process sends, as a caller does who retries elsewhere."""

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def place(postgres: Server) -> Iterator[str]:
    with postgres.ledger() as url:
        yield url


def ids(process: int) -> list[str]:
    """What a process sends, in its order: its own events, and among them the shared ones."""
    own = [f"P-{process}-{at}" for at in range(EVENTS)]
    shared = [f"S-{at}" for at in range(SHARED)]
    step = EVENTS // SHARED
    return [
        name
        for at, event_id in enumerate(own)
        for name in ([shared[at // step], event_id] if at % step == process else [event_id])
    ]


def scorer_over(ledger: Ledger) -> Scorer:
    serving = Serving(small_bundle(), "d" * 64, "1")
    return Scorer(ledger, SmallEngine(ledger), lambda: serving, scored=(KIND,), budget=0.01)


def score(place: str, process: int) -> None:
    """Score what the process sends, and say the digest of each verdict."""
    with closing(Ledger.open(place)) as ledger:
        scorer = scorer_over(ledger)
        wait()
        for event_id in ids(process):
            answer = scorer.answer(payout(event_id, 1 + len(event_id)))
            say(event_id, audit.digest([answer.body]), answer.is_fresh)


def rolling_over(ledger: Ledger) -> Scorer:
    """A service whose line moves with all that is stored, whoever stored it."""
    serving = Serving(small_bundle(), "d" * 64, "1")
    past = StoredScores(ledger.connection, SCENARIO)
    reviewer = Reviewer(ReviewRule(budget=0.01), line="rolling", past=past)
    engine = SmallEngine(ledger)
    return Scorer(ledger, engine, lambda: serving, scored=(KIND,), reviewer=reviewer)


def review(place: str, process: int) -> None:
    """Score amounts that are all beyond what is ordinary, so that every record moves the line."""
    with closing(Ledger.open(place)) as ledger:
        scorer = rolling_over(ledger)
        wait()
        for event_id in ids(process):
            amount = 20_000 + sum(map(ord, event_id))
            say(event_id, "", scorer.answer(payout(event_id, amount)).is_fresh)


def live_event(event_id: str) -> Event:
    """A payout of one of a few payees: every process writes to the same histories."""
    number = sum(event_id.encode())
    return Event(
        scenario="payouts",
        kind="payout_paid",
        event_id=event_id,
        effective_at=EPOCH + timedelta(days=20_000, minutes=number),
        fields={
            "enterprise": f"E-{number % 3}",
            "authority": "A",
            "category": f"C-{number % 2}",
            "officer": f"O-{number % 2}",
            "amount_minor": 1_000 + 7 * number,
        },
    )


def learn(place: str, process: int) -> None:
    """Compute and append, in one transaction each, and say the digest of each vector."""
    warm(catalog.load("payouts"))  # as a service does, so that nobody compiles under the lock
    with closing(Ledger.open(place)) as ledger:
        engine = LiveEngine(ledger, catalog.load("payouts"))
        with suppress(KeyError), ledger.transaction():
            engine.vector(live_event("warm"))
            raise KeyError  # whatever the first call gave codes to is given again
        wait()
        for event_id in ids(process):
            event = live_event(event_id)
            digest = ""
            with ledger.transaction():
                if ledger.find("payouts", event.kind, event_id, 1) is None:
                    engine.forget()  # other processes append to the same histories
                    digest = engine.vector(event).digest
                    engine.append(ledger.append(event))
            if digest:
                say(event_id, digest, True)


def wait() -> None:
    """Say that all is ready, and wait until the others are."""
    say("ready")
    sys.stdin.readline()


def say(*told: object) -> None:
    os.write(1, json.dumps(told).encode() + b"\n")


@contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """This file as a process of its own; it is killed at the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, *map(str, words)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def side_by_side(job: str, place: str) -> list[tuple[str, str, bool]]:
    """What all processes said that did `job` at the same time."""
    with ExitStack() as stack:
        running = [stack.enter_context(started(job, place, number)) for number in range(PROCESSES)]
        for process in running:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline()) == ["ready"]
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=120)[0] for process in running]
        assert [process.returncode for process in running] == [0] * PROCESSES
    return [tuple(json.loads(line)) for lines in said for line in lines.splitlines()]


def check_order(ledger: Ledger, expected: Iterable[str]) -> None:
    """Each event is there once, and places have no gap."""
    rows = ledger.connection.execute("SELECT seq, event_id FROM event ORDER BY seq").fetchall()
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    assert sorted(event_id for _, event_id in rows) == sorted(expected)


def sent() -> set[str]:
    return {event_id for process in range(PROCESSES) for event_id in ids(process)}


def test_each_event_is_scored_once_whoever_sends_it(place: str) -> None:
    """Verdicts of the same event are the same bytes; event, record and audit row are there once."""
    said = side_by_side("score", place)
    assert len(said) == PROCESSES * (EVENTS + SHARED)
    assert len({(event_id, digest) for event_id, digest, _ in said}) == len(sent())
    assert sorted(event_id for event_id, _, is_fresh in said if is_fresh) == sorted(sent())
    with closing(Ledger.open(place)) as ledger:
        check_order(ledger, sent())
        order = "SELECT seq FROM record ORDER BY record"
        assert [row[0] for row in ledger.connection.execute(order)] == list(
            range(1, len(sent()) + 1)
        )
        assert audit.verify(ledger) is None


def test_a_serial_replay_gives_the_same_vectors(place: str) -> None:
    """Each vector was computed from all events before its place, whichever process wrote them."""
    said = {event_id: digest for event_id, digest, _ in side_by_side("learn", place)}
    assert said.keys() == sent()
    with closing(Ledger.open(place)) as ledger, closing(Ledger.in_memory()) as other:
        check_order(ledger, sent())
        engine, fresh = (LiveEngine(one, catalog.load("payouts")) for one in (ledger, other))
        for stored in ledger.iter_events("payouts"):
            event = stored.event
            assert engine.vector(event, stored=stored).digest == said[event.event_id]
            with other.transaction():
                assert fresh.vector(event).digest == said[event.event_id]
                fresh.append(other.append(event, now_us=stored.observed_us))


def test_a_moving_line_misses_no_record_of_any_process(place: str) -> None:
    """The line in each record is the one that all records before it draw, in their order."""
    said = side_by_side("review", place)
    assert sorted(event_id for event_id, _, is_fresh in said if is_fresh) == sorted(sent())
    window = RollingWindow.seeded(small_bundle().calibration.scores, size_for(0.01))
    with closing(Ledger.open(place)) as ledger:
        rows = records.after(ledger.connection, 0, 10_000)
    lines = []
    for at, row in rows:
        found = Verdict.model_validate_json(row.verdict).review
        assert found is not None
        lines.append(found.threshold)
        assert found.threshold == window.threshold(0.01)
        window.observe(at, float(row.amount_minor or 0))
    assert len(lines) == len(sent())
    assert len(set(lines)) > PROCESSES


def hold(place: str) -> None:
    """Do everything of a verdict but the commit, and wait."""
    with closing(Ledger.open(place)) as ledger, ledger.transaction():
        scorer_over(ledger).score(payout("P-half"))
        say("held")
        sys.stdin.read()


def test_what_a_killed_process_left_open_never_was(place: str) -> None:
    """Nothing of it is seen before or after, and the next writer is let in."""
    with closing(Ledger.open(place)) as ledger:
        scorer_over(ledger).score(payout("P-1"))
        with started("hold", place) as other:
            assert other.stdout is not None
            assert other.stdout.readline()
            assert ledger.head == 1
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert scorer_over(ledger).answer(payout("P-half")).is_fresh
        check_order(ledger, ["P-1", "P-half"])
        assert audit.verify(ledger) is None


def test_a_lost_connection_is_told_and_the_next_transaction_has_a_new_one(
    place: str, postgres: Server
) -> None:
    """Lost within a transaction it takes all back; lost while idle it costs nobody an error."""
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'made_%'"
    with closing(Ledger.open(place)) as ledger:
        scorer = scorer_over(ledger)
        scorer.score(payout("P-1"))

        def score_and_lose() -> None:
            with ledger.transaction():
                scorer.score(payout("P-2"))
                postgres.execute(kill)
                scorer.score(payout("P-3"))

        with pytest.raises(LedgerError, match="cannot be used now"):
            score_and_lose()
        scorer.score(payout("P-2"))
        postgres.execute(kill)
        scorer.score(payout("P-3"))
        check_order(ledger, ["P-1", "P-2", "P-3"])
        assert audit.verify(ledger) is None


if __name__ == "__main__":
    jobs = {"score": score, "review": review, "learn": learn, "hold": lambda place, *_: hold(place)}
    jobs[sys.argv[1]](sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
