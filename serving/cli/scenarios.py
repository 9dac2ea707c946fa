"""`lianjing scenarios`: list them, draft one from a table, check a file."""

from pathlib import Path
from typing import Annotated

import typer

from serving.cli import show
from serving.cli.options import Json
from serving.cli.setting import configured

app = typer.Typer(no_args_is_help=True, help="Scenarios: list, draft and check them.")

Table = Annotated[Path, typer.Option("--from", help="a .csv or .parquet table to guess from")]
Out = Annotated[Path, typer.Option(help="folder of the two files")]
Named = Annotated[str, typer.Option(help="the column's header, where it cannot be guessed")]
File = Annotated[Path, typer.Argument(help="a Python file that declares SCENARIO")]


@app.command("list")
def list_scenarios(json: Json = False) -> None:
    """List the scenarios that are shipped, and those that LIANJING_SCENARIOS names."""
    from features.scenarios import catalog

    configured()
    rows = [
        (name, item.zh, item.en, str(len(item.features)), str(catalog.place(name) or "shipped"))
        for name in catalog.names()
        for item in [catalog.load(name)]
    ]
    if json:
        keys = ("name", "zh", "en", "features", "from")
        show.document({"scenarios": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    show.table("scenarios", ["name", "zh", "en", "features", "from"], rows)


@app.command()
def new(
    name: str,
    table: Table,
    out: Out = Path(),
    id: Named = "",  # noqa: A002  (what the option is called)
    time: Named = "",
    amount: Named = "",
    subject: Named = "",
    peers: Named = "",
    time_format: Annotated[str, typer.Option(help="how dates are written, as %d/%m/%Y")] = "",
    encoding: Annotated[str, typer.Option(help="of a CSV file")] = "",
    delimiter: Annotated[str, typer.Option(help="of a CSV file")] = ",",
    currency: str = "CNY",
    timezone: str = "Asia/Shanghai",
) -> None:
    """Draft scenario NAME and its mapping from a table: two commented files, to be corrected."""
    from features.draft.draft import draft
    from features.draft.options import Options
    from features.draft.roles import Asked

    encodings = (encoding,) if encoding else ("utf-8", "gb18030")
    options = Options(name, "csv", currency, timezone, time_format, encodings, delimiter)
    done = draft(table, options, Asked(id, time, amount, subject, peers), out)
    rows = [(one.column.header, one.role, one.name, one.why) for one in done.roles.guesses]
    show.table(f"{name}: guesses", ["column", "role", "field", "why"], rows)
    show.out.print(
        f"subject {done.roles.subject.name}, peers {done.roles.peers.name}; wrote "
        f"{done.scenario} and {done.mapping}: read both"
    )


@app.command()
def check(
    file: File,
    mapping: Annotated[Path | None, typer.Option(help="a mapping of the scenario's")] = None,
) -> None:
    """Check a scenario file: its declarations, a page of every feature, its live engine."""
    from features.scenarios import catalog
    from serving.cli.scenario_check import check as run

    configured()
    name = catalog.enrol([file])[0]
    with show.progress("examples") as tick:
        found = run(catalog.load(name), mapping, progress=tick)
    show.out.print(
        f"{name}: {found.features} features of {found.fields} fields, spec {found.spec[:12]}; "
        f"each feature's example agrees with its computation by hand"
    )
    if mapping is not None:
        show.out.print(f"mapping {mapping.name}: {found.mapped} of {found.fields} fields are fed")
