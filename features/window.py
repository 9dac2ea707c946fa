"""Windows: how far a feature looks back, and at which earlier events.

A window ends strictly before the event. It is a duration of 10 minutes to 5 years, `[t - W, t)`,
or the calendar period that the event lies in, from its first local instant: `[start, t)`.

>>> reach_of("n", days=90) // DAY_US, reach_of("n", minutes=10), reach_of("n", period="quarter")
(90, 600000000, 'quarter')
>>> label_of(90 * DAY_US), label_of(600_000_000), label_of("quarter")
('90d', '10min', 'this_quarter')
"""

from dataclasses import dataclass
from typing import Final, Literal

from features.contracts.errors import DeclarationError, LeakError

Key = tuple[str, ...]
Period = Literal["day", "month", "quarter", "year"]
Reach = int | Period
"""Microseconds of a trailing window, or the calendar period whose start is its left edge."""
Op = Literal["moments", "codes", "grids", "orders", "ends", "near"]

MINUTE_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000
MAX_DAYS: Final = 1827
MIN_MINUTES: Final = 10
LONGEST: Final[dict[str, int]] = {"day": 1, "month": 31, "quarter": 92, "year": 366}
"""Days that a calendar period may have."""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on source events: `field` is one of `values`; `label` enters the name."""

    label: str
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Atom:
    """One state that kernels compute: an operation over a key's window of source events.

    `source` names another scenario whose events are looked at; `near` is the greatest number of
    differing bits at which two sketches count as alike, plus 64 times which bits are asked about:
    all, those that the earlier event has alone, those that the event itself has alone.
    """

    key: Key
    op: Op
    value: str | None
    reach: Reach
    where: Where | None = None
    source: str | None = None
    near: int = 0

    @property
    def longest_us(self) -> int:
        """Microseconds that the window may last; a period gets a day more for clock changes."""
        return self.reach if isinstance(self.reach, int) else (LONGEST[self.reach] + 1) * DAY_US


def reach_of(
    name: str, *, days: int | None = None, minutes: int | None = None, period: Period | None = None
) -> Reach:
    """The reach of a window declared by exactly one of `days`, `minutes` and `period`.

    Raises
    ------
    LeakError
        The window would not end before the event, or would last longer than five years.
    DeclarationError
        None or several of the three are given, an unknown period, or a length that is no whole
        number.
    """
    given = [item for item in (days, minutes, period) if item is not None]
    if len(given) != 1:
        message = f"{name}: state one of days, minutes and period; {len(given)} are given"
        raise DeclarationError(message)
    if period is not None:
        if period not in LONGEST:
            message = f"{name}: no period {period!r}; choose one of {', '.join(LONGEST)}"
            raise DeclarationError(message)
        return period
    if days is not None:
        _check(name, days, "days", 1, MAX_DAYS)
        return days * DAY_US
    _check(name, minutes or 0, "minutes", MIN_MINUTES, MAX_DAYS * 1440)
    return (minutes or 0) * MINUTE_US


def is_whole(value: object) -> bool:
    """Whether a declared number is an integer; True and False are none.

    >>> is_whole(7), is_whole(7.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool)


def _check(name: str, length: int, unit: str, least: int, most: int) -> None:
    if not is_whole(length):
        message = f"{name}: {length!r} {unit} is no whole number of {unit}; state an integer"
        raise DeclarationError(message)
    if not least <= length <= most:
        message = (
            f"{name}: a window must end before the event and be longer than nothing; "
            f"{length} {unit} is not: state {unit} between {least} and {most}"
        )
        raise LeakError(message)


def label_of(reach: Reach) -> str:
    """How a window is called in a feature's name."""
    if not isinstance(reach, int):
        return f"this_{reach}"
    days, rest = divmod(reach, DAY_US)
    return f"{reach // MINUTE_US}min" if rest else f"{days}d"


def days_of(reach: Reach) -> int:
    """Whole days that the window may have, at least one."""
    return LONGEST[reach] if not isinstance(reach, int) else max(1, -(-reach // DAY_US))
