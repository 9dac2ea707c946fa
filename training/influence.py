"""Who moves the head of the queue: the model fitted again without each reviewer's labels."""

from collections.abc import Callable
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from training.label_review import Influence
from training.rank import by_score

DRAWS: Final = 10
"""Times that as many labels are left out by chance."""
_DEVIATIONS: Final = 3.0
"""Deviations above the mean of the draws that make the bound: about one in 700 for one reviewer."""

_STEP: Final = 1.1
"""Reviewers whose numbers of labels lie this close are held against the same draws."""

Refit = Callable[[NDArray[np.bool_]], Vector]
"""Scores of the judged rows from a model fitted on the labels that are kept."""


def influences(
    refit: Refit,
    reviewer: Integers,
    names: tuple[str, ...],
    *,
    n_top: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[Influence, ...]:
    """The influence of every reviewer on the `n_top` rows that score highest.

    >>> def refit(kept):
    ...     return np.arange(10.0) if kept[:2].all() else -np.arange(10.0)
    >>> found = influences(refit, np.array([0, 0, 1, 1, 1, 1]), ("r0", "r1"), n_top=3, draws=4)
    >>> [(one.reviewer, one.n_changed) for one in found]
    [('r0', 3), ('r1', 0)]
    """
    whole = _top(refit(np.ones(reviewer.size, dtype=np.bool_)), n_top)
    rng = np.random.default_rng(seed)
    by_size: dict[int, Vector] = {}
    found = []
    for at, name in enumerate(names):
        kept = reviewer != at
        n_own = int((~kept).sum())
        size = min(_class_of(n_own), reviewer.size - 1)
        if size not in by_size:
            by_size[size] = _by_chance(refit, whole, (reviewer.size, size), rng, draws)
        chance = by_size[size]
        expected = float(chance.mean())
        # a new draw scatters around the estimated mean by more than the draws around theirs
        half = _DEVIATIONS * float(chance.std(ddof=1)) * (1.0 + 1.0 / draws) ** 0.5
        found.append(
            Influence(
                reviewer=name,
                n_labels=n_own,
                n_top=len(whole),
                n_changed=_changed(whole, _top(refit(kept), n_top)),
                expected=expected,
                bound=expected + max(1.0, half),
            )
        )
    return tuple(found)


def _class_of(n: int) -> int:
    """The power of `_STEP` nearest to a number of labels.

    >>> [_class_of(n) for n in (1, 10, 96, 104)]
    [1, 10, 97, 107]
    """
    return round(_STEP ** round(log(n, _STEP)))


def _by_chance(
    refit: Refit,
    whole: frozenset[int],
    sizes: tuple[int, int],
    rng: np.random.Generator,
    draws: int,
) -> Vector:
    """How many of the top rows change when that many labels of anybody are left out."""
    n, n_left_out = sizes
    changed = np.empty(draws)
    for draw in range(draws):
        kept = np.ones(n, dtype=np.bool_)
        kept[rng.choice(n, n_left_out, replace=False)] = False
        changed[draw] = _changed(whole, _top(refit(kept), len(whole)))
    return changed


def _top(score: Vector, n: int) -> frozenset[int]:
    return frozenset(by_score(score)[:n].tolist())


def _changed(before: frozenset[int], after: frozenset[int]) -> int:
    return len(before - after)
