"""What is planted: a case with its severity, and the dial that turns severity into numbers."""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["subtle", "moderate", "blatant"]

SEVERITIES: Final[tuple[Severity, ...]] = ("subtle", "moderate", "blatant")
"""Lower, middle and upper third of every dial."""

BACKLOAD_DAYS: Final = 14
"""Days of one street's records that a benign bulk load keys in together."""


@dataclass(frozen=True)
class Case:
    """One planted case: whose rows it marks, how strong it is, around when it shows.

    `strength` lies in [0, 1]; its third is the severity. `anchor` is a local second; a `recent`
    case shows inside the holdout; an `adaptive` one keeps clear of the fixed rules that it can.
    """

    number: int
    code: str
    severity: Severity | None
    strength: float
    anchor: int
    recent: bool
    adaptive: bool = False


@dataclass(frozen=True)
class Dial:
    """A quantity that runs from mild to extreme as a case gets stronger.

    >>> Dial(120, 10).at(0.5)
    65.0
    >>> Dial(8, 40).whole(1.0)
    40
    """

    mild: float
    extreme: float

    def at(self, strength: float) -> float:
        """The value at a strength between 0 and 1."""
        return self.mild + (self.extreme - self.mild) * strength

    def whole(self, strength: float) -> int:
        """The value, rounded."""
        return round(self.at(strength))
