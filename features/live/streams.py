"""Streams: which keys of a scenario have live histories, and which columns each keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.declared import Graph
from features.scan.layout import HEAD_COLUMNS, KIND
from features.scan.light import MOST_FURTHER
from features.spec import Atom, Key, KeyZ, Measure, Scenario

KEY_MARK: Final = "\x1f"
"""Stands between the fields of a key; no field may hold it."""
STEPS: Final = "step of "
"""Begins the name of a column of grid steps; no field's name holds a space."""

Column = str
Looked = Sequence[tuple[Atom, tuple[Column, ...]]]
"""Atoms, each with columns that it takes besides its value and its condition."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One key's histories: whose events they hold, of which kinds, and which columns.

    `source` is another scenario that the events are of; None stands for the scenario itself.
    """

    key: Key
    source: str | None
    kinds: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """Integers a row takes."""
        return HEAD_COLUMNS + len(self.columns)

    @property
    def told(self) -> tuple[Column, ...]:
        """What an event says of itself in a row, behind its head."""
        return ("kind", *self.columns)

    def place(self, column: Column) -> int:
        """Position of a column in a row."""
        return KIND if column == "kind" else HEAD_COLUMNS + self.columns.index(column)


def key_text(key: Key, texts: Mapping[str, str | int | None]) -> str | None:
    """The key's text of an event, or None where a field is missing."""
    parts = [texts.get(name) for name in key]
    return None if None in parts else KEY_MARK.join(map(str, parts))


def value_column(atom: Atom) -> Column | None:
    """The column that the atom's values stand in."""
    if atom.value is None or atom.op != "grids":
        return atom.value
    return STEPS + atom.value


def measured(scenario: Scenario) -> tuple[tuple[Measure, Atom], ...]:
    """The scenario's measures that look at earlier events, with the window of each."""
    return tuple((item, item.atom) for item in scenario.measures if item.atom is not None)


def graphs(scenario: Scenario) -> Mapping[str, Graph]:
    """The graphs of the scenario's networks, by the measures that are numbers of theirs."""
    found = {item.name: item.graph for item in scenario.measures}
    return {name: graph for name, graph in found.items() if graph is not None}


def compared(scenario: Scenario) -> Mapping[str, tuple[Atom, ...]]:
    """What every key has a number from, for each feature that compares keys with keys."""
    return {
        feature.name: feature.of.members
        for feature in scenario.features
        if isinstance(feature.of, KeyZ)
    }


class Streams:
    """Layout of a scenario's live histories; a stream is a key, numbered in a fixed order.

    A key that holds the scenario's subject has no histories of its own: its rows are found among
    the subject's by their further fields, since the history of one subject is short as a rule. Keys
    that are compared with each other have histories of their own, by which they are found.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        looked = [(atom, (item.taken,) if item.taken else ()) for item, atom in measured(scenario)]
        looked += [(atom, ()) for graph in graphs(scenario).values() for atom in graph.atoms]
        looked += [(atom, ()) for atom in scenario.atoms]
        members = [atom for atoms in compared(scenario).values() for atom in atoms]
        looked += [(atom, ()) for atom in members]
        self._whole = {(atom.source, atom.key) for atom in members}
        lanes = tuple(dict.fromkeys(self._lane(atom) for atom, _ in looked))
        self.all: tuple[Stream, ...] = tuple(
            self._stream(key, source, [one for one in looked if self._lane(one[0]) == lane])
            for lane in lanes
            for source, key in (lane,)
        )
        self._of = {lane: number for number, lane in enumerate(lanes)}

    def of(self, atom: Atom) -> int:
        """Number of the stream that the atom looks at."""
        return self._of[self._lane(atom)]

    def further(self, atom: Atom) -> Key:
        """Fields by which the atom's key goes beyond its stream's."""
        _, key = self._lane(atom)
        return tuple(name for name in atom.key if name not in key)

    def _lane(self, atom: Atom) -> tuple[str | None, Key]:
        lane, subject = (atom.source, atom.key), self.scenario.subject
        is_own = lane in self._whole or subject not in atom.key or len(atom.key) > MOST_FURTHER + 1
        return lane if is_own else (atom.source, (subject,))

    def counted(self, source: str | None) -> tuple[str, ...]:
        """Kinds that windows over a source count by default."""
        return self.scenario.history if source is None else self.scenario.source(source).kinds

    @property
    def sources(self) -> tuple[str, ...]:
        """Scenarios whose events the histories hold."""
        names = [stream.source or self.scenario.name for stream in self.all]
        return tuple(dict.fromkeys((self.scenario.name, *names)))

    def _stream(self, key: Key, source: str | None, looked: Looked) -> Stream:
        kinds: list[str] = []
        columns: list[Column] = []
        for atom, taken in looked:
            by_kind = atom.where is not None and atom.where.field == "kind"
            kinds += atom.where.values if atom.where and by_kind else self.counted(source)
            columns += [name for name in (value_column(atom), *taken) if name]
            columns += [atom.where.field] if atom.where else []
            columns += self.further(atom)
        names = tuple(name for name in dict.fromkeys(columns) if name != "kind")
        return Stream(key, source, tuple(dict.fromkeys(kinds)), names)
