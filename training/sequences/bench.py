"""Distorted logs judged over seeds: how well whole cases are found, without and with labels."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from features.scenarios import catalog
from features.sources.mapping import Mapping as FileMapping
from features.sources.read_xes import read_xes
from training.sequences.evaluate import FAMILIES, LogEvaluation, evaluate_log
from training.sequences.inject import CASE, SHARE, Injected, inject
from training.sequences.measures import Found
from training.sequences.trace_forest import forest_scores
from training.sequences.write_xes import write_xes

Progress = Callable[[int, int, str], None]


class LogBench(BaseModel):
    """Figures of one log: a run a seed, their means, and what was injected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log: str
    n_cases: int
    seeds: tuple[int, ...]
    shares: Mapping[str, float]
    """Share of all cases that each type was applied to, the same for every seed."""
    runs: tuple[LogEvaluation, ...]
    forest: tuple[Found, ...]
    """What an isolation forest over eight numbers of a case finds in the same logs."""
    means: Mapping[str, Mapping[str, float]]


def bench(
    path: Path,
    seeds: Sequence[int],
    *,
    mapping: FileMapping,
    families: Sequence[str] = FAMILIES,
    share: float = SHARE,
    n_labelled: int = 0,
    folder: Path,
    progress: Progress | None = None,
) -> LogBench:
    """Distort the log at `path` once a seed, write it to `folder`, judge what is found there."""
    rows, scenario = list(read_xes(path)), catalog.load(mapping.scenario)
    runs: list[LogEvaluation] = []
    forest: list[Found] = []
    shares: Mapping[str, float] = {}
    for done, seed in enumerate(seeds):
        if progress:
            progress(done, len(seeds), f"{path.name}, seed {seed}")
        made = inject(rows, seed=seed, share=share)
        shares = made.shares
        write_xes(made.rows, folder / "distorted.xes.gz")
        labels = {row.cells[CASE]: row.cells[CASE] in made.types for row in made.rows}
        forest.append(_by_forest(made, seed))
        runs.append(
            evaluate_log(
                [folder / "distorted.xes.gz"],
                labels,
                mapping=mapping,
                scenario=scenario,
                families=families,
                n_labelled=n_labelled,
            )
        )
    ranked = {
        "isolation forest over eight numbers of a case": forest,
        "no labels": [run.found for run in runs],
        "no labels, cases not reviewed": [run.rest for run in runs if run.rest],
        f"{n_labelled} labels, cases not reviewed": [run.taught for run in runs if run.taught],
    }
    return LogBench(
        log=path.name,
        n_cases=runs[0].found.n_cases,
        seeds=tuple(seeds),
        shares=shares,
        runs=tuple(runs),
        forest=tuple(forest),
        means={name: _means(found) for name, found in ranked.items() if found},
    )


def _by_forest(made: Injected, seed: int) -> Found:
    scores = forest_scores(made.rows, seed=seed)
    is_marked = np.array([case in made.types for case in scores])
    return Found.of(is_marked, np.array(list(scores.values())))


def _means(found: Sequence[Found]) -> dict[str, float]:
    names = [name for name in Found.model_fields if not name.startswith("n_")]
    return {name: float(np.mean([getattr(one, name) for one in found])) for name in names}
