"""Keys as they stood at the midnight before an event: what comparisons of keys look at."""

from typing import Self

from features.contracts.vectors import Integers
from features.live.ground import Ground
from features.live.plan import Question
from features.live.streams import KEY_MARK
from features.live.view import LiveView


class MidnightView(LiveView):
    """Keys seen as of a midnight: no event of their own, what was learned before the bound."""

    def __init__(self, ground: Ground, midnight: int, bound: tuple[int, int], mark: int) -> None:
        self.ground = ground
        self.mark, self.is_newest = mark, False
        self.t_us = midnight
        self.clocks = [midnight, -1, *bound, mark]
        self.own, self._columns, self._code_of = {}, {}, {}
        self._looked = self._at_hand = None
        self.__dict__["others"] = []

    @classmethod
    def before(cls, view: LiveView) -> Self:
        """The view of the local midnight before the event of `view`."""
        midnight = int(view.ground.calendar.midnights(view.t)[0])
        observed, seq = min((midnight, -1), (int(view.query[2]), int(view.query[3])))
        return cls(view.ground, midnight, (observed, seq), view.mark)

    @property
    def bound(self) -> tuple[int, int]:
        """The `(observed, seq)` that all stays under."""
        return self.clocks[2], self.clocks[3]

    def states_of_key(self, question: Question, text: str) -> Integers:
        """States of the question's atoms for one key."""
        (part,) = question.parts
        self.own = dict(zip(part.key, text.split(KEY_MARK), strict=True))
        return self._states_of(question)
