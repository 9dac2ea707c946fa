"""Live snapshots: what `features.snapshots` compares with, from the live histories.

A snapshot is made when an event first asks for it, over all keys that a stream holds, and kept
while nothing is learned that had been known at its midnight. So the first event of a day pays for
it, about as much as scoring one event a key.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contracts.vectors import Codes, Integers, Vector
from features.expression import KeyZ
from features.finalisers import INSUFFICIENT, compare_keys
from features.kernels import MISSING, STATE_WIDTH
from features.live.ground import Ground
from features.live.midnight import MidnightView
from features.live.plan import Question
from features.live.streams import key_text
from features.live.view import LiveView
from features.snapshots import numbers_of, population

KEPT: Final = 16
_LEARNED_SINCE: Final = (
    "SELECT seq FROM event "
    "WHERE seq > ? AND seq <= ? AND scenario || '' = ? AND observed_us < ? LIMIT 1"
)
_KEYS: Final = """
WITH RECURSIVE found(name) AS (
  SELECT min(key) FROM history WHERE scenario = ? AND stream = ?
  UNION ALL
  SELECT (SELECT min(key) FROM history WHERE scenario = ? AND stream = ? AND key > name)
  FROM found WHERE name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""

Bound = tuple[str, int, int, int]
"""A snapshot's feature, midnight, and the `(observed, seq)` that it stays under."""


@dataclass
class Snapshot:
    """Every key's number, the grid state of all of them, and the place it was made at."""

    numbers: dict[str, int]
    state: Integers
    mark: int


class Snapshots:
    """The snapshots of one engine."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._kept: OrderedDict[Bound, Snapshot] = OrderedDict()

    def compared(self, view: LiveView, of: KeyZ) -> tuple[float, int]:
        """Value and status of a feature that compares keys with keys, for the event of `view`."""
        snapshot = self._snapshot(view, of)
        own = snapshot.numbers.get(key_text(of.key, view.own) or "")
        if own is None:
            return np.nan, INSUFFICIENT
        value: Vector = np.empty(1)
        status: Codes = np.empty(1, np.int8)
        compare_keys(np.array([own]), snapshot.state[None], value, status)
        return float(value[0]), int(status[0])

    def forget(self) -> None:
        """Drop all snapshots."""
        self._kept.clear()

    def _snapshot(self, view: LiveView, of: KeyZ) -> Snapshot:
        then = MidnightView.before(view)
        bound = of.name, then.t_us, *then.bound
        held = self._kept.get(bound)
        if held is None or not self._holds(held, of, then.t_us, then.mark):
            held = self._made(of, then)
            self._kept[bound] = held
        self._kept.move_to_end(bound)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return held

    def _holds(self, held: Snapshot, of: KeyZ, midnight: int, mark: int) -> bool:
        """Whether nothing that the snapshot counts was learned between its place and `mark`."""
        first, last = sorted((held.mark, mark))
        scenario = of.source or self._ground.scenario.name
        asked = (first, last, scenario, midnight)
        if self._ground.ledger.connection.execute(_LEARNED_SINCE, asked).fetchone() is not None:
            return False
        held.mark = max(held.mark, mark)
        return True

    def _made(self, of: KeyZ, view: MidnightView) -> Snapshot:
        plan = self._ground.plan.members[of.name]
        texts = self._keys(plan)
        states = np.zeros((len(texts), len(plan.atoms), STATE_WIDTH), np.int64)
        for k, text in enumerate(texts):
            states[k] = view.states_of_key(plan, text)
        places = [plan.atoms.index(atom) for atom in of.members]
        parts = [states[:, place] for place in places]
        numbers = numbers_of(of, parts[0], parts[1] if len(parts) > 1 else None)
        pairs = zip(texts, numbers.tolist(), strict=True)
        held = {text: number for text, number in pairs if number != MISSING}
        return Snapshot(held, population(numbers), view.mark)

    def _keys(self, plan: Question) -> list[str]:
        ground = self._ground
        name = ground.scenario.name
        stream = plan.parts[0].stream
        asked = (name, stream, name, stream)
        rows = ground.ledger.connection.execute(_KEYS, asked).fetchall()
        return sorted(ground.store.waiting(stream).union(str(row[0]) for row in rows))
