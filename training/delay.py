"""Time to detection: days from a case's onset to its first event above the live line."""

from collections.abc import Iterator

import numpy as np

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from training import alerts
from training.cases import Cases
from training.screening import Delay
from training.split import DAY_US


def delays(
    table: FeatureTable, score: Vector, held_out: Vector, cases: Cases, *, budget: float
) -> tuple[tuple[Delay, ...], int]:
    """Delays by typology, and the cases left out since their onset is not inside the window.

    Rows are met in their order under the rolling line (`training.alerts.rolling`); look-alikes do
    not count.
    """
    is_alert = alerts.rolling(score, held_out, budget)
    days: dict[str, list[float | None]] = {}
    n_outside = 0
    for typology, onset, rows in _onsets(cases):
        if not table.effective_us[0] <= onset <= table.effective_us[-1]:
            n_outside += 1
            continue
        at = table.effective_us[rows[is_alert[rows]]]
        first = max(float(at.min() - onset) / DAY_US, 0.0) if len(at) else None
        days.setdefault(typology, []).append(first)
    return tuple(_delay(typology, found) for typology, found in sorted(days.items())), n_outside


def _onsets(cases: Cases) -> Iterator[tuple[str, int, Integers]]:
    """Typology, onset and rows of each planted case that says when it began."""
    order = np.argsort(cases.case, kind="stable")
    bounds = np.searchsorted(cases.case[order], np.arange(len(cases.cases) + 1))
    for at, case in enumerate(cases.cases):
        if case.is_lookalike or case.onset_us is None:
            continue
        yield case.typology, case.onset_us, cases.row[order[bounds[at] : bounds[at + 1]]]


def _delay(typology: str, days: list[float | None]) -> Delay:
    found = np.array([each for each in days if each is not None])
    return Delay(
        typology=typology,
        n_cases=len(days),
        detected=len(found),
        median_days=float(np.median(found)) if len(found) else None,
        p90_days=float(np.quantile(found, 0.9)) if len(found) else None,
    )
