"""Fixed rules: what a platform warns of by itself, answered from the same features as of the event.

The model never sees a rule's answer; rules stand beside it as the yardstick. A rule is answered by
the thresholds that were valid on the local day of the event, whatever is valid today.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.calendar import to_day
from features.contracts.errors import DeclarationError
from features.contracts.vectors import Integers, Vector
from features.spec import Need, Rule

_ALL_TOLD: Final[Mapping[Need, NDArray[np.bool_]]] = {}
CLEAR, HIT, NOT_APPLICABLE, INSUFFICIENT = 0, 1, 2, 3
ANSWERS: Final = ("clear", "hit", "not_applicable", "insufficient")

_COMPARE: Final[Mapping[str, Callable[[Vector, Vector | float], NDArray[np.bool_]]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


Marks = NDArray[np.bool_]


def answer(
    rule: Rule,
    values: Mapping[str, Vector],
    applies: Marks,
    days: Integers,
    told: Mapping[Need, Marks] = _ALL_TOLD,
) -> NDArray[np.int8]:
    """The rule's answer for each event: a position in `ANSWERS`.

    `values` are the features by name (NaN where missing), `applies` says which events the rule is
    for, `days` on which local day (since 1970-01-01) each happened, `told` by which events what the
    rule needs had been told of. One condition that is known not to hold clears the rule, whatever
    the others are.

    >>> rule = Rule("many", "多", "many", "internal", (("n", ">=", 3.0),))
    >>> values, applies = np.array([3.0, 2.0, np.nan, 9.0]), np.array([True, True, True, False])
    >>> answer(rule, {"n": values}, applies, np.zeros(4, np.int64)).tolist()
    [1, 0, 3, 2]

    Raises
    ------
    DeclarationError
        A condition names a threshold that no configuration has given.
    """
    hit, clear = np.ones(len(applies), bool), np.zeros(len(applies), bool)
    in_force = applies & is_in_force(rule, days)
    for feature, comparison, limit in rule.conditions:
        threshold = limit if not isinstance(limit, str) else threshold_at(rule, limit, days)
        in_force &= ~np.isnan(threshold)
        known = _known(rule, feature, values[feature], told)
        holds = _COMPARE[comparison](known, threshold)
        hit &= holds
        clear |= ~holds & ~np.isnan(known)
    out = np.where(hit, HIT, np.where(clear, CLEAR, INSUFFICIENT))
    return np.where(in_force, out, NOT_APPLICABLE).astype(np.int8)


def _known(rule: Rule, feature: str, values: Vector, told: Mapping[Need, Marks]) -> Vector:
    """The feature's values where what they need had been told of, NaN elsewhere."""
    for name, need in rule.needs:
        if name == feature and need in told:
            values = np.where(told[need], values, np.nan)
    return values


def is_in_force(rule: Rule, days: Integers) -> NDArray[np.bool_]:
    """On which of the local days the rule holds: from `valid_from` on, before `valid_until`.

    >>> from datetime import date
    >>> rule = Rule("many", "多", "many", "internal", (), valid_until=date(1970, 1, 3))
    >>> is_in_force(rule, np.array([0, 1, 2])).tolist()
    [True, True, False]
    """
    holds = np.ones(len(days), bool)
    if rule.valid_from is not None:
        holds &= days >= to_day(rule.valid_from)
    if rule.valid_until is not None:
        holds &= days < to_day(rule.valid_until)
    return holds


def threshold_at(rule: Rule, name: str, days: Integers) -> Vector:
    """The number that a threshold had on each local day; NaN before its first day of validity.

    >>> from datetime import date
    >>> from features.declared import Threshold
    >>> limit = Threshold("limit", ((None, 3.0), (date(1970, 1, 3), 4.0)))
    >>> rule = Rule("many", "多", "many", "internal", (("n", ">=", "limit"),), thresholds=(limit,))
    >>> threshold_at(rule, "limit", np.array([1, 2])).tolist()
    [3.0, 4.0]
    """
    found = next((one for one in rule.thresholds if one.name == name), None)
    if found is None:
        message = (
            f"rule {rule.name} asks for threshold {name!r}, which no configuration gives; load the "
            "scenario through features.scenarios.catalog, or add it to rules.toml"
        )
        raise DeclarationError(message)
    starts = [np.iinfo(np.int64).min if day is None else to_day(day) for day, _ in found.values]
    numbers = np.array([np.nan, *(number for _, number in found.values)])
    at: Vector = numbers[np.searchsorted(np.array(starts, np.int64), days, side="right")]
    return at
