"""How the tests of a rotation behave on draws that are known to be fair.

On fair draws of the simulated rotation the share of p at or below a nominal level should be about
that level. `python -m training.fair_draw` prints it; `training.directed_draw` is its counterpart.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.calendar import Calendar
from features.contracts.vectors import Vector
from models.rotation.destination import destination
from models.rotation.draws import UNKNOWN
from models.rotation.pair_excess import rotation_excess
from models.rotation.quarter import (
    TESTS,
    Quarter,
    answer_of,
    every_pair,
    officers_concentration,
)
from models.rotation.skip_depth import skip_depth
from models.rotation.timing import WITHIN_S, head_share, timing
from training.rotation import quarters_of
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.assignment_table import assignment_events, draw_columns, end_us
from training.simulation.assignments import Rotation, ordinary_submissions
from training.simulation.config import SimulationConfig
from training.simulation.district import District

HEADLINE: Final = "pair"
"""The test whose rate stands for all: every pair of officer and agency in every quarter."""


@dataclass(frozen=True)
class FairRate:
    """Share of fair unit-quarters in which a test's p was at or below the nominal level."""

    test: str
    n: int
    rate: float


def fair_draw_false_alarm(seeds: Sequence[int], nominal: float = 0.05) -> float:
    """Share of fair pair-quarters whose pair excess has a mid-p of at most `nominal`.

    All pairs of an officer with five draws and an agency of its specialties count, whether they
    met or not; two seeds give more than 2,000.
    """
    p = np.concatenate([_pair_p(quarter) for quarter in _fair_quarters(seeds)])
    return float((p <= nominal).mean())


def fair_draw_rates(seeds: Sequence[int], nominal: float = 0.05) -> tuple[FairRate, ...]:
    """The share of every test, over all units that it has enough draws for."""
    found: dict[str, list[float]] = {}
    for quarter in _fair_quarters(seeds):
        for test, p in _all_p(quarter):
            found.setdefault(test, []).append(p)
    return tuple(
        FairRate(test, len(p), float((np.array(p) <= nominal).mean()))
        for test, p in sorted(found.items())
    )


def _fair_quarters(seeds: Iterable[int]) -> Iterator[Quarter]:
    for seed in seeds:
        yield from quarters_in(fair_draft(seed))


def fair_draft(seed: int) -> AssignmentDraft:
    """A simulated rotation without a planted case."""
    config = SimulationConfig.load({"horizon": {"seed": seed}})
    district = District.of(config)
    rotation = Rotation.of(config, district)
    return AssignmentDraft(ordinary_submissions(config, rotation), rotation, config, district.clock)


def quarters_in(draft: AssignmentDraft) -> Iterator[Quarter]:
    """The quarters of the draws that the rotation makes of a draft."""
    events = assignment_events(draft, *draft.drawn())
    table = draw_columns(draft, events)
    found = quarters_of(table, Calendar.prc(), until_us=end_us(draft))
    return (quarter for quarter, _, _ in found)


def _pair_p(quarter: Quarter) -> Vector:
    answers = [answer_of(quarter, HEADLINE, *pair) for pair in every_pair(quarter)]
    return np.array([answer.p for answer in answers if answer.p is not None])


def _all_p(quarter: Quarter) -> Iterator[tuple[str, float]]:
    """Every p of the quarter, with the name of its test."""
    for officer, agency in every_pair(quarter):
        for test in TESTS:
            p = answer_of(quarter, test, officer, agency).p
            if p is not None:
                yield test, p
    for answer in officers_concentration(quarter).values():
        if answer.p is not None:
            yield "concentration", answer.p
    yield from _of_officers(quarter)
    yield from _of_owners(quarter)


def _of_officers(quarter: Quarter) -> Iterator[tuple[str, float]]:
    """Skip depth in the quarter, and where the year's skips ended."""
    year = quarter.draws
    for officer in np.unique(year.officer).tolist():
        now = year.in_quarter & (year.officer == officer)
        depth = skip_depth(np.maximum(year.depth[now], 0), year.skip_p[now])
        swaps = (year.officer == officer) & (year.depth > 0)
        among = np.isin(year.specialty, year.specialty[year.officer == officer])
        where = destination(year.agency[swaps], len(np.unique(year.agency[among])))
        for test, answer in (("skip_depth", depth), ("destination", where)):
            if answer.p is not None:
                yield test, answer.p


def _of_owners(quarter: Quarter) -> Iterator[tuple[str, float]]:
    """What pairs are asked of their owners, of each owner by itself, whether it met or not."""
    yield from _timing_of_owners(quarter)
    yield from _triads(quarter)


def _triads(quarter: Quarter) -> Iterator[tuple[str, float]]:
    """The year's meetings of every pair with every owner of the officer's draws in the quarter."""
    year = quarter.draws
    for officer, agency in every_pair(quarter):
        of_officer = year.officer == officer
        for owner in np.unique(year.owner[of_officer & year.in_quarter]).tolist():
            mine = of_officer & (year.owner == owner)
            p = rotation_excess(year.agency == agency, mine, year.specialty).p
            if p is not None:
                yield "owner_triad", p


def _timing_of_owners(quarter: Quarter) -> Iterator[tuple[str, float]]:
    """Timing of every owner towards every agency of each specialty."""
    now = quarter.draws.where(quarter.draws.in_quarter & (quarter.draws.submitted_s != UNKNOWN))
    for specialty in np.unique(now.specialty).tolist():
        here = now.where(now.specialty == specialty)
        fair = (here.depth == 0) & (here.head_s != UNKNOWN)
        lag = here.submitted_s - here.head_s
        for agency in np.unique(here.agency).tolist():
            at = fair & (here.agency == agency)
            share = head_share(here.head_s[at], here.drawn_s[at], quarter.span_s)
            within = at & (lag >= 0) & (lag <= WITHIN_S)
            for owner in np.unique(here.owner).tolist():
                mine = here.owner == owner
                p = timing(int(mine.sum()), int((mine & within).sum()), share).p
                if p is not None:
                    yield "owner_timing", p


def lines(seeds: Sequence[int], *, nominal: float = 0.05) -> Iterator[str]:
    """The table of a notebook."""
    yield f"fair draws, share of p <= {nominal:g}"
    yield "| test | unit-quarters | rate |"
    yield "|---|--:|--:|"
    for fair in fair_draw_rates(seeds, nominal):
        yield f"| {fair.test} | {fair.n} | {fair.rate:.3f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Tests of a rotation on fair draws.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--nominal", type=float, default=0.05)
    asked = parser.parse_args()
    for line in lines(asked.seeds, nominal=asked.nominal):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
