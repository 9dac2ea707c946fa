"""Traces: the very events that a cell was computed from, and what was taken of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.events import Stored
from features.contracts.vectors import Integers
from features.expression import AmongPeers
from features.kernels import ungrid
from features.live.view import LiveView
from features.scan.layout import SEQ, T
from features.scan.light import (
    IN_USE,
    NOWHERE,
    STREAM,
    VALUE,
    Marks,
    first_from,
    first_not_before,
    met,
    visible,
)
from features.scan.tiles import DAY_US
from features.spec import Atom, Feature
from features.store.disk import Asked, Place
from features.store.keys import LightHistory

_AT_ONCE: Final = 500
_DAYS: Final = 8
"""Days of a heavy key that are looked at first; each further look takes twice as many."""


@dataclass(frozen=True, slots=True)
class Source:
    """An event that an atom looked at, and the value that it took: 1 where it only counts."""

    atom: Atom
    stored: Stored
    value: int | str


def sources(view: LiveView, feature: Feature) -> tuple[Atom, ...]:
    """Atoms that the feature was finalised from; of peers only the level compared with."""
    atoms: tuple[Atom, ...] = feature.of.atoms
    if isinstance(feature.of, AmongPeers):
        number = view.ground.scenario.features.index(feature)
        level = view.finish()[2][number, 0]
        return atoms if np.isnan(level) else (atoms[int(level)],)
    return atoms


def traced(view: LiveView, atom: Atom, *, limit: int | None = None) -> list[Source]:
    """The events that `atom` was computed from, newest first; no more than `limit`."""
    question = view.ground.plan.features
    group = question.groups[question.group_of(atom)]
    stream = int(group[STREAM])
    key = view.key(view.ground.streams.all[stream].key)
    if key is None:
        return []
    parts: list[Integers] = []
    for part in _looked(view, (stream, key), atom):
        parts.append(part)
        if limit is not None and sum(len(one[0]) for one in parts) >= limit:
            break
    found = np.concatenate(parts, axis=1)[:, :limit] if parts else np.empty((2, 0), np.int64)
    stored = _stored(view, found[0].tolist())
    return [
        Source(atom, stored[seq], _value(view, atom, stored[seq], taken))
        for seq, taken in found.T.tolist()
    ]


def _looked(view: LiveView, place: Place, atom: Atom) -> Iterator[Integers]:
    """Places in the ledger and values taken of the rows that the atom sees, newest first."""
    question = view.ground.plan.features
    length = view.lengths(question)[question.atoms.index(atom)]
    start = view.t_us - int(length)
    (history,) = view.ground.store.read([Asked(place, start)])
    if isinstance(history, LightHistory):
        rows = view.rows_of(history)
        yield _seen(view, rows, [(0, int(rows[-1, IN_USE]))], start, atom)
        return
    days = history.tiles.days
    lo, hi = np.searchsorted(days, [start // DAY_US, view.t_us // DAY_US + 1]).tolist()
    many = _DAYS
    while lo < hi:
        first = max(lo, hi - many)
        view.ground.store.need(place, history, first, hi)
        at = history.segments[:, first:hi].T.tolist()
        segments = [(begin, begin + n) for begin, n in reversed(at)]
        yield _seen(view, history.rows, segments, start, atom)
        hi, many = first, 2 * many


def _seen(
    view: LiveView, rows: Integers, segments: list[tuple[int, int]], start: int, atom: Atom
) -> Integers:
    question = view.ground.plan.features
    g = question.group_of(atom)
    group, own, codes = question.groups[g], view.owns(question)[g], view.ground.plan.codes
    parts: list[Integers] = []
    for begin, end in segments:
        lo = first_from(rows[T], begin, end, start)
        hi = first_not_before(rows, lo, end, view.query)
        is_seen = _marks(visible(rows, lo, hi, rows[-1], view.query, view.hidden))
        is_met = _marks(met(rows, lo, hi, group, own, codes))
        parts.append(lo + np.flatnonzero(is_seen & is_met)[::-1])
    some = np.concatenate(parts)
    taken = rows[group[VALUE], some] if group[VALUE] != NOWHERE else rows[T, some]
    return np.stack([rows[SEQ, some], taken])


def _marks(found: tuple[Marks, int]) -> Marks:
    """The marks, where there may be none for all."""
    marks, n = found
    return marks if len(marks) else np.ones(n, bool)


def _stored(view: LiveView, seqs: list[int]) -> dict[int, Stored]:
    parts = [seqs[k : k + _AT_ONCE] for k in range(0, len(seqs), _AT_ONCE)]
    return {item.seq: item for part in parts for item in view.ground.ledger.at(part)}


def _value(view: LiveView, atom: Atom, stored: Stored, taken: int) -> int | str:
    """What the atom took of the event: its own field where that is what the number stands for."""
    if atom.value is None:
        return taken if atom.op == "ends" else 1
    if atom.op == "codes":
        return view.ground.codes.text(taken) or ""
    if atom.op != "grids":
        return taken
    field = stored.event.fields.get(atom.value)
    return field if isinstance(field, int) else round(ungrid(taken))
