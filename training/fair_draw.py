"""How the tests of a rotation behave on draws that are known to be fair.

On fair draws of the simulated rotation the share of p at or below a nominal level should be about
that level. `python -m training.fair_draw` prints it; `training.directed_draw` is its counterpart.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.calendar import Calendar
from models.rotation.draws import UNKNOWN
from models.rotation.officers import TESTS_OF_OFFICERS, answer_of_officer
from models.rotation.pair_excess import rotation_excess
from models.rotation.quarter import TESTS, DrawnBy, Quarter, answer_of, every_pair
from models.rotation.timing import WITHIN_S, head_share, timing
from training.rotation import quarters_of
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.assignment_table import assignment_events, draw_columns, end_us
from training.simulation.assignments import Rotation, ordinary_submissions
from training.simulation.columns import Columns, stream
from training.simulation.config import SimulationConfig
from training.simulation.district import District

HEADLINE: Final = "pair"
"""The test whose rate stands for all: every pair of officer and agency in every quarter."""


@dataclass(frozen=True)
class FairWorld:
    """How fair draws are made: by turn or by lot, and how many cases of an officer come at once.

    With a `batch`, so many cases of a specialty in a row come officer by officer, as where each
    officer draws on a day of its own.
    """

    drawn_by: DrawnBy = "rotation"
    batch: int = 1


@dataclass(frozen=True)
class FairRate:
    """Share of fair unit-quarters in which a test's p was at or below the nominal level.

    `error` is the standard error of the rate, from how the simulated rotations differ: tests within
    one share its queues and count as one.
    """

    test: str
    n: int
    rate: float
    error: float


def fair_draw_false_alarm(seeds: Sequence[int], nominal: float = 0.05) -> float:
    """Share of fair pair-quarters whose pair excess has a mid-p of at most `nominal`.

    All pairs of an officer with five draws and an agency of its specialties count, whether they
    met or not; two seeds give more than 2,000.
    """
    (rate,) = fair_draw_rates(seeds, nominal, tests=(HEADLINE,))
    return rate.rate


def fair_draw_rates(
    seeds: Sequence[int],
    nominal: float = 0.05,
    *,
    tests: Sequence[str] = (),
    world: FairWorld | None = None,
) -> tuple[FairRate, ...]:
    """The share of every test (or of some) over all units that it has enough draws for."""
    wanted = tests or EVERY_TEST
    found: dict[str, list[list[float]]] = {test: [] for test in sorted(wanted)}
    for seed in seeds:
        quarters = list(quarters_in(fair_draft(seed, world)))
        for test, of_seeds in found.items():
            of_seeds.append([p for quarter in quarters for p in _ASKED[test](quarter, test)])
    return tuple(
        _rate(test, of_seeds, nominal) for test, of_seeds in found.items() if any(of_seeds)
    )


def _rate(test: str, of_seeds: list[list[float]], nominal: float) -> FairRate:
    n = np.array([len(p) for p in of_seeds])
    hits = np.array([float((np.array(p) <= nominal).sum()) for p in of_seeds])
    rate, k = hits.sum() / n.sum(), len(of_seeds)
    spread = float(((hits - rate * n) ** 2).sum())
    error = np.sqrt(spread * k / (k - 1)) / n.sum() if k > 1 else np.nan
    return FairRate(test, int(n.sum()), float(rate), float(error))


def fair_draft(seed: int, world: FairWorld | None = None) -> AssignmentDraft:
    """A simulated rotation without a planted case."""
    of = world or FairWorld()
    changes: dict[str, dict[str, object]] = {
        "horizon": {"seed": seed},
        "assignments": {"drawn_by": of.drawn_by},
    }
    config = SimulationConfig.load(changes)
    district = District.of(config)
    rotation = Rotation.of(config, district)
    rows = _in_batches(ordinary_submissions(config, rotation), of.batch, stream(seed, "batches"))
    return AssignmentDraft(rows, rotation, config, district.clock)


def _in_batches(rows: Columns, batch: int, rng: np.random.Generator) -> Columns:
    """The same instants, the cases of each batch of a specialty by officer, in either order."""
    order = np.arange(len(rows["submitted_s"]))
    for specialty in np.unique(rows["specialty"]).tolist():
        here = np.flatnonzero(rows["specialty"] == specialty)
        block = np.arange(len(here)) // batch
        either = rng.choice([-1, 1], int(block.max()) + 1)[block]
        order[here] = here[np.lexsort((either * rows["officer"][here], block))]
    moved = {name: column[order] for name, column in rows.items()}
    return moved | {"submitted_s": rows["submitted_s"]}


def quarters_in(draft: AssignmentDraft) -> Iterator[Quarter]:
    """The quarters of the draws that the rotation makes of a draft."""
    events = assignment_events(draft, *draft.drawn())
    table = draw_columns(draft, events)
    by = draft.config.assignments.drawn_by
    found = quarters_of(table, Calendar.prc(), until_us=end_us(draft), drawn_by=by)
    return (quarter for quarter, _, _ in found)


def _of_pairs(quarter: Quarter, test: str) -> Iterator[float]:
    for officer, agency in every_pair(quarter):
        p = answer_of(quarter, test, officer, agency).p
        if p is not None:
            yield p


def _of_officers(quarter: Quarter, test: str) -> Iterator[float]:
    drew = quarter.draws.officer[quarter.draws.in_quarter]
    for officer in np.unique(drew[drew != UNKNOWN]).tolist():
        p = answer_of_officer(quarter, test, officer).p
        if p is not None:
            yield p


def _triads(quarter: Quarter, _: str) -> Iterator[float]:
    """The year's meetings of every pair with every owner of the officer's draws in the quarter."""
    year = quarter.draws
    for officer, agency in every_pair(quarter):
        of_officer = year.officer == officer
        for owner in np.unique(year.owner[of_officer & year.in_quarter]).tolist():
            mine = of_officer & (year.owner == owner)
            p = rotation_excess(year.agency == agency, mine, year.specialty).p
            if p is not None:
                yield p


def _timing_of_owners(quarter: Quarter, _: str) -> Iterator[float]:
    """Timing of every owner towards every agency of each specialty."""
    now = quarter.draws.where(quarter.draws.in_quarter & (quarter.draws.submitted_s != UNKNOWN))
    for specialty in np.unique(now.specialty).tolist():
        here = now.where(now.specialty == specialty)
        fair = (here.depth <= 0) & (here.head_s != UNKNOWN)
        lag = here.submitted_s - here.head_s
        for agency in np.unique(here.agency).tolist():
            at = fair & (here.agency == agency)
            share = head_share(here.head_s[at], here.drawn_s[at], quarter.span_s)
            within = at & (lag >= 0) & (lag <= WITHIN_S)
            for owner in np.unique(here.owner).tolist():
                mine = here.owner == owner
                p = timing(int(mine.sum()), int((mine & within).sum()), share).p
                if p is not None:
                    yield p


_ASKED: Final[Mapping[str, Callable[[Quarter, str], Iterator[float]]]] = {
    **dict.fromkeys(TESTS, _of_pairs),
    **dict.fromkeys(TESTS_OF_OFFICERS, _of_officers),
    "owner_timing": _timing_of_owners,
    "owner_triad": _triads,
}
EVERY_TEST: Final = tuple(_ASKED)
"""Tests of pairs and of officers, and what pairs are asked of their owners, of every owner."""


def lines(
    seeds: Sequence[int],
    *,
    nominal: float = 0.05,
    tests: Sequence[str] = (),
    world: FairWorld | None = None,
) -> Iterator[str]:
    """The table of a notebook."""
    yield f"fair draws, share of p <= {nominal:g}"
    yield "| test | unit-quarters | rate | standard error |"
    yield "|---|--:|--:|--:|"
    for fair in fair_draw_rates(seeds, nominal, tests=tests, world=world):
        yield f"| {fair.test} | {fair.n} | {fair.rate:.3f} | {fair.error:.4f} |"


def asking(description: str) -> argparse.ArgumentParser:
    """Arguments of a command that prints tables of simulated draws."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--nominal", type=float, default=0.05)
    return parser


def write(told: Iterable[str]) -> None:
    """Lines to stdout, each as it comes."""
    for line in told:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = asking("Tests of a rotation on fair draws.")
    parser.add_argument("--tests", nargs="+", choices=EVERY_TEST, default=[])
    parser.add_argument("--drawn-by", choices=("rotation", "lot"), default="rotation")
    parser.add_argument("--batch", type=int, default=1, help="cases that come officer by officer")
    asked = parser.parse_args()
    world = FairWorld(asked.drawn_by, asked.batch)
    write(lines(asked.seeds, nominal=asked.nominal, tests=asked.tests, world=world))


if __name__ == "__main__":
    main()
