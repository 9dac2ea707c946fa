"""Live figures: the features of one new event over a large store, and its append.

A ledger is filled in a file and copied to a server on loopback. Each is measured in a process that
opens it anew: every event of the stream is scored first and appended afterwards, and each append is
committed to disk.
"""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import psycopg

from features.contracts.settings import Place
from features.live.engine import LiveEngine
from features.store.ledger import Ledger
from features.store.testing import binaries, server
from tests.bench.batch import DATA, child
from tests.bench.finding import Finding, Size, Tell
from tests.bench.scenario import LIVE, scenario
from tests.bench.stored import divided, fill

STREAM: Final = 3_300
"""Events that come; of these the first `stream.WARM_CALLS` are not counted."""
PORT: Final = 54_399
"""Where a server of the benchmark's own listens on loopback."""
SYNCS: Final = 300
ON_SERVER: Final = "live_pg_p50_us"


def measure(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Features and append over a store of five times the events, in a file and on a server."""
    tell("a history for a store")
    events, coming = divided(5 * size.rows, STREAM)
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        path, stream = Path(folder) / "ledger.db", Path(folder) / "stream.parquet"
        coming.write_parquet(stream)
        ledger = Ledger.open(path)
        fill(ledger, events, tell)
        used: dict[str, Mapping[str, float]] = {}
        if ON_SERVER in keys and binaries():
            used["postgresql"] = _on_server(ledger, stream, tell)
        ledger.close()
        if set(keys) - {ON_SERVER}:
            synced = {"sync_p50_us": _sync_us(Path(folder) / "page")}
            used["sqlite"] = {**_timed(path, stream, tell), **synced}
    figures = _figures(used)
    detail = {"features": [of.name for of in LIVE], "events": len(events), **used}
    return Finding({key: figures[key] for key in keys if key in figures}, {"live": detail})


def _figures(used: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    figures = {}
    if "sqlite" in used:
        figures["live_p50_us"] = used["sqlite"]["features_p50_us"]
        figures["live_p99_us"] = used["sqlite"]["features_p99_us"]
        figures["append_p50_us"] = used["sqlite"]["append_p50_us"]
        figures["disk_sync_p50_us"] = used["sqlite"]["sync_p50_us"]
    if "postgresql" in used:
        figures[ON_SERVER] = used["postgresql"]["features_p50_us"]
    return figures


def _timed(place: Path | str, stream: Path, tell: Tell) -> Mapping[str, float]:
    """What the stream's calls take over a ledger, once its histories are made."""
    tell(f"histories on {_kind(place)}")
    ledger = Ledger.open(place)
    LiveEngine(ledger, scenario("live"))
    ledger.close()
    tell(f"one event after the other on {_kind(place)}")
    return child("live", str(place), str(stream))


def _kind(place: Place) -> str:
    return "SQLite" if isinstance(place, Path) else "PostgreSQL"


def _on_server(ledger: Ledger, stream: Path, tell: Tell) -> Mapping[str, float]:
    """The same over a server that commits to disk, its ledger a copy of `ledger`."""
    with server(port=PORT, shared_buffers="512MB") as made, made.ledger() as place:
        tell("a copy of the ledger on PostgreSQL")
        _copy(ledger, place)
        return _timed(place, stream, tell)


def _copy(ledger: Ledger, place: str) -> None:
    rows = ledger.connection.execute("SELECT * FROM event ORDER BY seq", ())
    with (
        psycopg.connect(place) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY event FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE event")


def _sync_us(path: Path) -> float:
    """Microseconds that the disk takes to keep a page: what no durable commit can go below."""
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(1e6 * (time.perf_counter() - began))
    return median(taken)
