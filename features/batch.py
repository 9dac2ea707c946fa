"""Batch: every feature of every scored event, one pass a key over sorted integer columns."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features import kernels, rules
from features.calendar import Calendar
from features.columns import Columns
from features.contracts.vectors import Integers
from features.finalise import finalise
from features.finalisers import STATE_WIDTH
from features.kernels import KERNEL_VERSION, LAST, MISSING, NEVER, grid
from features.measure import Ends, compute
from features.spec import DAY_US, Atom, Key, Measure, Scenario, Where
from features.store.ledger import Ledger
from features.table import FeatureTable

Progress = Callable[[int, int, str], None]
Bools = NDArray[np.bool_]


def build(ledger: Ledger, scenario: Scenario, *, progress: Progress | None = None) -> FeatureTable:
    """The feature table of all scored events of `scenario` in `ledger`.

    Every cell is computed from what was known before its event; `progress` is called with features
    done, features in all and the feature's name.
    """
    currency, calendar = ledger.profile(scenario.name)
    history = History(Columns.read(ledger, scenario), scenario, calendar)
    history.measure()
    rows = history.scored()
    view = BatchView(history, rows)
    values, status = (
        np.empty((len(rows), len(scenario.features))),
        np.empty((len(rows), len(scenario.features)), np.int8),
    )
    for k, feature in enumerate(scenario.features):
        column = finalise(feature.of, view)
        values[:, k], status[:, k] = column.values, column.status
        if progress:
            progress(k + 1, len(scenario.features), feature.name)
    names = [feature.name for feature in scenario.features]
    by_name = {name: values[:, k] for k, name in enumerate(names)}
    frame = history.columns.frame[rows]
    return FeatureTable(
        scenario=scenario.name,
        spec_hash=scenario.spec_hash(calendar),
        kernel_version=KERNEL_VERSION,
        currency=currency,
        infos=tuple(feature.info for feature in scenario.features),
        values=values,
        status=status,
        effective_us=history.columns.t[rows],
        seq=history.columns.seq[rows],
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


class History:
    """A scenario's columns with groups and sorted sources, each made once and kept."""

    def __init__(self, columns: Columns, scenario: Scenario, calendar: Calendar) -> None:
        self.columns = columns
        self.scenario = scenario
        self.calendar = calendar
        self._groups: dict[Key, Integers] = {}
        self._sources: dict[tuple[Key, Where | None], Integers] = {}

    def group(self, key: Key) -> Integers:
        """Dense group codes of all rows under `key`, -1 where a field is missing."""
        if key not in self._groups:
            self._groups[key] = self.columns.group(key)
        return self._groups[key]

    def applies(self, conditions: tuple[tuple[str, tuple[str, ...]], ...]) -> Bools:
        """Which rows fulfil all of a rule's field conditions."""
        chosen = np.ones(len(self.columns), bool)
        for name, values in conditions:
            chosen &= self.columns.chosen(name, values)
        return chosen

    @cached_property
    def counted(self) -> Bools:
        """Rows that windows count by default: history kinds, not retracted."""
        return self.columns.chosen("kind", self.scenario.history) & ~self.columns.retracted

    def sources(self, key: Key, where: Where | None) -> Integers:
        """Source rows of `key`, sorted by (group, t, o, known)."""
        if (key, where) not in self._sources:
            chosen = self.counted
            if where is not None:
                base = ~self.columns.retracted if where.field == "kind" else chosen
                chosen = base & self.columns.chosen(where.field, where.values)
            self._sources[key, where] = self.ordered(key, np.flatnonzero(chosen))
        return self._sources[key, where]

    def ordered(self, key: Key, rows: Integers) -> Integers:
        """Those of `rows` that have the key, sorted by (group, t, o, known)."""
        c, group = self.columns, self.group(key)[rows]
        rows, group = rows[group >= 0], group[group >= 0]
        return rows[np.lexsort((c.known[rows], c.o[rows], c.t[rows], group))]

    def stack(self, key: Key, rows: Integers, *, with_gone: bool) -> Integers:
        """Columns of `rows` as kernels take them: of sources with `gone`, else of queries."""
        c = self.columns
        parts = [self.group(key)[rows], c.t[rows], c.o[rows]]
        if with_gone:
            parts += [c.known[rows], c.seq[rows], c.gone[rows], c.gone_seq[rows]]
        else:
            live = c.is_live[rows]
            parts += [np.where(live, NEVER - 1, c.known[rows])]
            parts += [np.where(live, c.seq[rows], NEVER - 1)]
        return np.stack(parts)

    def measure(self) -> None:
        """Compute the scenario's measures for all rows and add them to the columns."""
        view = BatchView(self, np.arange(len(self.columns)))
        for measure in self.scenario.measures:
            values = self._measured(measure, view)
            if measure.is_code:
                self.columns.codes[measure.name] = values
                self.columns.texts[measure.name] = self.columns.texts[measure.field]
            else:
                self.columns.numbers[measure.name] = values

    def _measured(self, measure: Measure, view: "BatchView") -> Integers:
        c, atom = self.columns, measure.atom
        own = c.numbers.get(measure.field, c.t)
        other = c.numbers.get(measure.other, c.t)
        if atom is None:
            return compute(measure, self.calendar, c.t, own, other, None)
        among = own != MISSING if measure.how == "change_ppm" else None
        source, ends = view.ends(atom, among)
        held = c.codes[measure.field] if measure.is_code else own
        last = _taken(held, source, ends[:, LAST])
        instants = view.instants(source, ends)
        found = Ends(instants[:, 0], instants[:, 1], last)
        return compute(measure, self.calendar, c.t, own, other, found)

    def scored(self) -> Integers:
        """Rows of scored events in (t, o, seq) order, an id's later kinds left out."""
        c = self.columns
        chosen = np.zeros(len(c), bool)
        first_known: dict[str, int] = {}
        ids = c.frame["event_id"].to_list()
        for kind in self.scenario.scored:
            of_kind = c.chosen("kind", (kind,)) & ~c.retracted
            for row in np.flatnonzero(of_kind & ~c.is_stale).tolist():
                chosen[row] = first_known.get(ids[row], NEVER) > c.known[row]
            for row in np.flatnonzero(of_kind).tolist():
                first_known[ids[row]] = min(first_known.get(ids[row], NEVER), int(c.known[row]))
        rows = np.flatnonzero(chosen)
        return rows[np.lexsort((c.seq[rows], c.o[rows], c.t[rows]))]


def _taken(held: Integers, source: Integers, pointer: Integers) -> Integers:
    out = np.full(len(pointer), MISSING)
    found = pointer >= 0
    out[found] = held[source[pointer[found]]]
    return out


class BatchView:
    """States of a set of query rows, computed by the sliding kernels, each atom once."""

    def __init__(self, history: History, rows: Integers) -> None:
        self.history = history
        self.rows = rows
        self._queries: dict[Key, tuple[Integers, Integers, Integers]] = {}
        self._states: dict[Atom, Integers] = {}

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""
        return self.history.columns.t[self.rows]

    def applies(self, key: Key) -> Bools:
        """Which events carry every field of `key`."""
        return self.history.group(key)[self.rows] >= 0

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""
        return self.history.columns.numbers[name][self.rows]

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row an event; for `ends` the instants of last and first."""
        if atom not in self._states:
            found = self.instants(*self.ends(atom)) if atom.op == "ends" else self._slide(atom)
            self._states[atom] = np.zeros((len(self.rows), STATE_WIDTH), np.int64)
            self._states[atom][:, : found.shape[1]] = found
        return self._states[atom]

    def _asked(self, key: Key) -> tuple[Integers, Integers]:
        """Query columns sorted for the kernel, and for each its position among the view's rows."""
        if key not in self._queries:
            order = np.argsort(self.rows, kind="stable")
            rows = self.history.ordered(key, self.rows)
            at = order[np.searchsorted(self.rows[order], rows)]
            self._queries[key] = self.history.stack(key, rows, with_gone=False), at, rows
        query, at, _ = self._queries[key]
        return query, at

    def _slide(self, atom: Atom) -> Integers:
        source_rows = self.history.sources(atom.key, atom.where)
        source = self.history.stack(atom.key, source_rows, with_gone=True)
        query, at = self._asked(atom.key)
        spans = kernels.plan(source, query)
        values = self._values(atom)[source_rows]
        kernel = {"moments": kernels.moments, "codes": kernels.codes, "grids": kernels.grids}[
            atom.op
        ]
        states = kernel(source, query, spans, values, atom.days * DAY_US)
        out = np.zeros((len(self.rows), states.shape[1]), np.int64)
        out[at] = states
        return out

    def _values(self, atom: Atom) -> Integers:
        c = self.history.columns
        if atom.value is None:
            return np.ones(len(c), np.int64)
        if atom.op == "codes":
            return c.codes[atom.value]
        return grid(c.numbers[atom.value]) if atom.op == "grids" else c.numbers[atom.value]

    def ends(self, atom: Atom, among: Bools | None = None) -> tuple[Integers, Integers]:
        """Source rows of `atom` and, a row an event, pointers into them (last, first) or -1.

        `among` says which rows may be sources at all; None stands for every row.
        """
        source_rows = self.history.sources(atom.key, atom.where)
        if among is not None:
            source_rows = source_rows[among[source_rows]]
        source = self.history.stack(atom.key, source_rows, with_gone=True)
        query, at = self._asked(atom.key)
        found = kernels.ends(source, query, kernels.plan(source, query), atom.days * DAY_US)
        out = np.full((len(self.rows), 2), -1)
        out[at] = found
        return source_rows, out

    def instants(self, source: Integers, ends: Integers) -> Integers:
        """Instants (n, 2) of the pointed-at rows, MISSING where there is none."""
        t = self.history.columns.t
        return np.stack([_taken(t, source, ends[:, k]) for k in range(2)], axis=1)
