"""Declarations of a scenario: its measures, features and rules; unit, texts and version follow.

A scenario is its events' fields, a few *measures* (integers and codes that an event gets once, when
it is learned) and *features* (numbers about an event from strictly earlier events).
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final, Literal

from features.calendar import Calendar
from features.contracts.errors import DeclarationError, UnknownFeatureError
from features.contracts.events import EventField
from features.contracts.vectors import FeatureInfo
from features.expression import (
    DAY_US,
    MAX_DAYS,
    Atom,
    Expression,
    IsNew,
    Key,
    Own,
    Rarity,
    RobustZ,
    Share,
    Since,
    Where,
    Window,
    check_window,
)
from features.kernels import KERNEL_VERSION

__all__ = [
    "DAY_US",
    "MAX_DAYS",
    "Atom",
    "Expression",
    "Feature",
    "IsNew",
    "Key",
    "Measure",
    "Own",
    "Rarity",
    "RobustZ",
    "Rule",
    "Scenario",
    "Share",
    "Since",
    "Where",
    "Window",
]

Tail = Literal["high", "low", "both"]

_CODES: Final = ("key", "category")
_FROM_FIELD: Final = ("previous", "between", "ratio_ppm", "quotient", "present", "change_ppm")


def _without(columns: Collection[str], left_out: Collection[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in left_out)


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
        check_window(self.name, self.days)

    @property
    def is_code(self) -> bool:
        """Whether it holds a code rather than a number."""
        return self.how == "previous"

    @property
    def atom(self) -> Atom | None:
        """The window it looks at, where it looks at one."""
        if self.how not in ("previous", "elapsed", "elapsed_first", "change_ppm"):
            return None
        return Atom(self.key, "ends", None, self.days, self.where)


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared feature: an expression and what people must know of it."""

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
class Rule:
    """A fixed rule over features: hit when every condition holds, as of the event.

    `conditions` are (feature, comparison, threshold); `applies` restricts the events by a field's
    values. Not applicable outside `applies`; insufficient where a condition's feature is missing.
    """

    name: str
    zh: str
    en: str
    basis: str
    conditions: tuple[tuple[str, Literal[">=", ">", "<=", "<"], float], ...]
    applies: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One supervised business, declared in one file.

    `scored` kinds are scored; where an event of a later kind in the tuple shares its id with an
    earlier-kind event known before it, it is not. `history` kinds are what windows look at by
    default.
    """

    name: str
    zh: str
    en: str
    kinds: tuple[str, ...]
    scored: tuple[str, ...]
    history: tuple[str, ...]
    subject: str
    amount: str
    peer_group: str
    fields: tuple[EventField, ...]
    measures: tuple[Measure, ...]
    features: tuple[Feature, ...]
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        self._check_names()
        self._check_roles()
        for k, measure in enumerate(self.measures):
            self._check_measure(measure, {item.name for item in self.measures[k:]})
        for feature in self.features:
            if isinstance(feature.of, Own):
                self._check(feature.name, "shows", feature.of.value, self.numbers)
            for atom in feature.of.atoms:
                self._check_atom(feature.name, atom, ())
        for rule in self.rules:
            for name, _, _ in rule.conditions:
                self.feature(name)

    def _check_names(self) -> None:
        names = [feature.name for feature in self.features]
        columns = [*(item.name for item in self.fields), *(item.name for item in self.measures)]
        for kind, listed in (("feature", names), ("field or measure", columns)):
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                message = f"{self.name}: {kind} {twice[0]!r} is declared twice; drop one"
                raise DeclarationError(message)

    def _check_roles(self) -> None:
        codes = [item.name for item in self.fields if item.kind in _CODES]
        for kind in (*self.scored, *self.history):
            self._check("what is scored or counted", "names", kind, self.kinds)
        self._check("the subject", "is", self.subject, codes)
        self._check("the peer group", "is", self.peer_group, codes)
        numbers = [item.name for item in self.fields if item.kind in ("money", "number")]
        self._check("the amount", "is", self.amount, numbers)

    def _check_measure(self, measure: Measure, later: Collection[str]) -> None:
        if measure.atom is not None:
            self._check_atom(measure.name, measure.atom, later)
        if measure.how in _FROM_FIELD:
            columns = self.codes if measure.is_code else self.numbers
            self._check(measure.name, "takes", measure.field, _without(columns, later))
        if measure.how in ("ratio_ppm", "quotient"):
            self._check(measure.name, "divides by", measure.other, _without(self.numbers, later))

    def _check_atom(self, name: str, atom: Atom, later: Collection[str]) -> None:
        codes = _without(self.codes, later)
        if not atom.key:
            message = f"{self.name}: {name} has no key; name whose earlier events it looks at"
            raise DeclarationError(message)
        for column in atom.key:
            self._check(name, "groups by", column, codes)
        if atom.where:
            self._check(name, "asks for", atom.where.field, ("kind", *codes))
        if atom.value:
            instants = {item.name for item in self.fields if item.kind == "instant"}
            allowed = ("kind", *codes) if atom.op == "codes" else _without(self.numbers, instants)
            self._check(name, "is made of", atom.value, allowed)

    def _check(self, name: str, verb: str, column: str, allowed: Collection[str]) -> None:
        if column not in allowed:
            message = f"{self.name}: {name} {verb} {column!r}, which is none of {tuple(allowed)}"
            raise DeclarationError(message)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Columns that hold codes."""
        fields = tuple(item.name for item in self.fields if item.kind in _CODES)
        return fields + tuple(item.name for item in self.measures if item.is_code)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold integers."""
        fields = tuple(item.name for item in self.fields if item.kind not in _CODES)
        return fields + tuple(item.name for item in self.measures if not item.is_code)

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """Features by name."""
        return {feature.name: feature for feature in self.features}

    def feature(self, name: str) -> Feature:
        """The feature of that name.

        Raises
        ------
        UnknownFeatureError
            Nothing declares it; the message names the nearest.
        """
        if name not in self.by_name:
            raise UnknownFeatureError.among(name, self.by_name)
        return self.by_name[name]

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """All states the features need, each once, in a fixed order."""
        return tuple(dict.fromkeys(atom for item in self.features for atom in item.of.atoms))

    def spec_hash(self, calendar: Calendar) -> str:
        """SHA-256 of everything that decides a value: declarations, calendar, kernel version."""
        content = {
            "name": self.name,
            "scored": self.scored,
            "history": self.history,
            "peer_group": self.peer_group,
            "fields": [item.model_dump(exclude={"title_zh", "title_en"}) for item in self.fields],
            "measures": [asdict(item) for item in self.measures],
            "features": [[type(item.of).__name__, asdict(item.of)] for item in self.features],
            "calendar": calendar.digest,
            "kernel": KERNEL_VERSION,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
