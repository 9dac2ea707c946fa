"""Parts of a scenario: measures, features, rules and sources, each a plain declaration."""

from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Final, Literal, get_args

from features.contracts.errors import DeclarationError
from features.contracts.events import EventField
from features.contracts.vectors import FeatureInfo, PatternInfo, PatternPart
from features.expression import Expression
from features.window import Atom, Key, Op, Period, Where, reach_of

Tail = Literal["high", "low", "both"]
NetworkHow = Literal["network_members", "network_money", "network_share_ppm"]
NETWORK_HOWS: Final[tuple[NetworkHow, ...]] = get_args(NetworkHow)
MOST_JOINED: Final = 1_000
"""Members up to which a network may be declared to grow, and users that an identifier may have."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a review budget is spent on: one event, or all events of a key.

    `key` names code columns, none for a unit of one event; with a `period` the events of each
    calendar period are a unit by themselves (a pair's quarter, a buyer's year).
    """

    key: Key = ()
    period: Period | None = None


ONE_EVENT: Final = Unit()
"""The unit where nothing else is declared."""


@dataclass(frozen=True, slots=True)
class Source:
    """Another scenario that features look at: which of its kinds count, and which of its fields.

    Expressions name it by the scenario's name. Keys are joined by name, so a key field of the
    source is a key field of the scenario that declares it. Kinds that are `on_demand` count only
    where a condition names them.
    """

    scenario: str
    kinds: tuple[str, ...]
    fields: tuple[EventField, ...]
    on_demand: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """Fields that hold codes."""
        return tuple(item.name for item in self.fields if item.kind in ("key", "category"))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Fields that hold integers."""
        return tuple(item.name for item in self.fields if item.kind not in ("key", "category"))


@dataclass(frozen=True, slots=True)
class Network:
    """Members that are joined by identifiers which they share: a phone, an address, an agent.

    An identifier (a field of `by` with its text) that d members use weighs 1 / ln(1 + d), in whole
    millionths; one that more than `most_degree` use weighs nothing, so that a service address does
    not join a city. Two members are joined where all that they share weighs `least_ppm` or more.
    From the event's member the joined are gathered step by step; after the step in which
    `most_members` are reached none follows, so that no event looks at a graph without bound. Of
    one step all are gathered or none: what is reached does not depend on an order.

    Only what the event sees in its window counts, and what it says itself; of an identifier and of
    a member the latest `most_rows` events, so that no search reads a history without end. Events of
    `kinds` say who uses what, those that a measure counts where none are named: a request joins
    before anything is paid.

    >>> Network("enterprise", ("phone", "phone"))
    Traceback (most recent call last):
    features.contracts.errors.DeclarationError: a network of 'enterprise' by ('phone', 'phone'):
    name one or more identifiers, each once, and none of them the member
    """

    member: str
    by: tuple[str, ...]
    most_degree: int = 50
    least_ppm: int = 500_000
    most_members: int = 100
    most_rows: int = 1_000
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = (self.member, *self.by)
        if not self.by or len(set(named)) < len(named):
            message = (
                f"a network of {self.member!r} by {self.by}: name one or more identifiers, each "
                "once, and none of them the member"
            )
            raise DeclarationError(message)
        least = min(self.most_degree - 1, self.least_ppm, self.most_members - 1, self.most_rows)
        if least < 1 or max(self.most_degree, self.most_members) > MOST_JOINED:
            message = (
                f"a network of {self.member!r}: most_degree and most_members lie between 2 and "
                f"{MOST_JOINED}, least_ppm and most_rows above 0"
            )
            raise DeclarationError(message)


@dataclass(frozen=True, slots=True)
class Measure:
    """An integer or code that an event gets once, when it is learned, and keeps.

    - `previous`: the `field` of the last earlier event of `key` (a code); `start` where there is
      none, if that is given;
    - `steps`: the set of texts that `field` had in the earlier events of `key` and has in this one,
      as a number of 62 bits, two of which stand for each text (Bloom 1970,
      doi:10.1145/362686.362692); it is compared with others as a sketch is;
    - `elapsed`: time since the last (`elapsed`) or first (`elapsed_first`) earlier event of `key`;
    - `between`: time from the instant in `field` to the event, or to the instant in `other`;
    - `ratio_ppm`: `field` over `other`, in millionths; `quotient`: whole part of `field` over
      `other`; `difference`: `field` less `other`;
    - `within`: 1 where `low <= field <= high` (either may be left out), else 0;
    - `present`: 1 where the event carries `field`, else 0;
    - `change_ppm`: relative change of `field` against the last earlier event of `key` that had one;
    - `off_day`: 1 on a day that is not a working day, `hour`: local hour of the day;
    - `limit`: the legal limit in force when the event happened, of the class in `field` (one of
      `limits`: the class, and its values each with their first instant);
    - `network_members`: how many members the event's component of `network` among the events of its
      `key` has, its own included; `network_money`: the sum of their `field`; `network_share_ppm`:
      that sum over the sum of all events of `key`, in millionths.

    `where` is a condition on what is looked back at; of a measure of the event's own numbers, on
    the event itself, which goes without the measure where it does not meet it. `unit` of a duration
    is `working_days`, `days` or `minutes`.
    """

    name: str
    how: Literal[
        "previous",
        "steps",
        "elapsed",
        "elapsed_first",
        "between",
        "ratio_ppm",
        "quotient",
        "difference",
        "within",
        "present",
        "change_ppm",
        "off_day",
        "hour",
        "limit",
        "network_members",
        "network_money",
        "network_share_ppm",
    ]
    key: Key = ()
    field: str = ""
    other: str = ""
    unit: Literal["working_days", "days", "minutes"] = "days"
    days: int = 1095
    where: Where | None = None
    start: str = ""
    limits: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    low: int | None = None
    high: int | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        reach_of(self.name, days=self.days)
        if self.how.startswith("network_") != (self.network is not None):
            message = f"{self.name}: a network belongs to `network_...`, and to nothing else"
            raise DeclarationError(message)
        if (self.how == "within") != (self.low is not None or self.high is not None):
            message = f"{self.name}: within takes low or high or both, and nothing else takes them"
            raise DeclarationError(message)
        if self.low is not None and self.high is not None and self.low > self.high:
            message = f"{self.name}: low {self.low} lies above high {self.high}; swap them"
            raise DeclarationError(message)
        if self.how == "limit" and not self.limits:
            message = f"{self.name}: no limits; name each class with its dated values"
            raise DeclarationError(message)
        if self.where is not None and self.how in ("off_day", "hour"):
            message = f"{self.name}: every event has its hour and its day; drop the where"
            raise DeclarationError(message)
        if self.start and self.how != "previous":
            message = f"{self.name}: only a previous text has a start; drop it or make it previous"
            raise DeclarationError(message)

    def place_of(self, text: str | None) -> int:
        """Position of a class among the limits, -1 for none of them."""
        classes = [name for name, _ in self.limits]
        return classes.index(text) if text in classes else -1

    @property
    def is_code(self) -> bool:
        """Whether it holds a code rather than a number."""
        return self.how == "previous"

    @property
    def taken(self) -> str:
        """The column that it takes over from an earlier event; its own where it gathers."""
        return self.name if self.how == "steps" else self.field

    @property
    def atom(self) -> Atom | None:
        """The window it looks at, where it looks at one."""
        if self.network is not None:
            return self._look(self.key, "moments", self.field)
        if self.how not in ("previous", "steps", "elapsed", "elapsed_first", "change_ppm"):
            return None
        return self._look(self.key, "ends", None)

    @property
    def graph(self) -> "Graph | None":
        """The graph that it is a number of, where it is one of a network's."""
        if self.network is None:
            return None
        member, by, where = self.network.member, self.network.by, self.where
        if self.network.kinds:
            where = Where("linking", "kind", self.network.kinds)
        money = self._look((*self.key, member), "moments", self.field)
        link = replace(money, op="codes", value=member, where=where)
        return Graph(
            self.network,
            self.key,
            self.field,
            who=replace(link, key=self.key),
            links=tuple(replace(link, key=(*self.key, name)) for name in by),
            names=tuple(replace(link, value=name) for name in by),
            money=money,
        )

    def _look(self, key: Key, op: Op, value: str | None) -> Atom:
        return Atom(key, op, value, reach_of(self.name, days=self.days), self.where)


@dataclass(frozen=True, slots=True)
class Graph:
    """What a network's numbers are made of: who uses an identifier, what a member uses and had.

    Measures of one network over the same events and window have equal graphs.
    """

    network: Network
    key: Key
    field: str
    who: Atom
    """The events of equal key that say who uses what."""
    links: tuple[Atom, ...]
    """For each identifier the events of equal key and identifier, of which it takes members."""
    names: tuple[Atom, ...]
    """For each identifier the events of equal key and member, of which it takes identifiers."""
    money: Atom
    """The events of equal key and member, of which it takes amounts."""

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """All that are looked at one key at a time."""
        return (*self.links, *self.names, self.money)


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared feature: an expression and what people must know of it.

    `fill` stands in where the value is missing for want of history or of a field; the status says
    so (`imputed`). `assumes` is what the texts of the expression cannot know. What is `sensitive`
    tells of the conduct of a person, or of ties between persons: no model takes it and nobody is
    shown it unless the setting `sensitive_features` says so, and then supervisors alone are.
    """

    of: Expression
    zh: str
    en: str
    why_zh: str
    why_en: str
    unit: str = "events"
    unit_zh: str = "次"
    tail: Tail = "high"
    family: str = ""
    false_alarm_zh: str = ""
    false_alarm_en: str = ""
    source: str = ""
    in_model: bool = True
    sensitive: bool = False
    fill: float | None = None
    assumes_zh: str = ""
    assumes_en: str = ""

    def __post_init__(self) -> None:
        if self.fill is not None and not isfinite(self.fill):
            message = f"{self.name}: {self.fill} cannot stand in for a value; give a number or None"
            raise DeclarationError(message)

    @property
    def name(self) -> str:
        """Derived from the expression."""
        return self.of.name

    @property
    def info(self) -> FeatureInfo:
        """What travels in every bundle."""
        return FeatureInfo(
            name=self.name,
            title_zh=self.zh,
            title_en=self.en,
            unit=self.unit,
            unit_zh=self.unit_zh,
            family=self.family,
            tail=self.tail,
            window_days=self.of.window_days,
            why_zh=self.why_zh,
            why_en=self.why_en,
            false_alarm_zh=self.false_alarm_zh,
            false_alarm_en=self.false_alarm_en,
            source=self.source,
        )


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a rule compares with, as it was valid when.

    `values` are (first day of validity, number), oldest first; None stands for ever before.
    """

    name: str
    values: tuple[tuple[date | None, float], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Features that tell one story together: each common by itself, unusual side by side.

    `parts` are (feature, side): `high`, `low` or `both` says which values belong to the story. The
    model weighs a pattern by how seldom its parts come together, never by what it is called.
    """

    name: str
    zh: str
    en: str
    parts: tuple[tuple[str, Tail], ...]
    source: str = ""

    @property
    def info(self) -> PatternInfo:
        """What travels in every bundle."""
        return PatternInfo(
            name=self.name,
            title_zh=self.zh,
            title_en=self.en,
            parts=tuple(PatternPart(feature=name, side=side) for name, side in self.parts),
            source=self.source,
        )


@dataclass(frozen=True, slots=True)
class Need:
    """Events that a platform must tell of before their absence says anything.

    They are those of the scenario, or of a `source`, that carry one of `values` in `field`, which
    may be "kind"; without `values`, anything at all.
    """

    field: str
    values: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A fixed rule over features: hit when every condition holds, as of the event.

    `conditions` are (feature, comparison, threshold); `applies` restricts the events by a field's
    values. Not applicable outside `applies`; clear where a condition is known not to hold;
    insufficient where a condition's feature is missing and the others hold. A feature that `needs`
    names is missing, too, as long as the ledger knows of no event that its need is for: from who
    never sends permits, no permit proves nothing.

    A threshold is a number, or the name of one that the configuration gives
    (`features.scenarios.rulebook`), which also may change the basis and says how severe a hit is
    (1 a formality, 2 a procedure, 3 money or safety) and from which local day on, and until before
    which, the rule holds: outside it is not applicable.
    """

    name: str
    zh: str
    en: str
    basis: str
    conditions: tuple[tuple[str, Literal[">=", ">", "<=", "<"], float | str], ...]
    applies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: int = 2
    valid_from: date | None = None
    valid_until: date | None = None
    thresholds: tuple[Threshold, ...] = ()
    needs: tuple[tuple[str, Need], ...] = ()

    @property
    def named(self) -> frozenset[str]:
        """Names of the thresholds that the configuration must give."""
        return frozenset(limit for _, _, limit in self.conditions if isinstance(limit, str))
