"""From states to a feature's column: which finaliser an expression takes."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features import finalisers as fin
from features.contracts.vectors import Codes, Integers, Vector
from features.expression import (
    WITH_OWN,
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
    SetRarity,
    Share,
    Since,
    Window,
)
from features.kernels import FIRST, HIGH, LAST, LOW, S1, STATE_WIDTH, A, B, C, N
from features.window import Atom, Key

_MOMENTS: Final = {
    "count": (fin.COUNT, (N,)),
    "sum": (fin.SUM, (N, S1)),
    "total": (fin.SUM, (N, S1)),
    "earlier": (fin.SUM, (N, S1)),
    "mean": (fin.MEAN, (N, S1)),
    "std": (fin.STD, (N, S1, A, B, C)),
    "min": (fin.MIN, (N, LOW)),
    "max": (fin.MAX, (N, HIGH)),
}
"""The finaliser of an aggregate, and the columns of a moments state that it takes."""
_OTHERS: Final = {
    "distinct": fin.DISTINCT_CODES,
    "hhi": fin.CONCENTRATION,
    "entropy": fin.ENTROPY,
    "median": fin.EXACT_MEDIAN,
    "mad": fin.EXACT_MAD,
}
_SINCE: Final = {"last": LAST, "first": FIRST}
_WIDTHS: Final = {"codes": 3, "grids": 5, "orders": 3, "near": 2}


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
            return fin.SINCE, _SINCE[of.which], 0
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
        case SetRarity():
            return fin.SET_RARITY, 0, of.min_n
        case Window():
            if of.agg in WITH_OWN:
                return fin.TOTAL, int(of.agg == "total"), 0
            if of.agg in _MOMENTS:
                return fin.AGGREGATE, _MOMENTS[of.agg][0], 0
            return _OTHERS[of.agg], 0, 0


def own_number(of: Expression) -> str | None:
    """The event's own number that the expression takes, if any."""
    match of:
        case Own() | AmongPeers():
            return of.value
        case NearDuplicates() | SetRarity():
            return of.sketch
        case Window(agg="total" | "earlier"):
            return of.value
        case _:
            return None


def applied_key(of: Expression) -> Key | None:
    """The key without which the expression does not apply, if any."""
    return None if isinstance(of, Own | AmongPeers) else of.key


def columns_of(atom: Atom, expressions: Iterable[Expression]) -> frozenset[int]:
    """Which columns of `atom`'s state the expressions take."""
    if atom.op == "ends":
        return frozenset(_SINCE[of.which] for of in expressions if isinstance(of, Since))
    if atom.op != "moments":
        wants_entropy = any(_is(of, "entropy") for of in expressions)
        return frozenset(range(_WIDTHS[atom.op] + (atom.op == "codes" and wants_entropy)))
    if atom.value is None:
        return frozenset((N,))
    return frozenset(column for of in expressions for column in _moments_of(of))


def _moments_of(of: Expression) -> tuple[int, ...]:
    match of:
        case Window():
            return _MOMENTS[of.agg][1]
        case Excess():
            return (N, S1, C, LOW, HIGH)
        case _:
            return (N, S1)


def _is(of: Expression, agg: str) -> bool:
    return isinstance(of, Window) and of.agg == agg


def finalise(of: Expression, view: View, out: Vector, status: Codes) -> None:
    """Write the column of expression `of` for the events of `view`: values and status codes."""
    key = applied_key(of)
    if isinstance(of, Own):
        fin.own_all(view.numbers(of.value), out, status)
    elif isinstance(of, KeyZ):
        out[:], status[:] = view.compared(of)
    else:
        _finalise_states(of, view, out, status)
    if key is not None:
        applies = view.applies(key)
        if not applies.all():
            out[~applies], status[~applies] = np.nan, fin.NOT_APPLICABLE


@cache
def _plan(of: Expression) -> tuple[tuple[int, int, int], tuple[Atom, ...]]:
    """Spec and atoms of an expression, which every block of rows asks for."""
    return spec_of(of), tuple(of.atoms)


def _finalise_states(of: Expression, view: View, out: Vector, status: Codes) -> None:
    """Finalise the states of windows; the commonest kinds by loops of their own."""
    (kind, option, min_n), atoms = _plan(of)
    states = tuple(map(view.states, atoms))
    if kind == fin.AGGREGATE and option == fin.COUNT:
        out[:], status[:] = states[0][:, N], fin.OK
    elif kind == fin.AGGREGATE:
        fin.aggregate_all(option, states[0], out, status)
    elif kind == fin.SINCE:
        fin.since_all(option, states[0], view.t, out, status)
    elif kind == fin.SHARE:
        fin.share_all(option, min_n, states[0], states[1], out, status)
    else:
        name = own_number(of)
        own = np.empty(0, np.int64) if name is None else view.numbers(name)
        spec = np.array([kind, option, min_n])
        fin.finish_all(spec, _together(states), own, view.t, out, status)


def _together(states: Sequence[Integers]) -> Integers:
    """States (atoms, columns, events) in one array, 0 where one has fewer columns than it could."""
    out = np.zeros((len(states), STATE_WIDTH, len(states[0])), np.int64)
    for k, state in enumerate(states):
        out[k, : state.shape[1]] = state.T
    return out


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
