"""How well scores find the cases that are marked: AUC, average precision, F1, recall."""

from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.stats import rankdata

from features.contracts.errors import InputError
from features.contracts.vectors import Vector

BUDGETS: Final = (0.01, 0.05, 0.10)


class Found(BaseModel):
    """What a ranking of cases finds; cases that score alike are taken together.

    >>> is_marked = np.array([True, False, True, False])
    >>> found = Found.of(is_marked, np.array([0.9, 0.8, 0.7, 0.1]))
    >>> found.auc, round(found.average_precision, 3), found.best_f1, found.best_f1_share
    (0.75, 0.833, 0.8, 0.75)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_cases: int
    n_marked: int
    auc: float
    """Share of pairs of a marked and another case in which the marked one scores higher."""
    average_precision: float
    best_f1: float
    """The best over all thresholds: an upper bound, since the threshold knows the marks."""
    best_f1_share: float
    """Share of the cases that this threshold takes."""
    recall_1: float
    recall_5: float
    recall_10: float
    """Share of the marked cases among the 1, 5 and 10 % that score highest."""

    @classmethod
    def of(cls, is_marked: NDArray[np.bool_], score: Vector) -> Self:
        """Measure a ranking; a higher score is more unusual.

        Raises
        ------
        InputError
            There is nothing to find, or nothing else.
        """
        n, marked = len(score), int(is_marked.sum())
        if marked in (0, n):
            raise InputError(
                f"{marked} of {n} cases are labelled 1; a ranking needs some of both to be judged"
            )
        taken, hits = _by_threshold(is_marked, score)
        precision, recall = hits / taken, hits / marked
        f1 = 2.0 * hits / (taken + marked)
        best = int(np.argmax(f1))
        ranks = rankdata(score)[is_marked].sum()
        at = [_recall(taken, hits, marked, max(1, round(share * n))) for share in BUDGETS]
        return cls(
            n_cases=n,
            n_marked=marked,
            auc=float((ranks - marked * (marked + 1) / 2) / (marked * (n - marked))),
            average_precision=float((np.diff(recall, prepend=0.0) * precision).sum()),
            best_f1=float(f1[best]),
            best_f1_share=float(taken[best] / n),
            recall_1=at[0],
            recall_5=at[1],
            recall_10=at[2],
        )


def _by_threshold(is_marked: NDArray[np.bool_], score: Vector) -> tuple[Vector, Vector]:
    """Cases taken and marked ones among them, for every score as a threshold, highest first."""
    order = np.argsort(-score, kind="stable")
    is_last = np.append(np.diff(score[order]) != 0.0, np.True_)
    hits = np.cumsum(is_marked[order], dtype=np.float64)
    taken: Vector = np.flatnonzero(is_last).astype(np.float64) + 1.0
    return taken, hits[is_last]


def _recall(taken: Vector, hits: Vector, marked: int, k: int) -> float:
    """Expected recall of the first `k` where ties are broken at random."""
    found: float = np.interp(k, np.append(0.0, taken), np.append(0.0, hits))
    return float(found / marked)
