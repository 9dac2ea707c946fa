"""`lianjing select`: whom to look at in each period, within the review budget."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json, Scenario
from serving.cli.setting import configured, open_ledger

if TYPE_CHECKING:
    import polars as pl

Out = Annotated[Path, typer.Option(help="the selected events, a .csv or .parquet file")]
Since = Annotated[datetime | None, typer.Option(help="events from this date on")]
Until = Annotated[datetime | None, typer.Option(help="events before this date")]
Reviews = Annotated[int | None, typer.Option(help="most reviews of a period")]
Unit = Annotated[str, typer.Option(help="the field that says what unit an event is of")]
Quotas = Annotated[list[str], typer.Option("--quota", help="UNIT=N: most reviews of that unit")]


def select(
    scenario: Scenario,
    out: Out,
    since: Since = None,
    until: Until = None,
    reviews: Reviews = None,
    unit: Unit = "",
    quota: Quotas = [],  # noqa: B006  (typer reads the default, nothing writes it)
    json: Json = False,
) -> None:
    """Write the review list of each period: the highest scores, and a control sample.

    Share, period and control sample are settings: LIANJING_ALERT_BUDGET, _REVIEW_PERIOD,
    _CONTROL_KEY and _CONTROL_SHARE.
    """
    from features.frames import check_suffix, replace_file
    from features.scenarios import catalog
    from serving.champion import serving_bundle
    from serving.reviewing import rule_in_force
    from training.review_list import review_list

    check_suffix(out)
    settings = configured()
    asked = catalog.load(scenario, settings.rules)
    units, window = _quotas(quota), (_utc(since), _utc(until))
    with open_ledger(settings) as ledger:
        rule = replace(rule_in_force(settings, ledger, scenario), reviews=reviews, units=units)
        bundle = serving_bundle(settings, ledger, asked)
        with show.progress("features") as tick:
            frame = review_list(
                ledger, asked, bundle, rule, unit=unit, window=window, progress=tick
            )
    chosen = frame.filter(frame["selected_by"].is_not_null())
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, chosen.write_parquet if out.suffix == ".parquet" else chosen.write_csv)
    _tell(_summary(frame), out, json=json)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None


def _quotas(texts: Sequence[str]) -> dict[str, int]:
    """The units' bounds: `north=20` a text."""
    bounds: dict[str, int] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal() or name in bounds:
            raise InputError(f"quota {text!r} must be UNIT=N, once a unit, such as north=20")
        bounds[name] = int(number)
    return bounds


def _summary(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Events, reviews and the line of each period."""
    import polars as pl

    by = pl.col("selected_by")
    return frame.group_by("period", maintain_order=True).agg(
        events=pl.len(),
        reviews=by.is_not_null().sum(),
        alerts=by.is_in(["alert", "both"]).sum(),
        control=by.is_in(["control", "both"]).sum(),
        threshold=pl.col("threshold").first(),
    )


def _tell(summary: "pl.DataFrame", out: Path, *, json: bool) -> None:
    if json:
        show.document({"path": out, "periods": summary.to_dicts()})
        return
    columns = ["period", "events#", "reviews#", "alerts#", "control#", "lowest score selected#"]
    rows = [
        (*row[:-1], f"{row[-1]:.3f}" if isfinite(row[-1]) else "-") for row in summary.iter_rows()
    ]
    show.table("review lists", columns, rows)
    show.say(f"{int(summary['reviews'].sum())} events to look at: {out}")
