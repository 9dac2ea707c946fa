"""From states to a feature's column: which finaliser an expression takes."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features import finalisers as fin
from features.contracts.vectors import Integers, Vector
from features.kernels import MISSING, S1, N
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
    """What a column is finalised from: states, own numbers and instants of the events."""

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""

    def states(self, atom: Atom) -> Integers:
        """States (n, 7) of `atom`; for `ends` the instants of last and first come first."""

    def applies(self, key: Key) -> NDArray[np.bool_]:
        """Which events carry every field of `key`."""

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of several events: values and status codes."""

    values: Vector
    status: Integers


def spec_of(of: Expression) -> tuple[int, int, int]:  # noqa: PLR0911  (one answer a kind)
    """Kind, option and least number of events, as `features.finalisers.finish` takes them."""
    match of:
        case Own():
            return fin.OWN, 0, 0
        case RobustZ():
            return fin.ROBUST_Z, 0, 0
        case Since():
            return fin.SINCE, 0, 0
        case Share():
            return fin.SHARE, N if of.value is None else S1, of.min_n
        case IsNew():
            return fin.IS_NEW, 0, of.min_n
        case Rarity():
            return fin.RARITY, 0, of.min_n
        case Window():
            return _window_spec(of)


def _window_spec(of: Window) -> tuple[int, int, int]:
    if of.agg in _WHICH:
        return fin.AGGREGATE, _WHICH[of.agg], 0
    return (fin.CONCENTRATION if of.agg == "hhi" else fin.DISTINCT_CODES), 0, 0


def own_number(of: Expression) -> str | None:
    """The event's own number that the expression takes, if any."""
    return of.value if isinstance(of, Own | RobustZ) else None


def applied_key(of: Expression) -> Key | None:
    """The key without which the expression does not apply, if any."""
    return None if isinstance(of, Own | RobustZ) else of.key


def finalise(of: Expression, view: View) -> Column:
    """The column of expression `of` for the events of `view`."""
    n, name, key = len(view.t), own_number(of), applied_key(of)
    out, status = np.empty(n), np.empty(n, np.int64)
    states = np.empty((n, len(of.atoms), fin.STATE_WIDTH), np.int64)
    for k, atom in enumerate(of.atoms):
        states[:, k] = view.states(atom)
    own = np.full(n, MISSING) if name is None else view.numbers(name)
    fin.finish_all(np.array(spec_of(of)), states, own, view.t, out, status)
    if key is not None:
        absent = ~view.applies(key)
        out[absent], status[absent] = np.nan, fin.NOT_APPLICABLE
    return Column(out, status)
