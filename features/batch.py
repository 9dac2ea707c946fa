"""Batch: every feature of every scored event, a few passes over integer columns in time order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from features import rules, snapshots
from features.columns import Columns
from features.contracts.vectors import Codes, Integers, Matrix, Vector
from features.expression import KeyZ
from features.finalise import finalise, impute
from features.history import History, Slice
from features.kernels import KERNEL_VERSION
from features.kernels.order import Bools, Rows
from features.spec import Atom, Feature, Key, Scenario
from features.states import LaneKey, columns_by_atom, counted_by, held, lane_of, replayed, sweep_of
from features.store.ledger import Ledger
from features.sweeps import BLOCK_ROWS, SWEPT
from features.table import FeatureTable
from features.unit import unit_labels
from features.window import Reach

Progress = Callable[[int, int, str], None]
Place = tuple[int, Feature]
"""A feature and its column."""


@dataclass(frozen=True)
class Cells:
    """Values (n, d) of features in column order, NaN where missing, and their statuses.

    Statuses are (n, d), or (n, 0) where they were not asked for.
    """

    values: Matrix
    status: Codes


def build(ledger: Ledger, scenario: Scenario, *, progress: Progress | None = None) -> FeatureTable:
    """The feature table of all scored events of `scenario` in `ledger`.

    Every cell is computed from what was known before its event; `progress` is called with cells
    done, cells in all and a feature at work.
    """
    history = of_ledger(ledger, scenario)
    rows = history.scored()
    asked = Slice(rows, 0, len(history.columns))
    cells = compute(history, asked, progress=progress)
    by_name = {name: cells.values[:, k] for k, name in enumerate(scenario.by_name)}
    c = history.columns
    frame, days = c.frame[rows], history.calendar.local_days(c.t[rows])
    return FeatureTable(
        scenario=scenario.name,
        spec_hash=scenario.spec_hash(history.calendar),
        kernel_version=KERNEL_VERSION,
        currency=ledger.currency(scenario.name),
        infos=tuple(feature.info for feature in scenario.features),
        values=cells.values,
        status=cells.status,
        effective_us=c.t[rows],
        seq=c.seq[rows],
        kind=frame["kind"].to_numpy().astype(str),
        event_id=frame["event_id"].to_numpy().astype(str),
        version=frame["version"].to_numpy(),
        subject=frame[scenario.subject].fill_null("").to_numpy().astype(str),
        peer_group=frame[scenario.peer_group].fill_null("*").to_numpy().astype(str),
        unit=np.array(unit_labels(history, rows), dtype=np.str_),
        amount_minor=frame[scenario.amount].fill_null(0).to_numpy(),
        rules={
            rule.name: rules.answer(rule, by_name, history.applies(rule.applies)[rows], days)
            for rule in scenario.rules
        },
        patterns=tuple(pattern.info for pattern in scenario.patterns),
    )


def of_ledger(ledger: Ledger, scenario: Scenario) -> History:
    """The scenario's history in the ledger, with its sources and measures."""
    _, calendar = ledger.profile(scenario.name)
    sources = {
        item.scenario: Columns.read(ledger, item.scenario, item.fields) for item in scenario.sources
    }
    columns = Columns.read(ledger, scenario.name, scenario.fields)
    history = History(columns, scenario, calendar, sources)
    history.measure()
    return history


def compute(
    history: History, asked: Slice, *, with_status: bool = True, progress: Progress | None = None
) -> Cells:
    """All features of the rows asked about, a row each in their order.

    States are swept a block of rows at a time and finalised at once; those that need their rows
    sorted by key are held for all rows, one lane after the other.
    `progress` is called with cells done, cells in all and a feature at work.
    """
    features, n = history.scenario.features, len(asked.queries)
    d = len(features)
    cells = Cells(
        np.empty((n, d), order="F"), np.empty((n, d if with_status else 0), np.int8, order="F")
    )
    done = 0
    for places in _rounds(features):
        _fill(history, asked, places, cells)
        done += n * len(places)
        if progress:
            progress(done, n * d, places[-1][1].name)
    return cells


def _fill(history: History, asked: Slice, places: Sequence[Place], cells: Cells) -> None:
    """Compute some features a block at a time."""
    view = BatchView(history, asked, [feature for _, feature in places])
    unasked = np.empty(BLOCK_ROWS, np.int8)
    has_status = cells.status.shape[1] > 0
    for lo in range(0, len(asked.queries), BLOCK_ROWS):
        block = slice(lo, min(lo + BLOCK_ROWS, len(asked.queries)))
        view.move(block)
        for k, feature in places:
            values = cells.values[block, k]
            status = cells.status[block, k] if has_status else unasked[: len(values)]
            finalise(feature.of, view, values, status)
            impute(feature.fill, values, status)


def _rounds(features: Sequence[Feature]) -> list[list[Place]]:
    """Features with their columns; together are those that share moves, or a lane to be replayed.

    A round at a time, so that few moves and states compete for the processor's cache.
    """
    rounds: list[tuple[set[Reach | LaneKey], list[Place]]] = []
    for k, feature in enumerate(features):
        links = {atom.reach if atom.op in SWEPT else lane_of(atom) for atom in feature.of.atoms}
        together = [one for one in rounds if one[0] & links]
        rounds = [one for one in rounds if one not in together]
        places = [place for _, places in together for place in places]
        rounds.append((links.union(*(shared for shared, _ in together)), [*places, (k, feature)]))
    return [places for _, places in rounds]


class BatchView:
    """A block of the rows asked about, with the states of some features' windows."""

    def __init__(self, history: History, asked: Slice, features: Sequence[Feature]) -> None:
        self.history = history
        self.asked = asked
        columns = columns_by_atom(feature.of for feature in features)
        self._counted = counted_by(history, columns)
        self._sweeps = {
            atom: sweep_of(history, asked, atom, columns[atom])
            for atom in columns
            if atom.op in SWEPT and atom not in self._counted
        }
        self._held = held(history, asked, {atom: columns[atom] for atom in replayed(columns)})
        self._rows = history.places(asked)
        self._compared: dict[KeyZ, tuple[Vector, Codes]] = {}
        self.move(slice(0, 0))

    def move(self, block: slice) -> None:
        """Go on to the block that follows the one before."""
        self._block = block
        rows = self._rows
        if isinstance(rows, slice):
            self._at: Rows | slice = slice(rows.start + block.start, rows.start + block.stop)
        else:
            self._at = rows[block]
        self._applies: dict[Key, Bools] = {}
        self._states: dict[Atom, Integers] = {}

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""
        return self.history.columns.t[self._at]

    def applies(self, key: Key) -> Bools:
        """Which events carry every field of `key`."""
        if key not in self._applies:
            self._applies[key] = self.history.carries(key, self._at)
        return self._applies[key]

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""
        return self.history.columns.numbers[name][self._at]

    def compared(self, of: KeyZ) -> tuple[Vector, Codes]:
        """Values and statuses of a feature that compares keys with keys."""
        if of not in self._compared:
            self._compared[of] = snapshots.compare(self.history, of, self.asked)
        values, status = self._compared[of]
        return values[self._block], status[self._block]

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row each event, swept when they are first asked for."""
        of = self._counted.get(atom, atom)
        if of in self._held:
            return self._held[of][self._block]
        if of not in self._states:
            self._states[of] = self._sweeps[of].states(self._block.start, self._block.stop)
        return self._states[of]
