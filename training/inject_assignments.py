"""What is planted in assignments: five typologies and one benign look-alike.

Each function plans one case in a draft; `training.typologies` names and sizes them. A dial runs
from mild to extreme with the case's strength. A case lies in the calendar quarter of its anchor.
"""

from typing import Final

import numpy as np

from training.simulation.assignment_draft import AssignmentDraft, Favour
from training.simulation.case import Case, Dial
from training.simulation.columns import draw, height
from training.simulation.days import Integers
from training.simulation.rotation import HOUR_S, OFFICE_S, Step

DIRECTED_TIMES: Final = Dial(2.0, 3.0)
"""How often a favourite comes, times what is expected."""
SKIPPED_HEADS: Final = Dial(1.0, 3.0)
SUBMISSIONS: Final = Dial(3, 5)
LAG_HOURS: Final = Dial(2.0, 0.5)
WITHDRAWALS: Final = Dial(1, 3)
REDRAWN_CASES: Final = Dial(1, 2)
REVIEWS: Final = Dial(3, 5)
REDUCTION: Final = Dial(0.010, 0.002)
TURNAROUND: Final = Dial(0.6, 0.4)
MEETINGS: Final = Dial(6, 12)
_LARGE: Final = 0.8
"""The quantile of fees above which a case is large."""
_UNDER_COUNT: Final = 2
_LINKED: Final = 3
_RARE_CASES: Final = (4, 9)
_RARE_BEFORE: Final = 8
_YEAR_S: Final = 250 * OFFICE_S
_REVIEW_ROOM: Final = 0.65
"""Part of a quarter in which cases come whose reviews shall be done in it."""


def plant_directed_draws(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """T07: heads are passed over, each with a reason, so that a favourite gets large cases.

    Who knows how many skips the fixed rule counts stays one under it.
    """
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    here = draft.in_span(span, specialty)
    mine = (draft.rows["officer"][here] == officer).sum()
    expected = float(mine) / len(draft.rotation.queues[specialty])
    n = max(2, round((DIRECTED_TIMES.at(case.strength) - 1.0) * expected))
    n = min(n, _UNDER_COUNT) if case.adaptive else n
    owners = _owners(draft, rng, officer, n)
    rows, places = draft.submit(rng, case, owners, specialty)
    usual = draft.rows["fee"][draft.rows["specialty"] == specialty]
    large = np.flatnonzero(
        (draft.rows["fee"] >= np.quantile(usual, _LARGE)) & (draft.rows["specialty"] == specialty)
    )
    like = rng.choice(large, n)
    rows["fee"], rows["investment"] = draft.rows["fee"][like], draft.rows["investment"][like]
    depth = SKIPPED_HEADS.whole(case.strength)
    steps = [Step(tuple(range(1, depth + 1)), int(place), skips=True) for place in places]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_timed_submissions(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """T08: one owner submits within two hours of a favourite's coming to the head."""
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    n = SUBMISSIONS.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    lag = int(LAG_HOURS.at(case.strength) * HOUR_S)
    steps = [Step((0,), int(place), lag_s=lag) for place in places]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_redraws(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """T09: a case is withdrawn and filed again until the favourite is drawn."""
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    n = REDRAWN_CASES.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    most = WITHDRAWALS.whole(case.strength)
    steps = list[Step]()
    for place in places.tolist():
        first = Step(tuple(range(2 * most, 2 * most + 3)), place, ends=False)
        later = [Step(tuple(range(2 * most + 2)), place, ends=False)] * (most - 1)
        steps += [first, *later, Step((0,), place)]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_lenient_reviews(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """T10: for a few owners an agency cuts next to nothing, in half the usual time.

    Some of these cases come to the agency by turn anyway, so that others need not be added.
    """
    quarter = draft.quarter(case.anchor)
    span = quarter[0], quarter[0] + int((quarter[1] - quarter[0]) * _REVIEW_ROOM)
    specialty, officer, agency = _pick(draft, rng, span)
    n = REVIEWS.whole(case.strength)
    linked = _owners(draft, rng, officer, _LINKED)
    _, places = draft.submit(rng, case, rng.choice(linked, n - 1), specialty)
    reduction, factor = REDUCTION.at(case.strength), TURNAROUND.at(case.strength)
    draft.favours.append(Favour(case, officer, agency, quarter, n, reduction, factor))
    _spread(draft, case, (specialty, agency), span, [Step((0,), int(each)) for each in places])


def plant_triad(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """T11: owner, agency and officer come together six times and more, all over a year."""
    quarter = draft.quarter(case.anchor)
    span = max(draft.rotation.start_s, quarter[1] - _YEAR_S), quarter[1]
    specialty, officer, agency = _pick(draft, rng, span)
    n = MEETINGS.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    length, queue = span[1] - span[0], draft.rotation.queues[specialty]
    turn = length * len(queue) // max(len(draft.in_span(span, specialty)), 1)
    gap = max(length // n - turn, length // (3 * n))
    steps = [Step((0,), int(place)) for place in places]
    draft.plan(case, (specialty, agency), span, gap, steps)


def plant_sole_agency(draft: AssignmentDraft, case: Case, rng: np.random.Generator) -> None:
    """L07, benign: a rare specialty has one qualified agency, and it gets every case."""
    span = draft.quarter(case.anchor)
    _, officer, _ = _pick(draft, rng, span)
    specialty, _ = draft.add_rare()
    n = int(rng.integers(*_RARE_CASES))
    owners = _owners(draft, rng, officer, 2)
    rows, _ = draft.submit(rng, case, rng.choice(owners, n), specialty)
    rows["officer"] = np.full(n, officer, dtype=np.int64)
    rows["submitted_s"] = np.sort(rng.integers(span[0], span[1] - OFFICE_S, n))
    before, _ = draft.submit(rng, case, rng.choice(owners, _RARE_BEFORE), specialty)
    before["officer"] = np.full(_RARE_BEFORE, officer, dtype=np.int64)
    low, high = draft.rotation.start_s, draft.rotation.end_s
    before["submitted_s"] = np.sort(rng.integers(low, high - OFFICE_S, _RARE_BEFORE))


def _pick(
    draft: AssignmentDraft, rng: np.random.Generator, span: tuple[int, int]
) -> tuple[int, int, int]:
    """Specialty and officer by how much comes in the span, and an agency of the specialty."""
    at = draft.rows["submitted_s"]
    here = np.flatnonzero((at >= span[0]) & (at < span[1]))
    row = int(rng.choice(here if len(here) else np.arange(height(draft.rows))))
    specialty = int(draft.rows["specialty"][row])
    team = draft.rotation.officers[specialty]
    officer = int(draft.rows["officer"][row])
    officer = officer if officer in team else int(team[0])
    suspended = draft.rotation.suspensions.within
    free = [each for each in draft.rotation.queues[specialty] if not suspended(each, span)]
    return specialty, officer, int(rng.choice(free or draft.rotation.queues[specialty]))


def _owners(draft: AssignmentDraft, rng: np.random.Generator, officer: int, n: int) -> Integers:
    """Owners that the officer serves, by how much they submit."""
    group = int(np.argwhere(draft.rotation.officers == officer)[0][1])
    served = np.flatnonzero(draft.rotation.owners["group"] == group)
    return np.asarray(served[draw(rng, draft.rotation.owners["weight"][served], n)])


def _spread(
    draft: AssignmentDraft,
    case: Case,
    of: tuple[int, int],
    span: tuple[int, int],
    steps: list[Step],
) -> None:
    """Plan steps over a span, no closer than half of an even spacing."""
    gap = (span[1] - span[0]) // (3 * max(len(steps), 1))
    draft.plan(case, of, span, gap, steps)
