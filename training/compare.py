"""Comparing detectors on one table: the split of training, each in a process of its own, tracked.

All are fitted on the rows and features that a training would fit on, and score the rows that it
would hold out. What is compared is not thereby fit to serve: the lines say which promises fail.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from features.contracts.errors import BundleError, InputError
from features.contracts.settings import Settings
from features.contracts.tables import check_features
from features.contracts.vectors import Matrix, Vector
from features.frames import check_suffix, replace_file, to_polars
from features.store import deployments
from features.store.ledger import Ledger
from features.table import FeatureTable
from models.bundle import Bundle
from models.fitting.contestants import DEFAULT, contestants
from training import track
from training.cases import Cases
from training.comparison import Comparison, Line, Yardstick, ordered
from training.contestant import Result, Task, contest
from training.coverage import cover
from training.runs import Run
from training.split import Split, by_time

LIMIT_S: Final = 120.0
MEMORY_GB: Final = 4.0

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared and how; `limit_s` and `memory_gb` are for each contestant."""

    detectors: Sequence[str]
    until: datetime | None = None
    truth: pl.DataFrame | None = None
    budget: float = 0.01
    seed: int = 0
    gap_days: int = 7
    limit_s: float = LIMIT_S
    memory_gb: float = MEMORY_GB
    left_out: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Reference:
    """Scores that others are compared with, of all rows of a table, and whose they are."""

    name: str
    score: Callable[[FeatureTable], Vector]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one comparison: what is fitted on, what is scored, and by which columns."""

    split: Split
    columns: tuple[str, ...]
    x: Matrix
    held_out: Matrix
    table: FeatureTable
    """The held-out rows as a table."""


def compare(
    table: FeatureTable,
    asked: Asked,
    *,
    reference: Reference | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Fit every contestant on the table's earlier rows and judge it on those held out.

    Without a `reference` the default is the one, where it takes part.

    Raises
    ------
    InputError
        The table breaks its schema, a slice is empty, or nothing is held out.
    """
    rows = rows_of(table, asked)
    reasons = contestants()
    results = dict[str, Result]()
    for done, name in enumerate(asked.detectors):
        if progress:
            progress(done, len(asked.detectors), name)
        if reasons[name]:
            results[name] = Result(name, "not available", reasons[name])
        else:
            results[name] = contest(_task(name, rows, asked))
    is_planted = None
    if asked.truth is not None:
        is_planted = Cases.of(rows.table, asked.truth).is_planted
    name, scores = _reference(reference, rows, results)
    yardstick = Yardstick(asked.budget, scores, is_planted)
    return Comparison(
        scenario=table.scenario,
        reference=name,
        budget=asked.budget,
        n_fit=len(rows.x),
        n_held_out=len(rows.held_out),
        n_features=len(rows.columns),
        n_planted=None if is_planted is None else int(is_planted.sum()),
        lines=ordered(asked.detectors, [yardstick.line(result) for result in results.values()]),
    )


def rows_of(table: FeatureTable, asked: Asked) -> Rows:
    """The rows and columns that a training would take, missing values and all."""
    check_features(to_polars(table))
    split = by_time(table.effective_us, until=asked.until, gap_days=asked.gap_days)
    fitted = table.rows(split.is_fit(table.effective_us))
    held_out = table.rows(split.is_holdout(table.effective_us))
    if len(held_out) == 0:
        raise InputError("no rows are held out to compare on; choose an earlier `until`")
    columns = cover(fitted, left_out=asked.left_out).used
    if not columns:
        raise InputError(
            f"{table.scenario}: no feature is known often enough and varies; ingest more events"
        )
    at = [table.names.index(name) for name in columns]
    x, others = (np.ascontiguousarray(part.values[:, at]) for part in (fitted, held_out))
    return Rows(split, columns, x, others, held_out)


def champion(settings: Settings, ledger: Ledger, table: FeatureTable) -> Reference | None:
    """The bundle that serves the scenario, where it can score this table."""
    serving = deployments.champion(ledger, table.scenario)
    if serving is None:
        return None
    folder = settings.bundles / table.scenario / serving.digest
    try:
        bundle = Bundle.load(folder, digest=serving.digest, spec_hash=table.spec_hash)
    except BundleError:
        return None
    return Reference(f"champion {serving.digest[:12]}", lambda rows: bundle.score(rows.values))


def write(comparison: Comparison, out: Path) -> None:
    """Write the lines as CSV or Parquet by extension, all or nothing.

    Raises
    ------
    UnreadableSourceError
        Another extension.
    """
    check_suffix(out)
    frame = comparison.frame()
    replace_file(out, frame.write_parquet if out.suffix == ".parquet" else frame.write_csv)


def log(comparison: Comparison, asked: Asked, settings: Settings, *, data_sha256: str) -> None:
    """One run a contestant in the scenario's experiment, all under one that holds the table."""
    params = {
        "seed": str(asked.seed),
        "budget": f"{asked.budget:g}",
        "reference": comparison.reference,
        "n_fit": str(comparison.n_fit),
        "n_held_out": str(comparison.n_held_out),
        "n_features": str(comparison.n_features),
        "data_sha256": data_sha256,
    }
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "comparison.csv"
        write(comparison, path)
        parent = Run(
            f"compare {len(comparison.lines)} detectors",
            params=params,
            tags={"purpose": "comparison"},
            files=(path,),
            children=tuple(_run(line, params) for line in comparison.lines),
        )
        track.log_runs(
            parent,
            uri=settings.tracking_uri,
            experiment=comparison.scenario,
            artifacts=settings.home / "mlartifacts",
        )


def _run(line: Line, params: dict[str, str]) -> Run:
    tags = {
        "status": line.status,
        "may_be_promoted": str(line.may_be_promoted).lower(),
        "fails": ";".join(line.fails),
        "note": line.note,
    }
    return Run(line.detector, {"detector": line.detector, **params}, line.metrics(), tags)


def _task(name: str, rows: Rows, asked: Asked) -> Task:
    return Task(
        name=name,
        x=rows.x,
        held_out=rows.held_out,
        columns=rows.columns,
        seed=asked.seed,
        limit_s=asked.limit_s,
        memory_gb=asked.memory_gb,
    )


def _reference(
    given: Reference | None, rows: Rows, results: dict[str, Result]
) -> tuple[str, Vector | None]:
    """Whose scores the others are compared with, and these scores of the held-out rows."""
    if given is not None:
        return given.name, given.score(rows.table)
    measured = results[DEFAULT].measured if DEFAULT in results else None
    return (DEFAULT, measured.score) if measured else ("", None)
