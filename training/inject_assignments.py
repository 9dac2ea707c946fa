"""What is planted in assignments: five typologies and one benign look-alike.

Each function plans one case in a draft; `training.typologies` names and sizes them. `sizes` is
the typology's section of the parameters; a dial runs from mild to strong with the case's strength.
A case lies in the calendar quarter of its anchor.
"""

from typing import Final

import numpy as np

from training.simulation.assignment_draft import AssignmentDraft, Favour
from training.simulation.case import Case
from training.simulation.columns import draw, height
from training.simulation.days import Integers
from training.simulation.ranges import (
    DirectedDraws,
    LenientReviews,
    Redraws,
    SoleAgency,
    TimedSubmissions,
    Triad,
)
from training.simulation.rotation import HOUR_S, OFFICE_S, Step

_YEAR_S: Final = 250 * OFFICE_S
_REVIEW_ROOM: Final = 0.65
"""Part of a quarter in which cases come whose reviews shall be done in it."""


def plant_directed_draws(
    draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: DirectedDraws
) -> None:
    """T07: heads are passed over, each with a reason, so that a favourite gets large cases.

    Who knows how many skips the fixed rule counts stays one under it.
    """
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    here = draft.in_span(span, specialty)
    mine = (draft.rows["officer"][here] == officer).sum()
    expected = float(mine) / len(draft.rotation.queues[specialty])
    n = max(2, round((sizes.times_expected.at(case.strength) - 1.0) * expected))
    n = min(n, sizes.adaptive_skips) if case.adaptive else n
    owners = _owners(draft, rng, officer, n)
    rows, places = draft.submit(rng, case, owners, specialty)
    usual = draft.rows["fee"][draft.rows["specialty"] == specialty]
    large = np.flatnonzero(
        (draft.rows["fee"] >= np.quantile(usual, sizes.large_fee_quantile))
        & (draft.rows["specialty"] == specialty)
    )
    like = rng.choice(large, n)
    rows["fee"], rows["investment"] = draft.rows["fee"][like], draft.rows["investment"][like]
    depth = sizes.skipped_heads.whole(case.strength)
    steps = [Step(tuple(range(1, depth + 1)), int(place), skips=True) for place in places]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_timed_submissions(
    draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: TimedSubmissions
) -> None:
    """T08: one owner submits within hours of a favourite's coming to the head."""
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    n = sizes.n_submissions.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    lag = int(sizes.lag_hours.at(case.strength) * HOUR_S)
    steps = [Step((0,), int(place), lag_s=lag) for place in places]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_redraws(
    draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: Redraws
) -> None:
    """T09: a case is withdrawn and filed again until the favourite is drawn."""
    span = draft.quarter(case.anchor)
    specialty, officer, agency = _pick(draft, rng, span)
    n = sizes.n_cases.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    most = sizes.n_withdrawals.whole(case.strength)
    steps = list[Step]()
    for place in places.tolist():
        first = Step(tuple(range(2 * most, 2 * most + 3)), place, ends=False)
        later = [Step(tuple(range(2 * most + 2)), place, ends=False)] * (most - 1)
        steps += [first, *later, Step((0,), place)]
    _spread(draft, case, (specialty, agency), span, steps)


def plant_lenient_reviews(
    draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: LenientReviews
) -> None:
    """T10: for a few owners an agency cuts next to nothing, in part of the usual time.

    Some of these cases come to the agency by turn anyway, so that others need not be added.
    """
    quarter = draft.quarter(case.anchor)
    span = quarter[0], quarter[0] + int((quarter[1] - quarter[0]) * _REVIEW_ROOM)
    specialty, officer, agency = _pick(draft, rng, span)
    n = sizes.n_reviews.whole(case.strength)
    linked = _owners(draft, rng, officer, sizes.linked_owners)
    _, places = draft.submit(rng, case, rng.choice(linked, n - 1), specialty)
    reduction, factor = sizes.reduction.at(case.strength), sizes.turnaround.at(case.strength)
    draft.favours.append(Favour(case, officer, agency, quarter, n, reduction, factor))
    _spread(draft, case, (specialty, agency), span, [Step((0,), int(each)) for each in places])


def plant_triad(draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: Triad) -> None:
    """T11: owner, agency and officer come together again and again, all over a year."""
    quarter = draft.quarter(case.anchor)
    span = max(draft.rotation.start_s, quarter[1] - _YEAR_S), quarter[1]
    specialty, officer, agency = _pick(draft, rng, span)
    n = sizes.n_meetings.whole(case.strength)
    owner = _owners(draft, rng, officer, 1)
    _, places = draft.submit(rng, case, np.repeat(owner, n), specialty)
    length, queue = span[1] - span[0], draft.rotation.queues[specialty]
    turn = length * len(queue) // max(len(draft.in_span(span, specialty)), 1)
    gap = max(length // n - turn, length // (3 * n))
    steps = [Step((0,), int(place)) for place in places]
    draft.plan(case, (specialty, agency), span, gap, steps)


def plant_sole_agency(
    draft: AssignmentDraft, case: Case, rng: np.random.Generator, sizes: SoleAgency
) -> None:
    """L07, benign: a rare specialty has one qualified agency, and it gets every case."""
    span = draft.quarter(case.anchor)
    _, officer, _ = _pick(draft, rng, span)
    specialty, _ = draft.add_rare()
    n = int(rng.integers(*sizes.n_cases, endpoint=True))
    owners = _owners(draft, rng, officer, 2)
    rows, _ = draft.submit(rng, case, rng.choice(owners, n), specialty)
    rows["officer"] = np.full(n, officer, dtype=np.int64)
    rows["submitted_s"] = np.sort(rng.integers(span[0], span[1] - OFFICE_S, n))
    before, _ = draft.submit(rng, case, rng.choice(owners, sizes.n_before), specialty)
    before["officer"] = np.full(sizes.n_before, officer, dtype=np.int64)
    low, high = draft.rotation.start_s, draft.rotation.end_s
    before["submitted_s"] = np.sort(rng.integers(low, high - OFFICE_S, sizes.n_before))


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
