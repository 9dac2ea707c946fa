"""From states to a feature's column: which finaliser an expression takes."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from features import finalisers as fin
from features.contracts.vectors import Codes, Integers, Vector
from features.expression import (
    AmongPeers,
    Excess,
    Expression,
    IsNew,
    KeyZ,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Share,
    Since,
    Window,
)
from features.kernels import FIRST, LAST, S1, STATE_WIDTH, C, N
from features.kernels.order import Rows
from features.window import Atom, Key

_MOMENTS: Final = {
    "count": fin.COUNT,
    "sum": fin.SUM,
    "mean": fin.MEAN,
    "std": fin.STD,
    "min": fin.MIN,
    "max": fin.MAX,
}
_OTHERS: Final = {
    "distinct": fin.DISTINCT_CODES,
    "hhi": fin.CONCENTRATION,
    "entropy": fin.ENTROPY,
    "median": fin.EXACT_MEDIAN,
    "mad": fin.EXACT_MAD,
}
_WIDTHS: Final = {"codes": 3, "grids": 5, "orders": 3, "ends": 2, "near": 2}


class View(Protocol):
    """What a column is finalised from: states, own numbers and instants of the events."""

    @property
    def t(self) -> Integers:
        """When the events happened, in microseconds."""

    def states(self, atom: Atom) -> Integers:
        """States (n, k) of `atom`, its first columns; of `ends` the instants of both."""

    def applies(self, key: Key) -> NDArray[np.bool_]:
        """Which events carry every field of `key`."""

    def numbers(self, name: str) -> Integers:
        """The events' own integers in column `name`."""

    def compared(self, of: KeyZ) -> tuple[Vector, Codes]:
        """Values and statuses of a feature that compares keys with keys."""


def spec_of(of: Expression) -> tuple[int, int, int]:  # noqa: C901, PLR0911, PLR0912  (one answer a kind)
    """Kind, option and least number of events, as `features.finalisers.finish` takes them."""
    match of:
        case Own():
            return fin.OWN, 0, 0
        case RobustZ() | KeyZ():
            return fin.ROBUST_Z, 0, 0
        case PeerRank():
            return fin.PEER_RANK, 0, 0
        case Since():
            return fin.SINCE, LAST if of.which == "last" else FIRST, 0
        case Share():
            return fin.SHARE, N if of.value is None else S1, of.min_n
        case IsNew():
            return fin.IS_NEW, 0, of.min_n
        case Rarity():
            return fin.RARITY, 0, of.min_n
        case Excess():
            return fin.EXCESS, 0, of.min_n
        case NearDuplicates():
            return fin.NEAR_COUNT, 0, 0
        case Window():
            if of.agg in _MOMENTS:
                return fin.AGGREGATE, _MOMENTS[of.agg], 0
            return _OTHERS[of.agg], 0, 0


def own_number(of: Expression) -> str | None:
    """The event's own number that the expression takes, if any."""
    match of:
        case Own() | AmongPeers():
            return of.value
        case NearDuplicates():
            return of.sketch
        case _:
            return None


def applied_key(of: Expression) -> Key | None:
    """The key without which the expression does not apply, if any."""
    return None if isinstance(of, Own | AmongPeers) else of.key


def width_of(atom: Atom, expressions: Iterable[Expression]) -> int:
    """How many columns of `atom`'s state the expressions take: the first so many."""
    if atom.op != "moments":
        wants_entropy = any(_is(of, "entropy") for of in expressions)
        return _WIDTHS[atom.op] + (atom.op == "codes" and wants_entropy)
    users = list(expressions)
    if any(_is(of, "min") or _is(of, "max") or isinstance(of, Excess) for of in users):
        return STATE_WIDTH
    return C + 1 if any(_is(of, "std") for of in users) else S1 + 1


def _is(of: Expression, agg: str) -> bool:
    return isinstance(of, Window) and of.agg == agg


def is_alone(of: Expression) -> bool:
    """Whether the expression takes one state and nothing else of the event but its instant."""
    return len(of.atoms) == 1 and own_number(of) is None


class Runs(NamedTuple):
    """Windows that are runs of a lane's sorted rows `lo` to `hi`, and the rows' running moments."""

    lo: Rows
    hi: Rows
    total: Integers


def takes_runs(of: Expression) -> bool:
    """Whether the expression can be finalised from running moments alone."""
    return isinstance(of, Window) and of.agg in ("count", "sum", "mean", "std")


def finalise_runs(of: Expression, runs: Runs, at: Rows, out: Vector, status: Codes) -> None:
    """Finalise windows that are runs, each to the event that `at` names.

    `status` holds `OK` there already, here and in `finalise_part`.
    """
    fin.aggregate_runs(spec_of(of)[1], *runs, at, out, status)


def finalise_part(
    of: Expression, states: Integers, t: Integers, at: Rows, out: Vector, status: Codes
) -> None:
    """Finalise states (m, k) of an expression that is alone, each to the event that `at` names."""
    values, codes = np.empty(len(at)), np.empty(len(at), np.int8)
    spec = spec_of(of)
    if spec[0] == fin.AGGREGATE:
        fin.aggregate_all(spec[1], states, values, codes)
    else:
        fin.finish_all(np.array(spec), (states,), np.empty(0, np.int64), t[at], values, codes)
    fin.put(values, codes, at, out, status)


def finalise(of: Expression, view: View, out: Vector, status: Codes) -> None:
    """Write the column of expression `of` for the events of `view`: values and status codes."""
    key = applied_key(of)
    if isinstance(of, Own):
        fin.own_all(view.numbers(of.value), out, status)
    elif isinstance(of, KeyZ):
        out[:], status[:] = view.compared(of)
    else:
        name = own_number(of)
        own = np.empty(0, np.int64) if name is None else view.numbers(name)
        states = tuple(view.states(atom) for atom in of.atoms)
        fin.finish_all(np.array(spec_of(of)), states, own, view.t, out, status)
    if key is not None:
        absent = ~view.applies(key)
        out[absent], status[absent] = np.nan, fin.NOT_APPLICABLE


def impute(fill: float | Vector | None, values: Vector, status: Codes) -> None:
    """Put `fill` in the place of missing values; their status says so.

    Missing is what does not apply or has too little behind it; an error stays one. `fill` is one
    number (None: nothing stands in) or one a value, NaN where nothing does.

    >>> values, status = np.array([np.nan, 2.0]), np.array([fin.INSUFFICIENT, fin.OK], np.int8)
    >>> impute(0.0, values, status)
    >>> values.tolist(), (status == fin.IMPUTED).tolist()
    ([0.0, 2.0], [True, False])
    """
    if fill is None:
        return
    is_missing = (status == fin.NOT_APPLICABLE) | (status == fin.INSUFFICIENT)
    stands_in = is_missing & ~np.isnan(fill)
    np.copyto(values, fill, where=stands_in)
    np.copyto(status, fin.IMPUTED, where=stands_in)
