"""What a label weighs: how its event was selected, how often it was reviewed, who reviewed it.

Where chances are told (P(confirmed)), a control stands for all that might have been drawn instead.
Where a model learns an order it weighs what an alert does: where one event in a hundred would be
confirmed and one review in twelve is wrong, most confirmed controls are mistakes, and what makes
them heavy makes mistakes heavy.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.contracts.labels import Label, Selection
from features.contracts.vectors import Integers, Vector

MOST: Final = 5.0
"""Most that a control stands for, in alerts. Uncapped, one drawn at one in five hundred would
outvote five hundred alerts, and a handful of controls would be the whole curve."""
REVIEWER_SHARE: Final = 0.34
"""Most of all weight that one reviewer's labels may have, where there are three or more."""
_SLACK: Final = 1.0 + 1e-12


def label_weights(labels: Sequence[Label]) -> Vector:
    """What each label weighs in a fit: one, divided among its event's reviews, then capped.

    >>> label = Label(event_id="P-1", outcome="cleared", reviewer="r1", selected_by="control",
    ...               decided_at="2026-03-01T09:00Z", inclusion_probability=0.25)
    >>> label_weights([label, label.model_copy(update={"reviewer": "r2"})]).tolist()
    [0.5, 0.5]
    """
    if not labels:
        return np.empty(0)
    event, reviewer = (
        np.unique([getattr(label, name) for label in labels], return_inverse=True)[1]
        for name in ("event_id", "reviewer")
    )
    shared = 1.0 / np.bincount(event)[event]
    return shared * reviewer_factors(shared, reviewer, REVIEWER_SHARE)[reviewer]


def selection_weight(label: Label) -> float:
    """The inverse inclusion probability of a control, at most `MOST`; 1 for all others.

    An alert was certain to be looked at. Of a rule's hit or a complaint nobody knows the chance: it
    stands for nothing but itself.
    """
    if label.selected_by is not Selection.CONTROL or label.inclusion_probability is None:
        return 1.0
    return min(1.0 / label.inclusion_probability, MOST)


def reviewer_factors(weight: Vector, reviewer: Integers, share: float) -> Vector:
    """By what each reviewer's labels are multiplied so that nobody has more than `share` of all.

    With fewer reviewers than could keep to the share, all weigh alike.

    >>> weight, reviewer = np.ones(10), np.array([0] * 6 + [1, 1, 2, 2])
    >>> reviewer_factors(weight, reviewer, 0.5).round(3).tolist()
    [0.667, 1.0, 1.0]
    >>> reviewer_factors(np.ones(4), np.array([0, 0, 0, 1]), 0.34).round(3).tolist()
    [0.333, 1.0]
    """
    total = np.bincount(reviewer, weights=weight)
    share = max(share, 1.0 / total.size)
    largest = np.sort(total)[::-1]
    bound = largest[0]
    for n_capped in range(total.size):
        # all weight, were the n_capped largest at their share, is rest / (1 - n_capped share)
        bound = share * largest[n_capped:].sum() / (1.0 - n_capped * share)
        if largest[n_capped] <= bound * _SLACK:
            break
    return np.asarray(np.minimum(1.0, bound / total), dtype=np.float64)
