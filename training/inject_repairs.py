"""What is planted in credit repairs: one typology and one benign look-alike."""

import numpy as np

from training.simulation.case import Case
from training.simulation.columns import Columns
from training.simulation.days import DAY_S, NEVER
from training.simulation.ranges import QuickRepair, ReformMonth
from training.simulation.repair_chain import Chain
from training.simulation.repair_draft import RepairDraft


def plant_quick_repair(
    draft: RepairDraft, case: Case, rng: np.random.Generator, sizes: QuickRepair
) -> None:
    """T19: repaired within working days, too early or after a milder class, by one handler."""
    chain = draft.chains[case.number]
    like = np.flatnonzero(draft.rows["class_before"] == chain.class_before)
    at = rng.choice(like if len(like) else np.arange(len(draft.rows["firm"])), 1)
    rows = draft.like(at)
    _show(rows, chain, draft)
    span = chain.applied - chain.published
    proven = rng.random() >= sizes.unproven_share
    rows["evidence"][:] = chain.published + int(span * rng.uniform(0.1, 0.9)) if proven else NEVER
    rows["papers"] = rows["papers_asked"] - int(rng.random() < sizes.paperless_share)
    draft.add(case, rows)


def plant_reform_month(
    draft: RepairDraft, case: Case, rng: np.random.Generator, sizes: ReformMonth
) -> None:
    """L09, benign: for a month every repair of the district is decided within days."""
    at = draft.free(case.anchor, case.anchor + sizes.days * DAY_S)
    days = draft.district.clock.workdays
    day = days.shift(
        draft.rows["applied"][at] // DAY_S, rng.integers(*sizes.decision_wd, len(at), endpoint=True)
    )
    draft.rows["decided"][at] = day * DAY_S + 9 * 3600 + rng.integers(0, 8 * 3600, len(at))
    draft.rows["case"][at] = case.number


def _show(rows: Columns, chain: Chain, draft: RepairDraft) -> None:
    """Let the rows tell the chain."""
    told = {
        "firm": chain.firm,
        "authority": draft.district.officers["office"][chain.handler],
        "handler": chain.handler,
        "agent": draft.district.firms["agent"][chain.firm],
        "class_before": chain.class_before,
        "class": chain.class_now,
        "published": chain.published,
        "downgraded": NEVER if chain.downgraded is None else chain.downgraded,
        "applied": chain.applied,
        "decided": chain.decided,
    }
    for name, value in told.items():
        rows[name][:] = value
