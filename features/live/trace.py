"""Traces: the very events that a cell was computed from, and what was taken of each.

The same looks as in `features.retrace`, held against the live histories.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.events import Stored
from features.contracts.vectors import Integers
from features.expression import AmongPeers
from features.finalise import own_number
from features.kernels import MISSING, apart
from features.live.looking import segments
from features.live.midnight import MidnightView
from features.live.network import search
from features.live.plan import Question
from features.live.view import LiveView
from features.origin import Look, looks
from features.scan.layout import SEQ, T
from features.scan.light import ENDS, NOWHERE, OP, OPTION, STREAM, VALUE
from features.scan.looks import places
from features.spec import Feature
from features.store.disk import Place

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Source:
    """An event that a look found, and the value that was taken: None where it only counts.

    Of a sketch the value is the number of bits asked about in which it differs from the event's.
    """

    look: Look
    stored: Stored
    value: int | str | None


def sources(view: LiveView, feature: Feature) -> tuple[Look, ...]:
    """Looks that the feature was computed from; of peers only the level compared with."""
    found = looks(view.ground.scenario, feature)
    if isinstance(feature.of, AmongPeers):
        number = view.ground.scenario.features.index(feature)
        level, n = view.finish()[2][number, 0], len(feature.of.atoms)
        return found if np.isnan(level) else (found[int(level)], *found[n:])
    return found


def found_by(view: LiveView, look: Look, *, limit: int | None = None) -> list[Stored]:
    """The events that a look finds, newest first; no more than `limit`."""
    seqs = _found(view, look, limit)[0].tolist()
    held = _stored(view, seqs)
    return [held[seq] for seq in seqs]


def traced(
    view: LiveView, feature: Feature, look: Look, *, limit: int | None = None
) -> list[Source]:
    """What a look of `feature` finds, newest first, with the values; no more than `limit`."""
    found = _found(view, look, limit)
    held = _stored(view, found[0].tolist())
    own = view.number(own_number(feature.of) or "")
    return [
        Source(look, held[seq], _value(view, look, held[seq], taken, own))
        for seq, taken in found.T.tolist()
    ]


def _found(view: LiveView, look: Look, limit: int | None) -> Integers:
    """Places in the ledger and values taken, newest first."""
    if look.graph is not None:
        at = search(view, view.ground.plan.graphs[str(look.measure)])
        rows = np.empty((2, 0), np.int64) if at is None else at.seen(paid=look.atom.op != "codes")
        return rows[:, :limit]
    if look.end is not None:
        limit = 1 if look.end == "last" else None
    parts: list[Integers] = []
    for part in _looked(*_asked(view, look), look):
        parts.append(part)
        if limit is not None and sum(len(one[0]) for one in parts) >= limit:
            break
    found = np.concatenate(parts, axis=1)[:, :limit] if parts else np.empty((2, 0), np.int64)
    return found[:, -1:] if look.end == "first" else found


def _asked(view: LiveView, look: Look) -> tuple[LiveView, Question]:
    """Who looks, the event or the midnight before it, and the question that the look is part of."""
    plan = view.ground.plan
    if look.measure is not None:
        return view, plan.measures[look.measure]
    if not look.at_midnight:
        return view, plan.features
    then = MidnightView.before(view)
    then.own = {name: view.own.get(name) for name in look.atom.key}
    return then, next(one for one in plan.members.values() if look.atom in one.atoms)


def _looked(view: LiveView, question: Question, look: Look) -> Iterator[Integers]:
    """Places in the ledger and values taken of the rows that the look sees, newest first."""
    g = question.group_of(look.atom)
    group, own, codes = question.groups[g], view.owns(question)[g], view.ground.plan.codes
    stream = int(group[STREAM])
    key = view.key(view.ground.streams.all[stream].key)
    if key is None:
        return
    place: Place = (stream, key)
    length = view.lengths(question)[question.atoms.index(look.atom)]
    start = view.t_us - int(length)
    taken = int(group[OPTION] if group[OP] == ENDS else group[VALUE])
    for rows, span in segments(view, place, start):
        some = places(rows, span, start, view.query, view.hidden, group, own, codes)
        yield np.stack([rows[SEQ, some], rows[T if taken == NOWHERE else taken, some]])


def _stored(view: LiveView, seqs: list[int]) -> dict[int, Stored]:
    parts = [seqs[k : k + _AT_ONCE] for k in range(0, len(seqs), _AT_ONCE)]
    return {item.seq: item for part in parts for item in view.ground.ledger.at(part)}


def _value(view: LiveView, look: Look, stored: Stored, taken: int, own: int) -> int | str | None:
    """What was taken of the event: its own number where only a step of it is kept."""
    column, ground = look.column, view.ground
    if column is None:
        return None
    if column not in ground.numbers[look.atom.source]:
        return ground.codes.text(taken)
    if look.atom.op == "grids":
        return _number(view, stored, column)
    if look.atom.op == "near" and own != MISSING:
        return int(apart(taken, own, look.atom.near))
    return taken


def _number(view: LiveView, stored: Stored, column: str) -> int | None:
    """An earlier event's number, which it may have measured."""
    ground = view.ground
    field = stored.event.fields.get(column)
    if isinstance(field, int) or stored.event.scenario != ground.scenario.name:
        return field if isinstance(field, int) else None
    past = LiveView(ground, stored.event, stored).standing(view.mark)
    past.measure(is_kept=column not in ground.plan.graphs)
    number = past.number(column)
    return None if number == MISSING else number
