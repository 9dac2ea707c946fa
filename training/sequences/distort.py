"""Distortions of a case, after a published generator: steps that are skipped, inserted, and so on.

The six types, their sizes and distances are those of Nolle, Luettgen, Seeliger and Mühlhäuser,
"BINet: multi-perspective business process anomaly classification", Information Systems 103 (2022),
doi:10.1016/j.is.2019.101458, and "Analyzing business process anomalies using autoencoders",
Machine Learning 107 (2018), doi:10.1007/s10994-018-5702-8. What those leave open, or make easy, is
decided here before any detector runs:

- a log has times: steps that change places leave the case's instants where they are; inserted and
  repeated steps happen at random instants between their neighbours;
- an inserted step is one of the log's own, and its officer is the one who works on the case;
- a wrong officer is another officer of the log, whoever that is.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import numpy as np

FEWEST_STEPS: Final = 3
"""Steps of a case that every type can be applied to."""
MOST_SKIPPED: Final = 2
MOST_INSERTED: Final = 2
MOST_REPEATED: Final = 3
MOST_MOVED: Final = 2
MOST_WRONG: Final = 3
FARTHEST: Final = 5
"""Steps by which others are moved or repeated."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case: what was done by whom and when, and where its other attributes stand."""

    activity: str
    officer: str
    at: datetime
    row: int
    """Position of the event that the other attributes are taken from."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The activities and officers that occur in a log, sorted."""

    activities: tuple[str, ...]
    officers: tuple[str, ...]


Steps = tuple[Step, ...]
Distortion = Callable[[Steps, Vocabulary, np.random.Generator], Steps]


def skip(steps: Steps, _: Vocabulary, rng: np.random.Generator) -> Steps:
    """Leave out one or two steps in a row, never the last one."""
    size = int(rng.integers(1, min(len(steps) - 1, MOST_SKIPPED) + 1))
    start = int(rng.integers(0, len(steps) - size))
    return steps[:start] + steps[start + size :]


def insert(steps: Steps, words: Vocabulary, rng: np.random.Generator) -> Steps:
    """Put one or two random steps in, never behind the last one."""
    n = int(rng.integers(1, min(len(steps) // 2, MOST_INSERTED) + 1))
    places = sorted(rng.choice(len(steps) - 1, n, replace=False).tolist(), reverse=True)
    out = list(steps)
    for place in places:
        before, after = out[max(place - 1, 0)], out[place]
        start = before.at if place else after.at
        activity = words.activities[int(rng.integers(len(words.activities)))]
        at = _between(start, after.at, float(rng.random()))
        out.insert(place, replace(before, activity=activity, at=at))
    return tuple(out)


def rework(steps: Steps, _: Vocabulary, rng: np.random.Generator) -> Steps:
    """Take two or three steps in a row a second time, at most five steps later."""
    size = int(rng.integers(2, min(len(steps), MOST_REPEATED) + 1))
    start = int(rng.integers(0, len(steps) - size + 1))
    room = min(len(steps) - start - size, FARTHEST)
    end = start + size + int(rng.integers(0, room + 1))
    again = steps[start : start + size]
    if end == len(steps):
        return steps + _after(steps[-1].at, again)
    shares = np.sort(rng.random(size)).tolist()
    first, last = steps[end - 1].at, steps[end].at
    copies = [
        replace(step, at=_between(first, last, share))
        for step, share in zip(again, shares, strict=True)
    ]
    return (*steps[:end], *copies, *steps[end:])


def early(steps: Steps, _: Vocabulary, rng: np.random.Generator) -> Steps:
    """Move one or two steps in a row up to five steps forward."""
    size, distance = _move(len(steps), rng)
    start = int(rng.integers(distance, len(steps) - size))
    to = start - distance
    moved = steps[start : start + size]
    return _at_instants_of(steps, steps[:to] + moved + steps[to:start] + steps[start + size :])


def late(steps: Steps, _: Vocabulary, rng: np.random.Generator) -> Steps:
    """Move one or two steps in a row up to five steps back."""
    size, distance = _move(len(steps), rng)
    start = int(rng.integers(0, len(steps) - size - distance))
    to = start + distance
    moved = steps[start : start + size]
    between = steps[start + size : to + size]
    return _at_instants_of(steps, steps[:start] + between + moved + steps[to + size :])


def wrong_officer(steps: Steps, words: Vocabulary, rng: np.random.Generator) -> Steps:
    """Let other officers of the log take one to three of the steps."""
    n = int(rng.integers(1, min(len(steps), MOST_WRONG) + 1))
    out = list(steps)
    for place in rng.choice(len(steps), n, replace=False).tolist():
        others = [name for name in words.officers if name != out[place].officer]
        out[place] = replace(out[place], officer=others[int(rng.integers(len(others)))])
    return tuple(out)


DISTORTIONS: Final[Mapping[str, Distortion]] = MappingProxyType(
    {
        "skip": skip,
        "insert": insert,
        "rework": rework,
        "early": early,
        "late": late,
        "wrong_officer": wrong_officer,
    }
)


def _move(n: int, rng: np.random.Generator) -> tuple[int, int]:
    """How many steps move, and by how many; ends of the generator's ranges are its own."""
    size = int(rng.integers(1, min(n - 1, MOST_MOVED + 1)))
    return size, int(rng.integers(1, min(n - size, FARTHEST + 1)))


def _between(start: datetime, end: datetime, share: float) -> datetime:
    return start + share * (end - start)


def _after(last: datetime, again: Steps) -> Steps:
    """The steps once more after an instant, as far from each other as they were."""
    gaps = [timedelta()] + [then.at - now.at for now, then in itertools.pairwise(again)]
    out: list[Step] = []
    for step, gap in zip(again, gaps, strict=True):
        last = last + gap
        out.append(replace(step, at=last))
    return tuple(out)


def _at_instants_of(steps: Sequence[Step], ordered: Sequence[Step]) -> Steps:
    return tuple(replace(step, at=slot.at) for slot, step in zip(steps, ordered, strict=True))
