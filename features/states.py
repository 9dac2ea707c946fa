"""States of many events' windows: swept in the order of time, or replayed key by key."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from features.contracts.vectors import Integers
from features.expression import Expression
from features.finalise import columns_of
from features.history import History, Slice
from features.spec import Atom, Key, Where
from features.sweeps import SWEPT, Sweep

LaneKey = tuple[Key, Where | None, str | None]
CHUNK_ROWS: Final = 2**17
"""Rows of a lane that are worked on at a time; a group is never divided."""


def columns_by_atom(expressions: Iterable[Expression]) -> dict[Atom, frozenset[int]]:
    """The atoms that the expressions are finalised from, with the columns that they take."""
    users: dict[Atom, list[Expression]] = {}
    for of in expressions:
        for atom in dict.fromkeys(of.atoms):
            users.setdefault(atom, []).append(of)
    return {atom: columns_of(atom, using) for atom, using in users.items()}


def lane_of(atom: Atom) -> LaneKey:
    """Atoms of one lane look at the same rows."""
    return atom.key, atom.where, atom.source


def replayed(atoms: Iterable[Atom]) -> Iterator[Atom]:
    """Those of the atoms that need the rows of each key together."""
    return (atom for atom in atoms if atom.op not in SWEPT)


def sweep_of(history: History, asked: Slice, atom: Atom, columns: frozenset[int]) -> Sweep:
    """A sweep of the atom's windows over the rows asked about; of `ends` the instants."""
    sides = history.sides(*lane_of(atom), asked)
    if atom.op == "ends":
        return sides.ends(atom, history.instants(atom.source), columns)
    return sides.moments(atom, history.values(atom), columns)


def counted_by(history: History, atoms: Iterable[Atom]) -> dict[Atom, Atom]:
    """Atoms that count rows, with one each that counts the values of as many: none is missing."""
    valued = [atom for atom in atoms if atom.op == "moments" and atom.value is not None]
    return {replace(atom, value=None): atom for atom in valued if history.is_full(atom)}


def held(
    history: History, asked: Slice, columns: Mapping[Atom, frozenset[int]]
) -> dict[Atom, Integers]:
    """States (rows asked about, k) of atoms that are replayed; zeros without the key."""
    n = len(asked.queries)
    out = {atom: np.zeros((n, len(wanted)), np.int64) for atom, wanted in columns.items()}
    for lane_key, group in groupby(sorted(out, key=_lane_order), lane_of):
        together = tuple(group)
        for chunk in history.lane(*lane_key, asked).split(CHUNK_ROWS):
            for atom in together:
                own, width = history.own(atom), out[atom].shape[1]
                out[atom][chunk.at] = chunk.states(atom, history.values(atom), own, width)
    return out


def states_of(
    history: History, asked: Slice, columns: Mapping[Atom, frozenset[int]]
) -> dict[Atom, Integers]:
    """States (rows asked about, k) of all the atoms."""
    swept = {
        atom: sweep_of(history, asked, atom, wanted).states(0, len(asked.queries))
        for atom, wanted in columns.items()
        if atom.op in SWEPT
    }
    return swept | held(history, asked, {atom: columns[atom] for atom in replayed(columns)})


def _lane_order(atom: Atom) -> tuple[str, ...]:
    """Lanes side by side, and in them what shares a window."""
    return repr(lane_of(atom)), repr(atom.value), str(atom.reach)
