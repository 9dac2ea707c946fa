"""Batch: every feature of every scored event, a few passes over integer columns in time order."""

from collections.abc import Callable, Hashable, Sequence
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
from features.states import columns_by_atom, counted_by, held, lane_of, replayed, sweep_of
from features.store.ledger import Ledger
from features.sweeps import BLOCK_ROWS, STRETCH, SWEPT
from features.table import FeatureTable
from features.told import told
from features.unit import unit_labels

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
            rule.name: rules.answer(
                rule,
                by_name,
                history.applies(rule.applies)[rows],
                days,
                {need: told(history, need)[rows] for _, need in rule.needs},
            )
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
    """Compute some features: a stretch of blocks of those that share states, then of the next."""
    view = BatchView(history, asked, [feature for _, feature in places])
    parts, n = _joined(places, view.swept), len(asked.queries)
    for first in range(0, n, STRETCH * BLOCK_ROWS):
        last = min(first + STRETCH * BLOCK_ROWS, n)
        for part in parts:
            for lo in range(first, last, BLOCK_ROWS):
                view.move(slice(lo, min(lo + BLOCK_ROWS, last)))
                _finalise(view, part, cells)


def _finalise(view: "BatchView", places: Sequence[Place], cells: Cells) -> None:
    """Write the cells of some features for the block of the view."""
    block, has_status = view.block, cells.status.shape[1] > 0
    for k, feature in places:
        values = cells.values[block, k]
        status = cells.status[block, k] if has_status else np.empty(len(values), np.int8)
        finalise(feature.of, view, values, status)
        impute(feature.fill, values, status)


def _rounds(features: Sequence[Feature]) -> list[list[Place]]:
    """Features with their columns; together are those that share moves, or a lane to be replayed.

    A round at a time, so that few moves and states compete for the processor's cache.
    """
    return _joined(
        list(enumerate(features)),
        lambda atom: atom.reach if atom.op in SWEPT else lane_of(atom),
    )


def _joined(places: Sequence[Place], link: Callable[[Atom], Hashable]) -> list[list[Place]]:
    """Features that are linked by their atoms, directly or through others."""
    joined: list[tuple[set[Hashable], list[Place]]] = []
    for place in places:
        links = {link(atom) for atom in place[1].of.atoms}
        near = [one for one in joined if one[0] & links]
        joined = [one for one in joined if one not in near]
        before = [other for _, others in near for other in others]
        joined.append((links.union(*(shared for shared, _ in near)), [*before, place]))
    return [places for _, places in joined]


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
        """Go to a block of rows; those that share states go on to the one that follows theirs."""
        self.block = block
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
        return values[self.block], status[self.block]

    def swept(self, atom: Atom) -> Atom:
        """The atom whose states are those of `atom`: itself, or one that counts as many."""
        return self._counted.get(atom, atom)

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row each event, swept when they are first asked for."""
        of = self.swept(atom)
        if of in self._held:
            return self._held[of][self.block]
        if of not in self._states:
            self._states[of] = self._sweeps[of].states(self.block.start, self.block.stop)
        return self._states[of]
