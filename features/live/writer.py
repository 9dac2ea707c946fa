"""How live histories are kept: appended to, followed from the ledger, rebuilt, shared.

Everything here happens inside one transaction of the ledger, or is forgotten with it. Where one
process writes, histories are written a few events behind: what an append adds stands in memory, and
who opens the ledger appends what is not written yet from its events.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from features.columns import check_learned
from features.contracts.events import Event, EventField, Stored
from features.contracts.vectors import Integers
from features.live.ground import Ground
from features.live.rebuild import Progress, refill
from features.live.streams import measured
from features.live.view import LiveView
from features.store.disk import Place
from features.store.keys import End, LightHistory
from features.store.marks import NOWHERE, Entry, Look, Marks, Position, Wanted
from features.store.seen import NO_MARK, Seen

CATCH_UP: Final = 2_000
"""Most events that are appended one by one when the ledger has moved on, or a twentieth of it."""
BEHIND: Final = 16
"""Events after which histories are written; every one where processes share them."""
_AT_ONCE: Final = 500
_ADD, _END, _HEAVY = "add", "end", "heavy"
_NONE: Final = np.empty(0, np.int64)


def _learned(loaded: Sequence[Stored], fields: Sequence[EventField]) -> pl.DataFrame:
    """When events happened and were learned, and what they say in some fields."""
    told = {
        "event_id": [item.event.event_id for item in loaded],
        "t": [item.event.effective_us for item in loaded],
        "observed": [item.observed_us for item in loaded],
        "is_live": [int(item.is_live) for item in loaded],
    }
    names = [field.name for field in fields]
    return pl.DataFrame(
        told | {name: [item.event.fields.get(name) for item in loaded] for name in names}
    )


class LiveWriter:
    """Keeps the histories of one scenario up with its ledger."""

    def __init__(self, ground: Ground, *, is_shared: bool = False) -> None:
        self.ground, self._connection = ground, ground.ledger.connection
        self.spec_hash = ground.scenario.spec_hash(ground.calendar)
        self.marks = Marks(ground.ledger.connection, ground.scenario.name, is_shared=is_shared)
        self._events = Seen(ground.ledger.connection, ground.scenario.name)
        self._is_seen = ground.ledger.connection.others() is not None
        self._at = NOWHERE
        self._head, self._sure = -1, NO_MARK
        self._seq = self._observed_us = self._behind = 0
        self._entry: list[list[int | str]] = []
        self._looks_back = any(
            item.network is None or item.name in ground.plan.kept
            for item, _ in measured(ground.scenario)
        )

    @property
    def head(self) -> int:
        """The ledger's head up to which all events are in the histories."""
        return self._head

    def look(self, view: LiveView) -> Look | None:
        """What an event is told of, if the histories and memory are up to the ledger's head.

        What was read of them is in memory then.
        """
        store, texts = self.ground.store, view.unknown
        absent = [] if view.is_at_hand() else store.absent(view.wanted)
        if not absent and not texts and self._is_new(view.event):
            return Look(self._head, self._at.number, False, [], {})
        wanted = Wanted(store.disk, absent, texts)
        at = self.marks.look(view.event, self.spec_hash, wanted)
        if at is None or at.head != self._head or at.number != self._at.number:
            return None
        self._be_sure()
        if absent:
            store.take(absent, at.found)
        if texts:
            self.ground.codes.learn(at.codes)
        return at

    def _is_new(self, event: Event) -> bool:
        """Whether memory alone tells that nothing was written and the event has no version."""
        events, head = self._events, self._head
        if events.mark != head or events.may_hold(event):
            return False
        is_as_left = self.marks.is_as_left(head, self._at.number)
        if is_as_left and not self._connection.in_transaction:
            self._sure = head
        return is_as_left

    def _be_sure(self) -> None:
        """Note the ledger's head as one that no rollback takes back."""
        if not self._connection.in_transaction:
            self._sure = self._head

    def is_current(self) -> bool:
        """Whether the histories and what memory holds of them are up to the ledger's head."""
        at = self.marks.position()
        return at is not None and at.head == self._head and self._knows(at)

    def is_at(self, look: Look) -> bool:
        """Whether nobody has written since."""
        at = self.marks.position()
        return at is not None and (at.head, at.number) == (look.head, look.number)

    def _knows(self, at: Position) -> bool:
        return at.spec_hash == self.spec_hash and at.number == self._at.number

    def catch_up(self, progress: Progress | None = None, *, anew: bool = False) -> None:
        """Bring the histories up to the ledger's head."""
        at = self.marks.position()
        if at is None or at.spec_hash != self.spec_hash or anew:
            self._rebuild(progress)
            return
        if not self._knows(at):
            self._learn(at)
        waiting = self._waiting(at)
        if waiting is None or self._changes_measures(waiting):
            self._rebuild(progress)
            return
        self._check_learned(waiting)
        for stored in waiting:
            self._append(stored)
        if waiting:
            self.write()
        self._reach(at.head)

    def _rebuild(self, progress: Progress | None) -> None:
        ground = self.ground
        refill(ground, progress=progress)
        head = ground.ledger.head
        row = ground.ledger.connection.execute(
            "SELECT max(observed_us) FROM event WHERE scenario = ?", (ground.scenario.name,)
        ).fetchone()
        self.marks.restart(self.spec_hash, head, int(row[0] or 0))
        self._at = self.marks.position() or NOWHERE
        self._observed_us, self._behind = self._at.observed_us, 0
        self._reach(head)

    def _reach(self, head: int) -> None:
        """Take note that the histories hold all up to the ledger's head."""
        self._head = head
        if self._is_seen:
            self._events.reach(head)

    def _waiting(self, at: Position) -> list[Stored] | None:
        """Events that are not in the histories yet; None where they are too many to append."""
        after, most = max(at.seq, self._head), max(CATCH_UP, at.head // 20)
        if after >= at.head:
            return []
        names = self.ground.streams.sources
        marks = ", ".join("?" * len(names))
        rows = self.ground.ledger.connection.execute(
            # the expression keeps the database from walking the scenario's own index
            f"SELECT seq FROM event WHERE seq > ? AND scenario || '' IN ({marks}) "  # noqa: S608
            "ORDER BY seq LIMIT ?",
            (after, *names, most + 1),
        ).fetchall()
        if len(rows) > most:
            return None
        seqs = [int(seq) for (seq,) in rows]
        parts = [seqs[k : k + _AT_ONCE] for k in range(0, len(seqs), _AT_ONCE)]
        return [stored for part in parts for stored in self.ground.ledger.at(part)]

    def _check_learned(self, waiting: Sequence[Stored]) -> None:
        """Refuse what a rebuild would: a load that knew an outcome when its event happened."""
        scenario = self.ground.scenario
        given = {scenario.name: scenario.fields}
        given |= {source.scenario: source.fields for source in scenario.sources}
        for name, fields in given.items():
            later = [item for item in fields if item.known_later]
            loaded = [item for item in waiting if item.event.scenario == name] if later else []
            if loaded:
                check_learned(_learned(loaded, later), later)

    def _changes_measures(self, waiting: Sequence[Stored]) -> bool:
        """Whether events were known before others that are there already, or before each other.

        Such a backfill may give another past to measures that look back.
        """
        if not self._looks_back:
            return False
        name = self.ground.scenario.name
        learned = [item.observed_us for item in waiting if item.event.scenario == name]
        return any(later < before for before, later in pairwise([self._observed_us, *learned]))

    def append(self, stored: Stored, view: LiveView | None = None) -> None:
        """Add an event that was just stored; `view` is the one that its vector came from."""
        if stored.seq == self._head + 1 and self._append(stored, view):
            self._head = stored.seq
            self._events.add(stored.event, stored.seq)
        else:
            self.catch_up()

    def _append(self, stored: Stored, view: LiveView | None = None) -> bool:
        ground, name = self.ground, stored.event.scenario
        if name not in ground.streams.sources:
            return True
        if name == ground.scenario.name:
            self._observed_us = max(self._observed_us, stored.observed_us)
        view = view or self._seen(stored)
        if name == ground.scenario.name:
            view.measure(is_kept=True)
        self._seq = stored.seq
        self._behind += 1
        is_due = self.marks.is_shared or self._behind >= BEHIND or bool(view.versions)
        if is_due and not self._advance():
            return False
        self._bury(stored, view)
        is_new = self._add(stored, view)
        if is_new and not is_due and not self._advance():
            return False
        if is_due or is_new:
            self._flush()
        return True

    def _add(self, stored: Stored, view: LiveView) -> bool:
        """Add the event's rows; return whether a key became heavy."""
        store, is_new = self.ground.store, False
        for place, row in view.rows(stored):
            was_heavy = place in store.heavy
            store.append(place, row)
            self._note(_ADD, place, row)
            if not was_heavy and place in store.heavy:
                self._note(_HEAVY, place, _NONE)
                is_new = True
        return is_new

    def _advance(self) -> bool:
        """Count what is written now; False where somebody else was there first.

        What waits is forgotten then: that other one has found it in the ledger.
        """
        number = self.marks.advance(self._at, self._seq, self._observed_us)
        if number is None:
            if not self.marks.is_shared:
                self.forget()
            return False
        self._at = Position(self._seq, self.spec_hash, self._seq, number, self._observed_us)
        return True

    def write(self) -> None:
        """Write the histories up to what memory holds of them."""
        if self._behind and self._advance():
            self._flush()

    def _flush(self) -> None:
        self.ground.store.flush()
        self.marks.log(self._at.number, self._entry)
        self._entry, self._behind = [], 0

    def _seen(self, stored: Stored) -> LiveView:
        return LiveView(self.ground, stored.event, stored).standing(stored.seq)

    def _note(self, word: str, place: Place, numbers: Integers) -> None:
        if self.marks.is_shared:
            self._entry.append([word, *place, *numbers.tolist()])

    def _bury(self, stored: Stored, view: LiveView) -> None:
        """Mark the earlier versions of an event as gone."""
        gone = End(stored.observed_us, stored.seq, stored.seq)
        for other in view.versions:
            if other.event.version > stored.event.version or other.event.retracted:
                continue
            if other.seq > stored.seq:
                continue
            seen = LiveView(self.ground, other.event, other).standing(stored.seq)
            if other.event.scenario == self.ground.scenario.name:
                seen.measure(is_kept=True)
            t = other.event.effective_us
            for place in seen.places(other.event.scenario):
                self.ground.store.bury(place, t, other.seq, gone)
                ends = (t, other.seq, gone.observed, gone.seq, gone.first)
                self._note(_END, place, np.array(ends))

    def _learn(self, at: Position) -> None:
        """Take over what others did to the histories, or forget what memory holds of them."""
        entries = self.marks.changes(self._at.number, at.number)
        if entries is None:
            self.forget()
        else:
            for entry in entries:
                self._apply(entry)
        self._at, self._observed_us = at, at.observed_us

    def _apply(self, entry: Entry) -> None:
        store = self.ground.store
        for word, stream, key, *numbers in entry:
            place = int(stream), str(key)
            store.disk.shelf.discard(*place)
            history = store.peek(place)
            if word == _ADD:
                store.add(place, np.array(numbers, np.int64))
            elif word == _END and isinstance(history, LightHistory):
                t, seq, *gone = (int(number) for number in numbers)
                history.bury(t, seq, End(*gone))
            else:
                store.forget([place])
            if history is not None:
                history.tail = None
            if word == _HEAVY:
                store.heavy.add(place)

    def forget(self) -> None:
        """Drop what memory holds after a transaction was rolled back."""
        self._at, self._head, self._entry = NOWHERE, -1, []
        self._events.back_to(self._sure)
        self._behind = 0
        self.ground.store.forget()
        self.ground.codes.forget()
