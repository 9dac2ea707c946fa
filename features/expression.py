"""Expressions: numbers about an event from strictly earlier events, as declarations.

Name and states follow from what is declared.

>>> Window(("enterprise",), "sum", "amount_minor", days=90).name
'amount_minor_sum_90d_by_enterprise'
>>> Share(("enterprise", "officer"), of=("enterprise",), days=365).name
'officer_share_365d_by_enterprise'
>>> Window(("enterprise",), "count", days=0)
Traceback (most recent call last):
features.contracts.errors.LeakError: n_0d_by_enterprise: a window must end before the event and be
longer than nothing; 0 days is not: state days between 1 and 1827
"""

from dataclasses import dataclass
from typing import Final, Literal

from features.contracts.errors import DeclarationError, LeakError

Key = tuple[str, ...]
Aggregate = Literal["count", "sum", "mean", "std", "min", "max", "distinct", "hhi"]

DAY_US: Final = 86_400_000_000
MAX_DAYS: Final = 1827


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on source events: `field` is one of `values`; `label` enters the name."""

    label: str
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Atom:
    """One state that kernels compute: an operation over a key's window of source events."""

    key: Key
    op: Literal["moments", "codes", "grids", "ends"]
    value: str | None
    days: int
    where: Where | None = None


def check_window(name: str, days: int) -> None:
    """Refuse a window that does not end before the event.

    Raises
    ------
    LeakError
        Names the feature or measure and the days allowed.
    """
    if not 1 <= days <= MAX_DAYS:
        message = (
            f"{name}: a window must end before the event and be longer than nothing; "
            f"{days} days is not: state days between 1 and {MAX_DAYS}"
        )
        raise LeakError(message)


def _part(where: Where | None, value: str | None) -> str:
    return "_".join(text for text in (where.label if where else "", value or "") if text)


@dataclass(frozen=True, slots=True)
class Own:
    """A number the event itself carries (a field or a measure)."""

    value: str

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.value

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """None: nothing earlier is looked at."""
        return ()

    @property
    def window_days(self) -> int | None:
        """None: there is no window."""
        return None


@dataclass(frozen=True, slots=True)
class Window:
    """An aggregate of earlier events of the same key.

    Count and sum of an empty window are 0; every other aggregate is missing there.
    """

    key: Key
    agg: Aggregate
    value: str | None = None
    days: int = 365
    where: Where | None = None

    def __post_init__(self) -> None:
        check_window(self.name, self.days)
        if (self.agg == "count") != (self.value is None):
            message = f"{self.name}: count takes no value, {self.agg} takes one"
            raise DeclarationError(message)

    @property
    def name(self) -> str:
        """`<measure>_<aggregate>_<window>_by_<key>`."""
        by = f"{self.days}d_by_{'_'.join(self.key)}"
        if self.agg == "count":
            return f"n_{self.where.label}_{by}" if self.where else f"n_{by}"
        return f"{_part(self.where, self.value)}_{self.agg}_{by}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The one state it is finalised from."""
        op: Literal["codes", "moments"] = "codes" if self.agg in ("distinct", "hhi") else "moments"
        return (Atom(self.key, op, self.value, self.days, self.where),)

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a key's earlier events (or of their sum) that shares further fields with this one.

    Missing where the whole has fewer than `min_n` events.
    """

    key: Key
    of: Key
    value: str | None = None
    days: int = 365
    where: Where | None = None
    min_n: int = 3

    def __post_init__(self) -> None:
        check_window(self.name, self.days)
        if not set(self.of) < set(self.key):
            message = f"{self.name}: {self.of} is not a part of {self.key}; add a field to the key"
            raise DeclarationError(message)

    @property
    def name(self) -> str:
        """`<further fields>_share_<window>_by_<key of the whole>`."""
        further = "_".join(field for field in self.key if field not in self.of)
        part = _part(self.where, self.value)
        label = f"{part}_{further}" if part else further
        return f"{label}_share_{self.days}d_by_{'_'.join(self.of)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """States of the part and of the whole."""
        return (
            Atom(self.key, "moments", self.value, self.days, self.where),
            Atom(self.of, "moments", self.value, self.days, self.where),
        )

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


@dataclass(frozen=True, slots=True)
class IsNew:
    """1 when this combination of keys has not been seen in the window although `of` has, else 0."""

    key: Key
    of: Key
    days: int = 1095
    min_n: int = 3

    def __post_init__(self) -> None:
        check_window(self.name, self.days)

    @property
    def name(self) -> str:
        """`is_new_<key>_<window>`."""
        return f"is_new_{'_'.join(self.key)}_{self.days}d"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """States of the pair and of the key it is new to."""
        return (
            Atom(self.key, "moments", None, self.days),
            Atom(self.of, "moments", None, self.days),
        )

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


@dataclass(frozen=True, slots=True)
class Since:
    """Days since the last earlier event of the key, missing where the window has none."""

    key: Key
    days: int = 1095
    where: Where | None = None

    def __post_init__(self) -> None:
        check_window(self.name, self.days)

    @property
    def name(self) -> str:
        """`days_since_<what>_by_<key>`."""
        what = self.where.label if self.where else "last"
        return f"days_since_{what}_{self.days}d_by_{'_'.join(self.key)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The ends of the window."""
        return (Atom(self.key, "ends", None, self.days, self.where),)

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


@dataclass(frozen=True, slots=True)
class RobustZ:
    """`(x - median) / (1.4826 MAD)` on the log grid, against the finest peers with 30 events.

    `peers` lists keys from finest to coarsest. Median and MAD are those of the integer log grid
    (64 steps an octave of |x| + 1); the MAD has a floor of one unit of the value or 4 steps, about
    4 %,
    whichever is more.
    """

    value: str
    peers: tuple[Key, ...]
    days: int = 1095

    def __post_init__(self) -> None:
        if not self.peers:
            message = f"{self.value}_robust_z: no peers; name at least one key to compare within"
            raise DeclarationError(message)
        check_window(self.name, self.days)

    @property
    def name(self) -> str:
        """`<value>_robust_z_<window>_by_<finest peers>`."""
        return f"{self.value}_robust_z_{self.days}d_by_{'_'.join(self.peers[0])}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """One grid state a level."""
        return tuple(Atom(key, "grids", self.value, self.days) for key in self.peers)

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


@dataclass(frozen=True, slots=True)
class Rarity:
    """How seldom `key` follows from `of`: about `log2((n_of + 1) / (n_key + 1))`, in octaves.

    The logarithm is the integer grid's, so it is the same everywhere.
    """

    key: Key
    of: Key
    days: int = 1095
    min_n: int = 10

    def __post_init__(self) -> None:
        check_window(self.name, self.days)
        if not set(self.of) < set(self.key):
            message = f"{self.name}: {self.of} is not a part of {self.key}; add a field to the key"
            raise DeclarationError(message)

    @property
    def name(self) -> str:
        """`<further fields>_rarity_<window>_by_<key of the whole>`."""
        further = "_".join(field for field in self.key if field not in self.of)
        return f"{further}_rarity_{self.days}d_by_{'_'.join(self.of)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """States of the part and of the whole."""
        return (
            Atom(self.key, "moments", None, self.days),
            Atom(self.of, "moments", None, self.days),
        )

    @property
    def window_days(self) -> int | None:
        """Length of the window."""
        return self.days


Expression = Own | Window | Share | IsNew | Since | RobustZ | Rarity
