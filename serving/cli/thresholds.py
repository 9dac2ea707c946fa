"""`lianjing thresholds`: who keeps contracts just below a legal limit more often than chance."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json
from serving.cli.setting import configured, open_ledger

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 15


class Side(StrEnum):
    """Which side of a limit the question is about."""

    BELOW = "below"
    ABOVE = "above"


Of = Annotated[str, typer.Option("--scenario", help="a scenario that declares legal limits")]
Period = Annotated[str, typer.Option(help="a year, quarter or month: 2025, 2025-Q2, 2025-06")]
By = Annotated[list[str], typer.Option(help="fields whose units are tested one by one")]
Which = Annotated[Side, typer.Option(help="values kept below a limit, or just above a condition")]
Out = Annotated[Path | None, typer.Option(help="all answers, a .csv or .parquet file")]
Power = Annotated[bool, typer.Option("--power", help="print the tests' power on drawn values")]


def thresholds(
    scenario: Of = "small_works",
    period: Period = "",
    by: By = ["buyer", "officer"],  # noqa: B006  (typer reads the default, nothing writes it)
    side: Which = Side.BELOW,
    out: Out = None,
    json: Json = False,
    power: Power = False,
) -> None:
    """Test whether contracts bunch at the legal limit in force: of everybody, and unit by unit."""
    from training.threshold_power import power as power_of

    table = power_of() if power else _answers(scenario, period, by, side)
    if out is not None:
        _write(table, out)
    if json:
        show.document({"path": out, "answers": table.to_dicts()})
    elif power:
        show.table("power at the 5 % level", table.columns, _shares(table))
    else:
        _tell(table, out)


def _answers(scenario: str, period: str, by: list[str], side: Side) -> "pl.DataFrame":
    from features.scenarios import catalog
    from training.thresholds import threshold_table

    declared = catalog.load(scenario)
    with open_ledger(configured()) as ledger:
        return threshold_table(ledger, declared, period=period, by=by, side=side.value)


def _write(table: "pl.DataFrame", out: Path) -> None:
    from features.frames import check_suffix, replace_file

    check_suffix(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, table.write_parquet if out.suffix == ".parquet" else table.write_csv)


def _shares(table: "pl.DataFrame") -> list[tuple[str, ...]]:
    return [(str(row[0]), *(f"{value:.2f}" for value in row[1:])) for row in table.iter_rows()]


def _tell(table: "pl.DataFrame", out: Path | None) -> None:
    import polars as pl

    if table.is_empty():
        raise InputError("no contract of that period has a limit; choose another --period")
    answered = table.filter(pl.col("status") == "ok")
    columns = ["by", "unit", "test", "n#", "below#", "above#", "statistic#", "p#", "q#"]
    shown = answered.select(
        "by", "unit", "method", "n", "n_below", "n_above", "statistic", "p", "q"
    ).head(_SHOWN)
    rows = [
        (*row[:6], *("-" if value is None else f"{value:.4g}" for value in row[6:]))
        for row in shown.iter_rows()
    ]
    show.table("bunching below the limit in force, least p first", columns, rows)
    few = len(table) - len(answered)
    where = f"; all of them: {out}" if out else ""
    show.say(f"{len(answered)} answers, {few} units with too few contracts near the limit{where}")
