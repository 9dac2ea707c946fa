"""`lianjing detectors`: list and document them."""

from pathlib import Path
from typing import Annotated

import typer

from serving.cli import show
from serving.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Detectors: list and document them.")

Out = Annotated[Path, typer.Argument(help="folder of the pages")]
Figures = Annotated[Path | None, typer.Option(help="figures of `make bench-models`, if elsewhere")]


@app.command("list")
def list_detectors(json: Json = False) -> None:
    """List every detector that can be compared, and why some cannot be here."""
    from models.fitting.contestants import contestants

    known = contestants()
    if json:
        show.document({"detectors": [{"name": n, "missing": why} for n, why in known.items()]})
        return
    show.table(f"{len(known)} detectors", ["detector", "missing"], known.items())


@app.command()
def document(out: Out, figures: Figures = None, json: Json = False) -> None:
    """Write a page for every detector to OUT, with a plot of its scores and a row worked out."""
    from training.pages import FIGURES, read_figures, write

    measured = read_figures(figures or FIGURES)
    with show.progress("pages") as tick:
        n = write(out, figures=measured, progress=tick)
    show.done({"pages": n, "path": out}, f"{n} pages: {out}", json=json)
