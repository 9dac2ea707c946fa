"""The live plan: a scenario's atoms and features as the integer tables that live kernels read."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from features import live_kernels as live
from features.contracts.vectors import Integers
from features.finalise import applied_key, own_number, spec_of
from features.spec import DAY_US, Atom, Key, Scenario, Where
from features.store.codes import Codes
from features.streams import Streams

_OPS: Final = {
    "moments": live.MOMENTS,
    "codes": live.CODES,
    "grids": live.GRIDS,
    "ends": live.ENDS,
}


class LivePlan:
    """Tables of one scenario over one dictionary of codes; made once, when an engine opens."""

    def __init__(self, scenario: Scenario, streams: Streams, codes: Codes) -> None:
        self.scenario = scenario
        self.streams = streams
        self._dictionary = codes
        self._conditions: dict[tuple[str, ...], int] = {}
        self._codes: list[int] = []
        self._spans: list[tuple[int, int]] = []
        self.atoms: tuple[Atom, ...] = tuple(
            sorted(scenario.atoms, key=lambda atom: streams.of[atom.key])
        )
        self._places = {atom: k for k, atom in enumerate(self.atoms)}
        self.atom_table = self._table([self.row(atom) for atom in self.atoms], 8)
        measured = {item.atom: self.row(item.atom) for item in scenario.measures if item.atom}
        self.measure_rows: Mapping[Atom, Integers] = {
            atom: np.array(row, np.int64) for atom, row in measured.items()
        }
        self.reach = self._reach()
        self.codes = np.array(self._codes, np.int64)
        self.spans = np.array(self._spans, np.int64).reshape(-1, 2)
        expressions = [feature.of for feature in scenario.features]
        self.specs = self._table([spec_of(of) for of in expressions], 3)
        self.uses = self._uses()
        self.own: tuple[str | None, ...] = tuple(own_number(of) for of in expressions)
        self.keys: tuple[Key | None, ...] = tuple(applied_key(of) for of in expressions)

    def row(self, atom: Atom) -> list[int]:
        """The atom as a row of the table."""
        stream = self.streams.of[atom.key]
        is_count = atom.op == "moments" and atom.value is None
        value = live.NOWHERE
        if atom.value is not None:
            name = f"grid:{atom.value}" if atom.op == "grids" else atom.value
            value = self.streams.place(stream, name)
        op = live.COUNT if is_count else _OPS[atom.op]
        return [stream, op, value, atom.days * DAY_US, *self._kinds(atom), *self._field(atom)]

    def atom_row(self, atom: Atom) -> Integers:
        """The atom's row, made before."""
        row: Integers = self.atom_table[self._places[atom]]
        return row

    def _kinds(self, atom: Atom) -> tuple[int, int]:
        by_kind = atom.where is not None and atom.where.field == "kind"
        if by_kind or set(self.scenario.history) == set(self.streams.kinds):
            return live.NOWHERE, live.NOWHERE
        return self._condition(atom.key, Where("", "kind", self.scenario.history))

    def _field(self, atom: Atom) -> tuple[int, int]:
        if atom.where is None:
            return live.NOWHERE, live.NOWHERE
        return self._condition(atom.key, atom.where)

    def _condition(self, key: Key, where: Where) -> tuple[int, int]:
        if where.values not in self._conditions:
            start = len(self._codes)
            self._codes += [self._dictionary.code(text) for text in where.values]
            self._conditions[where.values] = len(self._spans)
            self._spans.append((start, len(self._codes)))
        place = self.streams.place(self.streams.of[key], where.field)
        return place, self._conditions[where.values]

    def _reach(self) -> Integers:
        reach = np.zeros(len(self.streams.keys), np.int64)
        np.maximum.at(reach, self.atom_table[:, live.STREAM], self.atom_table[:, live.WINDOW])
        return reach

    def _uses(self) -> Integers:
        used = [
            [self._places[atom] for atom in feature.of.atoms] for feature in self.scenario.features
        ]
        out = np.full((len(used), max((len(row) for row in used), default=0) + 1), -1)
        for k, row in enumerate(used):
            out[k, : len(row)] = row
        return out

    @staticmethod
    def _table(rows: list[list[int]] | list[tuple[int, int, int]], width: int) -> Integers:
        return np.array(rows, np.int64).reshape(-1, width)
