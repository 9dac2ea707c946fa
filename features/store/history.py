"""Per-key histories for the live path: column chunks in SQLite, a bounded cache in memory.

A stream is one key of the scenario; each of its keys has a history: rows of int64 columns
`t, o, observed, seq, gone_observed, gone_seq, gone_first, kind, values...`: the later version known
first, and the first place in the ledger of any. On disk rows are appended in the
ledger's order to chunks of at most 64 rows; a row that supersedes another is followed by a
tombstone.
In memory they stand in `(t, o, observed, seq)` order, and tombstones are applied.
"""

import sqlite3
from collections import OrderedDict
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.live_kernels import place_of

T, ORDINAL, OBSERVED, SEQ, GONE_OBSERVED, GONE_SEQ, GONE_FIRST, KIND = range(8)
HEAD_COLUMNS: Final = 8
CHUNK_ROWS: Final = 64
TOMBSTONE: Final = -1
"""Kind of a row that says: the row of seq `T` is gone since (`OBSERVED`, `SEQ`)."""

_ALL: Final = (
    "SELECT rows FROM history WHERE scenario = ? AND stream = ? AND key = ? ORDER BY chunk"
)
_WRITE: Final = "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?)"


class KeyHistory:
    """One key's rows in memory: columns of a growing array, in `(t, o, observed, seq)` order."""

    def __init__(self, rows: Integers) -> None:
        self.on_disk = rows.shape[1]
        start = self.on_disk // CHUNK_ROWS * CHUNK_ROWS
        self.tail = bytearray(rows[:, start:].T.astype("<i8").tobytes())
        marks = rows[:, rows[KIND] == TOMBSTONE]
        rows = rows[:, rows[KIND] != TOMBSTONE]
        order = np.lexsort((rows[SEQ], rows[OBSERVED], rows[ORDINAL], rows[T]))
        self.n = rows.shape[1]
        self.columns = np.empty((rows.shape[0], max(8, self.n + self.n // 4)), np.int64)
        self.columns[:, : self.n] = rows[:, order]
        for k in range(marks.shape[1]):
            self.bury(marks[:, k])

    def bury(self, mark: Integers) -> None:
        """Apply a tombstone: the successors known first, by both clocks, are kept."""
        at = np.flatnonzero(self.columns[SEQ, : self.n] == mark[T])
        for k in at:
            held = (self.columns[GONE_OBSERVED, k], self.columns[GONE_SEQ, k])
            if (mark[OBSERVED], mark[SEQ]) < held:
                self.columns[GONE_OBSERVED, k] = mark[OBSERVED]
                self.columns[GONE_SEQ, k] = mark[SEQ]
            self.columns[GONE_FIRST, k] = min(self.columns[GONE_FIRST, k], mark[SEQ])

    def keep(self, row: Integers) -> tuple[int, bytes]:
        """Note a row appended on disk; return its chunk's number and new content."""
        chunk = self.on_disk // CHUNK_ROWS
        if self.on_disk % CHUNK_ROWS == 0:
            self.tail.clear()
        self.tail += row.astype("<i8").tobytes()
        self.on_disk += 1
        return chunk, bytes(self.tail)

    def add(self, row: Integers) -> None:
        """Insert a row at its place; the newest row goes to the end at no cost."""
        if self.n == self.columns.shape[1]:
            wider = np.empty((self.columns.shape[0], 2 * self.n), np.int64)
            wider[:, : self.n] = self.columns
            self.columns = wider
        at = place_of(self.columns, self.n, row)
        if at < self.n:
            self.columns[:, at + 1 : self.n + 1] = self.columns[:, at : self.n].copy()
        self.columns[:, at] = row
        self.n += 1


class HistoryStore:
    """Histories of one scenario, read through a cache of at most `cache_rows` rows."""

    def __init__(
        self, connection: sqlite3.Connection, scenario: str, widths: list[int], *, cache_rows: int
    ) -> None:
        self.connection = connection
        self.scenario = scenario
        self.widths = widths
        self.cache_rows = cache_rows
        self._cache: OrderedDict[tuple[int, str], KeyHistory] = OrderedDict()
        self._held = 0

    def read(self, stream: int, key: str) -> KeyHistory:
        """The history of `key`; an unknown key has an empty one."""
        held = self._cache.get((stream, key))
        if held is not None:
            self._cache.move_to_end((stream, key))
            return held
        history = KeyHistory(self._load(stream, key))
        self._cache[stream, key] = history
        self._held += history.n
        self._make_room()
        return history

    def _make_room(self) -> None:
        while self._held > self.cache_rows and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].n

    def _load(self, stream: int, key: str) -> Integers:
        width = HEAD_COLUMNS + self.widths[stream]
        blobs = self.connection.execute(_ALL, (self.scenario, stream, key)).fetchall()
        data = np.frombuffer(b"".join(row[0] for row in blobs), dtype="<i8")
        return data.astype(np.int64).reshape(-1, width).T

    def append(self, stream: int, key: str, row: Integers) -> None:
        """Append a row (or a tombstone) to disk and to memory."""
        history = self.read(stream, key)
        chunk, data = history.keep(row)
        self.connection.execute(_WRITE, (self.scenario, stream, key, chunk, data))
        if row[KIND] == TOMBSTONE:
            history.bury(row)
        else:
            history.add(row)
            self._held += 1
            self._make_room()

    def fill(self, stream: int, key: str, rows: Integers) -> None:
        """Write a whole history (rows, columns) of a key that has none yet."""
        for chunk in range(0, len(rows), CHUNK_ROWS):
            part = np.ascontiguousarray(rows[chunk : chunk + CHUNK_ROWS], dtype="<i8")
            self.connection.execute(
                _WRITE, (self.scenario, stream, key, chunk // CHUNK_ROWS, part.tobytes())
            )

    def clear(self) -> None:
        """Remove every history of the scenario."""
        self.connection.execute("DELETE FROM history WHERE scenario = ?", (self.scenario,))
        self.forget()

    def forget(self) -> None:
        """Drop what memory holds; the next reads come from disk."""
        self._cache.clear()
        self._held = 0


def tombstone(width: int, gone_seq: int, observed: int, seq: int) -> Integers:
    """The row that says: the row of `gone_seq` is gone since (`observed`, `seq`)."""
    row = np.full(HEAD_COLUMNS + width, NEVER)
    row[[T, OBSERVED, SEQ, KIND]] = gone_seq, observed, seq, TOMBSTONE
    return row
