"""How often the tests of a rotation stand out where draws are directed, by way and strength.

Each way is planned in a simulated rotation that is fair otherwise. What a test should see, and
what it should not, is told side by side: `python -m training.directed_draw` prints it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.calendar import HOUR_US, Calendar
from features.contracts.vectors import Integers
from models.rotation.officers import TESTS_OF_OFFICERS, answer_of_officer
from models.rotation.quarter import TESTS, DrawnBy, Quarter, answer_of
from models.rotation.timing import WITHIN_S
from training.fair_draw import FairWorld, asking, fair_draft, quarters_in, write
from training.rotation import quarter_name
from training.simulation import text
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.case import Case
from training.simulation.columns import Columns, stream
from training.simulation.rotation import Step

TESTS_OF_DRAWS: Final = ("pair", "skips", "value", "timing", "redraw", "triad")
"""The tests of a pair that look at its draws, not at its reviews."""
SHOWN: Final = (*TESTS_OF_DRAWS, *TESTS_OF_OFFICERS)
_CASES: Final = 24
_WITHIN_HEADS: Final = 3
_DEAR_CASES: Final = 3


@dataclass(frozen=True)
class Site:
    """Where one case directs draws: a quarter (office seconds) and a pair in a specialty."""

    case: Case
    span: tuple[int, int]
    specialty: int
    officer: int
    agency: int

    def here(self, draft: AssignmentDraft) -> Integers:
        """Ordinary submissions of the quarter and specialty."""
        return draft.in_span(self.span, self.specialty)

    def submit(
        self, draft: AssignmentDraft, rng: np.random.Generator, owners: Integers
    ) -> tuple[Columns, list[int]]:
        """Further cases of owners that the officer has drawn, and their places."""
        rows, places = draft.submit(rng, self.case, owners, self.specialty)
        rows["officer"] = np.full(len(owners), self.officer, dtype=np.int64)
        return rows, places.tolist()

    def plan(self, draft: AssignmentDraft, steps: list[Step]) -> None:
        """Steps over the quarter, no closer than a third of an even spacing."""
        gap = (self.span[1] - self.span[0]) // (3 * max(len(steps), 1))
        draft.plan(self.case, (self.specialty, self.agency), self.span, gap, steps)


Direct = Callable[[AssignmentDraft, Site, float, np.random.Generator], None]


def pass_over_heads(
    draft: AssignmentDraft, site: Site, times: float, rng: np.random.Generator
) -> None:
    """Heads passed over for the agency, so that it comes `times` as often as by turn."""
    _bring(draft, site, times, rng, at=tuple(range(1, _WITHIN_HEADS + 1)))


def set_lots_aside(
    draft: AssignmentDraft, site: Site, times: float, rng: np.random.Generator
) -> None:
    """Lots that are not drawn but given to the agency, `times` as many as by chance."""
    _bring(draft, site, times, rng, at=tuple(range(len(draft.rotation.queues[site.specialty]))))


def _bring(
    draft: AssignmentDraft,
    site: Site,
    times: float,
    rng: np.random.Generator,
    *,
    at: tuple[int, ...],
) -> None:
    """Further cases given to the agency when it stands at one of the places `at`."""
    here = site.here(draft)
    queue = draft.rotation.queues[site.specialty]
    expected = float((draft.rows["officer"][here] == site.officer).sum()) / len(queue)
    extra = int((times - 1.0) * expected + rng.random())
    _, places = site.submit(draft, rng, rng.choice(draft.rows["owner"][here], extra))
    site.plan(draft, [Step(at, place, skips=True) for place in places])


def keep_dear_cases(
    draft: AssignmentDraft, site: Site, times: float, rng: np.random.Generator
) -> None:
    """Three cases kept until the agency is next, for `times` the usual fee."""
    owners = rng.choice(draft.rows["owner"][site.here(draft)], _DEAR_CASES)
    rows, places = site.submit(draft, rng, owners)
    rows["fee"] = np.round(rows["fee"] * times).astype(np.int64)
    site.plan(draft, [Step((0,), place) for place in places])


def time_submissions(
    draft: AssignmentDraft, site: Site, number: float, rng: np.random.Generator
) -> None:
    """So many cases of one owner, each within two hours of the agency's coming to the head."""
    owner = rng.choice(draft.rows["owner"][site.here(draft)])
    _, places = site.submit(draft, rng, np.full(int(number), owner))
    site.plan(draft, [Step((0,), place, lag_s=WITHIN_S) for place in places])


def withdraw_until_drawn(
    draft: AssignmentDraft, site: Site, number: float, rng: np.random.Generator
) -> None:
    """One case withdrawn so many times and filed again, until the agency is drawn."""
    most = int(number)
    owner = rng.choice(draft.rows["owner"][site.here(draft)], 1)
    _, (place,) = site.submit(draft, rng, owner)
    first = [Step(tuple(range(2 * most, 2 * most + 3)), place, ends=False)][:most]
    later = [Step(tuple(range(2 * most + 2)), place, ends=False)] * (most - 1)
    site.plan(draft, [*first, *later, Step((0,), place)])


@dataclass(frozen=True)
class Way:
    """One way to direct draws: what its strengths count, and the test that should see it."""

    what: str
    strength: str
    strengths: tuple[float, ...]
    test: str
    direct: Direct
    drawn_by: DrawnBy = "rotation"
    tests: tuple[str, ...] = SHOWN


WAYS: Final[Mapping[str, Way]] = {
    "heads": Way(
        "heads passed over for a favourite",
        "times expected",
        (1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
        "skips",
        pass_over_heads,
    ),
    "fees": Way(
        "three dear cases kept until a favourite is next",
        "times the usual fee",
        (1.0, 2.0, 4.0, 8.0, 16.0),
        "value",
        keep_dear_cases,
    ),
    "timing": Way(
        "submissions within two hours of a favourite's coming to the head",
        "submissions",
        (1.0, 2.0, 3.0, 4.0, 5.0),
        "timing",
        time_submissions,
    ),
    "redraws": Way(
        "a case withdrawn and filed again until a favourite is drawn",
        "withdrawals",
        (0.0, 1.0, 2.0, 3.0),
        "redraw",
        withdraw_until_drawn,
    ),
    "lots": Way(
        "lots set aside for a favourite",
        "times expected",
        (1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
        "pair",
        set_lots_aside,
        drawn_by="lot",
        tests=("pair", "value", "redraw", "triad", "concentration"),
    ),
}
"""What is done to a rotation, by name."""


@dataclass(frozen=True)
class Power:
    """Directed pair-quarters of one strength, and the share in which each test stands out."""

    strength: float
    n: int
    shares: dict[str, float]


def power_curve(
    way: Way,
    seeds: Sequence[int],
    *,
    strengths: Sequence[float] | None = None,
    nominal: float = 0.05,
    tests: Sequence[str] = (),
) -> tuple[Power, ...]:
    """The share of p at or below `nominal`, by strength of one way of directing draws.

    `any` is the share in which the least p of the tests of the pair, times their number, is at most
    `nominal`; tests of an officer's quarter are asked of the officer who directs.
    """
    curve, tests = list[Power](), tests or way.tests
    of_pair = [k for k, test in enumerate(tests) if test in TESTS]
    for strength in strengths or way.strengths:
        p = np.array([row for seed in seeds for row in _directed(seed, way, strength, tests)])
        hits = {test: float((p[:, k] <= nominal).mean()) for k, test in enumerate(tests)}
        least = np.min(p[:, of_pair], axis=1, initial=1.0) * len(of_pair)
        curve.append(Power(strength, len(p), hits | {"any": float((least <= nominal).mean())}))
    return tuple(curve)


def _directed(seed: int, way: Way, strength: float, tests: Sequence[str]) -> list[list[float]]:
    """The tests' p of pair-quarters that are directed; 1 where a test has too few draws."""
    draft = fair_draft(seed, FairWorld(way.drawn_by))
    rng = stream(seed, f"directed {strength}")
    sites = [_site(draft, number, rng, way, strength) for number in range(_CASES)]
    by_name = {quarter.name: quarter for quarter in quarters_in(draft)}
    return [[_p_of(by_name[_name_of(draft, site)], test, site) for test in tests] for site in sites]


def _site(
    draft: AssignmentDraft, number: int, rng: np.random.Generator, way: Way, strength: float
) -> Site:
    """Pick a pair by how much comes in a quarter, and direct its draws."""
    anchor = int(rng.integers(draft.horizon.start, draft.horizon.end - 1))
    case = Case(number, "T07", "moderate", 0.5, anchor, recent=False)
    span = draft.quarter(anchor)
    at = draft.rows["submitted_s"]
    row = int(rng.choice(np.flatnonzero((at >= span[0]) & (at < span[1]))))
    specialty, officer = (int(draft.rows[name][row]) for name in ("specialty", "officer"))
    agency = int(rng.choice(draft.rotation.queues[specialty]))
    site = Site(case, span, specialty, officer, agency)
    way.direct(draft, site, strength, rng)
    return site


def _name_of(draft: AssignmentDraft, site: Site) -> str:
    """The name of a site's quarter."""
    first = int(draft.clock.local(np.array([site.span[0]]))[0]) * 1_000_000 - 8 * HOUR_US
    return quarter_name(Calendar.prc(), first)


def _p_of(quarter: Quarter, test: str, site: Site) -> float:
    officer = text.codes("officer", "O", np.array([site.officer]))[0]
    agency = text.codes("agency", "P", np.array([site.agency]))[0]
    if officer not in quarter.officers or agency not in quarter.agencies:
        return 1.0
    who, where = quarter.officers.index(officer), quarter.agencies.index(agency)
    if test in TESTS_OF_OFFICERS:
        p = answer_of_officer(quarter, test, who).p
    else:
        p = answer_of(quarter, test, who, where).p
    return 1.0 if p is None else p


def lines(seeds: Sequence[int], *, nominal: float = 0.05) -> Iterator[str]:
    """The tables of a notebook, one a way."""
    for way in WAYS.values():
        curve = power_curve(way, seeds, nominal=nominal)
        yield f"{way.what}, share of p <= {nominal:g}"
        yield f"| {way.strength} | pair-quarters | {' | '.join(curve[0].shares)} |"
        yield "|--:|--:|" + "--:|" * len(curve[0].shares)
        for power in curve:
            shares = " | ".join(f"{share:.2f}" for share in power.shares.values())
            yield f"| {power.strength:g} | {power.n} | {shares} |"
        yield ""


def main() -> None:
    """Print the tables."""
    asked = asking("Tests of a rotation on directed draws.").parse_args()
    write(lines(asked.seeds, nominal=asked.nominal))


if __name__ == "__main__":
    main()
