"""The line that moves: what a budget draws through the scores of a scenario's latest records.

Its window is a function of what is committed, and of nothing that a process remembers: the latest
records of the scenario, in the order in which they were stored. Those that the present bundle
scored count with their scores. In the place of another bundle's, whose scores are in other units,
and of those that a young scenario does not have yet, stand held-out scores. So a restart, a second
process on the same database and a bundle that comes back draw the line that any other would.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from models.bundle import Bundle
from models.rolling import RollingWindow, size_for, stand_ins

_BEFORE_ALL: Final = 0
"""A place before that of any record."""


class Past(Protocol):
    """Where the stored records of a scenario are found."""

    def behind(self, place: int, limit: int) -> Sequence[tuple[int, str]]:
        """Places and ids of the latest `limit` records behind `place`, oldest first."""
        ...

    def scores(self, places: Sequence[int], bundle: Bundle, digest: str) -> Mapping[int, float]:
        """Scores of those of the records at `places` that `bundle` scored."""
        ...


class Nothing:
    """The past of a service that has none.

    >>> Nothing().behind(0, 10)
    ()
    """

    def behind(self, place: int, limit: int) -> Sequence[tuple[int, str]]:
        """No record."""
        del place, limit
        return ()

    def scores(self, places: Sequence[int], bundle: Bundle, digest: str) -> Mapping[int, float]:
        """No score."""
        del places, bundle, digest
        return {}


class MovingLine:
    """The line of one scenario, brought up to date whenever it is asked for.

    A look costs one statement. The score that this process judged last is remembered, so that its
    own records are not read again; one that was not stored is never found, and counts nowhere.
    """

    def __init__(self, past: Past) -> None:
        self._past = past
        self._window = RollingWindow(1)
        self._stand_ins: Sequence[float] = ()
        self._digest = ""
        self._place = _BEFORE_ALL
        self._judged: tuple[str, float] | None = None

    def threshold(self, bundle: Bundle, digest: str, budget: float) -> float:
        """The score that must be exceeded now under the bundle of that digest."""
        if digest != self._digest:
            self._begin(bundle, digest, size_for(budget))
        self._catch_up(bundle)
        return self._window.threshold(budget)

    def judged(self, record_id: str, score: float) -> None:
        """The score of the record that is about to be stored."""
        self._judged = record_id, score

    def _begin(self, bundle: Bundle, digest: str, size: int) -> None:
        self._digest, self._place, self._judged = digest, _BEFORE_ALL, None
        self._window = RollingWindow.seeded(bundle.calibration.scores, size)
        self._stand_ins = stand_ins(bundle.calibration.scores, size)

    def _catch_up(self, bundle: Bundle) -> None:
        """Take in what was stored since the last look."""
        found = self._past.behind(self._place, self._window.size)
        if not found:
            return
        own = {} if self._judged is None else dict([self._judged])
        others = [place for place, record_id in found if record_id not in own]
        scores = self._past.scores(others, bundle, self._digest) if others else {}
        for place, record_id in found:
            score = own.get(record_id, scores.get(place))
            self._window.observe(place, self._stand_in(place) if score is None else score)
        self._place = found[-1][0]

    def _stand_in(self, place: int) -> float:
        return self._stand_ins[place % len(self._stand_ins)]
