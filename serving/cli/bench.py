"""`lianjing bench`: detectors against tables, and logs, whose anomalies are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.logs import sequences
from serving.cli.options import Json

if TYPE_CHECKING:
    import polars as pl

    from training.adbench import Comparison

app = typer.Typer(no_args_is_help=True, help="Detectors against what is known to be unusual.")

_DEFAULT: Final = "default"
_PRINTED: Final = ("KNN", "IForest")
"""Detectors of which the paper's figure stands beside ours."""

Data = Annotated[Path, typer.Option(help="a folder of ADBench tables (.npz)")]
Out = Annotated[Path, typer.Option(help="the figures, a .csv or .parquet file")]
Seeds = Annotated[str, typer.Option(help="seeds of the protocol, separated by commas")]


app.command()(sequences)


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
    columns = ["default#", "best other#", "", *(f"{name}#" for name in _PRINTED)]
    show.table(
        "AUCROC, percent; in brackets the paper's, of rows that were drawn anew (*) other draws",
        ["table", *columns],
        [_row(part) for _, part in table.group_by("dataset", maintain_order=True)],
    )
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


def _row(part: "pl.DataFrame") -> list[str]:
    """The line of one table: the default, the best of the others, and what the paper has too."""
    found = {row["detector"]: row for row in part.iter_rows(named=True)}
    others = {name: row["auc_roc"] for name, row in found.items() if name != _DEFAULT}
    best = max(others, key=lambda name: others[name] or 0.0)
    drawn = "*" if part["is_resampled"][0] else ""
    printed = [
        f"{_figure(found[name]['auc_roc'])} ({_figure(found[name]['paper_auc_roc'])})"
        for name in _PRINTED
    ]
    ours = _figure(found[_DEFAULT]["auc_roc"])
    return [part["dataset"][0] + drawn, ours, _figure(others[best]), best, *printed]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
