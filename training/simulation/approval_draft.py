"""Approvals before they are written: ordinary steps that cases may change, and what they add."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.contracts.errors import InputError
from training.simulation.approvals import ACTIVITIES, steps_of
from training.simulation.case import Case
from training.simulation.columns import Columns, height, stack, take
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.district import NOBODY, District


@dataclass
class ApprovalDraft:
    """Projects and their steps, in the order of project and time, and what cases do to them."""

    projects: Columns
    steps: Columns
    district: District
    _new_projects: list[Columns] = field(default_factory=list)
    _new_steps: list[Columns] = field(default_factory=list)
    _n: int = 0

    def __post_init__(self) -> None:
        self._n = height(self.projects)
        self.taken = np.zeros(self._n, dtype=np.bool_)
        self.keep = np.ones(height(self.steps), dtype=np.bool_)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Row of the first step of each activity (rows) and project (columns), or -1."""
        first = np.full((len(ACTIVITIES), self._n), NOBODY, dtype=np.int64)
        rows = np.arange(height(self.steps))[::-1]
        first[self.steps["activity"][rows], self.steps["project"][rows]] = rows
        return first

    @cached_property
    def _edges(self) -> Integers:
        return np.searchsorted(self.steps["project"], np.arange(self._n + 1)).astype(np.int64)

    def row(self, activity: int, project: int) -> int:
        """Row of a project's first step of one kind; -1 when it has none."""
        return int(self._first[activity, project])

    def rows(self, project: int) -> Integers:
        """Rows of all steps of a project."""
        return np.arange(self._edges[project], self._edges[project + 1], dtype=np.int64)

    def when(self, activity: int) -> Integers:
        """For each project the instant of its first step of one kind, as first drawn."""
        rows = self._first[activity]
        return np.where(rows == NOBODY, NEVER, self._drawn_at[rows])

    @cached_property
    def _drawn_at(self) -> Integers:
        return np.asarray(self.steps["at"].copy(), dtype=np.int64)

    def pick(self, rng: np.random.Generator, misfit: NDArray[np.float64]) -> int:
        """Claim a project nobody has claimed: one that fits (misfit 0), else the least misfit."""
        misfit = np.where(self.taken, np.inf, misfit)
        if np.isinf(misfit).all():
            raise InputError("no ordinary project is left to plant a case in; raise projects")
        fitting = np.flatnonzero(misfit <= 0)
        chosen = int(rng.choice(fitting)) if len(fitting) else int(np.argmin(misfit))
        self.taken[chosen] = True
        return chosen

    def near(self, case: Case, activity: int, days: int = 45) -> NDArray[np.float64]:
        """Misfit in days between a case's anchor and the projects' steps of one kind."""
        at = self.when(activity)
        period = (at >= self.district.clock.holdout) == case.recent
        off = np.abs(at.astype(np.float64) - case.anchor) / DAY_S
        misfit = np.maximum(off - days, 0.0) + np.where(period, 0.0, 1e4)
        return np.where(at == NEVER, np.inf, misfit)

    def mark(self, case: Case, rows: Integers) -> None:
        """Say that steps belong to a case."""
        self.steps["case"][rows] = case.number

    def date_back(self, row: int, at: int) -> None:
        """Let a step bear an earlier date than the day on which it is entered."""
        self.steps["recorded"][row] = self.steps["at"][row]
        self.steps["at"][row] = at

    def copy_project(self, project: int, changes: Mapping[str, Any]) -> int:
        """Register a project like another one, with changes; its number."""
        row = take(self.projects, np.array([project]))
        row |= {name: np.array([value], dtype=row[name].dtype) for name, value in changes.items()}
        self._new_projects.append(row)
        self._n += 1
        return self._n - 1

    def add(self, case: Case | None, rows: Columns) -> None:
        """Add steps, of a case or unmarked; what lies beyond the horizon is left out."""
        number = NOBODY if case is None else case.number
        rows = {**rows, "case": np.full(height(rows), number, dtype=np.int64)}
        clock = self.district.clock
        inside = (rows["at"] >= clock.start) & (rows["at"] < clock.end)
        self._new_steps.append(take(rows, np.flatnonzero(inside)))

    def step(self, activity: int, at: Integers, project: int, officer: int) -> Columns:
        """Steps of one kind for one project, by one officer."""
        rows = steps_of(activity, np.full(len(at), project), at)
        rows["officer"] = np.full(len(at), officer, dtype=np.int64)
        return rows

    def finished(self) -> tuple[Columns, Columns]:
        """All projects, and all steps in the order of time with running amount and scale."""
        projects = stack([self.projects, *self._new_projects])
        steps = stack([take(self.steps, np.flatnonzero(self.keep)), *self._new_steps])
        steps = take(steps, np.lexsort((steps["activity"], steps["at"], steps["project"])))
        steps |= _running(projects, steps)
        return projects, take(steps, np.argsort(steps["at"], kind="stable"))


def _running(projects: Columns, steps: Columns) -> Columns:
    """Investment (fen, whole hundreds of yuan) and scale after each step of its project."""
    project = steps["project"]
    begin = np.searchsorted(project, project, side="left")
    amount = projects["investment"][project] * np.exp(_since(steps["d_amount"], begin))
    scale = projects["scale"][project] * np.exp(_since(steps["d_scale"], begin))
    return {
        "amount": np.round(amount / 1e4).astype(np.int64) * 10_000,
        "scale": np.maximum(1, np.round(scale)).astype(np.int64),
    }


def _since(moves: NDArray[np.float64], begin: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of moves from row `begin` to each row, both included."""
    total = np.concatenate([[0.0], np.cumsum(moves)])
    return np.asarray(total[1:] - total[begin], dtype=np.float64)
