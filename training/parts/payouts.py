"""Payouts of a simulated district, with what is planted in them."""

import numpy as np

from training.inject_payouts import plant_chains
from training.part import Keyed, Marks, Part, truth_of
from training.plant import plant_all
from training.simulation.columns import height
from training.simulation.config import SimulationConfig
from training.simulation.district import District
from training.simulation.payout_draft import PayoutDraft
from training.simulation.payout_table import payout_ids, payout_table
from training.simulation.payouts import ordinary_payouts
from training.simulation.repair_chain import chains
from training.typologies.payouts import PAID_AFTER_REPAIR, TYPOLOGIES


def part(config: SimulationConfig, district: District) -> Part:
    """Payouts: a row each for request, payment and cancellation; a subject is a payout."""
    draft = PayoutDraft(ordinary_payouts(config, district), district, config.substance)
    cases = plant_all(draft, TYPOLOGIES, config, (district.clock, config.payouts.count))
    cases += plant_chains(draft, chains(PAID_AFTER_REPAIR, config, district), len(cases))
    rows, firms = draft.finished()
    ids = payout_ids("event_id", np.arange(height(rows), dtype=np.int64))
    marks = Marks(ids, rows["case"], rows["requested"])
    return Part(
        scenario="payouts",
        table=payout_table(config, district, (rows, firms), draft.dissolved),
        truth=truth_of("payouts", config, ((*TYPOLOGIES, PAID_AFTER_REPAIR), cases), marks),
        cases=tuple(cases),
        subjects=height(rows),
        keyed=Keyed(("amount_yuan",), ("officer_code", "agent_code", "sector", "district")),
    )
