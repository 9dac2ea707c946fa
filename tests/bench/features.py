"""The feature engine against its bars and its peers, side by side in one run.

Run by `make bench-features`; prints a table and writes `build/bench/features.json`. `--only` takes
the keys that are wanted, `--rows` the size of the plain history, `--quick` measures one round over
a tenth of the events. Bars hold at full size alone. Fails where cells differ.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from serving.cli import show
from tests.bench import batch, live, memory, paths
from tests.bench.bars import BARS
from tests.bench.batch import PEERS
from tests.bench.finding import Finding, Size, Tell

OUT: Final = Path("build/bench/features.json")
FULL: Final = Size()
_MET: Final = {True: "yes", False: "no", None: ""}
LIBRARIES: Final = ("numpy", "numba", "polars", "duckdb", "pandas", "pyarrow")


@dataclass(frozen=True)
class Part:
    """What is measured together: the keys it gives, and how, given those that are wanted."""

    keys: tuple[str, ...]
    measure: Callable[[Sequence[str], Size, Tell], Finding]


@dataclass(frozen=True)
class Figure:
    """A figure beside its bar."""

    key: str
    what: str
    value: float
    bar: str
    met: bool | None


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


def main() -> None:
    """Measure what is wanted, show it and write it down."""
    wanted, size = _asked()
    found: list[Finding] = []
    with _telling() as tell:
        for part in PARTS:
            keys = [key for key in part.keys if key in wanted]
            if keys:
                found.append(part.measure(keys, size, tell))
                _write(found, size)
    _show(found, size)
    different = sum(finding.different for finding in found)
    if different:
        raise SystemExit(f"{different:,} cells differ; {OUT} says where")


def _asked() -> tuple[list[str], Size]:
    parser = argparse.ArgumentParser(prog="tests.bench.features", description=__doc__)
    known = [key for part in PARTS for key in part.keys]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="KEY")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    plain = Size(FULL.rows // 10, 1) if asked.quick else FULL
    return asked.only, Size(asked.rows or plain.rows, plain.rounds)


@contextmanager
def _telling() -> Iterator[Tell]:
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=show.err
    ) as bar:
        task = bar.add_task("")
        yield lambda text: bar.update(task, description=text)


def _write(found: Sequence[Finding], size: Size) -> None:
    """Write down what was found so far."""
    content = {
        "rows": size.rows,
        "rounds": size.rounds,
        "machine": _machine(),
        "figures": {figure.key: asdict(figure) for figure in _figures(found, size)},
        "detail": {key: value for finding in found for key, value in finding.detail.items()},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _show(found: Sequence[Finding], size: Size) -> None:
    rows = [
        (figure.key, f"{figure.value:,.4g}", figure.bar, _MET[figure.met], figure.what)
        for figure in _figures(found, size)
    ]
    title = f"feature engine: {size.rows:,} events, {size.rounds} rounds"
    show.table(title, ["figure", "value #", "bar #", "met", "what"], rows)


def _figures(found: Sequence[Finding], size: Size) -> list[Figure]:
    values = {key: value for finding in found for key, value in finding.values.items()}
    return [_figure(key, values[key], size) for key in BARS if key in values]


def _figure(key: str, value: float, size: Size) -> Figure:
    bar = BARS[key]
    met = bar.met(value) if size.rows == FULL.rows else None
    return Figure(key, bar.what, value, bar.text, met)


def _machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
