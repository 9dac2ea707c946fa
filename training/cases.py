"""Planted cases joined with the rows of a feature table: what an evaluation counts.

A case is one story (a subject that splits a payout, a ring of agents); its events are rows. Finding
one row finds the case. A look-alike is a harmless story that resembles a planted one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.contracts.events import to_us
from features.contracts.tables import check_truth
from features.contracts.vectors import Integers
from features.table import FeatureTable


@dataclass(frozen=True, slots=True)
class Case:
    """One planted story; `telling` names features, or fields they read, that give it away.

    `onset_us` is when it began, in microseconds since 1970; None where nothing says. `rule_sees`
    tells whether the fixed rules should hit it, `adaptive` whether it keeps clear of them.
    """

    case_id: str
    typology: str
    severity: str
    is_lookalike: bool
    telling: tuple[str, ...] = ()
    onset_us: int | None = None
    rule_sees: bool = False
    adaptive: bool = False


@dataclass(frozen=True)
class Cases:
    """Cases and which rows of one table belong to them, as pairs (row, position of the case)."""

    cases: tuple[Case, ...]
    row: Integers
    case: Integers
    n_rows: int

    @classmethod
    def of(cls, table: FeatureTable, truth: pl.DataFrame) -> Self:
        """Join a truth table with `table`; a case without a row in it is left out.

        All kinds and versions of a planted event belong to its case.

        Raises
        ------
        InputError
            The truth table breaks its schema.
        """
        return cls.among(table.event_id.tolist(), table.scenario, truth)

    @classmethod
    def among(cls, event_ids: Sequence[str], scenario: str, truth: pl.DataFrame) -> Self:
        """As `of`, for rows that are known by the ids of their events alone."""
        at = _positions(event_ids)
        of_scenario = check_truth(truth).filter(pl.col("scenario") == scenario)
        known: dict[str, int] = {}
        cases: list[Case] = []
        pairs: list[tuple[int, int]] = []
        for line in of_scenario.iter_rows(named=True):
            for row in at.get(line["event_id"], ()):
                if line["case_id"] not in known:
                    known[line["case_id"]] = len(cases)
                    cases.append(_case(line))
                pairs.append((row, known[line["case_id"]]))
        joined = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return cls(tuple(cases), joined[:, 0], joined[:, 1], len(event_ids))

    @property
    def is_planted(self) -> NDArray[np.bool_]:
        """Which rows belong to a planted case that is no look-alike."""
        return self._rows_of(~self._is_lookalike)

    @property
    def is_lookalike(self) -> NDArray[np.bool_]:
        """Which rows belong to a look-alike."""
        return self._rows_of(self._is_lookalike)

    def found(self, rows: Iterable[int]) -> frozenset[int]:
        """Positions of the cases, look-alikes included, that have one of `rows`."""
        return frozenset(self.case[np.isin(self.row, np.fromiter(rows, np.int64))].tolist())

    def of_row(self, row: int) -> list[Case]:
        """The cases one row belongs to."""
        return [self.cases[at] for at in self.case[self.row == row]]

    @property
    def _is_lookalike(self) -> NDArray[np.bool_]:
        return np.array([case.is_lookalike for case in self.cases], dtype=np.bool_)

    def _rows_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        mask = np.zeros(self.n_rows, dtype=np.bool_)
        mask[self.row[chosen[self.case]]] = True
        return mask


def _positions(event_ids: Sequence[str]) -> dict[str, list[int]]:
    at: dict[str, list[int]] = {}
    for row, event_id in enumerate(event_ids):
        at.setdefault(event_id, []).append(row)
    return at


def _case(line: dict[str, object]) -> Case:
    return Case(
        case_id=str(line["case_id"]),
        typology=str(line["typology"]),
        severity=str(line["severity"]),
        is_lookalike=bool(line["look_alike"]),
        telling=tuple(name for name in str(line["telling_features"]).split(";") if name),
        onset_us=to_us(line["onset"]) if isinstance(line["onset"], datetime) else None,
        rule_sees=bool(line["rule_sees"]),
        adaptive=bool(line["adaptive"]),
    )
