"""A rotation, draw by draw: queues, declines, suspensions, and cases that wait for their moment.

Instants are office seconds (`OfficeClock`), so that a night is no wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.columns import Columns
from training.simulation.config import Assignments
from training.simulation.days import DAY_S, Integers
from training.simulation.district import NOBODY

OFFICE_S: Final = 28_800
OPENS_S: Final = 9 * 3600
HOUR_S: Final = 3600
REASONS: Final = ("conflict_of_interest", "workload", "qualification")
UNSTATED, NOT_SKIPPED = len(REASONS), NOBODY
_PROCESSING_S: Final = (120, 1200)
_LATEST: Final = 0.9
"""Part of the time to the next submission by which a waiting one has come."""


class OfficeClock:
    """Seconds of office time since the first working day, and the local seconds they stand for.

    >>> clock = OfficeClock(np.array([19_730, 19_731, 19_734]))
    >>> clock.local(np.array([OFFICE_S - 1, 2 * OFFICE_S])) - DAY_S * np.array([19_730, 19_734])
    array([61199, 32400])
    """

    def __init__(self, days: Integers) -> None:
        self.days = days

    def local(self, office: Integers) -> Integers:
        """Local seconds of office seconds; beyond the last day time stands still."""
        at, rest = np.divmod(office, OFFICE_S)
        return np.asarray(self.days[np.clip(at, 0, len(self.days) - 1)] * DAY_S + OPENS_S + rest)

    def office(self, local: int) -> int:
        """Office seconds up to a local midnight."""
        return int(np.searchsorted(self.days, local // DAY_S)) * OFFICE_S


@dataclass(frozen=True)
class Suspensions:
    """When agencies may not be drawn: spells in office seconds, by agency."""

    spells: dict[int, list[tuple[int, int]]]

    def at(self, agency: int, now: int) -> bool:
        """Whether the agency is suspended."""
        return any(start <= now < end for start, end in self.spells.get(agency, ()))

    def within(self, agency: int, span: tuple[int, int]) -> bool:
        """Whether the agency is suspended at any time of a span."""
        return any(start < span[1] and span[0] < end for start, end in self.spells.get(agency, ()))

    def last_change(self, agency: int, now: int) -> int:
        """When its state last changed, or 0."""
        edges = [edge for spell in self.spells.get(agency, ()) for edge in spell if edge <= now]
        return max(edges, default=0)


@dataclass(frozen=True)
class Step:
    """One submission of a plan: made when the watched agency stands at one of `positions`.

    `skips` heads are passed over for it; else the head is drawn. `lag_s` is how long after that
    moment it comes at most; without one, any time before the next submission. `ends` says that
    a project's chain of withdrawn draws ends here.
    """

    positions: tuple[int, ...]
    submission: int
    skips: bool = False
    lag_s: int | None = None
    ends: bool = True


@dataclass
class Plan:
    """What a case does in one specialty: its steps one after the other, within a span."""

    specialty: int
    agency: int
    start_s: int
    end_s: int
    gap_s: int
    steps: list[Step]
    at: int = 0
    ready_s: int = 0

    def __post_init__(self) -> None:
        self.ready_s = self.start_s

    @property
    def step(self) -> Step | None:
        """The next step, None when the plan is done."""
        return self.steps[self.at] if self.at < len(self.steps) else None


@dataclass
class _Queue:
    """One specialty's queue at work."""

    order: list[int]
    suspensions: Suspensions
    last_s: int = 0

    def eligible(self, now: int) -> list[int]:
        return [each for each in self.order if not self.suspensions.at(each, now)] or self.order

    def head_since(self, now: int) -> int:
        """When the present head came to be it: at the last draw, or by a suspension since."""
        changes = [self.last_s]
        for each in self.order:
            changes.append(self.suspensions.last_change(each, now))
            if not self.suspensions.at(each, now):
                break
        return max(changes)

    def take(self, agency: int, now: int) -> None:
        self.order.remove(agency)
        self.order.append(agency)
        self.last_s = now


@dataclass
class Drawn:
    """Draws as they come: parallel lists, a place a draw."""

    submission: list[int] = field(default_factory=list)
    agency: list[int] = field(default_factory=list)
    submitted_s: list[int] = field(default_factory=list)
    drawn_s: list[int] = field(default_factory=list)
    head_s: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    eligible: list[int] = field(default_factory=list)
    reason: list[int] = field(default_factory=list)
    withdrawn_s: list[int] = field(default_factory=list)
    declined: list[tuple[int, int, int]] = field(default_factory=list)
    """Who passed: place of the draw, agency, position in `REASONS`."""

    def columns(self) -> Columns:
        """As arrays."""
        names = [name for name in vars(self) if name != "declined"]
        return {name: np.array(getattr(self, name), dtype=np.int64) for name in names}


def run_rotation(
    submissions: Columns,
    queues: Sequence[list[int]],
    plans: Sequence[Plan],
    world: tuple[Assignments, Suspensions],
    rng: np.random.Generator,
) -> Drawn:
    """Draw an agency for every submission; `queues` holds each specialty's first order."""
    drawn = Drawn()
    for specialty, order in enumerate(queues):
        mine = np.flatnonzero(
            (submissions["specialty"] == specialty) & (submissions["submitted_s"] >= 0)
        )
        heap = [(int(submissions["submitted_s"][row]), int(row)) for row in mine]
        _Specialty(
            submissions,
            _Queue(list(order), world[1]),
            [plan for plan in plans if plan.specialty == specialty],
            world[0],
            rng,
            drawn,
        ).run(heap)
    return drawn


@dataclass
class _Specialty:
    submissions: Columns
    queue: _Queue
    plans: list[Plan]
    rules: Assignments
    rng: np.random.Generator
    drawn: Drawn
    chains: dict[int, int] = field(default_factory=dict)
    """Place of the last withdrawn draw of a plan, by the plan's position."""

    def run(self, heap: list[tuple[int, int]]) -> None:
        """Serve arrivals, and whoever waits for a moment between them, until none is left."""
        heapify(heap)
        while heap:
            waiting = self._waiting(heap[0][0])
            if waiting is None:
                at, row = heappop(heap)
                self._draw(row, at, None)
                self._maybe_withdraw(heap, row)
            else:
                plan, at = waiting
                self._serve(plan, at)

    def _waiting(self, until: int) -> tuple[int, int] | None:
        """The plan whose moment lies before the next arrival, and that moment."""
        now = self.queue.last_s
        eligible = self.queue.eligible(now)
        for at, plan in enumerate(self.plans):
            step = plan.step
            if step is None or plan.agency not in eligible or until <= plan.ready_s:
                continue
            if eligible.index(plan.agency) not in step.positions:
                continue
            moment = self._moment(plan, step, until)
            if moment is not None and moment < plan.end_s:
                return at, moment
        return None

    def _moment(self, plan: Plan, step: Step, until: int) -> int | None:
        begin = max(self.queue.last_s, plan.ready_s)
        last = begin + int((until - begin) * _LATEST)
        if step.lag_s is not None:
            since = self.queue.head_since(begin)
            wanted = since + int(step.lag_s * self.rng.uniform(0.1, 1.0))
            return wanted if begin <= wanted <= last else None
        return begin + int((last - begin) * self.rng.random()) if last > begin else None

    def _serve(self, number: int, at: int) -> None:
        plan = self.plans[number]
        step = plan.steps[plan.at]
        place = self._draw(step.submission, at, plan.agency if step.skips else NOBODY)
        before = self.chains.pop(number, None)
        if before is not None:
            gone = self.drawn.drawn_s[before]
            self.drawn.withdrawn_s[before] = gone + (at - gone) // 2
        came = self.drawn.agency[place] == plan.agency
        if not step.ends and not came:
            self.chains[number] = place
        plan.at += 1
        while came and not step.ends:
            step, plan.at = plan.steps[plan.at], plan.at + 1
        plan.ready_s = at + (plan.gap_s if step.ends else HOUR_S)

    def _draw(self, row: int, at: int, wanted: int | None) -> int:
        """One draw; `wanted` is an agency to pass over others for, NOBODY for the head as is."""
        drawn, queue = self.drawn, self.queue
        now = max(at, queue.last_s) + int(self.rng.integers(*_PROCESSING_S))
        eligible, since = queue.eligible(now), queue.head_since(now)
        by_lot = self.rules.drawn_by == "lot"
        if by_lot:
            eligible = _by_lot(eligible, wanted, self.rng)
        place = len(drawn.agency)
        depth, reason = self._depth(eligible, wanted)
        for passed in eligible[:depth]:
            drawn.declined.append((place, passed, reason))
        drawn.submission.append(row)
        drawn.agency.append(eligible[depth])
        drawn.submitted_s.append(at)
        drawn.drawn_s.append(now)
        drawn.head_s.append(since if depth == 0 and not by_lot else -1)
        drawn.depth.append(depth)
        drawn.eligible.append(len(eligible))
        drawn.reason.append(reason if depth else NOT_SKIPPED)
        drawn.withdrawn_s.append(-1)
        queue.take(eligible[depth], now)
        return place

    def _depth(self, eligible: list[int], wanted: int | None) -> tuple[int, int]:
        rng, reason = self.rng, int(self.rng.integers(len(REASONS)))
        if wanted is not None:
            return (eligible.index(wanted) if wanted in eligible else 0), reason
        depth = 0
        while depth + 1 < len(eligible) and rng.random() < self.rules.recusal_share:
            depth += 1
        return depth, UNSTATED if rng.random() < self.rules.unstated_share else reason

    def _maybe_withdraw(self, heap: list[tuple[int, int]], row: int) -> None:
        """Now and then a case is withdrawn for its papers, and mostly filed again."""
        if self.rng.random() >= self.rules.withdrawn_share:
            return
        gone = self.drawn.drawn_s[-1] + int(self.rng.integers(OFFICE_S, 8 * OFFICE_S))
        self.drawn.withdrawn_s[-1] = gone
        if self.rng.random() < self.rules.resubmitted_share:
            heappush(heap, (gone + int(self.rng.integers(HOUR_S, 10 * OFFICE_S)), row))


def _by_lot(eligible: list[int], wanted: int | None, rng: np.random.Generator) -> list[int]:
    """The order in which agencies come out of the urn; a wanted one comes first."""
    order = rng.permutation(eligible).tolist()
    return sorted(order, key=lambda agency: agency != wanted)


def no_suspensions() -> Suspensions:
    """Nobody is ever suspended."""
    return Suspensions({})


def drawn_suspensions(
    rng: np.random.Generator, n_agencies: int, span_s: int, rules: Assignments
) -> Suspensions:
    """Spells that take about the configured share of every agency's time."""
    length = rules.suspension_days * OFFICE_S
    mean = rules.suspended_share * span_s / length
    number: NDArray[np.int64] = rng.poisson(mean, n_agencies)
    spells = {
        agency: [
            (start, start + int(length * rng.uniform(0.5, 1.5)))
            for start in rng.integers(0, span_s, each).tolist()
        ]
        for agency, each in enumerate(number.tolist())
        if each
    }
    return Suspensions(spells)
