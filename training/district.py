"""Simulated histories as a feature table with its truth: where drills and comparisons start."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from features.batch import build
from features.contracts.settings import Settings
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.store.ledger import Ledger
from features.table import FeatureTable
from training.cases import Cases
from training.fit import fit
from training.fitted import Fitted
from training.simulate import SimulationConfig, simulate
from training.truth import load_truth

SCENARIO: Final = "payouts"
MAPPING: Final = "simulated_payouts"
_KEY: Final = SecretStr("of no use beyond simulated histories, and the same each time")
_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)


class District(NamedTuple):
    """The payouts of one simulated district, a model that saw no label, and what was planted."""

    fitted: Fitted
    table: FeatureTable
    is_planted: NDArray[np.bool_]


def simulated_district(seed: int, *, payouts: int) -> District:
    """Simulate, read into a ledger in memory, compute features, fit on the first four fifths."""
    config = SimulationConfig.load(
        {
            "horizon": {"seed": seed},
            "payouts": {"count": payouts},
            "district": {"firms": max(200, payouts // 5)},
            "approvals": {"projects": max(100, payouts // 50)},
            "small_works": {"contracts": 300, "buyers": 10, "suppliers": 60},
            "assignments": {"count": 300},
        }
    )
    scenario, ledger = catalog.load(SCENARIO), Ledger.in_memory()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = simulate(config, home).files
        ingest(
            [files[SCENARIO]],
            mapping=Mapping.load(MAPPING),
            ledger=ledger,
            settings=Settings(home=home, pseudonym_key=_KEY),
        )
        truth = load_truth(files["truth"])
    table = build(ledger, scenario)
    ledger.close()
    left_out = scenario.left_out()
    fitted = fit(table, created_at=_CREATED, seed=seed, left_out=left_out)
    return District(fitted, table, Cases.of(table, truth).is_planted)
