"""`lianjing evaluate`: what a model and the fixed rules find, in a ledger or in an event log."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.logs import Families, Labelled, LogOptions, MappingOption, evaluate_cases
from serving.cli.options import Json
from serving.cli.setting import configured, known, open_ledger

if TYPE_CHECKING:
    from features.contracts.settings import Settings
    from features.spec import Scenario as Declared
    from features.store.ledger import Ledger
    from models.bundle import Bundle
    from training.screen_ledger import Asked
    from training.screening import Screening

Scenario = Annotated[
    str, typer.Option(help="a scenario's name, or its Python file", callback=known)
]
Events = Annotated[
    Path | None, typer.Option(help="judge the cases of this log (.xes, .xes.gz), not the ledger")
]
Version = Annotated[str, typer.Option(help="a registered version; the champion without it")]
Alias = Annotated[str, typer.Option(help="champion (what serves) or challenger")]
Truth = Annotated[Path | None, typer.Option(help="what was planted: the simulator's truth.csv")]
Warnings = Annotated[
    Path | None, typer.Option(help="the host's own warnings: event_id, rule, answer, at")
]
LabelFile = Annotated[
    Path | None,
    typer.Option(help="what reviewers found, as for train; with --events case id and 0 or 1"),
]
Since = Annotated[datetime | None, typer.Option(help="judge what happened from this date on")]
Until = Annotated[datetime | None, typer.Option(help="judge what happened before this date")]
By = Annotated[list[str], typer.Option("--by", help="a field to count the selected units by")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="judge by a model fitted on the judged events, unlabelled")
]
Refits = Annotated[int, typer.Option(help="bootstrap refits; 0 for none", min=0)]
Out = Annotated[Path | None, typer.Option(help="folder of report, JSON and plots")]


def evaluate(
    scenario: Scenario,
    version: Version = "",
    alias: Alias = "champion",
    truth: Truth = None,
    warnings: Warnings = None,
    labels: LabelFile = None,
    fresh: Fresh = False,
    since: Since = None,
    until: Until = None,
    by: By = [],  # noqa: B006  (typer reads the default, nothing writes it)
    refits: Refits = 5,
    out: Out = None,
    events: Events = None,
    mapping: MappingOption = "",
    labelled: Labelled = 0,
    families: Families = "",
    seed: int = 0,
    json: Json = False,
) -> None:
    """Judge a model beside the fixed rules on the units of the ledger, and write a report.

    With --fresh the model is fitted on the judged events themselves, as whoever screens a past
    period does; without it the champion judges, or the version or alias asked for. The budget is
    LIANJING_ALERT_BUDGET, a share of the units.

    With --events a model is fitted on that log without labels, and its cases are ranked; --mapping,
    --labelled, --families and --seed are for logs alone.
    """
    if events is not None:
        if labels is None:
            raise InputError(f"{events.name}: name its cases with --labels (case id, 0 or 1)")
        told = LogOptions(mapping, labelled, families, seed)
        evaluate_cases(scenario, events, labels, told, json=json)
        return
    from training.screen_ledger import screen_ledger
    from training.screening_report import write

    settings = configured()
    with open_ledger(settings) as ledger:
        declared = _declared(settings, scenario)
        asked = _asked(ledger, scenario, (truth, warnings, labels), (since, until), by, refits)
        asked = replace(asked, sensitive=settings.sensitive_features)
        bundle = None if fresh else _bundle(settings, ledger, declared, version or alias)
        with show.progress("features") as tick:
            screening = screen_ledger(
                ledger, declared, bundle, asked, budget=settings.alert_budget, progress=tick
            )
    name = f"screening-{scenario}-{'fresh' if bundle is None else bundle.digest[:12]}"
    page = write(screening, out or settings.reports / name)
    _tell(screening, page, json=json)


def _declared(settings: "Settings", name: str) -> "Declared":
    from features.scenarios import catalog

    return catalog.load(name, settings.rules)


def _asked(
    ledger: "Ledger",
    scenario: str,
    files: tuple[Path | None, Path | None, Path | None],
    window: tuple[datetime | None, datetime | None],
    by: list[str],
    refits: int,
) -> "Asked":
    """The files that are named, read and checked before anything is computed."""
    from functools import partial

    from serving.store.selected import selections
    from training.host_answers import read_answers
    from training.labels import read_labels
    from training.screen_ledger import Asked
    from training.truth import load_truth

    truth, warnings, labels = files
    since, until = (at.replace(tzinfo=UTC) if at else None for at in window)
    known = partial(selections, ledger.connection, scenario)
    return Asked(
        since=since,
        until=until,
        truth=load_truth(truth) if truth else None,
        answers=read_answers(warnings) if warnings else None,
        labels=read_labels(labels, selections=known) if labels else None,
        by=tuple(by),
        n_refits=refits,
    )


def _bundle(settings: "Settings", ledger: "Ledger", scenario: "Declared", which: str) -> "Bundle":
    """What serves, or a registered version or alias."""
    if which == "champion":
        from serving.champion import serving_bundle

        return serving_bundle(settings, ledger, scenario)
    from models.bundle import Bundle
    from training import track

    uri = settings.tracking_uri
    found = track.resolve(uri, scenario.name, which)
    spec_hash = scenario.spec_hash(ledger.profile(scenario.name)[1])
    with tempfile.TemporaryDirectory() as folder:
        fetched = track.fetch(uri, scenario.name, found.model_version, Path(folder))
        return Bundle.load(fetched, digest=found.digest, spec_hash=spec_hash)


def _tell(screening: "Screening", page: Path, *, json: bool) -> None:
    if json:
        show.document({"report": page, **screening.model_dump(mode="json")})
        return
    parts = screening.overlap
    if screening.arms:
        rows = [
            (arm.name, arm.n_reviews, arm.n_cases, f"{arm.per_100:.1f}", arm.n_lookalikes)
            for arm in screening.arms
        ]
        columns = ["chosen by", "reviews #", "cases #", "finds per 100 #", "look-alikes #"]
        show.table(f"{screening.scenario}: the same number of reviews", columns, rows)
        kinds = [
            (f"{row.typology} {row.severity}", row.n_units, row.model, row.rules, row.split)
            for row in screening.recalls
        ]
        columns = ["kind", "units #", "model #", "rules #", "half each #"]
        show.table("planted units that are selected", columns, kinds)
    show.out.print(
        f"{screening.n_units} units, {screening.n_reviews} reviews: {parts.both.n} selected by "
        f"model and rules, {parts.model_only.n} by the model alone, {parts.rules_only.n} by rules "
        f"alone; report {page}"
    )
