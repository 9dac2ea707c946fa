"""Assignments of review agencies in a simulated district, with what is planted in them."""

from typing import Final

import numpy as np
import polars as pl

from training.part import Marks, Part, truth_of
from training.plant import plant_all
from training.rotation import PAIR
from training.simulation import text
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.assignment_table import assignment_events, assignment_table, event_ids
from training.simulation.assignments import Rotation, ordinary_submissions
from training.simulation.case import Case
from training.simulation.columns import Columns, height, take
from training.simulation.config import SimulationConfig
from training.simulation.days import Integers
from training.simulation.district import District
from training.typologies.assignments import TYPOLOGIES

_DRAWN, _REVIEWED = 1, 3
_MEETINGS_A_YEAR: Final = 6
"""From how many meetings within a year a triad is one."""
_LEAST_REVIEWS: Final = 2
_YEAR_S: Final = 365 * 86_400


def part(config: SimulationConfig, district: District) -> Part:
    """Draws, declines, withdrawals and reviews, a row each; a subject is a pair's quarter.

    A case whose moment never came is no case: in a small district an agency may not come to the
    head as often as a plan needs.
    """
    rotation = Rotation.of(config, district)
    draft = AssignmentDraft(
        ordinary_submissions(config, rotation), rotation, config, district.clock
    )
    ordinary = assignment_events(draft, *draft.drawn())
    cases = plant_all(draft, TYPOLOGIES, config, (district.clock, _n_pairs(ordinary)))
    events = assignment_events(draft, *draft.drawn())
    table = assignment_table(draft, events)
    marks = _marks(draft, cases, events, table)
    return Part(
        scenario="assignments",
        table=table,
        truth=truth_of("assignments", config, (TYPOLOGIES, cases), marks),
        cases=tuple(case for case in cases if case.number in marks.case),
        subjects=int((table["kind"] == PAIR).sum()),
    )


def _n_pairs(events: Columns) -> int:
    """How many pairs of officer and agency met in how many quarters."""
    drawn = take(events, np.flatnonzero(events["kind"] == _DRAWN))
    keys = [drawn["officer"], drawn["agency"], _quarters(drawn["local"])]
    return len(np.unique(np.column_stack(keys), axis=0))


def _quarters(local: Integers) -> Integers:
    months = (local // 86_400).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // 3


def _marks(
    draft: AssignmentDraft, cases: list[Case], events: Columns, table: pl.DataFrame
) -> Marks:
    """A case's own draws, and the pair-quarters in which its typology is complete."""
    there = set(table.filter(pl.col("kind") == PAIR)["event_id"].to_list())
    favourite = {case.number: plan.agency for case, plan in draft.plans}
    ids, numbers, at = list[str](), list[int](), list[int]()
    marked = set[str]()
    for case in cases:
        own = take(events, _own(events, case, favourite.get(case.number)))
        if not height(own):
            continue
        own_ids = event_ids(own["kind"], own["draw"], own["turn"]).to_list()
        found = [*zip(own_ids, own["local"].tolist(), strict=True), *_pairs(own, there)]
        for event_id, when in found:
            if event_id not in marked:
                marked.add(event_id)
                ids.append(event_id)
                numbers.append(case.number)
                at.append(when)
    return Marks(
        pl.Series("event_id", ids, dtype=pl.String),
        np.array(numbers, dtype=np.int64),
        np.array(at, dtype=np.int64),
    )


def _own(events: Columns, case: Case, favourite: int | None) -> Integers:
    """Rows of a case that count: its reviews, or draws that fell on the favourite.

    Of a triad those count from the sixth meeting within a year on.
    """
    kind = _REVIEWED if case.code == "T10" else _DRAWN
    mine = (events["case"] == case.number) & (events["kind"] == kind)
    if favourite is not None:
        mine &= events["agency"] == favourite
    rows = np.flatnonzero(mine)
    if case.code == "T10":
        return _in_full_quarters(events, rows)
    if case.code == "T11":
        at = events["local"][rows]
        met = np.arange(len(rows)) - np.searchsorted(at, at - _YEAR_S) + 1
        return np.asarray(rows[met >= _MEETINGS_A_YEAR])
    return rows


def _in_full_quarters(events: Columns, rows: Integers) -> Integers:
    """Reviews in quarters in which at least two of them were done."""
    quarter = _quarters(events["local"][rows])
    values, counts = np.unique(quarter, return_counts=True)
    return np.asarray(rows[np.isin(quarter, values[counts >= _LEAST_REVIEWS])])


def _pairs(own: Columns, there: set[str]) -> list[tuple[str, int]]:
    """Ids of the pair-quarters that rows lie in, each with when its first row came."""
    officers = text.codes("officer", "O", own["officer"]).to_list()
    agencies = text.codes("agency", "P", own["agency"]).to_list()
    found: dict[str, int] = {}
    quarters = _quarters(own["local"]).tolist()
    rows = zip(officers, agencies, quarters, own["local"].tolist(), strict=True)
    for officer, agency, quarter, at in rows:
        year, of_year = divmod(quarter, 4)
        found.setdefault(f"PQ-{1970 + year}Q{of_year + 1}-{officer}-{agency}", at)
    return [pair for pair in found.items() if pair[0] in there]
