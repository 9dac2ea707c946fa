"""One scenario's part of a simulated district: its table, its truth, its cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from features.contracts.tables import TRUTH
from training.simulation import text
from training.simulation.case import Case
from training.simulation.config import SimulationConfig
from training.simulation.days import Integers
from training.simulation.district import NOBODY
from training.truth import NO_SEVERITY
from training.typology import Typology


class Keyed(NamedTuple):
    """Columns that clerks type and mistype: amounts in yuan, and codes."""

    amounts: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


NOT_KEYED: Final = Keyed()
"""Nothing is typed by hand, so nothing is mistyped."""


@dataclass(frozen=True)
class Part:
    """What one scenario of a district writes.

    `table` is what a platform would export, `truth` has the columns of
    `features.contracts.tables.TRUTH` with instants as text, `subjects` counts what the planted
    share is a share of. The first column of `table` is the id of the event, `recorded_at` when the
    platform learned of the row.
    """

    scenario: str
    table: pl.DataFrame
    truth: pl.DataFrame
    cases: tuple[Case, ...]
    subjects: int
    keyed: Keyed = NOT_KEYED


@dataclass(frozen=True)
class Marks:
    """Which events belong to which case: ids, positions of cases (or NOBODY), local seconds."""

    event_id: pl.Series
    case: Integers
    at: Integers


def truth_of(
    scenario: str,
    config: SimulationConfig,
    planted: tuple[Sequence[Typology[Any]], Sequence[Case]],
    marks: Marks,
) -> pl.DataFrame:
    """One row a marked event; the onset of a case is the instant of its first event."""
    typologies, cases = planted
    by_code = {each.code: each for each in typologies}
    rows = np.flatnonzero(marks.case != NOBODY)
    number = marks.case[rows]
    onset = np.full(len(cases), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(onset, number, marks.at[rows])
    of_case = pl.DataFrame(
        {
            "typology": [each.code for each in cases],
            "severity": [each.severity or NO_SEVERITY for each in cases],
            "telling_features": [";".join(by_code[each.code].telling) for each in cases],
            "case_id": [f"{scenario}-{each.code}-{each.number:05d}" for each in cases],
            "look_alike": [by_code[each.code].benign for each in cases],
            "rule_sees": [by_code[each.code].should_be_hit(each, config) for each in cases],
            "adaptive": [each.adaptive for each in cases],
        },
        schema_overrides=dict.fromkeys(("look_alike", "rule_sees", "adaptive"), pl.Boolean),
    )[number]
    return of_case.with_columns(
        marks.event_id[rows].alias("event_id"),
        pl.lit(scenario).alias("scenario"),
        text.stamps("onset", onset[number]),
    ).select(list(TRUTH))
