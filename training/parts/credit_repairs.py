"""Credit repairs of a simulated district, with what is planted in them."""

import numpy as np

from training.part import Keyed, Marks, Part, truth_of
from training.plant import plant_all
from training.simulation.columns import height
from training.simulation.config import SimulationConfig
from training.simulation.days import NEVER
from training.simulation.district import NOBODY, District
from training.simulation.repair_chain import chains
from training.simulation.repair_draft import RepairDraft
from training.simulation.repair_table import repair_ids, repair_table
from training.simulation.repairs import n_repairs, ordinary_repairs
from training.typologies.credit_repairs import QUICK_REPAIR, TYPOLOGIES


def part(config: SimulationConfig, district: District) -> Part:
    """Penalties and repairs, a row an event; a subject is a repair that was granted."""
    rows = ordinary_repairs(config, district)
    draft = RepairDraft(rows, district, chains(QUICK_REPAIR, config, district))
    cases = plant_all(draft, TYPOLOGIES, config, (district.clock, n_repairs(config)))
    rows = draft.finished()
    is_granted = (rows["decided"] != NEVER) & (rows["decided"] < district.clock.end)
    ids = repair_ids("event_id", np.arange(height(rows), dtype=np.int64))
    marks = Marks(ids, np.where(is_granted, rows["case"], NOBODY), rows["applied"])
    return Part(
        scenario="credit_repairs",
        table=repair_table(config, district, rows),
        truth=truth_of("credit_repairs", config, (TYPOLOGIES, cases), marks),
        cases=tuple(cases),
        subjects=int(is_granted.sum()),
        keyed=Keyed(("fine_yuan",), ("handler_code", "agent_code", "sector", "district")),
    )
