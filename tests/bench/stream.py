"""A stream of events through the live engine: each scored first, then appended."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from features.contracts.vectors import Vector
from features.live.engine import LiveEngine
from features.store.ledger import Ledger
from tests.bench.scenario import scenario
from tests.bench.stored import told

WARM_CALLS: Final = 300
MARKS: Final = {"p50_us": 50, "p90_us": 90, "p99_us": 99, "max_us": 100}


@dataclass(frozen=True)
class Call:
    """One event of the stream: its place in the ledger, its features, and what they took."""

    seq: int
    values: Vector | None
    features_us: float
    append_us: float


def calls(ledger: Ledger, coming: pl.DataFrame) -> Iterator[Call]:
    """Score and append each row; what is retracted is appended alone."""
    engine = LiveEngine(ledger, scenario("live"))
    for event in list(told(coming)):
        began = time.perf_counter()
        values = None if event.retracted else engine.values(event)[0]
        scored = time.perf_counter()
        with ledger.transaction():
            stored = ledger.append(event)
            engine.append(stored)
        ended = time.perf_counter()
        yield Call(stored.seq, values, 1e6 * (scored - began), 1e6 * (ended - scored))


def timed(place: Path | str, stream: Path) -> dict[str, float]:
    """Percentiles of features and append over the stored events, once warm."""
    made = list(calls(Ledger.open(place), pl.read_parquet(stream)))[WARM_CALLS:]
    features = [call.features_us for call in made if call.values is not None]
    appends = [call.append_us for call in made]
    return {
        f"{what}_{mark}": float(np.percentile(taken, share))
        for what, taken in (("features", features), ("append", appends))
        for mark, share in MARKS.items()
    }
