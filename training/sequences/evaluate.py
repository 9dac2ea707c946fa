"""Cases of an event log against labels: trained on the log without them, judged by them.

What is judged is the course of a case, so only features of the families in `FAMILIES` take part:
which step follows which, what is missing or came too early, what is repeated, who takes over. How
long steps took, when and how much they were about differs from case to case for many reasons, and
is left to the scenario's own model.
"""

from collections.abc import Mapping as Pairs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from features.batch import build
from features.contracts.errors import InputError
from features.contracts.settings import Settings
from features.contracts.vectors import Matrix, Vector
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.spec import Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from models.fitting.labelled import CROWD_ROWS, Explained, Findings, fit_labelled
from training.coverage import cover
from training.sequences.case_score import CaseScores, case_scores, event_p_values
from training.sequences.measures import Found
from training.simulation.columns import stream

FAMILIES: Final = ("sequence", "repeat", "handover")
CONTROL_SHARE: Final = 0.2
"""Share of the labelled cases that are drawn at random; the others head the queue."""


class LogEvaluation(BaseModel):
    """How well the cases of a log that are labelled 1 are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    mapping: str
    n_events: int
    families: tuple[str, ...]
    features: tuple[str, ...]
    found: Found
    """By the model that saw no label, among all labelled cases."""
    n_labelled: int = 0
    """Cases whose labels taught; the next two are about the cases that are left."""
    n_confirmed: int = 0
    rest: Found | None = None
    """By the model that saw no label."""
    taught: Found | None = None
    """By the model that learned from the labelled cases."""


@dataclass(frozen=True)
class Scored:
    """The events of a log, the model fitted on them, and what it says of their cases."""

    table: FeatureTable
    ensemble: Ensemble
    x: Matrix
    cases: CaseScores


def evaluate_log(
    paths: Sequence[Path],
    labels: Pairs[str, bool],
    *,
    mapping: Mapping,
    scenario: Scenario,
    families: Sequence[str] = FAMILIES,
    n_labelled: int = 0,
    seed: int = 0,
) -> LogEvaluation:
    """Train on a log without labels and judge its cases by them.

    With `n_labelled`, so many cases are reviewed (four in five from the head of the queue, the
    others drawn at random), the labels of these teach, and both models are judged on the others.

    Raises
    ------
    InputError
        A label is of no case in the log, the labels are all alike, or no feature of the families is
        known in this log.
    """
    table = read_table(paths, mapping, scenario)
    scored = score_cases(table, scenario, families, seed=seed)
    places = _places(scored.cases, labels)
    is_marked = np.array([labels[str(case)] for case in scored.cases.cases[places]])
    unusual = scored.cases.unusual
    whole = LogEvaluation(
        scenario=scenario.name,
        mapping=mapping.name,
        n_events=len(table),
        families=tuple(families),
        features=scored.ensemble.feature_names,
        found=Found.of(is_marked, unusual[places]),
    )
    if n_labelled == 0:
        return whole
    chosen = reviewed(unusual[places], n_labelled, seed=seed)
    taught = _taught(scored, places[chosen], is_marked[chosen], seed)
    left = np.setdiff1d(np.arange(len(places)), chosen)
    return whole.model_copy(
        update={
            "n_labelled": len(chosen),
            "n_confirmed": int(is_marked[chosen].sum()),
            "rest": Found.of(is_marked[left], unusual[places[left]]),
            "taught": Found.of(is_marked[left], taught.unusual[places[left]]),
        }
    )


def read_table(paths: Sequence[Path], mapping: Mapping, scenario: Scenario) -> FeatureTable:
    """Features of all events of a log, each from what was known before it."""
    if mapping.scenario != scenario.name:
        message = f"mapping {mapping.name} is for {mapping.scenario}, not for {scenario.name}"
        raise InputError(message + "; name another with --mapping")
    ledger = Ledger.in_memory()
    ingest(paths, mapping=mapping, ledger=ledger, settings=Settings())
    table = build(ledger, scenario)
    ledger.close()
    if len(table) == 0:
        raise InputError(f"{paths[0].name}: no event of the log could be read; check the mapping")
    return table


def score_cases(
    table: FeatureTable, scenario: Scenario, families: Sequence[str], *, seed: int = 0
) -> Scored:
    """Fit the default detectors on all events and score their cases; none is sensitive."""
    of = {item.name for item in scenario.features if item.family in families and not item.sensitive}
    coverage = cover(table, left_out=[name for name in table.names if name not in of])
    if not coverage.used:
        raise InputError(
            f"no feature of {', '.join(families)} is known and varies in this log; "
            "name other families, or map more of its attributes"
        )
    x = np.ascontiguousarray(table.values[:, [table.names.index(n) for n in coverage.used]])
    ensemble = fit_ensemble(x, coverage.used, seed=seed)
    return Scored(table, ensemble, x, _scores(table, ensemble.score(x)))


def _scores(table: FeatureTable, score: Vector) -> CaseScores:
    return case_scores(table.subject, event_p_values(score))


def _places(scores: CaseScores, labels: Pairs[str, bool]) -> NDArray[np.int64]:
    """Positions of the labelled cases."""
    unknown = sorted(set(labels) - set(scores.cases.tolist()))
    if unknown:
        raise InputError(
            f"{len(unknown)} labels are of no case in the log, the first of {unknown[0]!r}; "
            "name cases as the log does"
        )
    return np.flatnonzero(np.isin(scores.cases, list(labels)))


def reviewed(unusual: Vector, n: int, *, seed: int) -> NDArray[np.int64]:
    """Positions of the `n` cases that are reviewed: the head of the queue, and a control sample.

    >>> reviewed(np.array([0.1, 0.9, 0.5, 0.3, 0.2]), 2, seed=1).tolist()
    [1, 2]
    """
    if not 0 < n < len(unusual):
        raise InputError(f"{n} of {len(unusual)} cases cannot be reviewed and others be left")
    queue = np.argsort(-unusual, kind="stable")
    n_head = n - round(CONTROL_SHARE * n)
    drawn = stream(seed, "control sample").permutation(queue[n_head:])[: n - n_head]
    return np.concatenate([queue[:n_head], drawn])


def _taught(
    scored: Scored, places: NDArray[np.int64], is_marked: NDArray[np.bool_], seed: int
) -> CaseScores:
    """Case scores after learning: a case's finding is about its most unusual event."""
    explained = Explained.of(scored.ensemble, scored.x)
    rows = scored.cases.worst[places]
    others = np.setdiff1d(np.arange(len(scored.x)), rows)
    crowd = stream(seed, "crowd").permutation(others)[:CROWD_ROWS]
    findings = Findings(explained.rows(rows), is_marked.astype(np.float64), np.ones(len(rows)))
    model = fit_labelled(scored.ensemble, findings, explained.rows(np.sort(crowd)), seed=seed)
    return _scores(scored.table, model.margin(explained.x, explained.parts))
