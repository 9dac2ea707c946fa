"""The host's own rule warnings for events of the past, put in the place of our rules' answers.

The table is what a monitoring platform would export: `event_id`, `rule`, `answer` and `at`, when it
said so. Where a rule of ours has the same name the host's answer counts, as it does live; where the
host could not tell (`insufficient`) our hit or clear stands. Of several answers to one rule about
one event the latest counts.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from features.contracts.errors import InputError, UnreadableSourceError
from features.rules import ANSWERS, CLEAR, HIT, INSUFFICIENT, NOT_APPLICABLE
from features.table import FeatureTable

COLUMNS: Final = ("event_id", "rule", "answer", "at")
_STAMP: Final = "%Y-%m-%dT%H:%M:%S%:z"


class Answered(NamedTuple):
    """A table with the host's answers in it, how many there are, and how many of unknown events."""

    table: FeatureTable
    n_answers: int
    n_unknown: int


def read_answers(path: Path) -> pl.DataFrame:
    """Read and check the host's answers; `at` comes back as an instant in UTC.

    Raises
    ------
    UnreadableSourceError
        The file is missing or no CSV table.
    InputError
        A column is missing, an answer is none of the four, or an instant has no offset.
    """
    try:
        raw = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableSourceError(f"{path.name}: not a readable CSV table") from error
    missing = [name for name in COLUMNS if name not in raw.columns]
    if missing:
        raise InputError(f"{path.name}: no column {missing[0]!r}; give {', '.join(COLUMNS)}")
    table = raw.select(COLUMNS).with_columns(
        pl.col("at").str.to_datetime(_STAMP, time_unit="us", time_zone="UTC", strict=False)
    )
    _refuse(path, table, pl.any_horizontal(pl.col(COLUMNS[:3]).is_null()), "has an empty cell")
    _refuse(path, table, ~pl.col("answer").is_in(ANSWERS), f"answer is none of {ANSWERS}")
    _refuse(path, table, pl.col("at").is_null(), "at must read 2026-03-01T09:00:00+08:00")
    return table


def _refuse(path: Path, table: pl.DataFrame, broken: pl.Expr, rule: str) -> None:
    n = len(table.filter(broken))
    if n:
        raise InputError(f"{path.name}: {rule} in {n} row(s); correct them and try again")


def answered(
    table: FeatureTable, answers: pl.DataFrame, *, until: datetime | None = None
) -> Answered:
    """`table` with the host's answers given before `until` in the place of ours.

    An answer is about all rows of its event. A rule that only the host has is added; it does not
    apply to events that the host says nothing of.

    Raises
    ------
    InputError
        There are answers, and none is about an event of the table.
    """
    known = answers if until is None else answers.filter(pl.col("at") < until)
    last = known.sort("at", maintain_order=True).unique(
        ("event_id", "rule"), keep="last", maintain_order=True
    )
    rows: dict[str, list[int]] = {}
    for row, event_id in enumerate(table.event_id.tolist()):
        rows.setdefault(event_id, []).append(row)
    if len(last) and rows.keys().isdisjoint(last["event_id"]):
        message = (
            f"none of the host's {len(last)} answers is about a judged event of {table.scenario}; "
            "give the event_id that the ledger has, or widen the time"
        )
        raise InputError(message)
    columns = {name: column.copy() for name, column in table.rules.items()}
    n_unknown = 0
    for event_id, rule, answer, _ in last.iter_rows():
        at = rows.get(event_id, [])
        n_unknown += not at
        column = columns.setdefault(rule, np.full(len(table), NOT_APPLICABLE, np.int8))
        _put(column, at, ANSWERS.index(answer))
    return Answered(replace(table, rules=columns), len(last) - n_unknown, n_unknown)


def _put(column: "np.ndarray[tuple[int], np.dtype[np.int8]]", rows: list[int], code: int) -> None:
    for row in rows:
        if code != INSUFFICIENT or column[row] not in (CLEAR, HIT):
            column[row] = code
