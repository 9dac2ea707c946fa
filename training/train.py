"""Training from end to end: features, fit, evaluation, plots, report, registry."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from features.batch import build
from features.contracts.settings import Settings
from features.frames import replace_file
from features.spec import Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.coverage import Coverage
from training.evaluate import judge_fitted
from training.evaluation import Evaluation
from training.fit import fit
from training.fitted import Fitted
from training.labels import Labels
from training.learn import learn
from training.plots import draw
from training.reads import Reads, fields_read
from training.report import render
from training.split import Split
from training.track import Tracked, track

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves behind: where the bundle is registered, how it did, the report."""

    scenario: str
    tracked: Tracked
    evaluation: Evaluation
    split: Split
    coverage: Coverage
    report: Path


def train(
    settings: Settings,
    ledger: Ledger,
    scenario: Scenario,
    *,
    until: datetime | None = None,
    seed: int = 0,
    truth: pl.DataFrame | None = None,
    labels: Labels | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train on the events of `scenario` before `until` and register a challenger.

    `truth` is a truth table, where cases were planted; `labels` are what reviewers found, of which
    those decided before `until` teach. The report is kept under `settings.reports`.

    Raises
    ------
    InputError
        The ledger holds too few events to fit, calibrate and judge.
    """
    table = build(ledger, scenario, progress=progress)
    return train_table(
        settings,
        table,
        until=until,
        seed=seed,
        truth=truth,
        labels=labels,
        left_out=scenario.left_out(sensitive=settings.sensitive_features),
        reads=fields_read(scenario),
    )


def train_table(
    settings: Settings,
    table: FeatureTable,
    *,
    until: datetime | None = None,
    seed: int = 0,
    truth: pl.DataFrame | None = None,
    labels: Labels | None = None,
    left_out: tuple[str, ...] = (),
    reads: Reads | None = None,
) -> TrainingResult:
    """Train on a feature table that is there already."""
    fitted = fit(
        table,
        created_at=datetime.now(UTC).replace(microsecond=0),
        until=until,
        seed=seed,
        budget=settings.alert_budget,
        left_out=left_out,
    )
    lesson = learn(fitted, table, labels) if labels else None
    if lesson is not None:
        fitted = lesson.fitted
    judged, evaluation = judge_fitted(fitted, table, truth=truth, reads=reads)
    if lesson is not None:
        evaluation = evaluation.model_copy(update={"labels": lesson.review})
    report = settings.reports / f"{table.scenario}-{fitted.bundle.digest[:12]}.html"
    with tempfile.TemporaryDirectory() as folder:
        plots = draw(fitted, judged, evaluation, Path(folder))
        page = render(fitted, evaluation, plots)
        replace_file(report, lambda part: part.write_text(page, encoding="utf-8"))
        tracked = _track(settings, fitted, evaluation, (*plots, report))
    return TrainingResult(
        scenario=table.scenario,
        tracked=tracked,
        evaluation=evaluation,
        split=fitted.split,
        coverage=fitted.coverage,
        report=report,
    )


def _track(
    settings: Settings, fitted: Fitted, evaluation: Evaluation, files: tuple[Path, ...]
) -> Tracked:
    settings.home.mkdir(parents=True, exist_ok=True)
    return track(
        fitted,
        evaluation,
        files,
        uri=settings.tracking_uri,
        experiment=fitted.scenario,
        artifacts=settings.home / "mlartifacts",
    )
