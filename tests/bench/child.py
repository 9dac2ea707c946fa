"""One job in a process of its own: its CPU seconds, wall seconds and peak memory, as JSON.

    python -m tests.bench.child run ENGINE TASK HISTORY [CELLS]
    python -m tests.bench.child build HISTORY OUT
    python -m tests.bench.child live PLACE STREAM

A timed run follows one over the first rows of the same history, so that nothing is compiled in
it; reading the history and putting it into the engine's form come before, writing its cells after.
Just before it, another process fills and leaves as much memory as a run may ask for: where a
virtual machine gives free memory back, its host would otherwise hand it out anew, at up to two
seconds a GB of whoever touches it first, in one run and not in the next.
"""

import json
import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import polars as pl

from tests.bench.engine import Engine

MODULES: Final = {
    "ours": "tests.bench.ours",
    "polars": "tests.bench.peers.polars",
    "polars_sorted": "tests.bench.peers.polars_sorted",
    "duckdb": "tests.bench.peers.duckdb",
    "pandas": "tests.bench.peers.pandas",
}
WARM_UP_ROWS: Final = 5_000
ROW_BYTES: Final = 400
"""Memory a row that is made ready before a run."""
_FILL: Final = "import sys, numpy; numpy.empty(int(sys.argv[1]), numpy.uint8)[::4096] = 1"
"""Touches every page once, in pages as large as those of arrays."""


class Meter:
    """Seconds since it was made, of this process and its children, and the peak of its memory."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._cpu = self._spent()

    @staticmethod
    def _spent() -> float:
        used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in used)

    def read(self) -> dict[str, float]:
        """What was used so far."""
        return {
            "cpu_s": self._spent() - self._cpu,
            "wall_s": time.perf_counter() - self._began,
            "peak_gb": _peak_kib() * 1024 / 1e9,
        }


def _peak_kib() -> int:
    """Peak of this program's resident memory; `ru_maxrss` would count its parent's before it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def run(engine: Engine[Any, Any], task: str, history: Path, out: Path | None) -> dict[str, float]:
    """Time one task of an engine; write its cells where `out` says so."""
    compute = engine.tasks[task]
    frame = pl.read_parquet(history)
    first = Meter()
    compute(engine.prepare(frame.head(WARM_UP_ROWS)))
    first_cpu_s = first.read()["cpu_s"]
    events = engine.prepare(frame)
    subprocess.run([sys.executable, "-c", _FILL, str(ROW_BYTES * frame.height)], check=True)
    meter = Meter()
    answer = compute(events)
    usage = meter.read()
    if out:
        engine.cells(answer).write_parquet(out)
    return {**usage, "first_cpu_s": first_cpu_s}


def build(history: Path, out: Path) -> dict[str, float]:
    """Time the features of a file, written to a file."""
    from features.build import build as build_features  # noqa: PLC0415  (part of what is timed)
    from tests.bench.scenario import scenario  # noqa: PLC0415

    meter = Meter()
    built = build_features([history], scenario("trailing"), out)
    return {**meter.read(), "events": built.events}


def live(place: str, stream: Path) -> dict[str, float]:
    """Time the calls of a stream over a filled store: a file, or a server's address."""
    from tests.bench.stream import timed  # noqa: PLC0415  (only this job needs a database)

    found = timed(place if "://" in place else Path(place), stream)
    return {**found, "peak_gb": _peak_kib() * 1024 / 1e9}


def main(arguments: list[str]) -> None:
    """Do the job and print what it used."""
    match arguments:
        case ["run", engine, task, history, *out]:
            module = import_module(MODULES[engine])
            usage = run(module.ENGINE, task, Path(history), Path(out[0]) if out else None)
        case ["build", history, path]:
            usage = build(Path(history), Path(path))
        case ["live", place, stream]:
            usage = live(place, Path(stream))
        case _:
            raise SystemExit(__doc__)
    sys.stdout.write(json.dumps(usage))


if __name__ == "__main__":
    main(sys.argv[1:])
