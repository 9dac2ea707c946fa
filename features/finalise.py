"""From states to a feature's column: which finaliser an expression takes, batch and live alike."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features import finalisers as fin
from features.contracts.vectors import Integers, Matrix, Vector
from features.kernels import LAST, N, grid
from features.spec import Atom, Expression, IsNew, Key, Own, Rarity, RobustZ, Share, Since, Window

_WHICH: Final = {
    "count": fin.COUNT,
    "sum": fin.SUM,
    "mean": fin.MEAN,
    "std": fin.STD,
    "min": fin.MIN,
    "max": fin.MAX,
}


class View(Protocol):
    """What a finaliser may look at: states, own numbers and instants of the events in question."""

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""

    def states(self, atom: Atom) -> Integers:
        """States of `atom`, a row an event; for `ends` the instants of last and first."""

    def applies(self, key: Key) -> NDArray[np.bool_]:
        """Which events carry every field of `key`."""

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of several events: values, status codes and, for robust z, what peers gave.

    `peers` is (n, 5): level, number of peers, typical value, ends of the ordinary range.
    """

    values: Vector
    status: Integers
    peers: Matrix | None = None


def finalise(of: Expression, view: View) -> Column:
    """The column of expression `of` for the events of `view`."""
    n = len(view.t)
    out, status = np.empty(n), np.empty(n, np.int64)
    peers = _fill(of, view, out, status)
    key = None if isinstance(of, Own | RobustZ) else of.key
    if key is not None:
        absent = ~view.applies(key)
        out[absent], status[absent] = np.nan, fin.NOT_APPLICABLE
    return Column(out, status, peers)


def _fill(of: Expression, view: View, out: Vector, status: Integers) -> Matrix | None:
    match of:
        case Own(value=name):
            fin.own_all(view.numbers(name), out, status)
        case RobustZ():
            return _robust_z(of, view, out, status)
        case Since():
            fin.days_since_all(
                np.ascontiguousarray(view.states(of.atoms[0])[:, LAST]), view.t, out, status
            )
        case Window():
            _window(of, view, out, status)
        case _:
            _pair(of, view, out, status)
    return None


def _window(of: Window, view: View, out: Vector, status: Integers) -> None:
    states = view.states(of.atoms[0])
    if of.agg in _WHICH:
        fin.aggregate_all(states, _WHICH[of.agg], out, status)
    else:
        fin.codes_all(states, of.agg == "hhi", out, status)


def _pair(of: Share | IsNew | Rarity, view: View, out: Vector, status: Integers) -> None:
    part, whole = view.states(of.atoms[0]), view.states(of.atoms[1])
    match of:
        case Share():
            fin.share_all(part, whole, of.value is not None, of.min_n, out, status)
        case IsNew():
            fin.is_new_all(part, whole, of.min_n, out, status)
        case Rarity():
            steps = grid(np.ascontiguousarray(whole[:, N])), grid(np.ascontiguousarray(part[:, N]))
            fin.rarity_all(*steps, whole, of.min_n, out, status)


def _robust_z(of: RobustZ, view: View, out: Vector, status: Integers) -> Matrix:
    states = np.ascontiguousarray(np.stack([view.states(atom) for atom in of.atoms], axis=1))
    peers = np.empty((len(out), 5))
    fin.robust_z_all(grid(view.numbers(of.value)), states, peers, out, status)
    return peers
