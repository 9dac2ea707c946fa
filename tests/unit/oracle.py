"""The oracle: every definition of the feature engine in lists and fractions.

Nothing of the engine is used to say what is right: a window is found by looking at every row of
the ledger, a statistic by its textbook formula on exact numbers.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from features.calendar import Calendar
from features.contracts.events import Event, from_us
from features.expression import (
    AmongPeers,
    Excess,
    Expression,
    IsNew,
    KeyZ,
    Lookback,
    NearDuplicates,
    Own,
    Rarity,
    RobustZ,
    SetRarity,
    Share,
    Since,
    Window,
)
from features.spec import Key, Measure, Network, Scenario, Where
from tests.unit import textbook
from tests.unit.textbook import NONE, NOT_APPLICABLE, OK, Answer, grid

DAY: Final = 86_400_000_000
MINUTE: Final = 60_000_000
MIN_PEERS: Final = 30
MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}

Name = tuple[str, str, str]


@dataclass
class Row:
    """One version in the ledger, as plain values; measures are added to `own`."""

    seq: int
    observed: int
    event: Event
    is_live: bool = False
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> tuple[int, int]:
        """When it happened."""
        return self.event.effective_us, self.event.ordinal

    @property
    def known(self) -> tuple[int, int]:
        """When the ledger learned it."""
        return self.observed, self.seq

    @property
    def name(self) -> Name:
        """Which event it is a version of."""
        return self.event.scenario, self.event.kind, self.event.event_id

    def knows(self, other: "Row") -> bool:
        """What is learned live knows what stands in the ledger, what is loaded what it claims."""
        return other.seq < self.seq if self.is_live else other.known < self.known


@dataclass(frozen=True)
class Look:
    """Which earlier events count: a window, a condition, a scenario."""

    days: int | None = None
    minutes: int | None = None
    period: str | None = None
    where: Where | None = None
    source: str | None = None

    @classmethod
    def of(cls, of: Lookback) -> "Look":
        """What an expression says, its class's days where it says no window."""
        is_stated = of.days or of.minutes or of.period
        days = of.days if is_stated else of.DAYS
        return cls(days, of.minutes, of.period, of.where, of.source)

    @property
    def length(self) -> int:
        """Microseconds of a trailing window."""
        return (self.days or 0) * DAY + (self.minutes or 0) * MINUTE


class Oracle:
    """The definitions over all rows of a ledger."""

    def __init__(self, rows: list[Row], scenario: Scenario, calendar: Calendar) -> None:
        self.rows, self.scenario, self.calendar = rows, scenario, calendar
        self.zone = ZoneInfo(calendar.tz)
        self.ours = [row for row in rows if row.event.scenario == scenario.name]
        self._visible: dict[tuple[int, str], list[Row]] = {}
        for measure in scenario.measures:
            self._visible.clear()
            found = [self.measured(measure, row) for row in self.ours]
            for row, value in zip(self.ours, found, strict=True):
                row.own[measure.name] = value

    def visible(self, row: Row, scenario: str) -> list[Row]:
        """Latest versions of other events that happened and were known before, in time order."""
        if (row.seq, scenario) not in self._visible:
            known = (
                other
                for other in self.rows
                if other.event.scenario == scenario and other.name != row.name and row.knows(other)
            )
            held = [other for other in _latest(known) if other.at < row.at]
            self._visible[row.seq, scenario] = sorted(
                held, key=lambda other: (other.at, other.known)
            )
        return self._visible[row.seq, scenario]

    def seen(self, row: Row, key: Key, look: Look) -> list[Row]:
        """What the window of `row` holds, in time order."""
        if any(row.own[name] is None for name in key):
            return []
        return [
            other
            for other in self.visible(row, look.source or self.scenario.name)
            if self._counts(other, look)
            and all(other.own[name] == row.own[name] for name in key)
            and self._reaches(row.at[0], look, other.at[0])
        ]

    def _counts(self, row: Row, look: Look) -> bool:
        kinds: tuple[str, ...] = self.scenario.history
        if look.source:
            kinds = self.scenario.source(look.source).kinds
        where = look.where
        if where is None:
            return row.event.kind in kinds
        if where.field == "kind":
            return row.event.kind in where.values
        return row.event.kind in kinds and row.own[where.field] in where.values

    def _reaches(self, now: int, look: Look, then: int) -> bool:
        if look.period is None:
            return now - look.length <= then
        return self.period(now, look.period) == self.period(then, look.period)

    def period(self, us: int, period: str) -> object:
        """Which local day, month, quarter or fiscal year an instant lies in."""
        day = self.day(us)
        if period == "day":
            return day
        return (day.year * 12 + day.month - self.calendar.fiscal_month) // MONTHS[period]

    def local(self, us: int) -> datetime:
        """The wall clock."""
        return from_us(us).astimezone(self.zone)

    def day(self, us: int) -> date:
        """The local date."""
        return self.local(us).date()

    def scored(self) -> list[Row]:
        """Rows that are scored, in order: not retracted, not stale, no id asked for before."""
        chosen = []
        for row in self.ours:
            earlier = self.scenario.scored[: _place(row.event.kind, self.scenario.scored)]
            is_asked = any(
                other.event.kind in earlier
                and other.event.event_id == row.event.event_id
                and not other.event.retracted
                and row.knows(other)
                for other in self.ours
            )
            is_scored = row.event.kind in self.scenario.scored and not is_asked
            if is_scored and not row.event.retracted and not self._stale(row):
                chosen.append(row)
        return sorted(chosen, key=lambda row: (row.at, row.seq))

    def _stale(self, row: Row) -> bool:
        return any(
            other.name == row.name and other.event.version > row.event.version and row.knows(other)
            for other in self.rows
        )

    def measured(  # noqa: PLR0911  (one answer a measure)
        self, of: Measure, row: Row
    ) -> int | str | None:
        """The measure's value for `row`."""
        own, other, t = row.own.get(of.field), row.own.get(of.other), row.at[0]
        alone: dict[str, Callable[[], int | None]] = {
            "off_day": lambda: 0 if self._works(self.day(t)) else 1,
            "hour": lambda: self.local(t).hour,
            "present": lambda: 0 if own is None else 1,
            "ratio_ppm": lambda: textbook.ppm(own, other),
            "quotient": lambda: own // other if own is not None and other and other > 0 else None,
            "difference": lambda: None if own is None or other is None else own - other,
            "within": lambda: None if own is None else _within(of, own),
            "between": lambda: self._lasted(of.unit, own, other if of.other else t),
            "limit": lambda: self._limit(of, row),
        }
        if of.how in alone:
            is_for = of.where is None or _meets(row, of.where)
            return alone[of.how]() if is_for else (0 if of.how == "present" else None)
        seen = self.seen(row, of.key, Look(days=of.days, where=of.where))
        if of.network is not None:
            return self._of_network(of, of.network, row, seen)
        if of.how == "change_ppm":
            had = [other.own[of.field] for other in seen if other.own[of.field] is not None]
            return textbook.ppm(own - had[-1], had[-1]) if had and own is not None else None
        if of.how == "previous":
            is_first = not seen and None not in [row.own[name] for name in of.key]
            return (of.start or None) if is_first else seen[-1].own[of.field] if seen else None
        if of.how == "steps":
            gathered = self.measured(of, seen[-1]) if seen else 0
            return int(gathered or 0) | textbook.bloom(own)
        since = (seen[-1 if of.how == "elapsed" else 0].at[0]) if seen else None
        return self._lasted(of.unit, since, t)

    def _limit(self, of: Measure, row: Row) -> int | None:
        steps = dict(of.limits).get(row.own[of.field], ())
        held = [value for since, value in steps if since <= row.at[0]]
        return held[-1] if held else None

    def _of_network(self, of: Measure, network: Network, row: Row, seen: list[Row]) -> int | None:
        """A network's number: a plain graph over what the event sees and says itself."""
        own = row.own[network.member]
        is_named = any(row.own[name] is not None for name in network.by)
        if own is None or not is_named or any(row.own[name] is None for name in of.key):
            return None
        linking = seen
        if network.kinds:
            where = Where("linking", "kind", network.kinds)
            linking = self.seen(row, of.key, Look(days=of.days, where=where))
        members = component(network, [*linking, row], own)
        if of.how == "network_members":
            return len(members)
        money = sum(self._had(of, network, seen, member) for member in members)
        if of.how == "network_money":
            return max(-(2**43), min(money, 2**43))
        whole = sum(other.own[of.field] for other in seen if other.own[of.field] is not None)
        return textbook.ppm(money, whole)

    def _had(self, of: Measure, network: Network, seen: list[Row], member: str) -> int:
        """The sum of a member's latest amounts."""
        its = [row.own[of.field] for row in seen if row.own[network.member] == member]
        its = [amount for amount in its if amount is not None]
        return sum(its[-network.most_rows :])

    def _works(self, day: date) -> bool:
        if day in self.calendar.holidays or day in self.calendar.workdays:
            return day in self.calendar.workdays
        return day.weekday() not in self.calendar.weekend

    def _lasted(self, unit: str, begin: int | None, end: int | None) -> int | None:
        if begin is None or end is None:
            return None
        if unit != "working_days":
            return (end - begin) // (DAY if unit == "days" else MINUTE)
        first, last = sorted((self.day(begin), self.day(end)))
        days = (first + timedelta(days=k + 1) for k in range((last - first).days))
        return (1 if begin <= end else -1) * sum(self._works(day) for day in days)

    def answer(self, of: Expression, row: Row) -> Answer:  # noqa: PLR0911  (one a kind)
        """Value and status of one expression for `row`."""
        if isinstance(of, Own):
            value = row.own[of.value]
            return (None, NOT_APPLICABLE) if value is None else (Fraction(value), OK)
        look = Look.of(of)
        if isinstance(of, AmongPeers):
            return self._among_peers(of, row, look)
        if any(row.own[name] is None for name in of.key):
            return None, NOT_APPLICABLE
        if isinstance(of, Share | IsNew | Rarity):
            part, whole = (self.seen(row, key, look) for key in (of.key, of.of))
            return _share(of, part, whole) if isinstance(of, Share) else _pair(of, part, whole)
        if isinstance(of, KeyZ):
            return self._key_z(of, row, look)
        if isinstance(of, Window) and of.agg in ("total", "earlier"):
            return _total(of, row.own[str(of.value)], self.seen(row, of.key, look))
        return self._alone(of, row, self.seen(row, of.key, look))

    def _alone(  # noqa: PLR0911  (one a kind)
        self, of: Window | Since | Excess | NearDuplicates | SetRarity, row: Row, seen: list[Row]
    ) -> Answer:
        if isinstance(of, Window):
            values = _values(seen, of.value) if of.value else seen
            return textbook.aggregate(of.agg, values)
        if isinstance(of, Excess):
            observed, expected = (_values(seen, name) for name in (of.observed, of.expected))
            return textbook.excess(observed, expected, of.min_n)
        if isinstance(of, Since):
            chosen = seen[-1 if of.which == "last" else 0] if seen else None
            return (Fraction(row.at[0] - chosen.at[0], DAY), OK) if chosen else NONE
        own = row.own[of.sketch]
        if own is None:
            return None, NOT_APPLICABLE
        sketches = _values(seen, of.sketch)
        if isinstance(of, SetRarity):
            return _set_rarity(of, own, sketches)
        most = math.floor(31 * (1 - of.similarity))
        return Fraction(sum((own ^ sketch).bit_count() <= most for sketch in sketches)), OK

    def _among_peers(self, of: AmongPeers, row: Row, look: Look) -> Answer:
        if row.own[of.value] is None:
            return None, NOT_APPLICABLE
        own = grid(row.own[of.value])
        for key in of.peers:
            steps = [grid(value) for value in _values(self.seen(row, key, look), of.value)]
            if len(steps) >= MIN_PEERS:
                of_steps = textbook.robust_z if isinstance(of, RobustZ) else textbook.mid_rank
                return of_steps(own, steps), OK
        return NONE

    def _key_z(self, of: KeyZ, row: Row, look: Look) -> Answer:
        """Compare the row's key with all keys, by what was known at the midnight before it."""
        midnight = self._midnight(row.at[0])
        scenario = look.source or self.scenario.name
        known = (
            other
            for other in self.rows
            if other.event.scenario == scenario and other.observed < midnight and row.knows(other)
        )
        window = [
            other for other in _latest(known) if midnight - look.length <= other.at[0] < midnight
        ]
        own = tuple(row.own[name] for name in of.key)
        numbers = self._numbers(of, window, look)
        steps = [grid(number) for number in numbers.values()]
        if own not in numbers or len(steps) < MIN_PEERS:
            return NONE
        return textbook.robust_z(grid(numbers[own]), steps), OK

    def _numbers(self, of: KeyZ, window: list[Row], look: Look) -> dict[tuple[str, ...], int]:
        """Each key's number, of those that have enough events."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for other in window:
            key = tuple(other.own[name] for name in of.key)
            if None not in key:
                groups.setdefault(key, []).append(other)
        numbers = {}
        part = Look(where=of.over, source=look.source)
        for key, rows in groups.items():
            counted = [row for row in rows if self._counts(row, look)]
            held = _values(counted, of.value)
            if len(held) >= max(of.min_n, 1):
                met = sum(self._counts(row, part) for row in counted)
                numbers[key] = met * 10**6 // len(held) if of.over else sum(held)
        return numbers

    def _midnight(self, us: int) -> int:
        """The first instant of the local day, found by halving."""
        low, high = us - 2 * DAY, us
        while high - low > 1:
            middle = (low + high) // 2
            if self.day(middle) < self.day(us):
                low = middle
            else:
                high = middle
        return high


def _meets(row: Row, where: Where) -> bool:
    told = row.event.kind if where.field == "kind" else row.own[where.field]
    return told in where.values


def component(network: Network, rows: list[Row], own: str) -> set[str]:
    """Who is reached from a member over those with whom enough is shared, step by step.

    The last of the rows, which are in time order, is the event itself.
    """
    event = rows[-1]
    latest = list(reversed(rows[:-1]))

    def names(member: str) -> set[tuple[str, str]]:
        theirs = [row for row in latest if row.own[network.member] == member]
        theirs = theirs[: network.most_rows] + ([event] if member == own else [])
        found = {(name, row.own[name]) for row in theirs for name in network.by}
        return {(name, text) for name, text in found if text is not None}

    def users(name: str, text: str) -> set[str]:
        theirs = [row for row in latest if row.own[name] == text]
        theirs = [row for row in theirs if row.own[network.member] is not None]
        theirs = theirs[: network.most_rows] + ([event] if event.own[name] == text else [])
        found = {row.own[network.member] for row in theirs}
        return found if 1 < len(found) <= network.most_degree else set()

    def joined(member: str) -> set[str]:
        shared: dict[str, int] = {}
        for name in names(member):
            those = users(*name)
            for other in those:
                weight = round(1_000_000 / math.log(1 + len(those)))
                shared[other] = shared.get(other, 0) + weight
        return {other for other, weight in shared.items() if weight >= network.least_ppm}

    reached, last = {own}, {own}
    while last and (last == {own} or len(reached) < network.most_members):
        last = {other for one in last for other in joined(one)} - reached
        reached |= last
    return reached


def _place(kind: str, kinds: tuple[str, ...]) -> int:
    return kinds.index(kind) if kind in kinds else 0


def _within(of: Measure, value: int) -> int:
    low, high = (value if bound is None else bound for bound in (of.low, of.high))
    return int(low <= value <= high)


def _latest(rows: Iterable[Row]) -> list[Row]:
    """The latest version of each event that is not retracted."""
    latest: dict[Name, Row] = {}
    for row in rows:
        held = latest.get(row.name)
        if held is None or held.event.version < row.event.version:
            latest[row.name] = row
    return [row for row in latest.values() if not row.event.retracted]


def _values(rows: list[Row], name: str | None) -> list[Any]:
    """What the rows hold under `name`, those without it left out; ones where none is named."""
    held = [1 if name is None else row.own[name] for row in rows]
    return [value for value in held if value is not None]


def _total(of: Window, own: int | None, seen: list[Row]) -> Answer:
    if own is None:
        return None, NOT_APPLICABLE
    return Fraction(sum(_values(seen, of.value)) + (own if of.agg == "total" else 0)), OK


def _share(of: Share, part: list[Row], whole: list[Row]) -> Answer:
    return textbook.share(_values(part, of.value), _values(whole, of.value), of.min_n)


def _set_rarity(of: SetRarity, own: int, sets: list[int]) -> Answer:
    if len(sets) < of.min_n:
        return NONE
    alone = [own & ~each if of.side == "exceeding" else each & ~own for each in sets]
    return Fraction(grid(len(sets)) - grid(alone.count(0)), 64), OK


def _pair(of: IsNew | Rarity, part: list[Row], whole: list[Row]) -> Answer:
    if len(whole) < of.min_n:
        return NONE
    if isinstance(of, IsNew):
        return Fraction(not part), OK
    return Fraction(grid(len(whole)) - grid(len(part)), 64), OK
