"""Pairs of numbers in the parameters: dials from mild to strong, and ranges to draw from."""

import math
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from training.simulation.case import SEVERITIES, Severity


class Dial(NamedTuple):
    """A quantity that runs from mild to strong as a case gets stronger.

    >>> Dial(120, 10).at(0.5)
    65.0
    >>> Dial(8, 40).whole(1.0)
    40
    """

    mild: float
    strong: float

    def at(self, strength: float) -> float:
        """The value at a strength between 0 and 1."""
        return self.mild + (self.strong - self.mild) * strength

    def whole(self, strength: float) -> int:
        """The value, rounded."""
        return round(self.at(strength))

    def over(self, severity: Severity) -> tuple[float, float]:
        """From where to where the dial runs at one severity: a third of it.

        >>> Dial(8, 40).over("blatant")
        (29.33..., 40.0)
        """
        third = SEVERITIES.index(severity) / 3
        return self.at(third), self.at(third + 1 / 3)


def _two_numbers(value: Any) -> tuple[float, float]:  # noqa: ANN401  (whatever the file holds)
    is_pair = isinstance(value, list | tuple) and len(value) == 2  # noqa: PLR2004  (a pair)
    if not is_pair or not all(_is_number(each) for each in value):
        raise ValueError(f"two numbers are needed, as in [4, 9], not {value!r}")
    return value[0], value[1]


def _is_number(value: object) -> bool:
    is_bool = isinstance(value, bool)
    return isinstance(value, int | float) and not is_bool and math.isfinite(value)


def _as_dial(value: Any) -> Dial:  # noqa: ANN401  (whatever the file holds)
    return Dial(*_two_numbers(value))


def between(low: float, high: float = math.inf) -> AfterValidator:
    """Both numbers lie there, ends included."""

    def check(pair: tuple[float, float]) -> tuple[float, float]:
        if not (low <= min(pair) and max(pair) <= high):
            reach = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            raise ValueError(f"both numbers must be {reach}, not {list(pair)}")
        return pair

    return AfterValidator(check)


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"least comes before most, not {list(pair)}")
    return pair


_DIAL = PlainValidator(_as_dial)
_PAIR = BeforeValidator(_two_numbers)
_RISING = AfterValidator(_rising)

ShareDial = Annotated[Dial, _DIAL, between(0, 1)]
CountDial = Annotated[Dial, _DIAL, between(1)]
SeriesDial = Annotated[Dial, _DIAL, between(2)]
"""Of two at least, so that there is something between them."""
AmountDial = Annotated[Dial, _DIAL, between(0)]
ShareRange = Annotated[tuple[float, float], _PAIR, _RISING, between(0, 1)]
PartDial = Annotated[Dial, _DIAL, between(0, 0.9)]
"""Shares that are taken away, so that something is left."""
PartRange = Annotated[tuple[float, float], _PAIR, _RISING, between(0, 0.9)]
AmountRange = Annotated[tuple[float, float], _PAIR, _RISING, between(0)]
CountRange = Annotated[tuple[int, int], _PAIR, _RISING, between(1)]
"""Whole numbers, both ends drawn as well."""
