"""`lianjing`: the commands, each a sentence.

Exit codes: 0 done, 1 an error in one line, 2 usage, 3 the gate said no, 129 and 143 ended by
SIGHUP and SIGTERM.
"""

import hashlib
import os
import secrets
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from features.contracts.errors import InputError, LianjingError
from serving.cli import ending, show
from serving.cli.bench import app as bench_app
from serving.cli.compare import compare
from serving.cli.conformance import conformance
from serving.cli.detectors import app as detectors_app
from serving.cli.evaluate import evaluate
from serving.cli.features import app as features_app
from serving.cli.logs import inject_log
from serving.cli.options import Json, MappingName, Paths, Scenario, ScenarioFile
from serving.cli.rotation import rotation
from serving.cli.scenarios import app as scenarios_app
from serving.cli.select import select
from serving.cli.setting import configured, existing
from serving.cli.thresholds import thresholds

_GATE_SAID_NO: Final = 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Scores how unusual an approval or a payout is, and says why.",
)
key_app = typer.Typer(no_args_is_help=True, help="Access keys.")
app.add_typer(bench_app, name="bench")
app.add_typer(features_app, name="features")
app.add_typer(detectors_app, name="detectors")
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(key_app, name="key")
app.command()(compare)
app.command()(conformance)
app.command()(evaluate)
app.command()(select)
app.command()(thresholds)
app.command()(rotation)
app.command()(inject_log)

Until = Annotated[datetime | None, typer.Option(help="train on what happened before this date")]
Since = Annotated[datetime | None, typer.Option(help="send what happened from this date on")]
LabelFile = Annotated[
    Path | None, typer.Option(help="what reviewers found: labels as CSV or Parquet")
]
Parameters = Annotated[
    Path | None,
    typer.Option(help="parameters in place of the shipped ones, a whole file or a part"),
]
Full = Annotated[bool, typer.Option("--full", help="a whole district over five years")]
By = Annotated[str, typer.Option(help="who does it, for the record")]


def main() -> None:
    """Run the command line; an error on purpose is one line and exit code 1."""
    try:
        with ending.orderly():
            app()
    except LianjingError as error:
        show.err.print(f"lianjing: {error}")
        sys.exit(1)
    except OSError as error:
        show.err.print(f"lianjing: {error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(1)


@app.command()
def simulate(
    out: Path,
    seed: int | None = None,
    payouts: int | None = None,
    parameters: Parameters = None,
    full: Full = False,
) -> None:
    """Write a simulated district's histories, and what was planted in them, to OUT."""
    from training.simulate import SimulationConfig
    from training.simulate import simulate as run
    from training.simulation.config import FULL, SHIPPED

    changes: dict[str, dict[str, object]] = {key: dict(part) for key, part in FULL.items() if full}
    if seed is not None:
        changes["horizon"] = {**changes.get("horizon", {}), "seed": seed}
    if payouts is not None:
        changes["payouts"] = {**changes.get("payouts", {}), "count": payouts}
    with show.progress("simulate") as tick:
        done = run(
            SimulationConfig.load(changes, path=parameters or SHIPPED),
            out,
            progress=lambda part, share: tick(int(100 * share), 100, part),
        )
    show.document(done.model_dump(mode="json"))


@app.command()
def ingest(
    paths: Paths,
    mapping: MappingName,
    scenario: ScenarioFile = "",  # noqa: ARG001  (naming a file lets the mapping find it)
    json: Json = False,
) -> None:
    """Read PATHS into the ledger and leave a quality report."""
    from features.sources.ingest import ingest as run
    from features.sources.mapping import Mapping
    from features.store.ledger import Ledger
    from serving.cli.line import keep_report

    settings = configured()
    ledger = Ledger.open(settings.ledger)
    with show.progress("ingest") as tick:
        report = run(
            paths, mapping=Mapping.load(mapping), ledger=ledger, settings=settings, progress=tick
        )
    ledger.close()
    path = keep_report(settings, report)
    if json:
        show.document(report.model_dump(mode="json"))
        return
    counts = report.total.counts
    show.out.print(
        f"read {counts.read} rows = {counts.accepted} accepted + {counts.duplicates} duplicates "
        f"+ {counts.rejected} rejected; report {path}"
    )
    show.rejections(report.rejections)


@app.command()
def train(
    scenario: Scenario,
    until: Until = None,
    truth: Path | None = None,
    labels: LabelFile = None,
    seed: int = 0,
) -> None:
    """Train on the ledger and register a challenger in MLflow.

    Of LABELS those teach that were decided before the events that the model is judged on. Where
    they do not say why an event was reviewed, its stored record does.
    """
    from features.scenarios import catalog
    from features.store.ledger import Ledger
    from serving.store.selected import selections
    from training.labels import read_labels
    from training.train import train as run
    from training.truth import load_truth

    settings = configured()
    ledger = Ledger.open(settings.ledger)
    known = partial(selections, ledger.connection, scenario)
    with show.progress("features") as tick:
        result = run(
            settings,
            ledger,
            catalog.load(scenario, settings.rules),
            until=until.replace(tzinfo=UTC) if until else None,
            seed=seed,
            truth=load_truth(truth) if truth else None,
            labels=read_labels(labels, selections=known) if labels else None,
            progress=tick,
        )
    show.out.print(
        f"{scenario}: version {result.tracked.model_version} registered "
        f"({result.tracked.digest[:12]}), {result.split.n_fit} rows fitted, "
        f"{result.split.n_calibrate} calibrated; report {result.report}"
    )
    for line in result.evaluation.label_lines():
        show.out.print(line)


@app.command()
def promote(scenario: Scenario, version: str | None = None, by: By = "lianjing") -> None:
    """Make the challenger (or a VERSION) the champion if the gate agrees."""
    from features.scenarios import catalog
    from features.store.ledger import Ledger
    from training.promote import promote as run

    settings = configured()
    ledger = Ledger.open(settings.ledger)
    done = run(settings, ledger, catalog.load(scenario), version=version, by=by)
    for reason in done.reasons:
        show.err.print(f"refused: {reason}")
    if not done.accepted:
        raise typer.Exit(_GATE_SAID_NO)
    for note in done.notes:
        show.err.print(f"note: {note}")
    show.out.print(f"{scenario}: version {done.model_version} serves ({done.digest[:12]})")


@app.command()
def rollback(scenario: Scenario, by: By = "lianjing") -> None:
    """Let the bundle that served before serve again."""
    from features.scenarios import catalog
    from features.store.ledger import Ledger
    from training.promote import rollback as run

    settings = configured()
    done = run(settings, Ledger.open(settings.ledger), catalog.load(scenario), by=by)
    for note in done.notes:
        show.err.print(f"note: {note}")
    show.out.print(f"{scenario}: version {done.model_version} serves again ({done.digest[:12]})")


@app.command()
def serve(scenario: ScenarioFile = "") -> None:  # noqa: ARG001  (naming a file is all)
    """Start the service (API and console) on the configured host and port."""
    import uvicorn

    from serving.clearance import check
    from serving.writer import writer

    settings = configured()
    check(settings)
    with writer(settings):
        pass  # where another service runs this refuses in one line, before the server starts
    ending.at_once()
    uvicorn.run(
        "serving.service:make",
        factory=True,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
    )


@app.command()
def score(
    paths: Paths,
    mapping: MappingName,
    scenario: ScenarioFile = "",  # noqa: ARG001  (naming a file lets the mapping find it)
    url: str = "",
    since: Since = None,
    top: int = 10,
) -> None:
    """Send the events of PATHS to a running service and show the most unusual.

    The key is read from LIANJING_API_KEY.
    """
    from features.scenarios import catalog
    from features.sources.mapping import Mapping
    from serving.cli.client import ScoreClient
    from serving.cli.findings import print_unusual
    from serving.cli.line import read_files, score_all

    settings = configured()
    report, events = read_files(paths, mapping, settings)
    show.rejections(report.rejections)
    start = since.replace(tzinfo=UTC) if since else None
    chosen = [event for event in events if start is None or event.effective_at >= start]
    if not chosen:
        message = f"none of {len(events)} events is left to score; choose other files or --since"
        raise InputError(message)
    declared = catalog.load(Mapping.load(mapping).scenario)
    key = os.environ.get("LIANJING_API_KEY", "")
    with ScoreClient(url or f"http://{settings.host}:{settings.port}", key) as client:
        answered = score_all(client, chosen, declared.scored)
    print_unusual(declared.name, answered, top)


@app.command()
def verify() -> None:
    """Check the audit chain and every stored record; name the first that was changed."""
    from features.store.ledger import Ledger
    from serving.store import audit

    broken = audit.verify(Ledger.open(existing(configured())))
    if broken is not None:
        show.err.print(f"lianjing: {broken}")
        raise typer.Exit(1)
    show.out.print("the audit chain is whole")


@app.command()
def replay(
    record: Annotated[str, typer.Argument(help="a record's id; all records without one")] = "",
) -> None:
    """Derive a record (or all) again from the ledger and its bundle; exit 1 if a bit differs."""
    from features.store.ledger import Ledger
    from serving.store import records
    from serving.store.replay import Replayer

    settings = configured()
    ledger = Ledger.open(existing(settings))
    replayer = Replayer(settings, ledger)
    if record:
        found = [replayer.replay(records.by_id(ledger.connection, record))]
    else:
        found = list(replayer.every())
    different = [item for item in found if item.differs]
    for item in different:
        show.err.print(f"{item.record_id} ({item.event_id}) differs in {', '.join(item.differs)}")
    show.out.print(f"{len(found)} records derived again, {len(different)} different")
    unasked = sum(bool(item.skipped) for item in found)
    if unasked:
        show.err.print(f"note: fixed rules of {unasked} records were not kept, and not asked again")
    if different:
        raise typer.Exit(1)


@key_app.command("new")
def new_key() -> None:
    """Make a random key; print it once, with the setting that lets it in."""
    key = secrets.token_urlsafe(32)
    show.out.print(f"key:     {key}")
    show.out.print(f"setting: {hashlib.sha256(key.encode()).hexdigest()}")


@app.command()
def demo(
    home: Path = Path("build/demo"),
    keep: Annotated[bool, typer.Option("--keep", help="leave the service up")] = False,
) -> None:
    """Run the main job on simulated histories, from end to end."""
    from serving.cli.demo import demo as run

    run(home, keep=keep)


@app.command()
def real(
    data: Path = Path("../shared/data"),
    home: Path = Path("build/real"),
    keep: Annotated[bool, typer.Option("--keep", help="leave the services up")] = False,
) -> None:
    """Run the main job on the real files under DATA, from end to end."""
    from serving.cli.real import real as run

    run(data, home, keep=keep)
