"""Live paths: a stream of events scored one by one over a ledger, against batch over the same."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from features.batch import build
from features.store.ledger import Ledger
from features.store.testing import server
from tests.bench.finding import Tell
from tests.bench.parity import bits
from tests.bench.scenario import scenario
from tests.bench.stored import divided, fill
from tests.bench.stream import calls


@contextmanager
def in_memory() -> Iterator[Ledger]:
    """A ledger that is never written to disk."""
    yield Ledger.in_memory()


@contextmanager
def in_sqlite() -> Iterator[Ledger]:
    """A ledger in a file."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "ledger.db")
        yield ledger
        ledger.close()


@contextmanager
def in_postgresql() -> Iterator[Ledger]:
    """A ledger in a server of its own."""
    with server() as made, made.ledger() as place:
        ledger = Ledger.open(place)
        yield ledger
        ledger.close()


def replayed(ledger: Ledger, rows: int, tell: Tell) -> tuple[int, dict[str, int]]:
    """Cells compared, and those that differ by feature: half the events loaded, half streamed."""
    events, coming = divided(rows // 2, rows - rows // 2)
    fill(ledger, events, tell)
    made = {call.seq: call.values for call in calls(ledger, coming) if call.values is not None}
    table = build(ledger, scenario("live"))
    streamed = np.isin(table.seq, list(made))
    live = pl.DataFrame(
        np.array([made[seq] for seq in table.seq[streamed].tolist()]), table.names, orient="row"
    )
    batch = pl.DataFrame(table.values[streamed], table.names, orient="row")
    if len(live) != len(made):
        raise SystemExit(f"batch scores {len(live):,} of {len(made):,} streamed events")
    return live.width * len(live), bits(batch, live)
