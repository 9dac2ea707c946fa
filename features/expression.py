"""Expressions: numbers about an event from strictly earlier events, as declarations.

Name and states follow from what is declared.

>>> Window(("enterprise",), "sum", "amount_minor", days=90).name
'amount_minor_sum_90d_by_enterprise'
>>> Share(("enterprise", "officer"), of=("enterprise",), days=365).name
'officer_share_365d_by_enterprise'
>>> Window(("officer",), "count", period="month", source="payouts").name
'n_payouts_this_month_by_officer'
>>> Window(("enterprise",), "count", days=0)
Traceback (most recent call last):
features.contracts.errors.LeakError: n_0d_by_enterprise: a window must end before the event and be
longer than nothing; 0 days is not: state days between 1 and 1827
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from features.contracts.errors import DeclarationError
from features.window import (
    DAY_US,
    Atom,
    Key,
    Op,
    Period,
    Reach,
    Where,
    days_of,
    is_whole,
    label_of,
    reach_of,
)

Aggregate = Literal[
    "count",
    "sum",
    "total",
    "earlier",
    "mean",
    "std",
    "min",
    "max",
    "distinct",
    "hhi",
    "entropy",
    "median",
    "mad",
]
OPS: Final[dict[Aggregate, Op]] = {
    "count": "moments",
    "sum": "moments",
    "total": "moments",
    "earlier": "moments",
    "mean": "moments",
    "std": "moments",
    "min": "moments",
    "max": "moments",
    "distinct": "codes",
    "hhi": "codes",
    "entropy": "codes",
    "median": "orders",
    "mad": "orders",
}
"""The state that each aggregate is finalised from."""
WITH_OWN: Final[tuple[Aggregate, ...]] = ("total", "earlier")
"""Aggregates for events that have the number themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """What every expression over earlier events shares: its window and which events count.

    One of `days`, `minutes` and `period` is stated; none of them stands for the class's own
    number of days. `where` is a condition on the earlier events, `source` another scenario that
    they are taken from.
    """

    days: int | None = None
    minutes: int | None = None
    period: Period | None = None
    where: Where | None = None
    source: str | None = None

    DAYS: ClassVar[int] = 365

    def called(self, span: str) -> str:
        """The name, given the window's part of it."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Derived from what is declared."""
        return self.called(label_of(self.reach))

    @property
    def stated(self) -> str:
        """The name with the window as it was declared, right or wrong, for errors."""
        given = {"d": self.days, "min": self.minutes}
        labels = [f"{number}{unit}" for unit, number in given.items() if number is not None]
        return self.called("_".join([*labels, *([f"this_{self.period}"] if self.period else [])]))

    @property
    def reach(self) -> Reach:
        """How far back it looks."""
        if self.days is None and self.minutes is None and self.period is None:
            return self.DAYS * DAY_US
        return reach_of(self.stated, days=self.days, minutes=self.minutes, period=self.period)

    @property
    def window_days(self) -> int | None:
        """Whole days that the window may last."""
        return days_of(self.reach)

    def atom(self, key: Key, op: Op, value: str | None = None, *, near: int = 0) -> Atom:
        """A state over this window of `key`."""
        return Atom(key, op, value, self.reach, self.where, self.source, near)

    def part(self, value: str | None = None) -> str:
        """What is looked at, for the name: source, condition and value."""
        label = self.where.label if self.where else ""
        return "_".join(text for text in (self.source or "", label, value or "") if text)

    def _check_least(self, min_n: int) -> None:
        """Refuse a least number of events that is none."""
        if not is_whole(min_n) or min_n < 1:
            message = f"{self.name}: min_n is {min_n!r}; state a whole number of events from 1 on"
            raise DeclarationError(message)

    def _check_choice(self, what: str, chosen: str, among: tuple[str, ...]) -> None:
        if chosen not in among:
            message = f"{self.name}: no {what} {chosen!r}; choose one of {', '.join(among)}"
            raise DeclarationError(message)


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
class Window(Lookback):
    """An aggregate of earlier events of the same key.

    Count and sum of an empty window are 0; every other aggregate is missing there, but `total`, the
    sum together with the event's own number, and `earlier`, the sum without it: both are missing
    where the event has no such number, and only there. Median and MAD
    are exact: the median of an even number is the mean of the middle two, the MAD the median of
    the absolute deviations from it. Entropy is Shannon's, of the codes' shares, in bits.
    """

    key: Key
    agg: Aggregate
    value: str | None = None

    def __post_init__(self) -> None:
        _ = self.reach
        if self.agg not in OPS:
            message = f"{self.name}: no aggregate {self.agg!r}; choose one of {', '.join(OPS)}"
            raise DeclarationError(message)
        if (self.agg == "count") != (self.value is None):
            message = f"{self.name}: count takes no value, {self.agg} takes one"
            raise DeclarationError(message)
        if self.agg in WITH_OWN and self.source is not None:
            message = f"{self.name}: an event is not of {self.source!r}; sum that source's events"
            raise DeclarationError(message)

    def called(self, span: str) -> str:
        """`<measure>_<aggregate>_<window>_by_<key>`."""
        return f"{self.number}_{span}_by_{'_'.join(self.key)}"

    @property
    def number(self) -> str:
        """What is aggregated, and how."""
        if self.agg == "count":
            return f"n_{self.part()}" if self.part() else "n"
        return f"{self.part(self.value)}_{self.agg}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The one state it is finalised from."""
        return (self.atom(self.key, OPS[self.agg], self.value),)


@dataclass(frozen=True, slots=True)
class Pair(Lookback):
    """What compares the earlier events of `key` with those of `of`.

    Missing where the whole has fewer than `min_n` events.
    """

    key: Key
    of: Key
    min_n: int = 3

    def __post_init__(self) -> None:
        _ = self.reach
        if not set(self.of) < set(self.key):
            message = f"{self.name}: {self.of} is not a part of {self.key}; add a field to the key"
            raise DeclarationError(message)
        self._check_least(self.min_n)

    @property
    def further(self) -> str:
        """The fields by which the key goes beyond the whole's."""
        return "_".join(field for field in self.key if field not in self.of)

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """States of the part and of the whole."""
        return self.atom(self.key, "moments"), self.atom(self.of, "moments")


@dataclass(frozen=True, slots=True)
class Share(Pair):
    """Part of a key's earlier events (or of their sum) that shares further fields with this one."""

    value: str | None = None

    def called(self, span: str) -> str:
        """`<further fields>_share_<window>_by_<key of the whole>`."""
        part = self.part(self.value)
        label = f"{part}_{self.further}" if part else self.further
        return f"{label}_share_{span}_by_{'_'.join(self.of)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """States of the part and of the whole."""
        return tuple(self.atom(key, "moments", self.value) for key in (self.key, self.of))


@dataclass(frozen=True, slots=True)
class IsNew(Pair):
    """1 when this combination of keys has not been seen in the window although `of` has, else 0."""

    DAYS: ClassVar[int] = 1095

    def called(self, span: str) -> str:
        """`is_new_<key>_<window>`."""
        part = f"{self.part()}_" if self.part() else ""
        return f"is_new_{part}{'_'.join(self.key)}_{span}"


@dataclass(frozen=True, slots=True)
class Rarity(Pair):
    """How seldom `key` follows from `of`: about `log2((n_of + 1) / (n_key + 1))`, in octaves.

    The logarithm is the integer grid's, so it is the same everywhere. With a `previous` measure
    in the key it is the rarity of a transition.
    """

    min_n: int = 10

    DAYS: ClassVar[int] = 1095

    def called(self, span: str) -> str:
        """`<further fields>_rarity_<window>_by_<key of the whole>`."""
        part = f"{self.part()}_" if self.part() else ""
        return f"{part}{self.further}_rarity_{span}_by_{'_'.join(self.of)}"


@dataclass(frozen=True, slots=True)
class Since(Lookback):
    """Days since the last (or first) earlier event of the key, missing where there is none."""

    key: Key
    which: Literal["last", "first"] = "last"

    DAYS: ClassVar[int] = 1095

    def __post_init__(self) -> None:
        _ = self.reach
        self._check_choice("end", self.which, ("last", "first"))

    def called(self, span: str) -> str:
        """`days_since_<what>_<window>_by_<key>`."""
        first = "first_" if self.which == "first" and self.part() else ""
        return f"days_since_{first}{self.part() or self.which}_{span}_by_{'_'.join(self.key)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The ends of the window."""
        return (self.atom(self.key, "ends"),)


@dataclass(frozen=True, slots=True)
class AmongPeers(Lookback):
    """What compares the event's own number with its peers', the finest with 30 events of them.

    `peers` lists keys from finest to coarsest. Values are taken on the integer log grid (64 steps
    an octave of |x| + 1), so that groups of millions of rows over years stay exact.
    """

    value: str
    peers: tuple[Key, ...]

    DAYS: ClassVar[int] = 1095

    def __post_init__(self) -> None:
        if not self.peers:
            message = f"{self.name}: no peers; name at least one key to compare within"
            raise DeclarationError(message)
        _ = self.reach

    @property
    def finest(self) -> str:
        """The finest peers' part of the name."""
        return "_".join(self.peers[0]) if self.peers else "nothing"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """One grid state a level."""
        return tuple(self.atom(key, "grids", self.value) for key in self.peers)


@dataclass(frozen=True, slots=True)
class RobustZ(AmongPeers):
    """`(x - median) / (1.4826 MAD)` on the log grid, against the finest peers with 30 events.

    The MAD has a floor of one unit of the value or 4 steps, about 4 %, whichever is more.
    """

    def called(self, span: str) -> str:
        """`<value>_robust_z_<window>_by_<finest peers>`."""
        return f"{self.part(self.value)}_robust_z_{span}_by_{self.finest}"


@dataclass(frozen=True, slots=True)
class PeerRank(AmongPeers):
    """Mid-rank of the event's number among its peers', 0 to 1: the share below, ties halved."""

    def called(self, span: str) -> str:
        """`<value>_rank_<window>_by_<finest peers>`."""
        return f"{self.part(self.value)}_rank_{span}_by_{self.finest}"


@dataclass(frozen=True, slots=True)
class Excess(Lookback):
    """Excess over expectation: `(observed - sum p) / sqrt(sum p (1 - p))` over earlier events.

    `observed` is a number that is 0 or 1, `expected` its probability in millionths, both given
    with each event. Missing where fewer than `min_n` events carry them, where not as many carry
    the one as the other, and where nothing was left to chance (every p 0 or 1); an error where a
    number is none of these.
    """

    key: Key
    observed: str
    expected: str
    min_n: int = 5

    def __post_init__(self) -> None:
        _ = self.reach
        self._check_least(self.min_n)

    def called(self, span: str) -> str:
        """`<observed>_excess_<window>_by_<key>`."""
        return f"{self.part(self.observed)}_excess_{span}_by_{'_'.join(self.key)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """Moments of what was observed and of what was expected."""
        return tuple(
            self.atom(self.key, "moments", value) for value in (self.observed, self.expected)
        )


@dataclass(frozen=True, slots=True)
class NearDuplicates(Lookback):
    """Number of earlier events of the key whose text is nearly this event's.

    `sketch` is a field of kind `sketch`: 62 one-bit minwise hashes of the normalised text's
    character trigrams (Li & Koenig 2010, doi:10.1145/1772690.1772759), keyed, taken at the door.
    Two texts of Jaccard similarity J agree in a share (1 + J) / 2 of the bits on average; those
    count that differ in at most `31 (1 - similarity)` of them.
    """

    key: Key
    sketch: str
    similarity: float = 0.6

    DAYS: ClassVar[int] = 1095

    def __post_init__(self) -> None:
        _ = self.reach
        if not 0.0 < self.similarity <= 1.0:
            message = f"{self.name}: similarity lies in (0, 1], {self.similarity} does not"
            raise DeclarationError(message)

    @property
    def bits(self) -> int:
        """Greatest number of differing bits."""
        return int(31 * (1.0 - self.similarity))

    def called(self, span: str) -> str:
        """`n_<sketch>_like_<window>_by_<key>`."""
        return f"n_{self.part(self.sketch)}_like_{span}_by_{'_'.join(self.key)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The one state: how many of the window's sketches are near."""
        return (self.atom(self.key, "near", self.sketch, near=self.bits),)


@dataclass(frozen=True, slots=True)
class SetRarity(Lookback):
    """How seldom the event's set of steps is as short, or as long, among the key's earlier events.

    `sketch` is a measure of kind `steps`. About `log2((n + 1) / (m + 1))` in octaves, where n is
    the number of earlier events with a set, and m of those that had no step which this event lacks
    (`side` is `lacking`), or that lacked no step which this event has (`exceeding`). Two bits of
    62 stand for a step, so a step may hide behind others: the sets then differ less than they do.
    """

    key: Key
    sketch: str
    side: Literal["lacking", "exceeding"]
    min_n: int = 10

    def __post_init__(self) -> None:
        _ = self.reach
        self._check_choice("side", self.side, ("lacking", "exceeding"))
        self._check_least(self.min_n)

    def called(self, span: str) -> str:
        """`<sketch>_<side>_rarity_<window>_by_<key>`."""
        return f"{self.part(self.sketch)}_{self.side}_rarity_{span}_by_{'_'.join(self.key)}"

    @property
    def near(self) -> int:
        """Which bits are asked about, none of which may differ."""
        return 64 if self.side == "lacking" else 128

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The one state: how many of the window's sets do not differ on that side."""
        return (self.atom(self.key, "near", self.sketch, near=self.near),)


@dataclass(frozen=True, slots=True)
class KeyZ(Lookback):
    """A key compared with all keys: robust z of its number in the snapshot of the last midnight.

    The number is the count (or, with `value`, the sum) of the key's events in the window that
    ends at the local midnight before the event, by what was known at that midnight; with `over`
    it is the share of events that meet `over` among them, in millionths. Keys with fewer than
    `min_n` events are left out, and at least 30 keys are needed. An `over` on kinds takes a `where`
    that names them too; beside another `where` there is no `over`.
    """

    key: Key
    value: str | None = None
    over: Where | None = None
    min_n: int = 1

    DAYS: ClassVar[int] = 90

    def __post_init__(self) -> None:
        if not isinstance(self.reach, int):
            message = f"{self.name}: a snapshot takes a window in days or minutes, not a period"
            raise DeclarationError(message)
        if self.over is not None and self.value is not None:
            message = f"{self.name}: over makes a share of events; drop value"
            raise DeclarationError(message)
        if self.over is not None and not self._is_part(self.over):
            message = (
                f"{self.name}: over must be a part of what is counted; for kinds, name them in "
                "where and some of them in over; for another field, drop where"
            )
            raise DeclarationError(message)
        self._check_least(self.min_n)

    def _is_part(self, over: Where) -> bool:
        if over.field != "kind" or self.where is None:
            return over.field != "kind" and self.where is None
        return self.where.field == "kind" and set(over.values) <= set(self.where.values)

    def called(self, span: str) -> str:
        """`<number>_key_z_<window>_by_<key>`."""
        what = self.part(self.over.label if self.over else self.value) or "n"
        return f"{what}_key_z_{span}_by_{'_'.join(self.key)}"

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """None of the event's own: a snapshot's are `members`."""
        return ()

    @property
    def members(self) -> tuple[Atom, ...]:
        """States of every key at midnight: of all events, and of those that meet `over`."""
        whole = self.atom(self.key, "moments", self.value)
        if self.over is None:
            return (whole,)
        part = Atom(self.key, "moments", None, self.reach, self.over, self.source)
        return whole, part


Expression = (
    Own
    | Window
    | Share
    | IsNew
    | Since
    | RobustZ
    | PeerRank
    | Rarity
    | Excess
    | NearDuplicates
    | SetRarity
    | KeyZ
)
