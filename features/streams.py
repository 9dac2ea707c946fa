"""Streams: which keys of a scenario have live histories, and which columns each keeps."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from features.spec import Atom, Key, Scenario
from features.store.history import HEAD_COLUMNS, KIND

KEY_MARK: Final = "\x1f"
"""Stands between the fields of a key; no field may hold it."""


class Streams:
    """Layout of a scenario's live histories; a stream is a key, numbered in a fixed order."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        measured = tuple(item.atom for item in scenario.measures if item.atom is not None)
        self.atoms: tuple[Atom, ...] = tuple(dict.fromkeys((*measured, *scenario.atoms)))
        self.keys: tuple[Key, ...] = tuple(dict.fromkeys(atom.key for atom in self.atoms))
        self.of: Mapping[Key, int] = {key: stream for stream, key in enumerate(self.keys)}
        self.columns = tuple(self._columns(key) for key in self.keys)

    @cached_property
    def widths(self) -> list[int]:
        """Number of value columns of each stream."""
        return [len(columns) for columns in self.columns]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of event that any window looks at."""
        asked = [
            atom.where.values
            for atom in self.atoms
            if atom.where is not None and atom.where.field == "kind"
        ]
        return tuple(
            dict.fromkeys((*self.scenario.history, *(k for kinds in asked for k in kinds)))
        )

    def place(self, stream: int, column: str) -> int:
        """Position of a column among a history's columns."""
        return KIND if column == "kind" else HEAD_COLUMNS + self.columns[stream].index(column)

    def _columns(self, key: Key) -> tuple[str, ...]:
        names: list[str] = []
        for atom in self.atoms:
            if atom.key != key:
                continue
            if atom.value is not None:
                names.append(f"grid:{atom.value}" if atom.op == "grids" else atom.value)
            if atom.where is not None and atom.where.field != "kind":
                names.append(atom.where.field)
        names.extend(
            measure.field
            for measure in self.scenario.measures
            if measure.atom is not None and measure.key == key and measure.field
        )
        return tuple(dict.fromkeys(names))
