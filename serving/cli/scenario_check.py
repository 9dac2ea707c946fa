"""What a scenario file must stand before anything is trained on it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from features.document.page import pages
from features.live.engine import LiveEngine
from features.sources.mapping import Mapping
from features.spec import Scenario
from features.store.ledger import Ledger

Progress = Callable[[int, int, str], None]


class Checked(NamedTuple):
    """How much was checked: fields, features, the spec's hash, fields that the mapping feeds."""

    fields: int
    features: int
    spec: str
    mapped: int


def check(
    scenario: Scenario, mapping: Path | None = None, *, progress: Progress | None = None
) -> Checked:
    """Compute an example of every feature, plan the live engine, and read the mapping.

    Raises
    ------
    DeclarationError
        The mapping is not this scenario's, or does not fit it.
    """
    engine = LiveEngine(Ledger.in_memory(), scenario)
    for done, (name, _) in enumerate(pages(scenario, "en"), 1):
        if progress:
            progress(done, len(scenario.features) + 1, name)
    fed = Mapping.load(mapping) if mapping else None
    mapped = len(fed.fields) + len(fed.constants) if fed else 0
    return Checked(len(scenario.fields), len(scenario.features), engine.spec_hash, mapped)
