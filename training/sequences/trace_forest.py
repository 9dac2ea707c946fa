"""What a plain isolation forest over eight numbers of a case finds: the yardstick of the features.

It is what one would try first on a log: no history, no order of steps, one row a case.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from features.sources.rows import RawRow
from models.fitting.forest import fit_forest
from training.sequences.inject import ACTIVITY, AT, OFFICER, cases_of


class Trace(NamedTuple):
    """Eight numbers of one case; times in seconds."""

    steps: int
    activities: int
    repeats: int
    """Steps whose activity the case has had already."""
    officers: int
    handovers: int
    """Steps that another officer takes than the one before."""
    duration_s: float
    mean_wait_s: float
    longest_wait_s: float


def trace(rows: Sequence[RawRow]) -> Trace:
    """The numbers of a case from its events, in the order of the log.

    >>> step = lambda n, what, who, at: RawRow(n, n, {ACTIVITY: what, OFFICER: who, AT: at})
    >>> trace([step(1, "file", "A", "2026-03-02T09:00:00"),
    ...        step(2, "check", "B", "2026-03-02T09:00:10"),
    ...        step(3, "check", "B", "2026-03-02T09:00:40")])
    Trace(steps=3, activities=2, repeats=1, officers=2, handovers=1, duration_s=40.0, \
mean_wait_s=20.0, longest_wait_s=30.0)
    """
    done = [row.cells[ACTIVITY] for row in rows]
    officers = [row.cells.get(OFFICER, "") for row in rows]
    at = [datetime.fromisoformat(row.cells[AT]) for row in rows]
    waits = [(later - before).total_seconds() for before, later in pairwise(at)] or [0.0]
    return Trace(
        steps=len(rows),
        activities=len(set(done)),
        repeats=len(rows) - len(set(done)),
        officers=len(set(officers)),
        handovers=sum(one != other for one, other in pairwise(officers)),
        duration_s=sum(waits),
        mean_wait_s=sum(waits) / len(waits),
        longest_wait_s=max(waits),
    )


def forest_scores(rows: Sequence[RawRow], *, seed: int) -> Mapping[str, float]:
    """How unusual each case of a log is to a forest that was fitted on all of them.

    Raises
    ------
    InputError
        A row lacks an attribute.

    References
    ----------
    Liu, Ting, Zhou, "Isolation forest", ICDM 2008, doi:10.1109/ICDM.2008.17.
    """
    cases = cases_of(rows)
    x = np.array([trace(case) for case in cases.values()], np.float64)
    return dict(zip(cases, fit_forest(x, seed=seed).score(x).tolist(), strict=True))
