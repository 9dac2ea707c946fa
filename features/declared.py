"""Parts of a scenario: measures, features, rules and sources, each a plain declaration."""

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Final, Literal

from features.contracts.errors import DeclarationError
from features.contracts.events import EventField
from features.contracts.vectors import FeatureInfo, PatternInfo, PatternPart
from features.expression import Expression
from features.window import Atom, Key, Period, Where, reach_of

Tail = Literal["high", "low", "both"]


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
    source is a key field of the scenario that declares it.
    """

    scenario: str
    kinds: tuple[str, ...]
    fields: tuple[EventField, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Fields that hold codes."""
        return tuple(item.name for item in self.fields if item.kind in ("key", "category"))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Fields that hold integers."""
        return tuple(item.name for item in self.fields if item.kind not in ("key", "category"))


@dataclass(frozen=True, slots=True)
class Measure:
    """An integer or code that an event gets once, when it is learned, and keeps.

    - `previous`: the `field` of the last earlier event of `key` (a code);
    - `elapsed`: time since the last (`elapsed`) or first (`elapsed_first`) earlier event of `key`;
    - `between`: time from the instant in `field` to the event;
    - `ratio_ppm`: `field` over `other`, in millionths; `quotient`: whole part of `field` over
      `other`;
    - `present`: 1 where the event carries `field`, else 0;
    - `change_ppm`: relative change of `field` against the last earlier event of `key` that had one;
    - `off_day`: 1 on a day that is not a working day, `hour`: local hour of the day.

    `unit` of a duration is `working_days`, `days` or `minutes`.
    """

    name: str
    how: Literal[
        "previous",
        "elapsed",
        "elapsed_first",
        "between",
        "ratio_ppm",
        "quotient",
        "present",
        "change_ppm",
        "off_day",
        "hour",
    ]
    key: Key = ()
    field: str = ""
    other: str = ""
    unit: Literal["working_days", "days", "minutes"] = "days"
    days: int = 1095
    where: Where | None = None

    def __post_init__(self) -> None:
        reach_of(self.name, days=self.days)

    @property
    def is_code(self) -> bool:
        """Whether it holds a code rather than a number."""
        return self.how == "previous"

    @property
    def atom(self) -> Atom | None:
        """The window it looks at, where it looks at one."""
        if self.how not in ("previous", "elapsed", "elapsed_first", "change_ppm"):
            return None
        return Atom(self.key, "ends", None, reach_of(self.name, days=self.days), self.where)


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared feature: an expression and what people must know of it.

    `fill` stands in where the value is missing for want of history or of a field; the status says
    so (`imputed`). `assumes` is what the texts of the expression cannot know.
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
    false_alarm_zh: str = "批量补录或业务集中办理"
    false_alarm_en: str = "bulk back-loading or seasonal business"
    source: str = ""
    in_model: bool = True
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
class Rule:
    """A fixed rule over features: hit when every condition holds, as of the event.

    `conditions` are (feature, comparison, threshold); `applies` restricts the events by a field's
    values. Not applicable outside `applies`; insufficient where a condition's feature is missing.

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

    @property
    def named(self) -> frozenset[str]:
        """Names of the thresholds that the configuration must give."""
        return frozenset(limit for _, _, limit in self.conditions if isinstance(limit, str))
