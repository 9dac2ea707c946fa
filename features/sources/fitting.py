"""Which of the shipped mappings fits a log best."""

from itertools import islice
from pathlib import Path
from typing import Final

from features.contracts.errors import DeclarationError
from features.sources.columns import normal
from features.sources.mapping import Mapping, shipped
from features.sources.read_xes import read_xes
from features.sources.rows import normal_header

_ROWS: Final = 500
"""Events whose attributes are looked at."""


def fitting(path: Path, scenario: str) -> Mapping:
    """The shipped mapping of `scenario` for event logs that leaves the fewest attributes unknown.

    Of those that leave as few, the one that looks for the fewest which are not there.

    Raises
    ------
    DeclarationError
        There is none for the scenario.
    """
    rows = islice(read_xes(path), _ROWS)
    found = {normal_header(name) for row in rows for name in row.cells}
    loaded = [Mapping.load(name) for name in shipped()]
    able = [item for item in loaded if item.scenario == scenario and item.format == "xes"]
    if not able:
        message = f"no shipped mapping reads event logs for {scenario}; give one with --mapping"
        raise DeclarationError(message)
    return min(able, key=lambda item: _misfit(item, found))


def _misfit(mapping: Mapping, found: set[str]) -> tuple[int, int, str]:
    """How many attributes the mapping does not know, and how many that it reads are not there."""
    used = set(mapping.used_columns())
    ignored = {name for note in mapping.ignored for name in normal(note.columns)}
    return len(found - used - ignored), len(used - found), mapping.name
