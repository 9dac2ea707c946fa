"""The host's own warnings in a batch: its answer stands before ours, the latest before earlier."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.contracts.errors import InputError, UnreadableSourceError
from features.rules import CLEAR, HIT, INSUFFICIENT, NOT_APPLICABLE
from features.table import FeatureTable
from training.host_answers import answered, read_answers

Make = Callable[..., FeatureTable]


def _file(folder: Path, *lines: str, header: str = "event_id,rule,answer,at") -> Path:
    path = folder / "host.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def _table(make_table: Make) -> FeatureTable:
    ours = np.array([HIT, HIT, CLEAR, INSUFFICIENT], np.int8)
    return replace(make_table(4), rules={"over_cap": ours})


def _answers(folder: Path, *lines: str) -> pl.DataFrame:
    return read_answers(_file(folder, *lines))


def test_the_hosts_answer_stands_before_ours(tmp_path: Path, make_table: Make) -> None:
    """Its clear silences our hit, and its hit stands where ours is clear; others stay ours."""
    told = _answers(
        tmp_path,
        "P-0,over_cap,clear,2026-03-01T09:00:00+08:00",
        "P-2,over_cap,hit,2026-03-01T09:00:00+08:00",
    )
    found = answered(_table(make_table), told)

    assert found.table.rules["over_cap"].tolist() == [CLEAR, HIT, HIT, INSUFFICIENT]
    assert (found.n_answers, found.n_unknown) == (2, 0)


def test_where_the_host_cannot_tell_ours_stands(tmp_path: Path, make_table: Make) -> None:
    """`insufficient` is no answer beside a hit or a clear; beside nothing it is one."""
    told = _answers(
        tmp_path,
        "P-0,over_cap,insufficient,2026-03-01T09:00:00+08:00",
        "P-3,over_cap,insufficient,2026-03-01T09:00:00+08:00",
    )

    assert answered(_table(make_table), told).table.rules["over_cap"].tolist() == [
        HIT, HIT, CLEAR, INSUFFICIENT,
    ]  # fmt: skip


def test_the_latest_answer_before_the_end_counts(tmp_path: Path, make_table: Make) -> None:
    """What the host said after the judged period was not known in it."""
    lines = (
        "P-1,over_cap,clear,2026-03-02T09:00:00+08:00",
        "P-1,over_cap,not_applicable,2026-03-01T09:00:00+08:00",
        "P-1,over_cap,hit,2026-04-01T09:00:00+08:00",
    )
    told = _answers(tmp_path, *lines)

    until = datetime(2026, 3, 31, tzinfo=UTC)
    assert answered(_table(make_table), told, until=until).table.rules["over_cap"][1] == CLEAR
    assert answered(_table(make_table), told).table.rules["over_cap"][1] == HIT


def test_a_rule_that_only_the_host_has_is_added(tmp_path: Path, make_table: Make) -> None:
    """It does not apply where the host says nothing; answers about unknown events are counted."""
    told = _answers(
        tmp_path,
        "P-1,their_own,hit,2026-03-02T09:00:00+08:00",
        "P-9,their_own,hit,2026-03-02T09:00:00+08:00",
    )
    found = answered(_table(make_table), told)

    assert found.table.rules["their_own"].tolist() == [NOT_APPLICABLE, HIT, *[NOT_APPLICABLE] * 2]
    assert (found.n_answers, found.n_unknown) == (1, 1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("P-1,over_cap,maybe,2026-03-02T09:00:00+08:00", r"answer is none of .* in 1 row"),
        ("P-1,over_cap,hit,2026-03-02", "at must read"),
        (",over_cap,hit,2026-03-02T09:00:00+08:00", "empty cell"),
    ],
)
def test_a_faulty_row_is_counted(tmp_path: Path, line: str, told: str) -> None:
    """The message names the rule and the number, never the value."""
    with pytest.raises(InputError, match=told):
        read_answers(_file(tmp_path, line))


def test_a_faulty_file_is_named(tmp_path: Path) -> None:
    """A missing column, a missing file."""
    with pytest.raises(InputError, match="no column 'answer'"):
        read_answers(_file(tmp_path, header="event_id,rule,at"))
    with pytest.raises(UnreadableSourceError, match=r"nowhere\.csv"):
        read_answers(tmp_path / "nowhere.csv")
