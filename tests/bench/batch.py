"""Batch figures: CPU against the peers, growth, late rows and compilation.

Every run is a process of its own. Ratios are of medians over rounds in which the engines take
turns, so that a busy machine slows them alike.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import polars as pl

from features.frames import compute
from tests.bench.definition import Definition
from tests.bench.finding import Finding, Size, Tell
from tests.bench.history import History
from tests.bench.judge import Verdict, judge
from tests.bench.parity import against_peer
from tests.bench.scenario import FEATURES, TRAILING, scenario

DATA: Final = Path("build/bench/data")
LATE_SHARE: Final = 0.05
SAMPLE: Final = 300
"""Events whose cells are held to the definition."""
PEERS: Final = {
    "cpu_ratio_polars": ("polars", "trailing"),
    "cpu_ratio_polars_sorted": ("polars_sorted", "trailing"),
    "cpu_ratio_duckdb": ("duckdb", "trailing"),
    "cpu_ratio_pandas": ("pandas", "trailing"),
    "cpu_ratio_polars_distinct": ("polars_sorted", "distinct"),
    "cpu_ratio_duckdb_mad": ("duckdb", "mad"),
}
"""Peer and task of each ratio."""

Usage = Mapping[str, float]


@dataclass(frozen=True)
class Job:
    """One engine at one task over one history."""

    engine: str
    task: str
    history: Path


def child(*arguments: str, cache: Path | None = None) -> Usage:
    """What a process of `tests.bench.child` says that it used."""
    place = {"NUMBA_CACHE_DIR": str(cache)} if cache else {}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.child", *arguments],
        env=os.environ | place,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    usage: Usage = json.loads(done.stdout)
    return usage


@cache
def written(history: History) -> Path:
    """The history as a file, made once a run."""
    shares = (history.late_share, history.corrected_share)
    return history.write(DATA / f"{history.rows}{'_late' if any(shares) else ''}.parquet")


def rounds(jobs: Sequence[Job], number: int, tell: Tell, cells: Path | None = None) -> list[Usage]:
    """Medians of what each job used, the jobs taking turns; the first round writes the cells."""
    used: dict[Job, list[Usage]] = {job: [] for job in jobs}
    for turn in range(number):
        for job in jobs:
            tell(f"{job.engine} {job.task} {job.history.stem}, round {turn + 1} of {number}")
            out = [str(cells / f"{job.engine}.parquet")] if cells and not turn else []
            used[job].append(child("run", job.engine, job.task, str(job.history), *out))
    return [_medians(usages) for usages in used.values()]


def _medians(usages: Sequence[Usage]) -> Usage:
    return {name: median(usage[name] for usage in usages) for name in usages[0]}


def peers(task: str, keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Ratios of CPU among `keys` at one task, and the cells that differ from each peer's."""
    names = [PEERS[key][0] for key in keys]
    history = written(History(size.rows))
    jobs = [Job(name, task, history) for name in ("ours", *names)]
    with tempfile.TemporaryDirectory() as folder:
        used = dict(
            zip(("ours", *names), rounds(jobs, size.rounds, tell, Path(folder)), strict=True)
        )
        tell(f"comparing the cells of {task}")
        verdicts = {name: _judged(task, history, Path(folder), name) for name in names}
    ratios = {key: used[PEERS[key][0]]["cpu_s"] / used["ours"]["cpu_s"] for key in keys}
    cells = {name: asdict(verdict) for name, verdict in verdicts.items()}
    different = sum(sum(verdict.different.values()) for verdict in verdicts.values())
    return Finding(ratios, {task: {"used": used, "cells": cells}}, different)


def _judged(task: str, history: Path, folder: Path, peer: str) -> Verdict:
    ours, theirs = (pl.read_parquet(folder / f"{name}.parquet") for name in ("ours", peer))
    return judge(pl.read_parquet(history), ours, theirs, FEATURES[task])


def growth(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """CPU of ten times the events over CPU of the events."""
    tell(f"writing {10 * size.rows:,} events")
    histories = [written(History(size.rows)), written(History(10 * size.rows))]
    return _ratio(keys[0], histories, size, tell)


def late(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """CPU with late rows over CPU with none; a sample of the cells is held to the definition."""
    tell(f"writing {size.rows:,} events, some late")
    histories = [written(History(size.rows)), written(History(size.rows, late_share=LATE_SHARE))]
    found = _ratio(keys[0], histories, size, tell)
    tell("holding a sample of the late history to the definition")
    different = _undefined(pl.read_parquet(histories[1]))
    detail = {"different_from_definition": different}
    return Finding(found.values, {**found.detail, **detail}, sum(different.values()))


def _undefined(events: pl.DataFrame) -> dict[str, int]:
    """Cells of a sample of events that are not as defined."""
    rng = np.random.default_rng(events.height)
    rows = np.sort(rng.choice(events.height, SAMPLE, replace=False)).tolist()
    cells = compute(events, scenario("trailing"))[rows]
    wrong = against_peer(Definition(events).cells(rows, TRAILING), cells)
    return {name: len(found) for name, found in wrong.items()}


def _ratio(key: str, histories: Sequence[Path], size: Size, tell: Tell) -> Finding:
    jobs = [Job("ours", "trailing", history) for history in histories]
    plain, changed = rounds(jobs, size.rounds, tell)
    detail = {key: {"plain": plain, "changed": changed}}
    return Finding({key: changed["cpu_s"] / plain["cpu_s"]}, detail)


def compilation(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """CPU seconds of the first features: with nothing compiled, and in the next process."""
    job = ("run", "ours", "trailing", str(written(History(size.rows))))
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for text in ("with nothing compiled", "compiled before"):
            tell(f"first features of a process, {text}")
            seconds.append(child(*job, cache=Path(folder))["first_cpu_s"])
    both = dict(zip(("compile_first_s", "compile_cached_s"), seconds, strict=True))
    return Finding({key: both[key] for key in keys})
