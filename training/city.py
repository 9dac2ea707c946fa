"""A simulated city district in a ledger: every scenario's histories, and what was planted."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
from pydantic import SecretStr

from features.contracts.settings import Settings
from features.sources.ingest import ingest
from features.sources.mapping import Mapping as FileMapping
from features.store.ledger import Ledger
from training.simulate import PARTS, Progress, SimulationConfig, simulate
from training.truth import load_truth

_KEY: Final = SecretStr("of no use beyond simulated histories, and the same each time")
Changes = Mapping[str, Mapping[str, object]]


class City(NamedTuple):
    """One simulated district: its ledger, the truth, and the subjects of each scenario."""

    ledger: Ledger
    truth: pl.DataFrame
    subjects: Mapping[str, int]


@contextmanager
def simulated_city(changes: Changes, *, progress: Progress | None = None) -> Iterator[City]:
    """Simulate with `changes` to the shipped parameters and read all scenarios into one ledger.

    Each scenario is read with the mapping `simulated_<scenario>`; the ledger lives in memory.
    """
    ledger = Ledger.in_memory()
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            made = simulate(SimulationConfig.load(changes), home, progress=progress)
            for scenario in PARTS:
                if progress:
                    progress(f"read {scenario}", 1.0)
                ingest(
                    [made.files[scenario]],
                    mapping=FileMapping.load(f"simulated_{scenario}"),
                    ledger=ledger,
                    settings=Settings(home=home, pseudonym_key=_KEY),
                )
            truth = load_truth(made.files["truth"])
        yield City(ledger, truth, made.subjects)
    finally:
        ledger.close()
