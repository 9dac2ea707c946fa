"""Assignments before they are written: ordinary submissions, and the plans that cases add."""

from dataclasses import dataclass, field, replace

import numpy as np

from training.simulation.assignments import Rotation, case_values, officers_of
from training.simulation.case import Case
from training.simulation.columns import Columns, height, stack, stream
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, Integers
from training.simulation.district import Clock
from training.simulation.rotation import (
    OFFICE_S,
    Drawn,
    OfficeClock,
    Plan,
    Step,
    run_rotation,
)

WAITS = -1
"""The instant of a submission that a plan makes when its moment comes."""


@dataclass(frozen=True)
class Favour:
    """Reviews of a pair that a case makes mild and fast: how many of those done in a span.

    `reduction` is the most that is cut, `factor` what is left of the usual time.
    """

    case: Case
    officer: int
    agency: int
    span: tuple[int, int]
    n: int
    reduction: float
    factor: float


@dataclass
class AssignmentDraft:
    """Ordinary submissions in the order of time, and what cases plan."""

    rows: Columns
    rotation: Rotation
    config: SimulationConfig
    horizon: Clock
    plans: list[tuple[Case, Plan]] = field(default_factory=list)
    favours: list[Favour] = field(default_factory=list)
    rare: list[int] = field(default_factory=list)
    """Agencies of specialties that cases added, each the only one of its own."""
    _added: list[Columns] = field(default_factory=list)
    _n: int = 0

    def __post_init__(self) -> None:
        self._n = height(self.rows)

    @property
    def clock(self) -> OfficeClock:
        """Office seconds."""
        return self.rotation.clock

    def quarter(self, at: int) -> tuple[int, int]:
        """Office seconds from which to which the calendar quarter of a local second lasts.

        A quarter that the horizon cuts off is not seen as a whole: the one before stands in.
        """
        month = np.datetime64(at // DAY_S, "D").astype("datetime64[M]")
        first = month - month.astype(np.int64) % 3
        begin, end = (int((first + k).astype("datetime64[D]").astype(np.int64)) for k in (0, 3))
        if end * DAY_S > self.horizon.end:
            return self.quarter(begin * DAY_S - DAY_S)
        return self.clock.office(begin * DAY_S), self.clock.office(end * DAY_S)

    def in_span(self, span: tuple[int, int], specialty: int) -> Integers:
        """Ordinary submissions of a specialty within a span of office seconds."""
        at = self.rows["submitted_s"]
        inside = (at >= span[0]) & (at < span[1]) & (self.rows["specialty"] == specialty)
        return np.flatnonzero(inside)

    def submit(
        self, rng: np.random.Generator, case: Case, owners: Integers, specialty: int
    ) -> tuple[Columns, Integers]:
        """New submissions of owners that wait for their moment, and their places."""
        rules, n = self.config.assignments, len(owners)
        kinds = np.full(n, specialty, dtype=np.int64)
        steady = rules.model_copy(update={"cover_share": 0.0})
        rows: Columns = {
            "submitted_s": np.full(n, WAITS, dtype=np.int64),
            "owner": owners,
            "specialty": kinds,
            "officer": officers_of(rng, self.rotation, (owners, kinds), steady),
        }
        rows |= case_values(rng, self.rotation, rows, rules)
        rows["case"] = np.full(n, case.number, dtype=np.int64)
        places = self._n + np.arange(n, dtype=np.int64)
        self._n += n
        self._added.append(rows)
        return rows, places

    def plan(
        self, case: Case, of: tuple[int, int], span: tuple[int, int], gap_s: int, steps: list[Step]
    ) -> None:
        """Let a case make its steps at an agency's (specialty, agency) moments within a span."""
        self.plans.append((case, Plan(of[0], of[1], *span, gap_s, steps)))

    def add_rare(self) -> tuple[int, int]:
        """A new specialty with one agency of its own."""
        agency = self.rotation.n_agencies + len(self.rare)
        self.rare.append(agency)
        return len(self.rotation.queues) + len(self.rare) - 1, agency

    def drawn(self) -> tuple[Columns, Drawn]:
        """All submissions, and the draws that the rotation makes of them."""
        rows = stack([self.rows, *self._added])
        queues = [list(queue) for queue in self.rotation.queues] + [[each] for each in self.rare]
        rng = stream(self.config.horizon.seed, "draws")
        plans = [replace(plan) for _, plan in self.plans]
        world = self.config.assignments, self.rotation.suspensions
        drawn = run_rotation(rows, queues, plans, world, rng)
        for favour in self.favours:
            _favour(rows, drawn.columns(), favour, rng)
        return rows, drawn


def _favour(rows: Columns, drawn: Columns, favour: Favour, rng: np.random.Generator) -> None:
    """Make reviews of the pair mild and fast: the case's own first, then the earliest others."""
    at = drawn["submission"]
    faster = np.maximum(rows["review_s"][at] * favour.factor, OFFICE_S // 2).astype(np.int64)
    done = drawn["drawn_s"] + rows["waited_s"][at] + faster
    fits = (rows["officer"][at] == favour.officer) & (drawn["agency"] == favour.agency)
    fits &= (drawn["withdrawn_s"] < 0) & (done >= favour.span[0]) & (done < favour.span[1])
    found = np.flatnonzero(fits)
    own = rows["case"][at[found]] == favour.case.number
    found = found[np.lexsort((drawn["drawn_s"][found], ~own))][: favour.n]
    rows["review_s"][at[found]] = faster[found]
    cut = np.round(rng.uniform(0.0, favour.reduction, len(found)) * 1e6)
    rows["reduction"][at[found]] = cut.astype(np.int64)
    rows["case"][at[found]] = favour.case.number
