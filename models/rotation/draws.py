"""Draws and reviews as columns, the form in which all pairs of a quarter are tested."""

from dataclasses import dataclass, fields, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Integers, Vector
from models.rotation.answer import check_alike

OFFICE_DAY_S: Final = 28_800
"""Seconds of an office day: instants of a test run on, so that a night is no wait."""
UNKNOWN: Final = -1


class _Columns:
    """Named columns of one length, a row a draw or a review."""

    def __post_init__(self) -> None:
        check_alike(**{each.name: len(getattr(self, each.name)) for each in fields(self)})  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """The rows that `keep` marks."""
        parts = {each.name: getattr(self, each.name)[keep] for each in fields(self)}  # type: ignore[arg-type]
        return replace(self, **parts)  # type: ignore[type-var]


@dataclass(frozen=True)
class Draws(_Columns):
    """Draws in the order of time; codes are 0 and up, instants in office seconds, -1 is unknown.

    `depth` is how many stood before the chosen agency, `skip_p` the chance that a fair draw passes
    over the head, `eligible` how many could be drawn, `fee` is in minor units, `head_s` when the
    agency came to the head, `thrown` how many draws of the project were withdrawn right before this
    one and followed by another agency.
    """

    officer: Integers
    agency: Integers
    owner: Integers
    specialty: Integers
    drawn_s: Integers
    submitted_s: Integers
    head_s: Integers
    depth: Integers
    eligible: Integers
    thrown: Integers
    fee: Integers
    skip_p: Vector
    in_quarter: NDArray[np.bool_]


@dataclass(frozen=True)
class Reviews(_Columns):
    """Reviews that were done in the quarter; `reduction` and `log_days` are NaN where unknown."""

    officer: Integers
    agency: Integers
    specialty: Integers
    reduction: Vector
    log_days: Vector
