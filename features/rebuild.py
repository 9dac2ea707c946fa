"""Rebuild: the live histories of a scenario from its ledger, by the batch path's own columns."""

from itertools import pairwise

import numpy as np

from features.batch import History
from features.columns import Columns
from features.contracts.vectors import Integers
from features.kernels import NEVER, grid
from features.spec import Scenario
from features.store.codes import Codes
from features.store.history import HEAD_COLUMNS, HistoryStore
from features.store.ledger import Ledger
from features.streams import KEY_MARK, Streams


def rebuild(
    ledger: Ledger, scenario: Scenario, store: HistoryStore, codes: Codes, streams: Streams
) -> None:
    """Replace every live history of `scenario` by what its ledger says, in the open transaction."""
    _, calendar = ledger.profile(scenario.name)
    history = History(Columns.read(ledger, scenario), scenario, calendar)
    store.clear()
    if len(history.columns) == 0:
        return
    history.measure()
    given = _Given(history, codes)
    c = history.columns
    is_seen = (c.gone > c.known) | (c.gone_seq > c.seq)
    wanted = c.chosen("kind", streams.kinds) & ~c.retracted & is_seen
    rows = np.flatnonzero(wanted)
    for stream, key in enumerate(streams.keys):
        group = history.group(key)[rows]
        chosen = rows[group >= 0]
        order = np.lexsort((c.seq[chosen], history.group(key)[chosen]))
        _fill(given, streams, store, stream, chosen[order])


class _Given:
    """Columns of a history with codes as the live dictionary gives them."""

    def __init__(self, history: History, codes: Codes) -> None:
        self.history = history
        self.codes = codes
        self._columns: dict[str, Integers] = {}

    def column(self, name: str) -> Integers:
        if name not in self._columns:
            self._columns[name] = self._made(name)
        return self._columns[name]

    def _made(self, name: str) -> Integers:
        c = self.history.columns
        if name.startswith("grid:"):
            return grid(c.numbers[name.removeprefix("grid:")])
        if name in c.numbers:
            return c.numbers[name]
        table = np.array([*(self.codes.code(text) for text in c.texts[name]), -1], np.int64)
        return table[c.codes[name]]

    def key(self, names: tuple[str, ...], row: int) -> str:
        c = self.history.columns
        return KEY_MARK.join(c.texts[name][c.codes[name][row]] for name in names)


def _fill(
    given: _Given, streams: Streams, store: HistoryStore, stream: int, rows: Integers
) -> None:
    c, key = given.history.columns, streams.keys[stream]
    if len(rows) == 0:
        return
    table = np.empty((len(rows), HEAD_COLUMNS + streams.widths[stream]), np.int64)
    superseded = c.gone_row[rows]
    parts = [c.t[rows], c.o[rows], c.observed[rows], c.seq[rows]]
    parts += [
        np.where(superseded >= 0, column[superseded], NEVER) for column in (c.observed, c.seq)
    ]
    parts += [c.gone_seq[rows], given.column("kind")[rows]]
    parts += [given.column(name)[rows] for name in streams.columns[stream]]
    for k, part in enumerate(parts):
        table[:, k] = part
    group = given.history.group(key)[rows]
    edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(rows)]
    for start, end in pairwise(edges):
        store.fill(stream, given.key(key, int(rows[start])), table[start:end])
