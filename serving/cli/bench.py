"""`lianjing bench`: detectors against tables whose anomalies are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json

if TYPE_CHECKING:
    import polars as pl

    from training.adbench import Comparison

app = typer.Typer(no_args_is_help=True, help="Detectors against tables with known anomalies.")

Data = Annotated[Path, typer.Option(help="a folder of ADBench tables (.npz)")]
Out = Annotated[Path, typer.Option(help="the figures, a .csv or .parquet file")]
Seeds = Annotated[str, typer.Option(help="seeds of the protocol, separated by commas")]


@app.callback()
def _group() -> None:
    """Keep `detectors` a command of its own."""


@app.command()
def detectors(data: Data, out: Out, seeds: Seeds = "1,2,3", json: Json = False) -> None:
    """Run the ADBench protocol: the default, its parts, PyOD's own, on every table of DATA."""
    from training.adbench import bench, compare

    with show.progress("detectors") as tick:
        table = bench(data, seeds=_seeds(seeds), progress=tick)
    _write(table, out)
    comparisons = compare(table)
    if json:
        show.document({"path": out, "detectors": [row._asdict() for row in comparisons]})
        return
    _show(table, comparisons)
    show.say(f"figures of every table: {out}")


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"seeds {text!r} must be whole numbers, such as 1,2,3") from error


def _write(table: "pl.DataFrame", out: Path) -> None:
    from features.frames import replace_file

    if out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out}: ends with {out.suffix!r}; write a .csv or a .parquet file")
    write = table.write_csv if out.suffix == ".csv" else table.write_parquet
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, write)


def _show(table: "pl.DataFrame", comparisons: "list[Comparison]") -> None:
    """AUCROC table by table, then what the default wins and loses."""
    wide = table.pivot(on="detector", index="dataset", values="auc_roc")
    names = [name for name in wide.columns if name != "dataset"]
    rows = [(row[0], *map(_figure, row[1:])) for row in wide.iter_rows()]
    show.table("AUCROC, percent", ["table", *(f"{name}#" for name in names)], rows)
    show.table(
        "the default against each (Wilcoxon signed-rank over the tables, two-sided)",
        ["detector", "AUCROC#", "AUCPR#", "default leads by#", "wins#", "p#"],
        [
            (
                row.detector,
                f"{row.mean_auc_roc:.1f}",
                f"{row.mean_auc_pr:.1f}",
                f"{row.difference:+.1f}",
                f"{row.wins}/{row.n_tables}",
                f"{row.p_value:.3f}",
            )
            for row in comparisons
        ],
    )
    for row in table.filter(table["note"].is_not_null()).iter_rows(named=True):
        show.say(f"{row['dataset']}: {row['detector']} has no figure: {row['note']}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
