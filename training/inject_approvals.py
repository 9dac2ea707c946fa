"""What is planted in project approvals: seven typologies and three benign look-alikes.

Each function plants one case into a draft; `training.typologies` names and sizes them.
`sizes` is the typology's section of the parameters; a dial runs from mild to strong with the
case's strength.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation.approval_draft import ApprovalDraft
from training.simulation.approvals import (
    ACCEPTED,
    APPROVED,
    BY_FILING,
    CHANGE_ASKED,
    CHANGED,
    COMPLETED,
    EVALUATED,
    FILED,
    MUNICIPAL,
    PAYMENT,
    PERMIT,
    REJECTED,
    REPORTED_AGAIN,
    STARTED,
)
from training.simulation.case import Case
from training.simulation.columns import Columns, take
from training.simulation.days import DAY_S, NEVER, Integers, in_order, office_hours
from training.simulation.district import NOBODY
from training.simulation.project_titles import WORDINGS
from training.simulation.ranges import (
    BulkBackload,
    DuplicateFiling,
    EarlyStart,
    EstimateEdge,
    FloodWorks,
    PhasedPark,
    RouteDowngrade,
    RushedEvaluation,
    SalamiChanges,
    ScaleCut,
)

Decimals = NDArray[np.float64]

_STRONG, _MILD = 2 / 3, 1 / 3
_DECIDED_S: Final = 16 * DAY_S
_LEVELS_FEN: Final = np.array([2, 5, 10, 20, 50, 100, 200, 500, 1000], dtype=np.int64) * 10**8
_OPENING: Final = (FILED, ACCEPTED, APPROVED)


def plant_salami_changes(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: SalamiChanges
) -> None:
    """T01: many small increases in a row, for one contractor, decided by one officer.

    Who knows the fixed limit stays one under it.
    """
    n, gap = sizes.n_changes.whole(case.strength), sizes.gap_days.at(case.strength) * DAY_S
    n = min(n, sizes.adaptive_changes) if case.adaptive else n
    project = _alive(draft, case, rng, need_s=int(n * gap))
    begin = max(int(draft.when(APPROVED)[project]) + 20 * DAY_S, case.anchor - int((n - 1) * gap))
    room = (draft.district.clock.end - _DECIDED_S - begin) / (n - 1)
    spaced = (np.arange(n) * min(gap, room)).astype(np.int64)
    step = sizes.increase.at(case.strength) * rng.uniform(0.85, 1.15, n)
    scale = rng.normal(0.0, 0.005, n)
    officer = int(draft.projects["officer"][project])
    _change(draft, case, rng, (project, officer), (begin + spaced, np.log1p(step), scale))


def plant_estimate_edge(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: EstimateEdge
) -> None:
    """T02: project after project of one owner and designer is approved at just under 10 % more.

    The last is approved around the anchor, the others before it, on routes on which 10 % need a new
    decision; who keeps further away from the limit is approved at less.
    """
    at, strict = draft.when(APPROVED), draft.projects["route"] != BY_FILING
    last = draft.pick(rng, np.where(strict, draft.near(case, APPROVED), np.inf))
    off = np.maximum((at[last] - at.astype(np.float64)) / DAY_S - sizes.span_days, 0.0)
    before = np.where(strict & (at != NEVER) & (at < at[last]), off, np.inf)
    n = sizes.n_projects.whole(case.strength)
    chosen = np.array([last, *(draft.pick(rng, before) for _ in range(n - 1))])
    for name in ("owner", "designer"):
        draft.projects[name][chosen] = draft.projects[name][last]
    rows = np.array([draft.row(APPROVED, int(project)) for project in chosen])
    edge = sizes.adaptive_rise if case.adaptive else sizes.rise
    draft.steps["d_amount"][rows] = np.log1p(rng.uniform(*edge, n))
    further = draft.steps["activity"] == REPORTED_AGAIN
    draft.keep[further & np.isin(draft.steps["project"], chosen)] = False
    draft.mark(case, rows)


def plant_scale_cut(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: ScaleCut
) -> None:
    """T03: an optimisation takes away scale and leaves the price."""
    project = _alive(draft, case, rng, need_s=30 * DAY_S)
    at = np.array([max(case.anchor, int(draft.when(APPROVED)[project]) + 20 * DAY_S)])
    cut = sizes.cut.at(case.strength) * rng.uniform(0.95, 1.05, 1)
    amount = np.log1p(-rng.uniform(*sizes.price_cut, 1))
    officer = int(draft.projects["officer"][project])
    at = np.minimum(at, draft.district.clock.end - _DECIDED_S)
    _change(draft, case, rng, (project, officer), (at, amount, np.log1p(-cut)))


def plant_early_start(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: EarlyStart
) -> None:
    """T04: works and a payment come first, the permit follows.

    Who knows that the two are compared dates the permit back before the works.
    """
    lead = sizes.lead_days.at(case.strength) * rng.uniform(0.9, 1.1) * DAY_S
    since_filed = draft.when(PERMIT).astype(np.float64) - draft.when(FILED)
    short = np.maximum(lead + 5 * DAY_S - since_filed, 0.0) / DAY_S
    project = draft.pick(rng, draft.near(case, PERMIT) + short)
    permit = draft.row(PERMIT, project)
    floor = int(draft.when(FILED)[project]) + 3 * DAY_S
    started = np.array([max(int(draft.steps["at"][permit] - lead), floor)])
    late = draft.rows(project)
    late = late[draft.steps["activity"][late] == STARTED]
    draft.keep[late] = False
    officer = int(draft.projects["officer"][project])
    draft.mark(case, np.array([permit]))
    paid = int(rng.integers(*sizes.payment_days, endpoint=True))
    for activity, days in ((STARTED, 0), (PAYMENT, paid)):
        at = draft.district.clock.workdays.snap(rng, started + days * DAY_S)
        draft.add(case, draft.step(activity, at, project, officer))
    if case.adaptive:
        day = draft.district.clock.workdays.shift(started // DAY_S, np.array([-1]))
        filed = int(draft.when(FILED)[project])
        draft.date_back(permit, max(int(office_hours(rng, day)[0]), filed + 600))


def plant_duplicate_filing(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: DuplicateFiling
) -> None:
    """T05: a cousin firm files nearly the same project on the same parcel once more."""
    gap = int(sizes.gap_days.at(case.strength) * rng.uniform(0.9, 1.1)) * DAY_S
    at = draft.when(FILED)
    off = np.abs(at.astype(np.float64) - (case.anchor - gap)) / DAY_S
    ahead = (at < case.anchor - 60 * DAY_S) & (draft.when(APPROVED) != NEVER)
    source = draft.pick(rng, np.where(ahead, np.maximum(off - 45, 0.0), np.inf))
    apart = sizes.difference.at(case.strength)
    twin = draft.copy_project(
        source,
        {
            "owner": _cousin(draft, source, rng, same=case.strength > _STRONG),
            "wording": int(rng.integers(1, WORDINGS)),
            "investment": _near(draft.projects["investment"][source], apart, rng),
            "scale": draft.projects["scale"][source] * (1 + rng.uniform(-apart, apart)),
        },
    )
    _repeat(draft, case, rng, (source, twin, case.anchor))


def plant_route_downgrade(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: RouteDowngrade
) -> None:
    """T06: refused on the strict route, filed again on the light one, just under a level."""
    gap = int(sizes.gap_days.at(case.strength) * rng.uniform(0.8, 1.2)) * DAY_S
    decided = draft.when(APPROVED)
    off = np.abs(decided.astype(np.float64) - (case.anchor - gap)) / DAY_S
    strict = (draft.projects["route"] != BY_FILING) & (decided != NEVER)
    strict &= decided < case.anchor - 5 * DAY_S
    source = draft.pick(rng, np.where(strict, np.maximum(off - 30, 0.0), np.inf))
    again = draft.copy_project(
        source,
        {
            "route": BY_FILING,
            "investment": _under_level(
                int(draft.projects["investment"][source]), sizes.under_level.at(case.strength)
            ),
            "owner": _cousin(draft, source, rng, same=case.strength > _MILD),
            "wording": int(rng.integers(1, WORDINGS)),
        },
    )
    _file_lightly(draft, case, rng, (source, again))
    _refuse(draft, source)


def plant_rushed_evaluation(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: RushedEvaluation
) -> None:
    """T22: no evaluation, or one of an hour, and a decision on the day."""
    project = draft.pick(
        rng, np.where(draft.when(EVALUATED) == NEVER, np.inf, draft.near(case, APPROVED))
    )
    evaluated, approved = draft.row(EVALUATED, project), draft.row(APPROVED, project)
    at, shift = draft.steps["at"], draft.district.clock.workdays.shift
    day, opens = at[approved] // DAY_S, at[approved] // DAY_S * DAY_S + 9 * 3600
    back = np.array([2, 0]) + sizes.working_days.whole(case.strength)
    opening = np.array([draft.row(FILED, project), draft.row(ACCEPTED, project)])
    early = opens + int((at[approved] - opens) * rng.uniform(0.1, 0.5))
    at[opening] = office_hours(rng, shift(np.array([day, day]), -back))
    at[opening[1]] = min(int(at[opening[1]]), early)
    at[evaluated] = opens + int((at[approved] - opens) * rng.uniform(0.6, 0.9))
    draft.keep[evaluated] = case.strength < _MILD
    draft.mark(case, np.array([approved, evaluated] if case.strength < _MILD else [approved]))


def plant_flood_works(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: FloodWorks
) -> None:
    """L04, benign: emergency works are approved in hours, begun at once and changed often."""
    project = draft.pick(rng, draft.near(case, APPROVED))
    approved = draft.row(APPROVED, project)
    draft.projects["case_type"][project] = MUNICIPAL
    begin = int(draft.steps["at"][approved])
    rows = draft.rows(project)
    later = rows[draft.steps["at"][rows] > begin]
    draft.keep[later] = False
    draft.keep[draft.row(EVALUATED, project)] &= draft.row(EVALUATED, project) == NOBODY
    opening = np.array([draft.row(FILED, project), draft.row(ACCEPTED, project)])
    draft.steps["at"][opening] = begin - np.array([2, 1]) * 3600
    draft.mark(case, np.array([*opening, approved]))
    officer = int(draft.projects["officer"][project])
    then = (1, sizes.permit_days, sizes.payment_days, sizes.completed_days)
    for activity, days in zip((STARTED, PERMIT, PAYMENT, COMPLETED), then, strict=True):
        at = np.array([begin + days * DAY_S])
        draft.add(case, draft.step(activity, at, project, officer))
    n = int(rng.integers(*sizes.n_changes, endpoint=True))
    at = begin + np.cumsum(rng.integers(*sizes.gap_days, n, endpoint=True)) * DAY_S
    moves = rng.normal(0.02, 0.03, n)
    team = draft.district.staff(rng, np.full(n, draft.projects["office"][project]))
    _change(draft, case, rng, (project, team), (at, moves, 0.8 * moves))


def plant_phased_park(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: PhasedPark
) -> None:
    """L05, benign: one owner files the phases of a park one by one, much alike, on one parcel."""
    first = case.anchor - sizes.first_days * DAY_S
    off = np.abs(draft.when(FILED).astype(np.float64) - first) / DAY_S
    off = np.where(draft.when(APPROVED) == NEVER, np.inf, np.maximum(off - 45, 0.0))
    source = draft.pick(rng, off)
    at = int(draft.when(FILED)[source])
    for number in range(int(rng.integers(*sizes.n_phases, endpoint=True))):
        at += int(rng.integers(*sizes.gap_days, endpoint=True)) * DAY_S
        size = float(rng.uniform(*sizes.size))
        phase = draft.copy_project(
            source,
            {
                "investment": _near(draft.projects["investment"][source] * size, 0.02, rng),
                "scale": draft.projects["scale"][source] * size,
                "phase": number + 2,
            },
        )
        _repeat(draft, case, rng, (source, phase, at))


def plant_step_backload(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, sizes: BulkBackload
) -> None:
    """L06, benign: one street's steps of some days reach the platform months later, in bulk."""
    steps = draft.steps
    low = case.anchor - sizes.span_days * DAY_S
    at = np.flatnonzero(
        (steps["at"] >= low) & (steps["at"] < case.anchor) & (steps["case"] == NOBODY)
    )
    street = draft.projects["street"][steps["project"][at]]
    at = at[street == rng.choice(street)] if len(at) else at
    keyed = case.anchor + int(rng.integers(*sizes.keyed_days, endpoint=True)) * DAY_S
    steps["recorded"][at] = keyed + rng.integers(0, 6 * 3600, len(at))
    draft.mark(case, at)


def _alive(draft: ApprovalDraft, case: Case, rng: np.random.Generator, *, need_s: int) -> int:
    """A project under construction at the anchor, approved long enough before it."""
    approved, completed = draft.when(APPROVED), draft.when(COMPLETED)
    short = np.maximum(approved.astype(np.float64) + need_s + 20 * DAY_S - case.anchor, 0) / DAY_S
    over = (completed != NEVER) & (completed < case.anchor)
    begun = np.where((draft.when(PERMIT) == NEVER) | (draft.when(PERMIT) > case.anchor), 50.0, 0.0)
    return draft.pick(rng, np.where((approved == NEVER) | over, np.inf, short + begun))


def _change(
    draft: ApprovalDraft,
    case: Case,
    rng: np.random.Generator,
    who: tuple[int, int | Integers],
    what: tuple[Integers, Decimals, Decimals],
) -> None:
    """Add changes: (project, officer), (instants, investment moves, scale moves)."""
    project, officer = who
    at, d_amount, d_scale = what
    workdays = draft.district.clock.workdays
    asked = workdays.snap(rng, at)
    rows = draft.step(CHANGE_ASKED, asked, project, 0)
    day = workdays.shift(asked // DAY_S, rng.integers(1, 6, len(at)))
    decided = draft.step(CHANGED, office_hours(rng, day), project, 0)
    decided |= {"d_amount": np.asarray(d_amount), "d_scale": np.asarray(d_scale)}
    rows["officer"] = decided["officer"] = np.broadcast_to(officer, len(at)).astype(np.int64)
    draft.add(case, rows)
    draft.add(case, decided)


def _moved(
    draft: ApprovalDraft, rng: np.random.Generator, rows: Columns, move: tuple[int, int]
) -> Columns:
    """A project's steps for another project, later by so many seconds, on working days."""
    project, by = move
    at = draft.district.clock.workdays.snap(rng, rows["at"] + by)
    n = len(at)
    other = {
        "at": in_order(at),
        "project": np.full(n, project, dtype=np.int64),
        "recorded": np.full(n, NEVER, dtype=np.int64),
    }
    return rows | other


def _repeat(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, plan: tuple[int, int, int]
) -> None:
    """Give a copy (original, copy, when filed) its steps; the opening ones belong to the case."""
    source, copy, filed = plan
    rows = take(draft.steps, draft.rows(source))
    rows = _moved(draft, rng, rows, (copy, filed - int(draft.when(FILED)[source])))
    opening = np.isin(rows["activity"], _OPENING)
    draft.add(case, take(rows, np.flatnonzero(opening)))
    draft.add(None, take(rows, np.flatnonzero(~opening)))


def _file_lightly(
    draft: ApprovalDraft, case: Case, rng: np.random.Generator, pair: tuple[int, int]
) -> None:
    """File, accept and approve within two days; what followed the original follows here."""
    source, again = pair
    officer = int(draft.projects["officer"][source])
    workdays = draft.district.clock.workdays
    day = workdays.shift(np.full(3, case.anchor // DAY_S), np.sort(rng.integers(0, 3, 3)))
    opening = in_order(office_hours(rng, day))
    for at, activity in zip(opening, _OPENING, strict=True):
        draft.add(case, draft.step(activity, np.array([at]), again, officer))
    rows = take(draft.steps, draft.rows(source))
    decided = int(draft.when(APPROVED)[source])
    rows = take(rows, np.flatnonzero(rows["at"] > decided))
    draft.add(None, _moved(draft, rng, rows, (again, int(opening[-1]) + DAY_S - decided)))


def _refuse(draft: ApprovalDraft, project: int) -> None:
    """Turn the approval of a project into a rejection, and end it there."""
    rows = draft.rows(project)
    approved = draft.row(APPROVED, project)
    draft.keep[rows[draft.steps["at"][rows] > draft.steps["at"][approved]]] = False
    draft.steps["activity"][approved] = REJECTED


def _cousin(draft: ApprovalDraft, project: int, rng: np.random.Generator, *, same: bool) -> int:
    """The project's owner, or another firm of the same sector and street."""
    owner = int(draft.projects["owner"][project])
    firms = draft.district.firms
    alike = (firms["street"] == firms["street"][owner]) & (
        firms["sector"] == firms["sector"][owner]
    )
    alike[owner] = False
    others = np.flatnonzero(alike)
    return owner if same or not len(others) else int(rng.choice(others))


def _near(fen: float, apart: float, rng: np.random.Generator) -> int:
    return round(float(fen) * (1 + rng.uniform(-apart, apart)) / 1e6) * 1_000_000


def _under_level(fen: int, share: float) -> int:
    """The amount that is such a share under the level that is nearest to an investment."""
    level = _LEVELS_FEN[int(np.argmin(np.abs(np.log(_LEVELS_FEN / fen))))]
    return round(int(level) * (1 - share) / 1e6) * 1_000_000
