"""Traces: for any cell, which events it was computed from, and what was taken of each.

The rows are found by holding the rule against every row, without a kernel.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features import batch
from features.columns import Columns
from features.contracts.vectors import STATUS_CODES, Integers
from features.contracts.verdicts import Status
from features.expression import KeyZ
from features.finalise import own_number
from features.history import History, Slice
from features.joined import latest, members
from features.kernels import MISSING, apart
from features.kernels.order import Bools, Rows
from features.origin import Look, looks
from features.spec import Atom, Feature

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that a cell was computed from; `value` is what was taken, None where it counts.

    Of a sketch the value is the number of bits asked about in which it differs from the event's.
    """

    seq: int
    kind: str
    event_id: str
    version: int
    effective_us: int
    value: int | str | None


@dataclass(frozen=True, slots=True)
class Part:
    """One look of a cell, and the events it found, in time order."""

    look: Look
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """One cell, the event's own number that it takes (None without one), and its parts.

    Where keys are compared, `keys` holds the number of each in the snapshot, by its texts.
    """

    feature: str
    value: float
    status: Status
    own: int | None
    parts: tuple[Part, ...]
    keys: tuple[tuple[tuple[str, ...], int], ...] = ()

    @property
    def states(self) -> tuple[Part, ...]:
        """The parts that the feature itself looks at, without those of the event's measures."""
        return tuple(part for part in self.parts if part.look.measure is None)


def trace(history: History, row: int, feature: Feature) -> Trace:
    """How `feature` came about for the event in `row` of the history's own columns."""
    value, status = _cell(history, row, feature)
    name = own_number(feature.of)
    own = MISSING if name is None else int(history.columns.numbers[name][row])
    parts = tuple(
        Part(look, _seen(history, row, look, own)) for look in looks(history.scenario, feature)
    )
    keys = _snapshot(history, row, feature.of) if isinstance(feature.of, KeyZ) else ()
    return Trace(feature.name, value, status, None if own == MISSING else own, parts, keys)


def visible(history: History, row: int, atom: Atom) -> Rows:
    """Rows of the atom's source that the event in `row` sees in its window, in time order.

    In the window is `start <= t_j` and `(t_j, o_j) < (t, o)`. What was not known before the event
    is not seen, nor what was superseded or retracted by then.
    """
    c, source = history.columns, _source(history, atom)
    t, o = c.t[row], c.o[row]
    before = (source.t < t) | ((source.t == t) & (source.o < o))
    inside = before & (source.t >= history.starts(atom, c.t[[row]])[0])
    chosen = inside & _counts(history, atom) & _shares_key(history, row, atom)
    return _in_time(source, chosen & _is_known(c, row, source))


def at_midnight(history: History, row: int, atom: Atom) -> Rows:
    """Rows of every key that the snapshot of the midnight before the event counts."""
    c, source = history.columns, _source(history, atom)
    midnight = history.calendar.midnights(c.t[[row]])
    inside = (source.t < midnight) & (source.t >= history.starts(atom, midnight))
    known = _is_known(c, row, source, int(midnight[0]))
    return _in_time(source, inside & _counts(history, atom) & known)


def _cell(history: History, row: int, feature: Feature) -> tuple[float, Status]:
    alone = replace(history.scenario, features=(feature,), rules=(), patterns=())
    narrow = History(history.columns, alone, history.calendar, history.others)
    cells = batch.compute(narrow, Slice(np.array([row], np.int32), 0, len(history.columns)))
    return float(cells.values[0, 0]), STATUS_CODES[int(cells.status[0, 0])]


def _source(history: History, atom: Atom) -> Columns:
    return history.columns if atom.source is None else history.others[atom.source]


def _counts(history: History, atom: Atom) -> Bools:
    """Rows that are of a kind that counts and meet the condition."""
    source, where = _source(history, atom), atom.where
    kinds = history.scenario.history
    if atom.source is not None:
        kinds = history.scenario.source(atom.source).kinds
    counts = ~source.retracted
    if where is None or where.field != "kind":
        counts &= source.chosen("kind", kinds)
    if where is not None:
        counts &= source.chosen(where.field, where.values)
    return counts


def _shares_key(history: History, row: int, atom: Atom) -> Bools:
    c, source = history.columns, _source(history, atom)
    shares = np.ones(len(source), bool)
    for name in atom.key:
        code = int(c.codes[name][row])
        shares &= source.chosen(name, () if code < 0 else (str(c.texts[name][code]),))
    return shares


def _is_known(c: Columns, row: int, source: Columns, until: int | None = None) -> Bools:
    """Rows that the event knows and of which it knows no later version; `until` is a midnight."""
    gone = source.gone_row
    if c.is_live[row]:
        known, lost = source.seq < c.seq[row], source.gone_seq <= c.seq[row]
    else:
        known = _ranks_below(source.observed, source.seq, c, row, or_same=False)
        lost = _ranks_below(source.observed[gone], source.seq[gone], c, row, or_same=True)
    if until is not None:
        known, lost = known & (source.observed < until), lost & (source.observed[gone] < until)
    return np.asarray(known & ~(lost & (gone >= 0)))


def _ranks_below(
    observed: Integers, seq: Integers, c: Columns, row: int, *, or_same: bool
) -> Bools:
    mine, place = c.observed[row], c.seq[row]
    below = (observed < mine) | ((observed == mine) & (seq < place))
    return np.asarray(below | (seq == place)) if or_same else np.asarray(below)


def _in_time(source: Columns, chosen: Bools) -> Rows:
    return source.order[chosen[source.order]]


def _seen(history: History, row: int, look: Look, own: int) -> tuple[Seen, ...]:
    source = _source(history, look.atom)
    if look.at_midnight:
        rows = at_midnight(history, row, look.atom)
        rows = rows[_shares_key(history, row, look.atom)[rows]]
    else:
        rows = visible(history, row, look.atom)
    if look.column is not None and (look.end is None or look.column in source.numbers):
        rows = rows[_has(source, look.column, rows)]
    if look.graph is not None:
        reached = members(look.graph.network, source, row, visible(history, row, look.graph.who))
        rows = latest(look.graph.network, source, rows, reached)
    if look.end is not None:
        rows = rows[-1:] if look.end == "last" else rows[:1]
    heads = zip(
        source.seq[rows].tolist(),
        source.frame["kind"][rows].to_list(),
        source.ids(rows).to_list(),
        source.frame["version"][rows].to_list(),
        source.t[rows].tolist(),
        _taken(source, look, rows, own),
        strict=True,
    )
    return tuple(
        Seen(seq, kind, str(event_id), version, t, value)
        for seq, kind, event_id, version, t, value in heads
    )


def _has(source: Columns, column: str, rows: Rows) -> Bools:
    if column in source.numbers:
        return np.asarray(source.numbers[column][rows] != MISSING)
    return np.asarray(source.codes[column][rows] >= 0)


def _taken(source: Columns, look: Look, rows: Rows, own: int) -> list[int | str | None]:
    """What each row gives: nothing but itself, a text, a number, or how far a sketch is off."""
    column = look.column
    if column is None:
        return [None] * len(rows)
    if column not in source.numbers:
        texts, codes = source.texts[column], source.codes[column][rows].tolist()
        return [None if code < 0 else str(texts[code]) for code in codes]
    values = source.numbers[column][rows].tolist()
    if look.atom.op == "near" and own != MISSING:
        return [int(apart(value, own, look.atom.near)) for value in values]
    return list(values)


def _snapshot(history: History, row: int, of: KeyZ) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The number of every key in the snapshot of the midnight before the event."""
    whole = _by_key(history, row, of.members[0])
    if of.over is None:
        numbers = {key: len(held) if of.value is None else sum(held) for key, held in whole.items()}
    else:
        part = _by_key(history, row, of.members[1])
        numbers = {
            key: len(part.get(key, ())) * _MILLION // len(held) for key, held in whole.items()
        }
    return tuple(sorted((key, numbers[key]) for key in whole if len(whole[key]) >= of.min_n))


def _by_key(history: History, row: int, atom: Atom) -> dict[tuple[str, ...], list[int]]:
    """What each key has in a snapshot: the values of its rows, ones for a count."""
    source, rows = _source(history, atom), at_midnight(history, row, atom)
    values = source.ones
    if atom.value is not None:
        values = source.numbers[atom.value]
        rows = rows[_has(source, atom.value, rows)]
    held: dict[tuple[str, ...], list[int]] = {}
    texts = [source.texts[name] for name in atom.key]
    codes = np.stack([source.codes[name][rows] for name in atom.key], axis=1)
    for key, value in zip(codes.tolist(), values[rows].tolist(), strict=True):
        if min(key) >= 0:
            name = tuple(str(told[code]) for told, code in zip(texts, key, strict=True))
            held.setdefault(name, []).append(value)
    return held
