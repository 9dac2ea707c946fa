"""Tables as named columns of equal length, and weighted draws over them."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


def height(columns: Columns) -> int:
    """Number of rows."""
    return len(next(iter(columns.values())))


def take(columns: Columns, rows: NDArray[Any]) -> Columns:
    """The given rows, copied.

    >>> take({"a": np.array([5, 6, 7])}, np.array([2, 0]))["a"].tolist()
    [7, 5]
    """
    return {name: values[rows] for name, values in columns.items()}


def stack(parts: Sequence[Columns]) -> Columns:
    """The parts below each other; all must have the first part's columns."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def stream(seed: int, name: str) -> np.random.Generator:
    """The random stream of one part: named, so that a new part leaves the others' draws alone.

    >>> bool(stream(1, "firms").random() == stream(1, "firms").random())
    True
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(crc32(name.encode()),))
    return np.random.Generator(np.random.PCG64(sequence))


def draw(rng: np.random.Generator, weights: NDArray[Any], n: int) -> NDArray[np.int64]:
    """`n` positions, each with a probability proportional to its weight."""
    edges = np.cumsum(weights, dtype=np.float64)
    at = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    return np.asarray(np.minimum(at, len(edges) - 1), dtype=np.int64)


def zipf(n: int, exponent: float = 1.0) -> NDArray[np.float64]:
    """Weights that fall with rank, as loads and popularity do.

    >>> zipf(3).round(2).tolist()
    [1.0, 0.5, 0.33]
    """
    return 1.0 / np.arange(1, n + 1, dtype=np.float64) ** exponent


def scramble(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Eight-digit codes, one to one, that do not show in which order things were made.

    >>> scramble(np.array([0, 1, 2])).tolist()
    [104729, 61903146, 23701563]
    """
    return (codes * 61_798_417 + 104_729) % 10**8
