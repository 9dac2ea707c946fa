"""Shelf: chunks of the keys that are seldom seen, packed in memory as they are on disk.

A key's chunks are one bundle, so half a million keys weigh little more than their rows.
What is written to their chunks on disk is written here too; who cannot say what was, takes the key
off.
"""

from collections.abc import Container, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final

from features.store.bundle import EMPTY, EVER, Chunk, bundled, chunks, said

ChunkOf = tuple[str, int, int, int, bytes]
"""A key, where the chunk's first row stands, its number of rows, and its bytes."""

_KEY_BYTES: Final = 160
"""What a key takes besides its text and its bytes, about."""


class Shelf:
    """Keys and their chunks, stream by stream, up to about so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._streams: dict[int, dict[str, bytes]] = {}

    def fill(self, stream: int, of_all: Iterable[ChunkOf], since: int, but: Container[str]) -> None:
        """Take a stream's keys `but` some, as far as they fit, from all of its chunks in order.

        Chunks that end before `since` are left out, but for the last.
        """
        keys: dict[str, bytes] = {}
        self._streams[stream] = keys
        for key, of_key in groupby(of_all, itemgetter(0)):
            if key in but:
                continue
            if self.held_bytes >= self.most_bytes:
                return
            keys[key] = bundle = _reaching(of_key, since)
            self.held_bytes += len(bundle) + len(key) + _KEY_BYTES

    def begin(self, stream: int, key: str) -> None:
        """Take a key that has no chunk yet, if there is room."""
        if self.held_bytes < self.most_bytes:
            self.discard(stream, key)
            self._streams.setdefault(stream, {})[key] = EMPTY
            self.held_bytes += len(EMPTY) + len(key) + _KEY_BYTES

    def found(self, stream: int, key: str, since: int) -> bytes | None:
        """The key's bundle, if it holds all of its rows since an instant."""
        keys = self._streams.get(stream)
        bundle = None if keys is None else keys.get(key)
        return bundle if bundle is not None and said(bundle)[0] <= since else None

    def write(self, stream: int, chunk: ChunkOf) -> None:
        """Put a chunk that is written to disk among those of its key."""
        key, added = chunk[0], Chunk._make(chunk[1:])
        bundle = self._streams.get(stream, {}).get(key)
        if bundle is None:
            return
        (since, _), held = said(bundle), chunks(bundle)
        is_before = since != EVER and added[:2] < held[0][:2]
        if not is_before:
            held = sorted([*(one for one in held if one[:2] != added[:2]), added])
            self._streams[stream][key] = written = bundled(held, since)
            self.held_bytes += len(written) - len(bundle)

    def discard(self, stream: int, key: str) -> None:
        """Take a key off."""
        bundle = self._streams.get(stream, {}).pop(key, None)
        if bundle is not None:
            self.held_bytes -= len(bundle) + len(key) + _KEY_BYTES

    def clear(self) -> None:
        """Take every key off."""
        self._streams.clear()
        self.held_bytes = 0


def _reaching(of_key: Iterable[ChunkOf], since: int) -> bytes:
    """The bundle of those of a key's chunks that hold its rows since an instant."""
    kept: list[Chunk] = []
    reach = EVER
    for _, t0, s0, n, data in of_key:
        if t0 < since and kept and kept[0].t0 < t0:
            kept.clear()
            reach = t0 + 1
        kept.append(Chunk(t0, s0, n, data))
    return bundled(kept, reach)
