"""Project approvals of a simulated district, with what is planted in them."""

import numpy as np

from training.part import Keyed, Marks, Part, truth_of
from training.plant import plant_all
from training.simulation.approval_draft import ApprovalDraft
from training.simulation.approval_table import approval_table, step_ids
from training.simulation.approvals import ordinary_approvals
from training.simulation.columns import height
from training.simulation.config import SimulationConfig
from training.simulation.district import District
from training.typologies.approvals import TYPOLOGIES


def part(config: SimulationConfig, district: District) -> Part:
    """Steps of projects, a row each; a subject is a project."""
    draft = ApprovalDraft(*ordinary_approvals(config, district), district)
    cases = plant_all(draft, TYPOLOGIES, config, (district.clock, config.approvals.projects))
    projects, steps = draft.finished()
    ids = step_ids("event_id", np.arange(height(steps), dtype=np.int64))
    table = approval_table(config, district, (projects, steps))
    return Part(
        scenario="approvals",
        table=table,
        truth=truth_of(
            "approvals", config, (TYPOLOGIES, cases), Marks(ids, steps["case"], steps["at"])
        ),
        cases=tuple(cases),
        subjects=table["project_code"].n_unique(),
        keyed=Keyed(("investment_yuan",), ("officer_code", "case_type", "sector", "district")),
    )
