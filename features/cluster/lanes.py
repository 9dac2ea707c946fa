"""Lanes on a cluster: the states of one key's windows, bucket by bucket."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.rows import OWN, ROW, UNIT, asked_of, history_by
from features.contracts.vectors import Integers
from features.finalise import columns_of
from features.spec import Atom, Scenario
from features.states import states_of


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
            for atom, states in states_of(history, asked, self._columns).items()
            for name, column in self._named(atom, states)
        }
        bucket = np.searchsorted(self.cuts, frame["t"].to_numpy(), side="right")
        return frame.select(ROW, pl.Series("@bucket", bucket, pl.Int32)).hstack(pl.DataFrame(made))

    @property
    def _columns(self) -> dict[Atom, frozenset[int]]:
        users = self.scenario.users
        return {atom: columns_of(atom, users[atom]) for atom in self.atoms}

    def _named(self, atom: Atom, states: Integers) -> Iterator[tuple[str, Integers]]:
        place = self.scenario.atoms.index(atom)
        for k in range(states.shape[1]):
            yield f"{place}.{k}", np.ascontiguousarray(states[:, k])


def _units(flows: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, pl.DataFrame]]:
    """The rows of each unit with rows of our own."""
    by_unit = {of: frame.partition_by(UNIT, as_dict=True) for of, frame in flows.items()}
    for unit in by_unit.get(OWN, ()):
        yield {of: parts[unit] for of, parts in by_unit.items() if unit in parts}
