"""One contestant of a comparison in a process of its own: fitted, timed, then checked.

A process can be stopped whatever it is doing, and its memory is bounded; what it raises, or that
it died, becomes a line of the table, and the others go on.
"""

import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final, Literal

import numpy as np

from features.contracts.vectors import Matrix, Vector
from models.checks import Finding, Scorer, iter_findings
from models.fitting.contestants import fitter, size_bytes, subject

_SPEND_S: Final = 1.0
"""Seconds that timing single rows, and a batch, may take beyond the first call."""
_MOST_CALLS: Final = 300
_PRELOAD: Final = ("training.contestant",)

Status = Literal["ok", "raised", "time limit", "died", "not available"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is fitted and scored, and how long it may take."""

    name: str
    x: Matrix
    held_out: Matrix
    columns: tuple[str, ...]
    seed: int
    limit_s: float
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Times and size of one fitted contestant, and its scores of the held-out rows."""

    fit_s: float
    row_us: float | None
    """One row by one call; None where it cannot score a row alone."""
    batch_row_us: float
    mb: float | None
    score: Vector


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one contestant."""

    name: str
    status: Status
    note: str = ""
    measured: Measured | None = None
    failed: dict[str, str] = field(default_factory=dict)
    """Conformance checks that failed, each with what it said."""
    n_checks: int = 0
    """How many were run."""


def contest(task: Task) -> Result:
    """Fit, time and check one contestant; each half may take `limit_s` seconds."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        result = _heard(task.name, ours, task.limit_s)
        if result.status != "ok":
            return result
        return _checked(result, ours, time.monotonic() + task.limit_s)
    finally:
        process.kill()
        process.join()
        ours.close()


def _heard(name: str, connection: Connection, limit_s: float) -> Result:
    """The next message of the process, or why there is none."""
    if not connection.poll(limit_s):
        return Result(name, "time limit", f"took longer than {limit_s:g} s")
    try:
        heard: Result = connection.recv()
    except EOFError:
        return Result(name, "died", "its process ended without a word")
    return heard


def _checked(result: Result, connection: Connection, end: float) -> Result:
    """The result with the findings that came until the end, and a note where some did not."""
    findings = list[Finding]()
    note = "the checks were cut short: its process ended"
    while True:
        if not connection.poll(max(0.0, end - time.monotonic())):
            note = "the checks were cut short: they took longer than the limit"
            break
        try:
            heard: Finding | None = connection.recv()
        except EOFError:
            break
        if heard is None:
            note = ""
            break
        findings.append(heard)
    failed = {each.check: each.message for each in findings if not each.passed}
    return replace(result, note=note, failed=failed, n_checks=len(findings))


def _work(task: Task, connection: Connection) -> None:
    """The process: what was measured, then one finding after the other, then None."""
    most = int(task.memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    warnings.simplefilter("ignore")
    first = _guarded(task.name, lambda: Result(task.name, "ok", measured=measure(task)))
    connection.send(first)
    if first.status == "ok":
        for finding in iter_findings(subject(task.name)):
            connection.send(finding)
        connection.send(None)


def _guarded(name: str, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  (whatever a detector raises is a line of the table)
        (first, *_) = str(error).splitlines() or [""]
        return Result(name, "raised", f"{type(error).__name__}: {first}")


def measure(task: Task) -> Measured:
    """Fit on the task's rows and time the scoring of the held-out ones.

    Raises
    ------
    ValueError
        Not every row got one finite score.
    """
    began = time.perf_counter()
    fitted = fitter(task.name)(task.x, task.columns, task.seed)
    fit_s = time.perf_counter() - began
    score = fitted.score(task.held_out)
    if score.shape != (len(task.held_out),) or not np.isfinite(score).all():
        raise ValueError("it does not give every held-out row one finite score")
    batch_s = _least(lambda: fitted.score(task.held_out))
    return Measured(
        fit_s=fit_s,
        row_us=_row_us(fitted, task.held_out),
        batch_row_us=1e6 * batch_s / len(task.held_out),
        mb=size_bytes(fitted) / 2**20,
        score=score,
    )


def _row_us(fitted: Scorer, rows: Matrix) -> float | None:
    """Median microseconds of a call with one row, each call with another one."""
    try:
        alone = fitted.score(rows[:1])
    except Exception:  # noqa: BLE001  (the checks say what it raises; there is no time to tell)
        return None
    if alone.shape != (1,):
        return None
    times = list[float]()
    end = time.perf_counter() + _SPEND_S
    while len(times) < _MOST_CALLS and time.perf_counter() < end:
        at = len(times) % len(rows)
        began = time.perf_counter()
        fitted.score(rows[at : at + 1])
        times.append(time.perf_counter() - began)
    return 1e6 * float(np.median(times)) if times else None


def _least(call: Callable[[], object]) -> float:
    """Seconds of the fastest of up to three calls, fewer where they are slow."""
    times = list[float]()
    end = time.perf_counter() + _SPEND_S
    while not times or (len(times) < 3 and time.perf_counter() < end):  # noqa: PLR2004
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)
