"""Small contracts of a simulated district, with what is planted in them."""

import numpy as np

from training.part import Keyed, Marks, Part, truth_of
from training.plant import plant_all
from training.simulation.columns import take
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S
from training.simulation.district import District
from training.simulation.small_work_draft import SmallWorkDraft
from training.simulation.small_work_table import contract_events, contract_table, record_ids
from training.simulation.small_works import Market, ordinary_contracts
from training.typologies.small_works import TYPOLOGIES


def part(config: SimulationConfig, district: District) -> Part:
    """Contracts, a row each for quote, award and what follows; a subject is a buyer's year."""
    market = Market.of(config)
    ordinary = ordinary_contracts(config, district, market)
    years = (ordinary["awarded"] // DAY_S).astype("datetime64[D]").astype("datetime64[Y]")
    subjects = len(set(zip(ordinary["buyer"].tolist(), years.astype(int).tolist(), strict=True)))
    draft = SmallWorkDraft(ordinary, district, market, config.small_works)
    cases = plant_all(draft, TYPOLOGIES, config, (district.clock, subjects))
    rows = draft.finished()
    events = contract_events(config, district, rows)
    marked = take(events, np.flatnonzero(events["kind"] > 0))
    marks = Marks(record_ids("event_id", marked), marked["case"], marked["at"])
    return Part(
        scenario="small_works",
        table=contract_table(config, district, market, (rows, events)),
        truth=truth_of("small_works", config, (TYPOLOGIES, cases), marks),
        cases=tuple(cases),
        subjects=subjects,
        keyed=Keyed(("amount_yuan", "final_yuan"), ("officer_code", "matter")),
    )
