"""How the tests of a rotation behave on draws whose fairness is known.

On fair draws of the simulated rotation the share of p at or below a nominal level should be about
that level (`fair_draw_rates`); on directed draws of stated strength it should be large
(`power_curve`). `python -m training.fair_draw` prints both.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.calendar import HOUR_US, Calendar
from features.contracts.vectors import Integers, Vector
from models.rotation.destination import destination
from models.rotation.draws import UNKNOWN
from models.rotation.quarter import Quarter, answer_of, every_pair, officers_concentration
from models.rotation.skip_depth import skip_depth
from models.rotation.timing import WITHIN_S, head_share, timing
from training.rotation import quarter_name, quarters_of
from training.simulation import text
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.assignment_table import assignment_events, draw_columns, end_us
from training.simulation.assignments import Rotation, ordinary_submissions
from training.simulation.case import Case
from training.simulation.columns import stream
from training.simulation.config import SimulationConfig
from training.simulation.district import District
from training.simulation.rotation import Step

HEADLINE: Final = "pair"
"""The test whose rate stands for all: every pair of officer and agency in every quarter."""
STRENGTHS: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
_OF_PAIRS: Final = ("pair", "skips", "value", "redraw", "leniency", "speed", "review")
_CASES: Final = 24
_WITHIN_HEADS: Final = 3


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
        yield from _quarters(_draft(seed))


def _draft(seed: int) -> AssignmentDraft:
    config = SimulationConfig.load({"horizon": {"seed": seed}})
    district = District.of(config)
    rotation = Rotation.of(config, district)
    return AssignmentDraft(ordinary_submissions(config, rotation), rotation, config, district.clock)


def _quarters(draft: AssignmentDraft) -> Iterator[Quarter]:
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
        for test in _OF_PAIRS:
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
                    yield "timing", p


@dataclass(frozen=True)
class Power:
    """Directed pair-quarters of one strength, and the share in which each test stands out."""

    times_expected: float
    n: int
    shares: dict[str, float]


def power_curve(
    seeds: Sequence[int],
    *,
    strengths: Sequence[float] = STRENGTHS,
    nominal: float = 0.05,
    tests: Sequence[str] = ("pair", "skips", "value"),
) -> tuple[Power, ...]:
    """Heads passed over for a favourite, so that it comes `times_expected` as often as by turn.

    Fees are the usual ones, so that the value test shows its nominal rate. `any` is the share in
    which the least of the tests' p, times their number, is at most `nominal`.
    """
    curve = list[Power]()
    for times in strengths:
        p = np.array([row for seed in seeds for row in _directed(seed, times, tests)])
        hits = {test: float((p[:, k] <= nominal).mean()) for k, test in enumerate(tests)}
        least = np.minimum(1.0, np.min(p, axis=1) * len(tests))
        curve.append(Power(times, len(p), hits | {"any": float((least <= nominal).mean())}))
    return tuple(curve)


def _directed(seed: int, times: float, tests: Sequence[str]) -> list[list[float]]:
    """The tests' p of pair-quarters that are directed; 1 where a test has too few draws."""
    draft, rng = _draft(seed), stream(seed, f"directed {times}")
    pairs = [_direct(draft, number, times, rng) for number in range(_CASES)]
    by_start = {quarter.name: quarter for quarter in _quarters(draft)}
    return [
        [_p_of(by_start[name], test, officer, agency) for test in tests]
        for name, officer, agency in pairs
    ]


def _direct(
    draft: AssignmentDraft, number: int, times: float, rng: np.random.Generator
) -> tuple[str, str, str]:
    """Plan one favourite's extra draws; names of quarter, officer and agency."""
    anchor = int(rng.integers(draft.horizon.start, draft.horizon.end - 1))
    case = Case(number, "T07", "moderate", 0.5, anchor, recent=False)
    span = draft.quarter(anchor)
    row = int(rng.choice(np.flatnonzero(_within(draft.rows["submitted_s"], span))))
    specialty, officer = (int(draft.rows[name][row]) for name in ("specialty", "officer"))
    queue = draft.rotation.queues[specialty]
    agency = int(rng.choice(queue))
    here = draft.in_span(span, specialty)
    expected = float((draft.rows["officer"][here] == officer).sum()) / len(queue)
    extra = int((times - 1.0) * expected + rng.random())
    if extra:
        owners = rng.choice(draft.rows["owner"][here], extra)
        rows, places = draft.submit(rng, case, owners, specialty)
        rows["officer"] = np.full(extra, officer, dtype=np.int64)
        heads = tuple(range(1, _WITHIN_HEADS + 1))
        steps = [Step(heads, int(place), skips=True) for place in places]
        gap = (span[1] - span[0]) // (3 * extra)
        draft.plan(case, (specialty, agency), span, gap, steps)
    first = int(draft.clock.local(np.array([span[0]]))[0]) * 1_000_000 - 8 * HOUR_US
    name = quarter_name(Calendar.prc(), first)
    codes = np.array([officer]), np.array([agency])
    return name, text.codes("officer", "O", codes[0])[0], text.codes("agency", "P", codes[1])[0]


def _within(at: Integers, span: tuple[int, int]) -> NDArray[np.bool_]:
    return (at >= span[0]) & (at < span[1])


def _p_of(quarter: Quarter, test: str, officer: str, agency: str) -> float:
    if officer not in quarter.officers or agency not in quarter.agencies:
        return 1.0
    codes = quarter.officers.index(officer), quarter.agencies.index(agency)
    p = answer_of(quarter, test, *codes).p
    return 1.0 if p is None else p


def lines(seeds: Sequence[int], *, nominal: float = 0.05) -> Iterator[str]:
    """The tables of a notebook: rates of fair draws, and power on directed ones."""
    yield f"fair draws, share of p <= {nominal:g}"
    yield "| test | unit-quarters | rate |"
    yield "|---|--:|--:|"
    for fair in fair_draw_rates(seeds, nominal):
        yield f"| {fair.test} | {fair.n} | {fair.rate:.3f} |"
    yield ""
    yield f"directed draws, share of p <= {nominal:g}"
    curve = power_curve(seeds, nominal=nominal)
    yield f"| times expected | pair-quarters | {' | '.join(curve[0].shares)} |"
    yield "|--:|--:|" + "--:|" * len(curve[0].shares)
    for power in curve:
        shares = " | ".join(f"{share:.2f}" for share in power.shares.values())
        yield f"| {power.times_expected:g} | {power.n} | {shares} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Tests of a rotation on draws of known fairness.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--nominal", type=float, default=0.05)
    asked = parser.parse_args()
    for line in lines(asked.seeds, nominal=asked.nominal):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
