"""What is planted: a case with its severity."""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["subtle", "moderate", "blatant"]

SEVERITIES: Final[tuple[Severity, ...]] = ("subtle", "moderate", "blatant")
"""Lower, middle and upper third of every dial."""


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
