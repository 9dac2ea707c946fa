"""Shelf: chunks of the keys that are seldom seen, packed in memory as they are on disk.

A key's chunks are one string of bytes, so half a million keys weigh little more than their rows.
What is written to their chunks on disk is written here too; who cannot say what was, takes the key
off.
"""

from collections.abc import Container, Iterable
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import Final

from features.store.keys import EVER, Found, Tail

Chunk = tuple[str, int, int, int, bytes]
"""A key, where the chunk's first row stands, its number of rows, and its bytes."""

_SINCE: Final = Struct("<q")
"""Since when the chunks hold every row; begins a key's bytes."""
_HEAD: Final = Struct("<qqqq")
"""A chunk's head: where its first row stands, rows and bytes."""
_EVER: Final = _SINCE.pack(EVER)
_KEY_BYTES: Final = 160
"""What a key takes besides its text and its bytes, about."""


class Shelf:
    """Keys and their chunks, stream by stream, up to about so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._streams: dict[int, dict[str, bytes]] = {}

    def fill(self, stream: int, chunks: Iterable[Chunk], since: int, but: Container[str]) -> None:
        """Take a stream's keys `but` some, as far as they fit, from all of its chunks in order.

        Chunks that end before `since` are left out, but for the last.
        """
        keys: dict[str, bytes] = {}
        self._streams[stream] = keys
        for key, rows in groupby(chunks, itemgetter(0)):
            if key in but:
                continue
            if self.held_bytes >= self.most_bytes:
                return
            keys[key] = packed = _packed(_reaching(rows, since))
            self.held_bytes += len(packed) + len(key) + _KEY_BYTES

    def begin(self, stream: int, key: str) -> None:
        """Take a key that has no chunk yet, if there is room."""
        if self.held_bytes < self.most_bytes:
            self.discard(stream, key)
            self._streams.setdefault(stream, {})[key] = _EVER
            self.held_bytes += len(_EVER) + len(key) + _KEY_BYTES

    def found(self, stream: int, key: str, since: int) -> Found | None:
        """The key's chunks, if they hold all of its rows since an instant."""
        keys = self._streams.get(stream)
        packed = keys and keys.get(key)
        if not packed:
            return None
        found = _unpacked(packed)
        return found if found.since <= since else None

    def write(self, stream: int, chunk: Chunk) -> None:
        """Put a chunk that is written to disk among those of its key."""
        key, added = chunk[0], Tail._make(chunk[1:])
        packed = self._streams.get(stream, {}).get(key)
        if packed is None:
            return
        since, chunks = _unpacked(packed)[::-1]
        is_before = since != EVER and added[:2] < chunks[0][:2]
        if not is_before:
            chunks = sorted([*(held for held in chunks if held[:2] != added[:2]), added])
            self._streams[stream][key] = written = _packed(Found(chunks, since))
            self.held_bytes += len(written) - len(packed)

    def discard(self, stream: int, key: str) -> None:
        """Take a key off."""
        packed = self._streams.get(stream, {}).pop(key, None)
        if packed is not None:
            self.held_bytes -= len(packed) + len(key) + _KEY_BYTES

    def clear(self) -> None:
        """Take every key off."""
        self._streams.clear()
        self.held_bytes = 0


def _reaching(chunks: Iterable[Chunk], since: int) -> Found:
    """Those of a key's chunks that hold its rows since an instant."""
    kept: list[Tail] = []
    reach = EVER
    for _, t0, s0, n, data in chunks:
        if t0 < since and kept and kept[0].t0 < t0:
            kept.clear()
            reach = t0 + 1
        kept.append(Tail(t0, s0, n, data))
    return Found(kept, reach)


def _packed(found: Found) -> bytes:
    parts = [_SINCE.pack(found.since)]
    for t0, s0, n, data in found.chunks:
        parts += (_HEAD.pack(t0, s0, n, len(data)), data)
    return b"".join(parts)


def _unpacked(packed: bytes) -> Found:
    chunks, at = [], _SINCE.size
    while at < len(packed):
        t0, s0, n, size = _HEAD.unpack_from(packed, at)
        at += _HEAD.size + size
        chunks.append(Tail(t0, s0, n, packed[at - size : at]))
    return Found(chunks, _SINCE.unpack_from(packed)[0])
