"""Batch: every feature of every scored event, one pass a key over sorted integer columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from features import rules, snapshots
from features.columns import Columns
from features.contracts.vectors import Codes, Integers, Matrix, Vector
from features.expression import KeyZ
from features.finalise import (
    Runs,
    finalise,
    finalise_part,
    finalise_runs,
    impute,
    is_alone,
    takes_runs,
    width_of,
)
from features.finalisers import NOT_APPLICABLE, OK, spread
from features.history import History, Slice, taken
from features.kernels import FIRST, KERNEL_VERSION, LAST
from features.kernels.order import Bools, Rows
from features.lane import Lane
from features.spec import Atom, Feature, Key, Scenario, Where
from features.store.ledger import Ledger
from features.table import FeatureTable

Progress = Callable[[int, int, str], None]
LaneKey = tuple[Key, Where | None, str | None]
Place = tuple[int, Feature]
"""A feature and its column."""

CHUNK_ROWS: Final = 2**17
"""Rows of a lane whose states are held at a time; a group is never divided."""


@dataclass(frozen=True)
class Cells:
    """Values (n, d) and statuses (n, d) of features, in column order; NaN where missing."""

    values: Matrix
    status: Codes


def build(ledger: Ledger, scenario: Scenario, *, progress: Progress | None = None) -> FeatureTable:
    """The feature table of all scored events of `scenario` in `ledger`.

    Every cell is computed from what was known before its event; `progress` is called with features
    done, features in all and the feature's name.
    """
    history = of_ledger(ledger, scenario)
    rows = history.scored()
    asked = Slice(rows, 0, len(history.columns))
    cells = compute(history, asked, progress=progress)
    by_name = {name: cells.values[:, k] for k, name in enumerate(scenario.by_name)}
    c = history.columns
    frame = c.frame[rows]
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
        amount_minor=frame[scenario.amount].fill_null(0).to_numpy(),
        rules={
            rule.name: rules.answer(rule, by_name, history.applies(rule.applies)[rows])
            for rule in scenario.rules
        },
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


def compute(history: History, asked: Slice, *, progress: Progress | None = None) -> Cells:
    """All features of the rows asked about, a row each in their order.

    Lanes are worked on in parts that stay in the processor's cache, and features are finalised as
    soon as their states are there.
    """
    features, n = history.scenario.features, len(asked.queries)
    cells = Cells(
        np.empty((n, len(features)), order="F"), np.empty((n, len(features)), np.int8, order="F")
    )
    view, done = BatchView(history, asked), 0
    for lane_key in (None, *view.lanes):
        alone = view.alone(lane_key)
        if lane_key is not None:
            view.fill(lane_key, alone, cells)
        complete = view.complete(lane_key)
        for k, feature in complete:
            finalise(feature.of, view, cells.values[:, k], cells.status[:, k])
        for k, feature in (*alone, *complete):
            impute(feature.fill, cells.values[:, k], cells.status[:, k])
            done += 1
            if progress:
                progress(done, len(features), feature.name)
    return cells


def _lane_key(atom: Atom) -> LaneKey:
    return atom.key, atom.where, atom.source


@dataclass(frozen=True)
class Sheet:
    """Where a lane's work goes: instants, columns of values and statuses, and states to be kept."""

    t: Integers
    columns: Mapping[int, tuple[Vector, Codes]]
    states: Mapping[Atom, Integers]

    def part(self, rows: Rows) -> "Sheet":
        """A sheet of its own for some of the rows."""
        columns = {k: (np.empty(len(rows)), np.empty(len(rows), np.int8)) for k in self.columns}
        states = {
            atom: np.zeros((len(rows), held.shape[1]), np.int64)
            for atom, held in self.states.items()
        }
        return Sheet(self.t[rows], columns, states)

    def clear(self) -> None:
        """Say of every row that it has not the lane's key."""
        for values, status in self.columns.values():
            values[:], status[:] = np.nan, NOT_APPLICABLE

    def begin(self, lane: Lane) -> None:
        """Say of every row whether it has the lane's key: OK until something else is found."""
        absent = np.zeros(0, np.intp)
        if len(lane.places) < len(self.t):
            absent = np.setdiff1d(np.arange(len(self.t)), lane.places)
        for values, status in self.columns.values():
            status[:] = OK
            values[absent], status[absent] = np.nan, NOT_APPLICABLE

    def take(self, part: "Sheet", rows: Rows) -> None:
        """Write a part's columns and states to its rows."""
        for k, (values, status) in self.columns.items():
            values[rows], status[rows] = part.columns[k]
        for atom, held in self.states.items():
            spread(part.states[atom], rows, held)


class BatchView:
    """States of the rows asked about, computed lane by lane and dropped when no longer needed.

    A feature that is finalised from one state alone takes it part by part; the states of the
    others are spread over the rows until the last lane that they need is done.
    """

    def __init__(self, history: History, asked: Slice) -> None:
        self.history = history
        self.asked = asked
        self.features = tuple(enumerate(history.scenario.features))
        self.atoms: dict[LaneKey, list[Atom]] = {}
        for atom in history.scenario.atoms:
            self.atoms.setdefault(_lane_key(atom), []).append(atom)
        self.lanes = tuple(self.atoms)
        users = history.scenario.users
        self._widths = {atom: width_of(atom, users[atom]) for atom in users}
        self._states: dict[Atom, Integers] = {}
        self._done: set[LaneKey | None] = set()

    @cached_property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""
        return self.history.columns.t[self.asked.queries]

    def applies(self, key: Key) -> Bools:
        """Which events carry every field of `key`."""
        return self.history.carries(key, self.asked.queries)

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""
        return self.history.columns.numbers[name][self.asked.queries]

    def compared(self, of: KeyZ) -> tuple[Vector, Codes]:
        """Values and statuses of a feature that compares keys with keys."""
        return snapshots.compare(self.history, of, self.asked)

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row each event."""
        return self._states[atom]

    def alone(self, lane: LaneKey | None) -> list[Place]:
        """Features of a lane that take one state and nothing else, with their places."""
        return [
            item
            for item in self.features
            if is_alone(item[1].of) and _lane_key(item[1].of.atoms[0]) == lane
        ]

    def complete(self, lane: LaneKey | None) -> list[Place]:
        """The other features whose last lane this is; None stands for those that need none."""
        return [
            item
            for item in self.features
            if not is_alone(item[1].of) and self._last(item[1]) == lane
        ]

    def fill(self, lane_key: LaneKey, alone: list[Place], cells: Cells) -> None:
        """Compute one lane's states, finalise what is alone, keep what others take."""
        atoms, n = self.atoms[lane_key], len(self.asked.queries)
        self._states = {atom: held for atom, held in self._states.items() if self._is_due(atom)}
        kept = [a for a in atoms if not all(map(is_alone, self.history.scenario.users[a]))]
        self._states |= {atom: np.zeros((n, self._width(atom)), np.int64) for atom in kept}
        columns = {k: (cells.values[:, k], cells.status[:, k]) for k, _ in alone}
        whole = Sheet(self.t, columns, {atom: self._states[atom] for atom in kept})
        users = {atom: [item for item in alone if item[1].of.atoms[0] == atom] for atom in atoms}
        for done, (rows, lane) in enumerate(self.history.lanes(*lane_key, self.asked)):
            if rows is not None and not done:
                whole.clear()
            sheet = whole if rows is None else whole.part(rows)
            sheet.begin(lane)
            for chunk in lane.split(CHUNK_ROWS):
                for atom in atoms:
                    self._fill_chunk(chunk, atom, users[atom], sheet)
            if rows is not None:
                whole.take(sheet, rows)
        self._done.add(lane_key)

    def _fill_chunk(self, chunk: Lane, atom: Atom, users: list[Place], sheet: Sheet) -> None:
        runs = self._runs(chunk, atom)
        quick = []
        if runs is not None:
            quick = [item for item in users if takes_runs(item[1].of)]
            for k, feature in quick:
                finalise_runs(feature.of, runs, chunk.at, *sheet.columns[k])
        if atom not in sheet.states and len(quick) == len(users):
            return
        states = self._part(chunk, atom)
        for k, feature in users:
            if (k, feature) not in quick:
                finalise_part(feature.of, states, sheet.t, chunk.at, *sheet.columns[k])
        if atom in sheet.states:
            spread(states, chunk.at, sheet.states[atom])

    def _runs(self, part: Lane, atom: Atom) -> Runs | None:
        return part.runs(atom, self.history.values(atom), self._width(atom))

    def _part(self, part: Lane, atom: Atom) -> Integers:
        history = self.history
        own, width = history.own(atom), self._width(atom)
        states = part.states(atom, history.values(atom), own, width)
        if atom.op == "ends":
            t = history.instants(atom.source)
            for k in (LAST, FIRST):
                states[:, k] = taken(t, states[:, k])
        return states

    def _width(self, atom: Atom) -> int:
        return self._widths[atom]

    def _last(self, feature: Feature) -> LaneKey | None:
        keys = [_lane_key(atom) for atom in feature.of.atoms]
        return max(keys, key=self.lanes.index) if keys else None

    def _is_due(self, atom: Atom) -> bool:
        """Whether a feature whose last lane is still to come takes the state."""
        return any(
            atom in feature.of.atoms and self._last(feature) not in self._done
            for _, feature in self.features
        )
