"""How well scores rank, in plain numpy: areas under curves, precision in a budget, agreement."""

import math

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from training.rank import by_score

Mask = NDArray[np.bool_]


def auc(score: Vector, is_planted: Mask) -> float:
    """Share of pairs (planted, other) that the score has in the right order; ties count half.

    NaN where one of the two is missing.

    Source: Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.

    >>> auc(np.array([3.0, 1.0, 2.0, 2.0]), np.array([True, False, True, False]))
    0.875
    """
    n, planted = len(score), int(is_planted.sum())
    if planted in (0, n):
        return math.nan
    above = float(ranks(score)[is_planted].sum()) - planted * (planted + 1) / 2.0
    return above / (planted * (n - planted))


def average_precision(score: Vector, is_planted: Mask) -> float:
    """Mean over the planted rows of the precision down to each; tied rows come in together.

    NaN where nothing is planted.

    >>> average_precision(np.array([3.0, 1.0, 2.0]), np.array([True, True, False])).__round__(3)
    0.833
    """
    if not is_planted.any():
        return math.nan
    order = by_score(score)
    last = np.append(np.diff(score[order]) != 0.0, True)
    found = np.cumsum(is_planted[order])[last]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (np.flatnonzero(last) + 1)).sum() / found[-1])


def precision_at(score: Vector, is_planted: Mask, k: int) -> float:
    """Share of planted rows among the first `k`; NaN where there are none to look at.

    >>> precision_at(np.array([3.0, 1.0, 2.0]), np.array([True, True, False]), 2)
    0.5
    """
    return float(is_planted[by_score(score)[:k]].mean()) if k and len(score) else math.nan


def spearman(one: Vector, other: Vector) -> float:
    """Correlation of ranks, ties at their mean rank; NaN where all rows score alike.

    Source: Spearman 1904, doi:10.2307/1412159.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    a, b = ranks(one), ranks(other)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0.0 else math.nan


def overlap(one: Vector, other: Vector, k: int) -> float:
    """Share of the first `k` rows of one that are among the first `k` of the other.

    >>> overlap(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]), 2)
    1.0
    """
    if k == 0:
        return math.nan
    first: set[int] = set(by_score(one)[:k].tolist())
    return len(first & set(by_score(other)[:k].tolist())) / k


def ranks(score: Vector) -> Vector:
    """Rank of each score, 1 for the smallest, tied ones at their mean.

    >>> ranks(np.array([2.0, 5.0, 2.0])).tolist()
    [1.5, 3.0, 1.5]
    """
    _, place, n = np.unique(score, return_inverse=True, return_counts=True)
    last: Integers = np.cumsum(n)
    mean = last - (n - 1) / 2.0
    return np.asarray(mean[place], dtype=np.float64)
