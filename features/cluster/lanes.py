"""Lanes on a cluster: the states of one key's windows, bucket by bucket."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.rows import OWN, ROW, UNIT, asked_of, history_by
from features.contracts.vectors import Integers
from features.finalise import width_of
from features.history import History, Slice, taken
from features.kernels import FIRST, LAST
from features.lane import Lane
from features.spec import Atom, Key, Scenario, Where

_LANE_ROWS: Final = 2**17
"""Rows of a lane that are worked on at a time."""


@dataclass(frozen=True)
class StateRows:
    """Step: states of `atoms`, all of one key, for the rows that a bucket is asked about.

    Each goes with its row to the part of the table that the row's instant lies in; `cuts` divide
    the parts. A state's columns are called by the atom's place among the scenario's.
    """

    scenario: Scenario
    calendar: Calendar
    atoms: tuple[Atom, ...]
    cuts: Integers
    of: str

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """One parcel for each part, unit by unit."""
        for flows in merged(parcels).values():
            for unit in _units(flows):
                yield from split(self._states(unit), "@bucket", self.of)

    def _states(self, flows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        history = history_by(self.scenario, self.calendar, self.atoms, flows)
        asked = asked_of(history.columns)
        frame = history.columns.frame[asked.queries].select(ROW, "t")
        made = {
            name: column
            for atom, states in states_of(history, asked, self.atoms).items()
            for name, column in self._named(atom, states)
        }
        bucket = np.searchsorted(self.cuts, frame["t"].to_numpy(), side="right")
        return frame.select(ROW, pl.Series("@bucket", bucket, pl.Int32)).hstack(pl.DataFrame(made))

    def _named(self, atom: Atom, states: Integers) -> Iterator[tuple[str, Integers]]:
        place = self.scenario.atoms.index(atom)
        for k in range(states.shape[1]):
            yield f"{place}.{k}", np.ascontiguousarray(states[:, k])


def _units(flows: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, pl.DataFrame]]:
    """The rows of each unit with rows of our own."""
    by_unit = {of: frame.partition_by(UNIT, as_dict=True) for of, frame in flows.items()}
    for unit in by_unit.get(OWN, ()):
        yield {of: parts[unit] for of, parts in by_unit.items() if unit in parts}


def states_of(history: History, asked: Slice, atoms: Iterable[Atom]) -> dict[Atom, Integers]:
    """States (rows asked about, k) of the atoms, of `ends` the instants; zeros without the key."""
    n, users = len(asked.queries), history.scenario.users
    held = {atom: np.zeros((n, width_of(atom, users[atom])), np.int64) for atom in atoms}
    for lane_key, group in groupby(sorted(held, key=_lane_order), _lane_of):
        together = tuple(group)
        for lane in history.lane(*lane_key, asked).split(_LANE_ROWS):
            for atom in together:
                held[atom][lane.at] = _found(history, lane, atom, held[atom].shape[1])
    return held


def _found(history: History, lane: Lane, atom: Atom, width: int) -> Integers:
    states = lane.states(atom, history.values(atom), history.own(atom), width)
    if atom.op == "ends":
        for k in (LAST, FIRST):
            states[:, k] = taken(history.instants(atom.source), states[:, k])
    return states


def _lane_of(atom: Atom) -> tuple[Key, Where | None, str | None]:
    return atom.key, atom.where, atom.source


def _lane_order(atom: Atom) -> tuple[str, ...]:
    """Lanes side by side, and in them what shares a window."""
    return repr(_lane_of(atom)), repr(atom.value), str(atom.reach)
