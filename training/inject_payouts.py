"""What is planted in payouts: six typologies and three benign look-alikes.

Each function plants one case into a draft; `training.typologies` names and sizes them.
`sizes` is the typology's section of the parameters; a dial runs from mild to strong with the
case's strength.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from training.simulation.case import Case
from training.simulation.columns import Columns, draw, height, take
from training.simulation.contacts import CONTACTS, of_group, of_ring, stated
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.district import NOBODY, TIER
from training.simulation.payout_draft import PayoutDraft
from training.simulation.payouts import CLEAR, HIT
from training.simulation.ranges import (
    AgentRing,
    BulkBackload,
    DuplicateBenefit,
    FarAmount,
    GroupCompany,
    LaunchRush,
    ShellFirm,
    ThresholdFigure,
    UncheckedBurst,
)
from training.simulation.repair_chain import Chain
from training.simulation.substance import books_of, file_of

_STRONG, _MILD = 2 / 3, 1 / 3
_NEXT_PERIODS_S: Final = 730 * DAY_S


def plant_shell_firm(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: ShellFirm
) -> None:
    """T15: a firm days old and without staff takes what a policy pays at most, and ends after."""
    at = rng.choice(draft.near(case), 1)
    rows = draft.copies(at, _on_workday(draft, case, rng, 1))
    _at_the_cap(draft, rows, sizes.share_of_cap.at(case.strength))
    age = sizes.age_days.at(case.strength) * rng.uniform(0.9, 1.1)
    insured = np.array([sizes.insured.whole(case.strength)])
    registered = office_hours(rng, rows["applied"] // DAY_S - int(age))
    _new_applicants(draft, rows, registered, insured)
    _new_books(draft, rows, rng)
    rows["power"] = rng.integers(*sizes.kwh, 1, endpoint=True)
    lasts = int(rng.integers(*sizes.lasts_days, endpoint=True)) * DAY_S
    draft.dissolve(int(rows["firm"][0]), int(rows["paid"][0]) + lasts)
    draft.add(case, rows)


def has_nobody_insured(case: Case, sizes: ShellFirm) -> bool:
    """Whether a new firm (T15) insures nobody; one insured is enough to be past the rule."""
    return sizes.insured.whole(case.strength) == 0


def plant_agent_ring(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: AgentRing
) -> None:
    """T16: many new firms file alike through one agent, to one officer, within weeks."""
    n = sizes.n_firms.whole(case.strength)
    at = np.repeat(rng.choice(draft.near(case), 1), n)
    requested = _spread(draft, case, rng, (n, sizes.span_days.at(case.strength)))
    rows = draft.copies(at, requested)
    near_same = np.round(rows["amount"] * rng.normal(1.0, 0.01, n) / 100).astype(np.int64) * 100
    tiered = draft.district.policies["kind"][rows["policy"]] == TIER
    rows["amount"] = np.minimum(np.where(tiered, rows["amount"], near_same), rows["cap"])
    age = rng.integers(*sizes.age_days, n, endpoint=True)
    registered = office_hours(rng, rows["applied"] // DAY_S - age)
    _new_applicants(draft, rows, registered, rng.integers(*sizes.staff, n, endpoint=True))
    rows["agent"] = np.full(n, _agent(draft, rng))
    shared = rng.random(n) < sizes.shared_account.at(case.strength)
    rows["account"] = np.where(shared, rows["account"][0], rows["account"])
    _new_books(draft, rows, rng)
    for name in CONTACTS:
        shared = rng.random(n) < sizes.shared_contact.at(case.strength)
        rows[name] = np.where(shared, of_ring(case.number), rows[name])
    draft.add(case, rows)


def plant_duplicate_benefit(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: DuplicateBenefit
) -> None:
    """T17: one object is paid for again by other departments.

    The code is altered where the case is mild, or made by who knows that equal codes are compared.
    """
    n = 2 if case.strength > _STRONG else 1
    gap = int(sizes.gap_days.at(case.strength) * rng.uniform(0.8, 1.2)) * DAY_S
    first = draft.district.clock.start
    then = case.anchor - min(gap, int((case.anchor - first) * 0.8))
    found = draft.free(then - 15 * DAY_S, then + 15 * DAY_S)
    at = np.repeat(rng.choice(found if len(found) else draft.near(case), 1), n)
    requested = np.maximum(_on_workday(draft, case, rng, n), draft.rows["requested"][at] + DAY_S)
    rows = draft.copies(at, np.minimum(requested, draft.district.clock.end - 60))
    rows["object"] = draft.rows["object"][at]
    _other_departments(draft, rows, rng, sizes)
    altered = case.strength < _MILD or (case.strength < _STRONG and rng.random() < _MILD)
    altered |= case.adaptive
    rows["alias"] = np.full(n, rng.integers(1, 4) if altered else 0, dtype=np.int8)
    draft.add(case, rows)


def keeps_the_code(case: Case, _sizes: DuplicateBenefit) -> bool:
    """Whether an object paid for again (T17) certainly keeps its code, which a rule compares."""
    return case.strength >= _STRONG


def plant_unchecked_burst(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: UncheckedBurst
) -> None:
    """T20: one officer pays a batch in minutes: unchecked, checked afterwards, or despite a hit."""
    n = sizes.n_payouts.whole(case.strength)
    case = case if case.recent else replace(case, anchor=_year_end(draft, case, rng))
    near = draft.near(case)
    lead = rng.choice(near, 1)
    mine = near[draft.rows["officer"][near] == draft.rows["officer"][lead]]
    at = rng.choice(mine, n, replace=len(mine) < n)
    begin = _on_workday(draft, case, rng, 1)[0]
    rows = draft.copies(at, begin + np.cumsum(rng.integers(*sizes.seconds_each, n, endpoint=True)))
    _skip_checks(rows, case, rng, sizes.ignored_hit_share)
    rows["paid"] = rows["requested"] + int(rng.integers(1800, 7200))
    draft.add(case, rows)


def plant_far_amount(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: FarAmount
) -> None:
    """T21: an amount far above what the policy's payouts usually are, still under the cap."""
    near = draft.near(case)
    policy = draft.rows["policy"][near]
    wanted = draft.high_amount[policy] * sizes.times_high_amount.at(case.strength)
    fits = (wanted <= draft.rows["cap"][near]) & (draft.district.policies["kind"][policy] != TIER)
    room = draft.rows["cap"][near] / draft.high_amount[policy]
    pick = int(rng.choice(np.flatnonzero(fits))) if fits.any() else int(np.argmax(room))
    fen = min(round(float(wanted[pick]) / 100) * 100, int(draft.rows["cap"][near[pick]]))
    draft.rows["amount"][near[pick]] = fen
    draft.rows["case"][near[pick]] = case.number


def plant_threshold_figure(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: ThresholdFigure
) -> None:
    """T18: a figure just over its threshold, below it the period before and the one after."""
    near = draft.near(case)
    threshold = draft.district.policies["threshold"][draft.rows["policy"][near]]
    asking = np.flatnonzero(threshold > 0)
    if len(asking) == 0:
        message = "no payout asks for a figure where T18 is planted; raise threshold_policy_share"
        raise InputError(message)
    pick = int(rng.choice(asking))
    row, asked = near[pick], int(threshold[pick])
    over = sizes.over_threshold.at(case.strength) * rng.uniform(0.8, 1.0)
    draft.rows["figure"][row] = asked + int(over * asked)
    draft.rows["before"][row] = round(asked * rng.uniform(*sizes.true_figure))
    draft.rows["case"][row] = case.number
    at, same = draft.rows["requested"][row], draft.rows["firm"] == draft.rows["firm"][row]
    same &= draft.rows["policy"] == draft.rows["policy"][row]
    later = same & (draft.rows["requested"] > at) & (draft.rows["requested"] < at + _NEXT_PERIODS_S)
    draft.rows["before"][later] = round(asked * rng.uniform(*sizes.true_figure))


def plant_chains(draft: PayoutDraft, chains: Sequence[Chain], first: int) -> list[Case]:
    """T19: what firms are paid right after a quick repair; cases are numbered from `first`."""
    cases: list[Case] = []
    for chain in chains:
        case = replace(chain.case, number=first + len(cases), anchor=chain.requested)
        near = draft.near(case)
        sector = draft.district.firms["sector"]
        same = near[sector[draft.rows["firm"][near]] == sector[chain.firm]]
        among = same if len(same) else near
        at = among[[chain.requested % len(among)]]
        rows = draft.copies(at, np.array([chain.requested]))
        _take_over(draft, rows, np.array([chain.firm]))
        draft.add(case, rows)
        cases.append(case)
    return cases


def plant_launch_rush(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: LaunchRush
) -> None:
    """L01, benign: a policy opens and many firms are paid on the same day."""
    near = draft.near(case)
    policy = draft.rows["policy"][rng.choice(near)]
    same = near[draft.rows["policy"][near] == policy]
    n = int(np.clip(height(draft.rows) // 400, *sizes.n_payouts))
    begin = _on_workday(draft, case, rng, 1)[0] // DAY_S * DAY_S + 9 * 3600
    rows = draft.copies(rng.choice(same, n), begin + np.sort(rng.integers(0, 3 * 3600, n)))
    settled = np.flatnonzero(draft.district.firms["registered"] < draft.district.clock.start)
    _take_over(draft, rows, settled[draw(rng, draft.district.firms["weight"][settled], n)])
    _new_books(draft, rows, rng)
    draft.add(case, rows)


def plant_bulk_backload(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: BulkBackload
) -> None:
    """L02, benign: one street's payouts of some days reach the platform months later, in bulk."""
    low = case.anchor - sizes.span_days * DAY_S
    at = draft.free(low, case.anchor)
    street = draft.district.firms["street"][draft.rows["firm"][at]]
    at = at[street == rng.choice(street)] if len(at) else at
    keyed = case.anchor + int(rng.integers(*sizes.keyed_days, endpoint=True)) * DAY_S
    draft.rows["recorded"][at] = keyed + rng.integers(0, 6 * 3600, len(at))
    draft.rows["case"][at] = case.number


def plant_group_company(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, sizes: GroupCompany
) -> None:
    """L03, benign: old subsidiaries with real staff share a filing desk and the group's account."""
    n = int(rng.integers(*sizes.n_firms, endpoint=True))
    near = draft.near(case)
    policy = draft.rows["policy"][rng.choice(near)]
    same = near[draft.rows["policy"][near] == policy]
    requested = _spread(draft, case, rng, (n, sizes.span_days))
    rows = draft.copies(rng.choice(same, n), requested)
    firms = draft.district.firms
    real = np.flatnonzero(
        (firms["registered"] < draft.district.clock.start) & (firms["employees"] > sizes.staff_over)
    )
    _take_over(draft, rows, rng.choice(real, n, replace=False))
    rows["agent"] = np.full(n, _agent(draft, rng))
    rows["account"] = np.full(n, rows["account"][0])
    _new_books(draft, rows, rng)
    rows["address"] = np.full(n, of_group(case.number))
    draft.add(case, rows)


def _spread(
    draft: PayoutDraft, case: Case, rng: np.random.Generator, size: tuple[int, float]
) -> Integers:
    """Office-hour instants (how many, over how many days) up to the anchor, inside the horizon."""
    n, days = size
    clock = draft.district.clock
    begin = np.maximum(case.anchor - (rng.random(n) * days * DAY_S).astype(np.int64), clock.start)
    return np.minimum(clock.workdays.snap(rng, begin), _last_workday(draft) * DAY_S + 16 * 3600)


def _last_workday(draft: PayoutDraft) -> int:
    clock = draft.district.clock
    return int(clock.workdays.shift(np.array([clock.end // DAY_S]), np.array([-1]))[0])


def _on_workday(draft: PayoutDraft, case: Case, rng: np.random.Generator, n: int) -> Integers:
    """Office-hour instants of the first working day from the anchor, inside the horizon."""
    clock = draft.district.clock
    day = clock.workdays.shift(np.full(n, case.anchor // DAY_S), np.zeros(n, dtype=np.int64))
    return (
        np.minimum(day, _last_workday(draft)) * DAY_S
        + 9 * 3600
        + np.sort(rng.integers(0, 6 * 3600, n))
    )


def _year_end(draft: PayoutDraft, case: Case, rng: np.random.Generator) -> int:
    """A day in the last week of the anchor's year, where the horizon has that week."""
    year = np.datetime64(case.anchor // DAY_S, "D").astype("datetime64[Y]")
    last = int((year + 1).astype("datetime64[D]").astype(np.int64)) - 1
    late = (last - int(rng.integers(1, 8))) * DAY_S
    inside = draft.district.clock.start < late < draft.district.clock.holdout
    return late if inside else case.anchor


def _new_applicants(
    draft: PayoutDraft, rows: Columns, registered: Integers, employees: Integers
) -> None:
    """Let new firms, otherwise like the rows' firms, stand in the rows."""
    firms = draft.district.firms
    like = {name: values[rows["firm"]] for name, values in firms.items()}
    like |= {"registered": registered, "employees": employees}
    own = ("account", *CONTACTS)
    like |= {name: np.full(len(registered), NOBODY, dtype=np.int64) for name in own}
    rows["firm"] = draft.enrol(like)
    rows |= {name: rows["firm"].copy() for name in own}
    rows["employees"] = employees


def _take_over(draft: PayoutDraft, rows: Columns, firm: Integers) -> None:
    """Let known firms stand in the rows."""
    rows["firm"] = firm
    rows["account"] = draft.district.firms["account"][firm]
    rows |= stated(draft.district.firms, firm)
    rows["employees"] = draft.district.firms["employees"][firm]


def _new_books(draft: PayoutDraft, rows: Columns, rng: np.random.Generator) -> None:
    """Let the rows show the books of the firms that now stand in them."""
    rows |= books_of(rng, draft.firms_of(rows["firm"]), rows["employees"], draft.substance)


def _at_the_cap(draft: PayoutDraft, rows: Columns, share: float) -> None:
    tiered = draft.district.policies["kind"][rows["policy"]] == TIER
    near_cap = np.round(rows["cap"] * share / 100).astype(np.int64) * 100
    rows["amount"] = np.where(tiered, rows["cap"], near_cap)


def _other_departments(
    draft: PayoutDraft, rows: Columns, rng: np.random.Generator, sizes: DuplicateBenefit
) -> None:
    """Move the rows to policies of other authorities, with about the same money."""
    policies = draft.district.policies
    foreign = np.flatnonzero(policies["authority"] != rows["authority"][0])
    enough = foreign[policies["cap"][foreign] >= rows["amount"][0]]
    pool = enough if len(enough) else foreign
    chosen = rng.choice(pool, height(rows), replace=len(pool) < height(rows))
    rows["policy"], rows["cap"] = chosen, policies["cap"][chosen]
    rows["authority"] = policies["authority"][chosen]
    rows["officer"] = draft.district.staff(rng, rows["authority"])
    less = np.round(rows["amount"] * rng.uniform(*sizes.amount, height(rows)) / 100)
    rows["amount"] = np.minimum(less.astype(np.int64) * 100, rows["cap"])
    rows |= file_of(rng, rows, take(policies, chosen), draft.substance)


def _skip_checks(rows: Columns, case: Case, rng: np.random.Generator, hits: float) -> None:
    """Checked after, or not at all; a share of a blatant case was checked, and hit."""
    n = height(rows)
    if case.strength < _MILD:
        rows["checked"] = rows["requested"] + rng.integers(DAY_S, 5 * DAY_S, n)
        rows["recorded"] = rows["checked"] + rng.integers(3600, DAY_S, n)
        return
    ignored = (rng.random(n) < hits) & (case.strength > _STRONG)
    rows["checked"] = np.where(ignored, rows["requested"] - rng.integers(600, DAY_S, n), NEVER)
    rows["result"] = np.where(ignored, HIT, CLEAR).astype(np.int8)


def _agent(draft: PayoutDraft, rng: np.random.Generator) -> int:
    """An agent that ordinary firms use too."""
    known = draft.district.firms["agent"]
    used = known[known != NOBODY]
    return int(rng.choice(used)) if len(used) else 0
