"""`lianjing features`: list, document, build, explain and verify features, rebuild histories."""

from pathlib import Path
from typing import Annotated, Final

import typer

from serving.cli import show
from serving.cli.options import Engine, Json, Scenario
from serving.cli.setting import configured, known

app = typer.Typer(
    no_args_is_help=True, help="Features: list, document, build, explain, verify and rebuild them."
)

PAGES: Final = Path("build/docs/features")

Out = Annotated[Path, typer.Option(help="a .parquet or .csv file; a folder with a cluster")]
From = Annotated[list[Path], typer.Option("--from", help="event files instead of the ledger")]
Sources = Annotated[
    list[str], typer.Option("--source", help="SCENARIO=FILE: events that features also look at")
]
MappingOption = Annotated[str, typer.Option(help="how files become events: a name or TOML file")]
EventId = Annotated[str, typer.Argument(help="an event's id, or a record's")]
FeatureName = Annotated[str, typer.Argument(help="a feature of the scenario")]
AsOf = Annotated[int | None, typer.Option(help="see only what the ledger knew at this place")]
Sample = Annotated[int, typer.Option(help="how many records to draw", min=1)]


@app.command("list")
def list_features(scenario: Scenario, json: Json = False) -> None:
    """List the scenario's features."""
    from features.scenarios import catalog

    declared = catalog.load(scenario)
    if json:
        show.document({"features": [item.info.model_dump() for item in declared.features]})
        return
    rows = [(item.name, item.en, item.unit) for item in declared.features]
    show.table(f"{scenario}: {len(rows)} features", ["feature", "what", "unit"], rows)


@app.command()
def docs(
    scenario: Annotated[
        str, typer.Argument(help="one scenario; all without it", callback=known)
    ] = "",
    out: Annotated[Path, typer.Option(help="folder of the pages")] = PAGES,
    lang: Annotated[str, typer.Option(help="zh or en; both without it")] = "",
    json: Json = False,
) -> None:
    """Write a page for every feature, each with an example that is run for it."""
    from features.document.write import write
    from features.scenarios import catalog
    from serving.cli.options import languages

    scenarios = [catalog.load(name) for name in ([scenario] if scenario else catalog.names())]
    with show.progress("pages") as tick:
        n = write(scenarios, out, languages=languages(lang), progress=tick)
    show.done({"pages": n, "path": out}, f"{n} pages: {out}", json=json)


@app.command()
def build(
    scenario: Scenario,
    out: Out,
    files: From = [],  # noqa: B006  (typer copies it)
    source: Sources = [],  # noqa: B006  (typer copies it)
    mapping: MappingOption = "",
    engine: Engine = Engine.LOCAL,
    json: Json = False,
) -> None:
    """Compute the features of the ledger's events, or of event files, and write them to OUT."""
    from serving.cli.built import Asked, by_name
    from serving.cli.built import build as run

    asked = Asked(scenario, out, files, by_name(source), mapping, engine)
    with show.progress("features") as tick:
        done = run(configured(), asked, progress=tick)
    show.built(done, json=json)


@app.command()
def explain(
    event: EventId,
    feature: FeatureName,
    scenario: Annotated[str, typer.Option(help="where the id is not enough", callback=known)] = "",
    kind: Annotated[str, typer.Option(help="where the id is not enough")] = "",
    version: Annotated[int | None, typer.Option(help="the latest without it")] = None,
    as_of: AsOf = None,
    everything: Annotated[bool, typer.Option("--all", help="every event, not the latest")] = False,
    json: Json = False,
) -> None:
    """Show the value of FEATURE for EVENT, its formula, and the events it was computed from."""
    from serving.cli.setting import open_ledger
    from serving.explaining import Asked
    from serving.explaining import explain as run

    settings, asked = configured(), Asked(event, feature, scenario, kind, version, as_of)
    with open_ledger(settings) as ledger:
        found = run(ledger, asked, sensitive=settings.sensitive_features)
    show.explanation(found, everything=everything, json=json)


@app.command()
def verify(
    scenario: Scenario,
    sample: Sample = 1_000,
    everything: Annotated[bool, typer.Option("--all", help="all records")] = False,
    seed: int = 0,
    json: Json = False,
) -> None:
    """Compute stored live vectors again in batch; exit 1 if a bit differs."""
    from features.scenarios import catalog
    from serving.cli.setting import open_ledger
    from serving.store.parity import verify as run

    n = None if everything else sample
    with open_ledger(configured()) as ledger, show.progress("records") as tick:
        found = run(ledger, catalog.load(scenario), sample=n, seed=seed, progress=tick)
    show.parity(found, json=json)
    if found.different:
        raise typer.Exit(1)


@app.command()
def rebuild(scenario: Scenario) -> None:
    """Drop the live histories and make them anew from the ledger."""
    from features.live.engine import rebuild as run
    from features.scenarios import catalog
    from serving.cli.setting import open_ledger
    from serving.writer import writer

    declared, settings = catalog.load(scenario), configured()
    with open_ledger(settings) as ledger, writer(settings), show.progress("histories") as tick:
        run(ledger, declared, progress=tick)
    show.out.print(f"{scenario}: live histories made anew")
