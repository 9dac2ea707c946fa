"""What would take an alert below the line, as a reader is told it: in the unit of the reasons.

Unusual is not wrong, and usual is not right: the sentence says where the line is.
"""

from math import ceil, floor, log10
from typing import Final

from features.contracts.vectors import FeatureVector
from features.contracts.verdicts import Counterfactual
from models import peerscale
from models.bundle import Bundle
from models.counterfactual import Found, counterfactual
from models.phrase import MINOR, below_en, below_zh

_DIGITS: Final = 3


def would_be_below(
    bundle: Bundle, vector: FeatureVector, line: float, *, currency: str | None = None
) -> Counterfactual | None:
    """The nearest value of one feature with which the event would not exceed `line`, in words.

    It is told to three digits where that lies below the line too. Of features that compare with
    peers the number is told, not the comparison. None as in `models.counterfactual`.
    """
    found = counterfactual(bundle, vector, line)
    if found is None:
        return None
    info, cell = bundle.manifest.features[found.feature], vector.cells[found.feature]
    actual = cell.value if cell.actual is None else cell.actual
    exact = peerscale.shown(cell, found.value)
    value = _told(bundle, vector, found, exact, actual, line)
    is_exact = value == exact
    is_money = info.unit == "money"
    divisor, unit = (MINOR, currency or bundle.manifest.currency) if is_money else (1.0, info.unit)
    actual, value = actual / divisor, value / divisor
    return Counterfactual(
        feature=info.name,
        name_zh=info.title_zh,
        name_en=info.title_en,
        unit=unit,
        actual=actual,
        value=value,
        statement_zh=below_zh(info, actual, value, unit, is_exact=is_exact),
        statement_en=below_en(info, actual, value, unit, is_exact=is_exact),
    )


def _told(
    bundle: Bundle, vector: FeatureVector, found: Found, exact: float, actual: float, line: float
) -> float:
    """The value as shown, short where the short one is below the line as well."""
    cell = vector.cells[found.feature]
    short = short_of(exact, actual)
    row = vector.values
    row[found.feature] = peerscale.modelled(cell, short)
    return short if bundle.score_row(row) <= line else exact


def short_of(value: float, actual: float) -> float:
    """A value to three digits, rounded away from the actual one.

    >>> short_of(61_234.0, 1_200_000.0), short_of(61_234.0, 9.0), short_of(0.012345, 0.5)
    (61200.0, 61300.0, 0.0123)
    >>> short_of(49.0, 78.0), short_of(0.0, 1.0)
    (49.0, 0.0)
    """
    if value == 0.0:
        return 0.0
    digits = _DIGITS - 1 - floor(log10(abs(value)))
    away = floor if value < actual else ceil
    if digits >= 0:
        return away(round(value * 10.0**digits, 6)) / 10.0**digits
    return away(round(value / 10.0**-digits, 6)) * 10.0**-digits
