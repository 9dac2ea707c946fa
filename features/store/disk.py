"""Chunks and day tiles on disk: what a history is made of, and how a row finds its chunk.

A chunk's rows stand in `(t, seq)` order, and so do a key's chunks: `(t0, s)` is where a chunk's
first row stands. Writing waits until `flush`, so a chunk that changes twice is written once.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.scan.layout import SEQ, T
from features.store.bundle import EVER, NO_CHUNK, Chunk, bundled
from features.store.chunks import Bytes, pack, packed, room, unpack, unpacked
from features.store.database import Database
from features.store.keys import End, end
from features.store.shelf import Shelf

Place = tuple[int, str]
"""A stream's number and a key."""
ChunkPlace = tuple[int, str, int, int]
"""A stream's number, a key, and where the chunk's first row stands."""

RANGE: Final = (
    "SELECT CAST(? AS INTEGER) AS place, t0, s, n, data FROM history "
    "WHERE scenario = ? AND stream = ? AND key = ? AND t0 < ? AND t0 >= coalesce(("
    "SELECT max(t0) FROM history WHERE scenario = ? AND stream = ? AND key = ? AND t0 < ?), ?)"
)
"""The chunks of one key that hold rows since an instant and begin before another."""
_FIND: Final = (
    "SELECT t0, s, n, data FROM history WHERE scenario = ? AND stream = ? AND key = ? "
    "AND (t0, s) <= (?, ?) ORDER BY t0 DESC, s DESC LIMIT 1"
)
_FIRST: Final = (
    "SELECT t0, s, n, data FROM history WHERE scenario = ? AND stream = ? AND key = ? "
    "ORDER BY t0, s LIMIT 1"
)
_ALL: Final = (
    "SELECT key, t0, s, n, data FROM history WHERE scenario = ? AND stream = ? "
    "AND (key, t0, s) > (?, ?, ?) ORDER BY key, t0, s LIMIT 10000"
)
_WRITE: Final = (
    "INSERT INTO history (scenario, stream, key, t0, s, n, data) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (scenario, stream, key, t0, s) DO UPDATE SET n = excluded.n, data = excluded.data"
)
_DROP: Final = (
    "DELETE FROM history WHERE scenario = ? AND stream = ? AND key = ? AND t0 = ? AND s = ?"
)
_TILES: Final = (
    "SELECT day, data FROM history_tile WHERE scenario = ? AND stream = ? AND key = ? ORDER BY day"
)
_TILE: Final = (
    "INSERT INTO history_tile (scenario, stream, key, day, data) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (scenario, stream, key, day) DO UPDATE SET data = excluded.data"
)
_HEAVY: Final = "SELECT stream, key FROM history_heavy WHERE scenario = ?"
_IS_HEAVY: Final = (
    "INSERT INTO history_heavy (scenario, stream, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)
FOREVER: Final = NEVER
"""Behind every instant."""


class Asked(NamedTuple):
    """Rows of one key that are wanted: all from `since` on, before `until`."""

    place: Place
    since: int
    until: int = FOREVER


@lru_cache
def _ranges(n: int) -> str:
    return " UNION ALL ".join([RANGE] * n)


def in_order(
    asked: Sequence[Asked], rows: Iterable[tuple[int, int, int, int, bytes]]
) -> list[bytes]:
    """What the rows of statements `RANGE` say of each that was asked, in a bundle each."""
    parts: list[list[Chunk]] = [[] for _ in asked]
    for row in rows:
        parts[row[0]].append(Chunk._make(row[1:]))
    found = []
    for one, chunks in zip(asked, parts, strict=True):
        if len(chunks) > 1:
            chunks.sort()
        is_all = not chunks or chunks[0].t0 >= one.since
        found.append(bundled(chunks, EVER if is_all else chunks[0].t0 + 1))
    return found


@njit(cache=True, nogil=True)
def _place(rows: Integers, n: int, t: int, seq: int) -> int:
    """Where a row that happened at `t` belongs among the first `n`, in `(t, seq)` order."""
    at = n
    while at and (rows[T, at - 1] > t or (rows[T, at - 1] == t and rows[SEQ, at - 1] > seq)):
        at -= 1
    return at


@njit(cache=True, nogil=True)
def _grown(data: Bytes, n: int, t0: int, s0: int, row: Integers) -> tuple[Integers, int, Bytes]:
    """The rows of a chunk with one more, where it stands, and the chunk's new bytes."""
    rows = np.empty((len(row), n + 1), np.int64)
    if n:
        unpacked(data, 0, n, t0, s0, rows, 0)
    at = _place(rows, n, row[T], row[SEQ])
    for c in range(len(row)):
        for k in range(n, at, -1):
            rows[c, k] = rows[c, k - 1]
        rows[c, at] = row[c]
    out = np.empty(room(len(row), n + 1), np.uint8)
    return rows, at, out[: packed(rows, 0, n + 1, out, 0)]


class Disk:
    """Chunks and tiles of one scenario.

    Parameters
    ----------
    connection
        The ledger's database.
    columns
        Integers a row takes, stream by stream.
    chunk_rows
        Most rows a chunk may hold.
    shelf_bytes
        Most bytes of keys that are held packed in memory.
    """

    def __init__(
        self,
        connection: Database,
        scenario: str,
        columns: Sequence[int],
        *,
        chunk_rows: int,
        shelf_bytes: int,
    ) -> None:
        self.connection, self.scenario = connection, scenario
        self.columns, self.chunk_rows = tuple(columns), chunk_rows
        self.shelf = Shelf(shelf_bytes)
        self._chunks: dict[ChunkPlace, tuple[int, bytes]] = {}
        self._tiles: dict[tuple[int, str, int], bytes] = {}
        self._heavy: list[Place] = []

    def heavy(self) -> set[Place]:
        """Keys that have day tiles."""
        rows = self.connection.execute(_HEAVY, (self.scenario,)).fetchall()
        return {(int(stream), str(key)) for stream, key in rows}

    def read(self, asked: Sequence[Asked]) -> list[bytes]:
        """The rows asked for, a bundle a key, all in one statement."""
        if not asked:
            return []
        rows = self.connection.execute(_ranges(len(asked)), self.parameters(asked)).fetchall()
        return in_order(asked, rows)

    def parameters(self, asked: Sequence[Asked]) -> list[int | str]:
        """Those of as many statements `RANGE`; rows begin with the number of what is asked."""
        parameters: list[int | str] = []
        for number, one in enumerate(asked):
            key = (self.scenario, *one.place)
            parameters += [number, *key, one.until, *key, one.since, one.since]
        return parameters

    def chunks(self, stream: int) -> Iterator[tuple[str, int, int, int, bytes]]:
        """All chunks of a stream in order, key by key, without holding more than a page."""
        after: tuple[str, int, int] = "", EVER, EVER
        while rows := self.connection.execute(_ALL, (self.scenario, stream, *after)).fetchall():
            yield from rows
            after = rows[-1][:3]

    def tiles(self, place: Place) -> tuple[list[int], list[bytes]]:
        """Days of a heavy key that have tiles, and the tiles."""
        rows = self.connection.execute(_TILES, (self.scenario, *place)).fetchall()
        found = {int(day): bytes(data) for day, data in rows}
        found |= {tile[2]: data for tile, data in self._tiles.items() if tile[:2] == place}
        days = sorted(found)
        return days, [found[day] for day in days]

    def write_tile(self, place: Place, day: int, data: bytes) -> None:
        """Keep a day's tile."""
        self._tiles[(*place, day)] = data

    def make_heavy(self, place: Place) -> None:
        """Note that a key has day tiles."""
        self._heavy.append(place)
        self.shelf.discard(*place)

    def insert(self, place: Place, row: Integers, tail: Chunk | None) -> Chunk | None:
        """Put a row where it belongs; return the key's last chunk as far as it is known then."""
        at = int(row[T]), int(row[SEQ])
        if tail is not None and (tail.n == 0 or (tail.t0, tail.s0) <= at):
            return self._into(place, row, tail, is_last=True)
        found = self._find(_FIND, place, *at)
        if found is not None:
            self._into(place, row, found, is_last=False)
            return tail
        first = self._find(_FIRST, place)
        if first is None:
            return self._into(place, row, NO_CHUNK, is_last=True)
        self._drop(place, first)
        moved = self._into(place, row, first, is_last=False)
        is_tail = tail is not None and (tail.t0, tail.s0) == (first.t0, first.s0)
        return moved if is_tail else tail

    def _into(self, place: Place, row: Integers, chunk: Chunk, *, is_last: bool) -> Chunk:
        """Add a row to a chunk; return the chunk that ends it then, or the part that does.

        A full chunk is parted in the middle, or before the row where it is the key's newest.
        """
        data = np.frombuffer(chunk.data, np.uint8)
        rows, at, grown = _grown(data, chunk.n, chunk.t0, chunk.s0, row)
        n = chunk.n + 1
        if n <= self.chunk_rows:
            return self._keep(place, rows, 0, n, grown.tobytes())
        if is_last and at == chunk.n:
            return self._keep(place, rows, at, 1)
        self._keep(place, rows, 0, n // 2)
        return self._keep(place, rows, n // 2, n - n // 2)

    def _keep(
        self, place: Place, rows: Integers, first: int, n: int, data: bytes | None = None
    ) -> Chunk:
        data = pack(rows, first, n) if data is None else data
        t0, s0 = int(rows[T, first]), int(rows[SEQ, first])
        self._chunks[(*place, t0, s0)] = n, data
        return Chunk(t0, s0, n, data)

    def bury(
        self, place: Place, t: int, seq: int, gone: End, tail: Chunk | None
    ) -> tuple[Chunk | None, bool]:
        """Mark the row of `seq` that happened at `t` as gone; return the key's last chunk.

        The second part of the answer says whether there was such a row.
        """
        is_tail = tail is not None and tail.n > 0 and (tail.t0, tail.s0) <= (t, seq)
        chunk = tail if is_tail else self._find(_FIND, place, t, seq)
        if chunk is None:
            return tail, False
        rows = unpack(chunk.data, chunk.n, self.columns[place[0]], chunk.t0, chunk.s0)
        at = np.flatnonzero(rows[SEQ] == seq)
        if len(at) == 0:
            return tail, False
        end(rows, int(at[0]), gone)
        kept = self._keep(place, rows, 0, chunk.n)
        return kept if is_tail else tail, True

    def _find(self, sql: str, place: Place, *at: int) -> Chunk | None:
        self.flush()
        row = self.connection.execute(sql, (self.scenario, *place, *at)).fetchone()
        return None if row is None else Chunk(int(row[0]), int(row[1]), int(row[2]), bytes(row[3]))

    def _drop(self, place: Place, chunk: Chunk) -> None:
        self.connection.execute(_DROP, (self.scenario, *place, chunk.t0, chunk.s0))
        self.shelf.discard(*place)

    def flush(self) -> None:
        """Write what waits."""
        if self._chunks:
            chunks = [(*chunk, *held) for chunk, held in self._chunks.items()]
            self.write_chunks(chunks)
            for stream, key, t0, s0, n, data in chunks:
                self.shelf.write(stream, (key, t0, s0, n, data))
            self._chunks.clear()
        if self._tiles:
            self.write_tiles((*tile, data) for tile, data in self._tiles.items())
            self._tiles.clear()
        if self._heavy:
            self.connection.executemany(_IS_HEAVY, [(self.scenario, *at) for at in self._heavy])
            self._heavy.clear()

    def write_chunks(self, chunks: Iterable[tuple[int, str, int, int, int, bytes]]) -> None:
        """Write chunks: stream, key, where the first row stands, number of rows, bytes."""
        self.connection.executemany(_WRITE, ((self.scenario, *chunk) for chunk in chunks))

    def write_tiles(self, tiles: Iterable[tuple[int, str, int, bytes]]) -> None:
        """Write tiles: stream, key, day, bytes."""
        self.connection.executemany(_TILE, ((self.scenario, *tile) for tile in tiles))

    def clear(self) -> None:
        """Remove everything of the scenario."""
        self.forget()
        for table in ("history", "history_tile", "history_heavy", "history_log"):
            sql = f"DELETE FROM {table} WHERE scenario = ?"  # noqa: S608  (our own names)
            self.connection.execute(sql, (self.scenario,))

    def forget(self) -> None:
        """Drop what waits to be written, and what memory holds."""
        self.shelf.clear()
        self._chunks.clear()
        self._tiles.clear()
        self._heavy.clear()
