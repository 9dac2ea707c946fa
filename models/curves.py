"""Curves from a number to nats: how far out it lies, by a distribution that is frozen."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Vector
from models.arrays import Array, Arrays, take

Counts = NDArray[np.int32]


class Held(NamedTuple):
    """What the kernel needs."""

    starts: Counts
    knots: Vector
    nats: Vector
    slopes: Vector


@njit(cache=True, nogil=True)
def nats_at(value: float, curve: int, held: Held) -> float:
    """Nats of a number: straight between a curve's knots, and beyond its last."""
    begin, end = held.starts[curve], held.starts[curve + 1]
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if held.knots[middle] <= value:
            low = middle + 1
        else:
            high = middle
    last = low - 1
    if low == begin:
        nats = held.nats[begin]
    elif low == end:
        nats = held.nats[last] + (value - held.knots[last]) * held.slopes[curve]
    else:
        share = (value - held.knots[last]) / (held.knots[low] - held.knots[last])
        nats = held.nats[last] + share * (held.nats[low] - held.nats[last])
    return float(nats)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """For each of several numbers, -log of the share of training rows that reach it.

    Beyond the last knot a curve goes on straight: the tail is taken to be exponential there.
    Assumes that a larger number is further out. Unit: nats, 0 and up.

    >>> curves = Curves(np.array([0, 2], np.int32), np.array([1.0, 3.0]), np.array([0.0, 4.0]),
    ...                 np.array([0.5]))
    >>> [nats_at(value, 0, curves.held) for value in (0.0, 2.0, 5.0)]
    [0.0, 2.0, 5.0]
    """

    starts: Counts
    """Where each curve's knots begin; one more at the end."""
    knots: Vector
    nats: Vector
    slopes: Vector
    """Nats per unit beyond each curve's last knot."""

    @property
    def held(self) -> Held:
        """The arrays as the kernel takes them."""
        return Held(self.starts, self.knots, self.nats, self.slopes)

    def arrays(self) -> dict[str, Array]:
        """Knots, nats and slopes."""
        return dict(self.held._asdict())

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, n_curves: int) -> Self:
        """Build from `arrays()`; knots rise within a curve, and nats do not fall."""
        starts = take(arrays, "starts", np.int32, (n_curves + 1,))
        knots = take(arrays, "knots", np.float64, (None,))
        nats = take(arrays, "nats", np.float64, knots.shape)
        slopes = take(arrays, "slopes", np.float64, (n_curves,))
        check_runs("starts", starts, knots.size)
        inside = within_runs(starts, knots.size)
        if not (np.diff(knots)[inside] > 0.0).all() or not (np.diff(nats)[inside] >= 0.0).all():
            raise CorruptBundleError("arrays 'knots' and 'nats' must rise within each curve")
        if not (nats >= 0.0).all() or not (slopes >= 0.0).all():
            raise CorruptBundleError("arrays 'nats' and 'slopes' must not be negative")
        return cls(starts, knots, nats, slopes)


def check_runs(name: str, starts: Counts, n: int) -> None:
    """Refuse what does not part `n` places into non-empty runs."""
    if starts[0] != 0 or starts[-1] != n or not (np.diff(starts) > 0).all():
        raise CorruptBundleError(f"array {name!r} must part its {n} places into non-empty runs")


def within_runs(starts: Counts, n: int) -> NDArray[np.bool_]:
    """For each place but the first, whether the place before it belongs to the same run.

    >>> within_runs(np.array([0, 2, 3], np.int32), 3).tolist()
    [True, False]
    """
    inside = np.ones(n, dtype=bool)
    inside[starts[:-1]] = False
    return inside[1:]
