"""Rebuild: the live histories of a scenario from its ledger, by the batch path's own columns."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.batch import of_ledger
from features.columns import Columns
from features.contracts.vectors import Integers
from features.history import History
from features.kernels import NEVER, grid
from features.live.ground import Ground
from features.live.streams import KEY_MARK, STEPS, Stream
from features.scan.layout import SEQ, T
from features.store.chunks import packed_all
from features.store.codes import Codes
from features.store.disk import Place
from features.store.history import HistoryStore
from features.store.keys import HeavyHistory

Progress = Callable[[int, int, str], None]
_BATCH_ROWS: Final = 500_000
"""Rows that are laid out at a time."""


def refill(ground: Ground, *, progress: Progress | None = None) -> None:
    """Replace every live history of the scenario by what its ledger says, in one transaction.

    `progress` is called with streams done, streams in all, and the key that was done.
    """
    history = of_ledger(ground.ledger, ground.scenario)
    ground.store.clear()
    streams = ground.streams.all
    given = {source: _Given(history, source, ground.codes) for source in (None, *history.others)}
    for number, stream in enumerate(streams):
        _Filler(given[stream.source], stream, number, ground.store).fill()
        if progress:
            progress(number + 1, len(streams), " x ".join(stream.key))


class _Given:
    """The events of one source in columns, with codes as the live dictionary gives them."""

    def __init__(self, history: History, source: str | None, codes: Codes) -> None:
        self.columns: Columns = history.columns if source is None else history.others[source]
        self.codes = codes
        self._columns: dict[str, Integers] = {}
        c = self.columns
        superseded = c.gone_row
        self.gone = [
            np.where(superseded >= 0, column[superseded], NEVER) if len(c) else column
            for column in (c.observed, c.seq)
        ]
        self.is_seen = ~c.retracted & ((c.gone > c.known) | (c.gone_seq > c.seq))

    def column(self, name: str) -> Integers:
        """A column as histories keep it."""
        if name not in self._columns:
            self._columns[name] = self._made(name)
        return self._columns[name]

    def _made(self, name: str) -> Integers:
        c = self.columns
        if name.startswith(STEPS):
            return grid(c.numbers[name.removeprefix(STEPS)])
        if name in c.numbers:
            return c.numbers[name]
        texts = [str(text) for text in c.texts[name]]
        table = np.array([*self.codes.all_of(texts), -1], np.int64)
        return table[c.codes[name]]

    def table(self, columns: tuple[str, ...], rows: Integers) -> Integers:
        """The rows as histories keep them, a column a line."""
        c = self.columns
        parts = [c.t, c.o, c.observed, c.seq, *self.gone, c.gone_seq, self.column("kind")]
        parts += [self.column(name) for name in columns]
        out = np.empty((len(parts), len(rows)), np.int64)
        for k, part in enumerate(parts):
            out[k] = part[rows]
        return out


class _Filler:
    """Writes all histories of one stream."""

    def __init__(self, given: _Given, stream: Stream, number: int, store: HistoryStore) -> None:
        self.given, self.stream, self.number, self.store = given, stream, number, store

    def fill(self) -> None:
        """Write chunks, and tiles of heavy keys, key by key in the order of their texts."""
        rows, edges = self._sorted()
        for first, last in _batches(edges):
            part = edges[first : last + 1]
            table = self.given.table(self.stream.columns, rows[part[0] : part[-1]])
            self._write(table, part - part[0], rows[part[:-1]])

    def _sorted(self) -> tuple[Integers, Integers]:
        """Rows by (key, t, seq), and where each key's begin, with the end of the last."""
        c = self.given.columns
        rows = np.flatnonzero(self.given.is_seen & c.chosen("kind", self.stream.kinds))
        group = c.group(self.stream.key)[rows]
        rows, group = rows[group >= 0], group[group >= 0]
        order = np.lexsort((c.seq[rows], c.t[rows], group))
        rows, group = rows[order], group[order]
        edges = np.flatnonzero(np.diff(group, prepend=-1, append=NEVER))
        return rows, edges if len(rows) else np.zeros(1, np.int64)

    def _write(self, table: Integers, edges: Integers, heads: Integers) -> None:
        keys = self._keys(heads)
        counts = np.diff(edges)
        chunk = self.store.sizes.chunk_rows
        per_key = -(-counts // chunk)
        of_key = np.repeat(np.arange(len(keys)), per_key)
        within = np.arange(len(of_key)) - np.repeat(np.cumsum(per_key) - per_key, per_key)
        starts = np.append(edges[of_key] + chunk * within, edges[-1])
        data, ends = packed_all(table, starts)
        self.store.disk.write_chunks(self._chunks(table, keys, of_key, starts, data, ends))
        for k in np.flatnonzero(counts > self.store.sizes.heavy_rows).tolist():
            self._write_tiles((self.number, keys[k]), table[:, edges[k] : edges[k + 1]])

    def _chunks(
        self,
        table: Integers,
        keys: list[str],
        of_key: Integers,
        starts: Integers,
        data: NDArray[np.uint8],
        ends: Integers,
    ) -> Iterator[tuple[int, str, int, int, int, bytes]]:
        heads = zip(
            of_key.tolist(),
            table[T, starts[:-1]].tolist(),
            table[SEQ, starts[:-1]].tolist(),
            np.diff(starts).tolist(),
            ends.tolist(),
            strict=True,
        )
        raw, before = data.tobytes(), 0
        for k, t0, s0, n, until in heads:
            yield self.number, keys[k], t0, s0, n, raw[before:until]
            before = until

    def _write_tiles(self, place: Place, rows: Integers) -> None:
        shape = self.store.shapes[self.number]
        self.store.keep_tiles(place, HeavyHistory.of(shape, rows, None))
        self.store.flush()

    def _keys(self, heads: Integers) -> list[str]:
        c = self.given.columns
        parts = []
        for name in self.stream.key:
            texts = c.texts[name]
            parts.append([str(texts[code]) for code in c.codes[name][heads].tolist()])
        return [KEY_MARK.join(texts) for texts in zip(*parts, strict=True)]


def _batches(edges: Integers) -> Iterator[tuple[int, int]]:
    """Runs of whole keys of about as many rows as are laid out at a time."""
    first, n = 0, len(edges) - 1
    while first < n:
        last = int(np.searchsorted(edges, edges[first] + _BATCH_ROWS))
        last = min(max(last, first + 1), n)
        yield first, last
        first = last
