"""`lianjing rotation`: which pairs of officer and agency, and whose draws, stand out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json
from serving.cli.setting import configured, open_ledger

if TYPE_CHECKING:
    import polars as pl

    from features.calendar import Calendar

Files = Annotated[list[Path] | None, typer.Argument(help="files to test instead of the ledger")]
FileMapping = Annotated[str, typer.Option(help="how FILES are read: a mapping's name or file")]
QuarterName = Annotated[str, typer.Option("--quarter", help="one quarter, such as 2025Q1")]
DrawnBy = Annotated[
    Literal["rotation", "lot"],
    typer.Option(help="by turn of a queue, or by lot among who is eligible"),
]
Level = Annotated[float, typer.Option(help="largest adjusted p that is shown")]
Out = Annotated[Path | None, typer.Option(help="write every unit and test: .csv or .parquet")]
Record = Annotated[bool, typer.Option("--record", help="tell the ledger, for the model")]
Language = Annotated[str, typer.Option(help="zh or en")]


def rotation(
    files: Files = None,
    mapping: FileMapping = "",
    quarter: QuarterName = "",
    drawn_by: DrawnBy = "rotation",
    level: Level = 0.05,
    out: Out = None,
    record: Record = False,
    language: Language = "en",
    json: Json = False,
) -> None:
    """Test the draws of a rotation: which pairs met otherwise than by turn, and how seldom that is.

    p is adjusted (q) among the agencies that an officer could have met in the quarter. All draws of
    an officer's quarter together are tested as well, with q among their tests. Who stands out
    differs from fair draws; why, only a review can tell.
    """
    from features.contracts.events import to_us
    from training.officer_quarters import officer_quarter_table, officers_standing_out
    from training.rotation import n_unnamed, pair_quarter_table, standing_out

    if language not in ("zh", "en"):
        raise InputError(f"no sentences in {language!r}; choose zh or en")
    if record and files:
        raise InputError("--record tells the ledger of its own draws; leave out FILES")
    now = datetime.now(UTC)
    events, calendar = _of_files(files, mapping) if files else _of_ledger()
    of, until, only = (events, calendar), to_us(now), quarter or None
    table = pair_quarter_table(*of, until_us=until, only=only, drawn_by=drawn_by)
    officers = officer_quarter_table(*of, until_us=until, only=only, drawn_by=drawn_by)
    if n_left := n_unnamed(*of, only=only):
        show.say(f"draws that name no officer or no agency and are not tested: {n_left}")
    found = standing_out(table, level=level)
    found_officers = officers_standing_out(officers, level=level)
    if out is not None:
        _write(standing_out(table, level=1.0), officers_standing_out(officers, level=1.0), out)
    if json:
        show.document(
            {
                "pair_quarters": len(table),
                "officer_quarters": _units(officers),
                "draws_not_tested": n_left,
                "standing_out": found.to_dicts(),
                "officers_standing_out": found_officers.to_dicts(),
            }
        )
    else:
        _show(table, found, language)
        _show_officers(officers, found_officers, language)
    if record:
        _record(quarter, drawn_by, now)


def _of_ledger() -> "tuple[pl.DataFrame, Calendar]":
    from training.rotation import table_of

    with open_ledger(configured()) as ledger:
        stored = ledger.iter_events("assignments")
        events = table_of((one.event, one.observed_us) for one in stored)
        return events, ledger.profile("assignments")[1]


def _of_files(files: list[Path], mapping: str) -> "tuple[pl.DataFrame, Calendar]":
    from features.sources.ingest import ingest
    from features.sources.mapping import Mapping
    from serving.cli.line import Collected
    from training.rotation import table_of

    if not mapping:
        raise InputError("files need a mapping: --mapping simulated_assignments, or a TOML file")
    declared, read = Mapping.load(mapping), Collected()
    report = ingest(files, mapping=declared, ledger=read, settings=configured(), in_clear=True)
    show.rejections(report.rejections)
    return table_of(zip(read.events, read.learned_us, strict=True)), declared.calendar


def _write(pairs: "pl.DataFrame", officers: "pl.DataFrame", out: Path) -> None:
    """Every pair and test, then every officer and test, which have no agency."""
    import polars as pl

    from features.frames import check_suffix, replace_file

    found = pl.concat([pairs, officers.drop("n_draws")], how="diagonal")
    check_suffix(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, found.write_parquet if out.suffix == ".parquet" else found.write_csv)
    show.say(f"{len(found)} units and tests: {out}")


def _show(table: "pl.DataFrame", found: "pl.DataFrame", language: str) -> None:
    for place, row in enumerate(found.iter_rows(named=True), 1):
        show.out.print(
            f"{place:3d}. {row['quarter']}  officer {row['officer']}, agency {row['agency']}, "
            f"owner {row['owner'] or '-'}  {row['test']}  p {row['p']:.2g}, q {row['q']:.2g}"
        )
        show.out.print(f"     {row[language]}")
    pairs = found.select("quarter", "officer", "agency").n_unique() if len(found) else 0
    show.out.print(f"{len(table)} pair-quarters tested, {pairs} differ from fair draws")


def _show_officers(table: "pl.DataFrame", found: "pl.DataFrame", language: str) -> None:
    for place, row in enumerate(found.iter_rows(named=True), 1):
        show.out.print(
            f"{place:3d}. {row['quarter']}  officer {row['officer']}, all {row['n_draws']} draws  "
            f"{row['test']}  p {row['p']:.2g}, q {row['q']:.2g}"
        )
        show.out.print(f"     {row[language]}")
    differ = _units(found)
    show.out.print(f"{_units(table)} officer-quarters tested, {differ} differ from fair draws")


def _units(table: "pl.DataFrame") -> int:
    return table.select("quarter", "officer").n_unique() if len(table) else 0


def _record(quarter: str, drawn_by: Literal["rotation", "lot"], now: datetime) -> None:
    from training.record_rotation import record_pairs

    with open_ledger(configured()) as ledger:
        done = record_pairs(ledger, now=now, only=quarter or None, drawn_by=drawn_by)
    show.out.print(
        f"recorded {done.new} new, {done.changed} changed by earlier records, "
        f"{done.unchanged} there already"
    )
