"""`lianjing compare`: detectors side by side, fitted and judged on the rows of a training."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json
from serving.cli.setting import configured, known

if TYPE_CHECKING:
    from features.contracts.settings import Settings
    from features.table import FeatureTable
    from training.compare import Reference
    from training.comparison import Comparison, Line

_USUAL: Final = "default,IForest,ECOD,KNN"

Detectors = Annotated[
    str, typer.Option(help="names with commas: default, a registered one, a PyOD class; or all")
]
Table = Annotated[Path | None, typer.Option(help="a feature table, instead of the ledger's events")]
Out = Annotated[Path | None, typer.Option(help="a .csv or .parquet file for the table")]
Limit = Annotated[
    float, typer.Option(help="seconds that each may take to be measured; as many to be checked")
]


def compare(
    detectors: Detectors = _USUAL,
    table: Table = None,
    scenario: Annotated[
        str, typer.Option(help="the ledger's events of this scenario", callback=known)
    ] = "",
    truth: Annotated[Path | None, typer.Option(help="a truth table of planted cases")] = None,
    out: Out = None,
    until: Annotated[datetime | None, typer.Option(help="judge on what happened from here")] = None,
    seed: int = 0,
    limit_s: Limit = 120.0,
    memory_gb: Annotated[float, typer.Option(help="memory that each may take")] = 4.0,
    track: Annotated[bool, typer.Option(help="log one MLflow run a detector")] = True,
    json: Json = False,
) -> None:
    """Fit DETECTORS on the same rows, and show cost, quality and the promises they break."""
    from features.frames import check_suffix
    from models.fitting.contestants import chosen
    from training import compare as run
    from training.truth import load_truth

    if out is not None:
        check_suffix(out)
    settings = configured()
    names = chosen(detectors)
    rows, reference = _rows(settings, table, scenario)
    asked = run.Asked(
        detectors=names,
        until=until.replace(tzinfo=UTC) if until else None,
        truth=load_truth(truth) if truth else None,
        budget=settings.alert_budget,
        seed=seed,
        limit_s=limit_s,
        memory_gb=memory_gb,
        left_out=_left_out(rows.scenario),
    )
    with show.progress("compare") as tick:
        found = run.compare(rows, asked, reference=reference, progress=tick)
    if out is not None:
        run.write(found, out)
    if track:
        run.log(found, asked, settings, data_sha256=rows.digest)
    show.document(found.document()) if json else _print(found)


def _rows(
    settings: "Settings", table: Path | None, scenario: str
) -> tuple["FeatureTable", "Reference | None"]:
    """The table to compare on, and the champion where there is one."""
    from features import batch, frames
    from features.scenarios import catalog
    from features.store.schema import version_at
    from serving.cli.setting import open_ledger
    from training.compare import champion

    if (table is None) == (not scenario):
        raise InputError("give the rows to compare on: --table FILE or --scenario NAME")
    if table is not None and version_at(settings.ledger) is None:
        return frames.read(table), None
    with open_ledger(settings) as ledger:
        if table is not None:
            rows = frames.read(table)
        else:
            with show.progress("features") as tick:
                rows = batch.build(ledger, catalog.load(scenario), progress=tick)
        return rows, champion(settings, ledger, rows)


def _left_out(scenario: str) -> tuple[str, ...]:
    """Features of the scenario that no model sees."""
    from features.scenarios import catalog

    return catalog.load(scenario).left_out(sensitive=configured().sensitive_features)


def _print(found: "Comparison") -> None:
    title = (
        f"{found.scenario}: fitted on {found.n_fit} rows x {found.n_features} features, judged on "
        f"{found.n_held_out} rows"
    )
    if found.n_planted is not None:
        title += f", {found.n_planted} of them planted; budget {found.budget:.2%}"
    columns = ["detector", "fit s #", "row us #", "batch #", "MB #", "AUC #", "AP #", "prec #"]
    columns += ["rho #", "top #"]
    show.table(title, columns, [_cells(line) for line in found.lines])
    show.out.print("row: one by itself; batch: us a row; prec: precision within the budget")
    if found.reference:
        show.out.print(f"rho, top: rank correlation and shared top rows with {found.reference}")
    for line in found.lines:
        show.out.print(f"{line.detector}: {line.told}")


def _cells(line: "Line") -> tuple[str, ...]:
    numbers = (
        (line.fit_s, ".2f"), (line.row_us, ".0f"), (line.batch_row_us, ".1f"), (line.mb, ".1f"),
        (line.auc, ".3f"), (line.ap, ".3f"), (line.precision, ".3f"), (line.spearman, ".2f"),
        (line.top_overlap, ".2f"),
    )  # fmt: skip
    shown = ("" if value is None else format(value, form) for value, form in numbers)
    return line.detector, *shown
