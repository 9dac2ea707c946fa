"""Bundles: a key's chunks as one string of bytes, in which memory, shelf and kernels hold them.

A bundle begins with the instant since when it has every row of its key, and the number of its
rows. Each chunk follows with a head: where its first row stands, its rows, its bytes.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from features.contracts.vectors import Integers
from features.kernels import NEVER
from features.store.chunks import Bytes, int_at, unpacked

EVER: Final = -NEVER
"""Before every instant."""
_BEGIN: Final = Struct("<qq")
_HEAD: Final = Struct("<qqqq")
BEGIN_BYTES, HEAD_BYTES, WORD = _BEGIN.size, _HEAD.size, 8


class Chunk(NamedTuple):
    """A chunk of a key: where it begins, how many rows it has, and its bytes."""

    t0: int
    s0: int
    n: int
    data: bytes


NO_CHUNK: Final = Chunk(0, 0, 0, b"")
"""The last chunk of a key without rows."""


def bundled(chunks: Sequence[Chunk], since: int) -> bytes:
    """The chunks of a key in order, which hold every row of it since an instant.

    >>> bundle = bundled([Chunk(5, 1, 2, b"two"), Chunk(9, 3, 1, b"one")], 5)
    >>> said(bundle), last(bundle), chunks(bundle)[0]
    ((5, 3), Chunk(t0=9, s0=3, n=1, data=b'one'), Chunk(t0=5, s0=1, n=2, data=b'two'))
    """
    parts = [_BEGIN.pack(since, sum([chunk.n for chunk in chunks]))]
    for t0, s0, n, data in chunks:
        parts += (_HEAD.pack(t0, s0, n, len(data)), data)
    return b"".join(parts)


EMPTY: Final = bundled((), EVER)
"""The bundle of a key without rows."""


def said(bundle: bytes) -> tuple[int, int]:
    """Since when the bundle has every row of its key, and how many rows it has."""
    since, n = _BEGIN.unpack_from(bundle)
    return since, n


def chunks(bundle: bytes) -> list[Chunk]:
    """The chunks of a bundle."""
    found, at = [], BEGIN_BYTES
    while at < len(bundle):
        t0, s0, n, size = _HEAD.unpack_from(bundle, at)
        at += HEAD_BYTES + size
        found.append(Chunk(t0, s0, n, bundle[at - size : at]))
    return found


def last(bundle: bytes) -> Chunk:
    """The last chunk of a bundle; one of no rows where there is none."""
    return (chunks(bundle) or [NO_CHUNK])[-1]


@njit(cache=True, nogil=True)
def rows_said(bundle: Bytes) -> int:
    """How many rows a bundle has."""
    return int_at(bundle, WORD, WORD)


@njit(cache=True, nogil=True)
def unbundled(bundle: Bytes, out: Integers) -> None:
    """Read the rows of a bundle, a column a line, into the first of `out`."""
    at, p = 0, BEGIN_BYTES
    while p < len(bundle):
        t0, s0 = int_at(bundle, p, WORD), int_at(bundle, p + WORD, WORD)
        n = int_at(bundle, p + 2 * WORD, WORD)
        p = unpacked(bundle, p + HEAD_BYTES, n, t0, s0, out, at)
        at += n


def array(bundle: bytes) -> Bytes:
    """A bundle as kernels take it."""
    return np.frombuffer(bundle, np.uint8)
