"""Fixed rules: what a platform warns of by itself, answered from the same features as of the event.

The model never sees a rule's answer; rules stand beside it as the yardstick.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Vector
from features.spec import Rule

CLEAR, HIT, NOT_APPLICABLE, INSUFFICIENT = 0, 1, 2, 3
ANSWERS: Final = ("clear", "hit", "not_applicable", "insufficient")

_COMPARE: Final[Mapping[str, Callable[[Vector, float], NDArray[np.bool_]]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


def answer(
    rule: Rule, values: Mapping[str, Vector], applies: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """The rule's answer for each event: a position in `ANSWERS`.

    `values` are the features by name (NaN where missing), `applies` says which events the rule is
    for. One condition that is known not to hold clears the rule, whatever the others are.

    >>> rule = Rule("many", "多", "many", "internal", (("n", ">=", 3.0),))
    >>> values, applies = np.array([3.0, 2.0, np.nan, 9.0]), np.array([True, True, True, False])
    >>> answer(rule, {"n": values}, applies).tolist()
    [1, 0, 3, 2]
    """
    hit, clear = np.ones(len(applies), bool), np.zeros(len(applies), bool)
    for feature, comparison, threshold in rule.conditions:
        holds = _COMPARE[comparison](values[feature], threshold)
        hit &= holds
        clear |= ~holds & ~np.isnan(values[feature])
    out = np.where(hit, HIT, np.where(clear, CLEAR, INSUFFICIENT))
    return np.where(applies, out, NOT_APPLICABLE).astype(np.int8)
