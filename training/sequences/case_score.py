"""A case's score from its events: the smallest p-value, corrected for how many there are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector


class CaseScores(NamedTuple):
    """Cases in the order of their names: corrected p-value, and the row of its event."""

    cases: NDArray[np.str_]
    p_value: Vector
    worst: Integers
    """Row of the event with the smallest p-value; of several the first."""

    @property
    def unusual(self) -> Vector:
        """Higher for a more unusual case."""
        return -self.p_value


def event_p_values(score: Vector) -> Vector:
    """Share of all events that score at least as high, each among them.

    The events are those that the detector was fitted on: this ranks them and promises no rate.

    >>> event_p_values(np.array([1.0, 3.0, 3.0, 2.0])).tolist()
    [1.0, 0.5, 0.5, 0.75]
    """
    lower: Integers = np.searchsorted(np.sort(score), score, side="left")
    return np.asarray((len(score) - lower) / len(score))


def case_scores(case: NDArray[np.str_], p_value: Vector) -> CaseScores:
    """The smallest p-value of each case's n events, corrected: `1 - (1 - p)^n`.

    That is the chance that the smallest of n independent p-values is as small (Sidak 1967,
    doi:10.1080/01621459.1967.10482935): a long case has more chances to hold an unusual event.
    Events of a case resemble each other, so the correction is more than is needed; it is taken
    for its simplicity, is at most Bonferroni's `n p` and, unlike that, never ties long cases at 1.

    >>> case = np.array(["a", "b", "b", "c"])
    >>> found = case_scores(case, np.array([0.1, 0.1, 0.9, 0.5]))
    >>> found.cases.tolist(), found.p_value.round(2).tolist(), found.worst.tolist()
    (['a', 'b', 'c'], [0.1, 0.19, 0.5], [0, 1, 3])
    """
    cases, of = np.unique(case, return_inverse=True)
    order = np.lexsort((np.arange(len(case)), p_value, of))
    first = np.flatnonzero(np.diff(of[order], prepend=-1))
    worst = order[first]
    smallest = np.minimum(p_value[worst], 1.0 - 1e-15)
    n = np.bincount(of, minlength=len(cases))
    return CaseScores(cases, -np.expm1(n * np.log1p(-smallest)), worst)
