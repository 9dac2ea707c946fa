"""Traces: the very events that a cell was computed from, and what was taken of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.events import Stored
from features.contracts.vectors import Integers
from features.expression import AmongPeers
from features.kernels import ungrid
from features.live.looking import segments
from features.live.view import LiveView
from features.scan.layout import SEQ, T
from features.scan.light import NOWHERE, STREAM, VALUE
from features.scan.looks import places
from features.spec import Atom, Feature
from features.store.disk import Place

_AT_ONCE: Final = 500


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
    g = question.group_of(atom)
    group, own, codes = question.groups[g], view.owns(question)[g], view.ground.plan.codes
    for rows, span in segments(view, place, start):
        some = places(rows, span, start, view.query, view.hidden, group, own, codes)
        taken = rows[group[VALUE], some] if group[VALUE] != NOWHERE else rows[T, some]
        yield np.stack([rows[SEQ, some], taken])


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
