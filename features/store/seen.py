"""Seen: which events a ledger cannot know, told from memory without asking the database."""

from typing import Final

import numpy as np

from features.contracts.events import Event
from features.contracts.vectors import Integers
from features.store.database import Database

_ALL: Final = "SELECT kind, event_id FROM event WHERE scenario = ?"
_BEHIND: Final = (
    # the expression keeps the database from walking the scenario's own index
    "SELECT kind, event_id FROM event WHERE scenario || '' = ? AND seq > ?"
)
_BITS_AN_EVENT: Final = 32
_FEWEST_BITS: Final = 1 << 16
_AT_ONCE: Final = 100_000
NO_MARK: Final = -2
"""Before every place in the ledger, and before what stands for none."""


class Seen:
    """The events of one scenario as marks in a bitmap, so most that are new are known to be.

    An event has one bit, by the hash of its kind and id, of at least sixteen for every event that
    is there when the bitmap is made. So of those that are new one in sixteen at most shares its bit
    with another, or a few more when the ledger has grown; an event that is there is never said to
    be new (Bloom, Communications of the ACM 13 (1970), with one hash).
    """

    def __init__(self, connection: Database, scenario: str) -> None:
        self._connection, self._scenario = connection, scenario
        self._bits = bytearray()
        self._mask = 0
        self.mark = NO_MARK
        """Place in the ledger up to which all events are marked."""

    def may_hold(self, event: Event) -> bool:
        """Whether a version of the event may be in the ledger up to `mark`."""
        at = hash((event.kind, event.event_id)) & self._mask
        return bool(self._bits[at >> 3] & 1 << (at & 7))

    def add(self, event: Event, seq: int) -> None:
        """Mark the event that stands at place `seq`."""
        if self._bits and event.scenario == self._scenario:
            at = hash((event.kind, event.event_id)) & self._mask
            self._bits[at >> 3] |= 1 << (at & 7)
        if seq == self.mark + 1:
            self.mark = seq

    def reach(self, head: int) -> None:
        """Mark all events up to the ledger's head; the first time takes a second a million."""
        if self._bits:
            places = self._places(_BEHIND, self.mark)
        else:
            places = self._places(_ALL)
            most = max(_FEWEST_BITS, _BITS_AN_EVENT * len(places))
            bits = 1 << most.bit_length() - 1
            self._bits, self._mask = bytearray(bits // 8), bits - 1
        places &= self._mask
        held = np.frombuffer(self._bits, np.uint8)
        np.bitwise_or.at(held, places >> 3, np.left_shift(1, places & 7).astype(np.uint8))
        self.mark = head

    def back_to(self, mark: int) -> None:
        """Be sure of no place behind `mark` any more; what is marked stays."""
        self.mark = min(self.mark, mark)

    def _places(self, sql: str, *after: int) -> Integers:
        rows = self._connection.execute(sql, (self._scenario, *after))
        parts = [np.empty(0, np.int64)]
        while page := rows.fetchmany(_AT_ONCE):
            parts.append(np.fromiter(map(hash, page), np.int64))
        return np.concatenate(parts)
