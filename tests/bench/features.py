"""The feature engine against its bars and its peers, side by side in one run.

Run by `make bench-features`; prints a table and writes `build/bench/features.json`. `--only` takes
the keys that are wanted, `--rows` the size of the plain history, `--quick` measures one round over
a tenth of the events. Bars hold at full size alone. Fails where cells differ.
"""

from functools import partial
from pathlib import Path
from typing import Final

from tests.bench import batch, live, memory, paths
from tests.bench.bars import BARS
from tests.bench.batch import PEERS
from tests.bench.finding import Size
from tests.bench.runner import Part, Suite


def _peers(task: str) -> Part:
    keys = tuple(key for key, (_, of) in PEERS.items() if of == task)
    return Part(keys, partial(batch.peers, task))


PARTS: Final = (
    Part(("compile_first_s", "compile_cached_s"), batch.compilation),
    _peers("trailing"),
    _peers("distinct"),
    _peers("mad"),
    Part(("growth_10x",), batch.growth),
    Part(("late_ratio",), batch.late),
    Part(("cells_compared", "cells_compared_least", "cells_different"), paths.compare),
    Part(("peak_gb_50m",), memory.peak),
    Part(
        ("live_p50_us", "live_p99_us", "live_pg_p50_us", "append_p50_us", "disk_sync_p50_us"),
        live.measure,
    ),
)


SUITE: Final = Suite(
    title="feature engine",
    parts=PARTS,
    bars=BARS,
    full=Size(),
    out=Path("build/bench/features.json"),
    libraries=("numpy", "numba", "polars", "duckdb", "pandas", "pyarrow"),
)


if __name__ == "__main__":
    SUITE.run(__doc__)
