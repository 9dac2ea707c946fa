"""What a part of the benchmark is asked for, and what it finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Tell = Callable[[str], None]
"""Says what is being done."""


@dataclass(frozen=True)
class Size:
    """How much is measured: events of the plain history, and rounds."""

    rows: int = 1_000_000
    rounds: int = 3


@dataclass(frozen=True)
class Finding:
    """Figures by key, what they come from, and how many cells differed from whom they should not.

    `detail` is written down as it is.
    """

    values: Mapping[str, float]
    detail: Mapping[str, object] = field(default_factory=dict)
    different: int = 0
