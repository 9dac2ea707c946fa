"""A small history for a feature, told from its declaration, in which the feature has a value.

What an expression looks at is wanted column by column; a column that is a measure is realised by
the fields, and the events before, that make it so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, assert_never

import numpy as np

from features.calendar import HOUR_US, Calendar
from features.contracts.events import EventField
from features.declared import Feature, Measure
from features.document.plan import Plan, Value, Wanted, planned, text
from features.document.words import network_of
from features.expression import Lookback, Own
from features.spec import Scenario, Where
from features.window import DAY_US, MINUTE_US

_TUESDAY_US: Final = 1_774_944_000_000_000
"""2026-03-31 16:00 in Shanghai, the last day of a quarter."""
_SATURDAY_US: Final = _TUESDAY_US - 3 * DAY_US
_WEEK_US: Final = 7 * DAY_US
_FEN: Final = 100_000
_BASE: Final = 10
_MILLION: Final = 1_000_000


@dataclass
class Told:
    """One event of a story; `fields` are shown, `apart` names those that differ from key to key."""

    at: int
    kind: str
    source: str | None = None
    fields: dict[str, Value] = field(default_factory=dict)
    apart: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Story:
    """Events in time order; the last is the one that the feature is computed for."""

    scenario: Scenario
    told: tuple[Told, ...]

    @property
    def event(self) -> Told:
        """The event in question."""
        return self.told[-1]


def tell(scenario: Scenario, feature: Feature, calendar: Calendar) -> Story:
    """The story of `feature`."""
    of, plan = feature.of, planned(scenario, feature.of)
    at = _SATURDAY_US if _is_day_off(scenario, feature) else _TUESDAY_US
    source = of.source if isinstance(of, Lookback) else None
    teller = _Teller(scenario, source, frozenset(plan.event))
    if isinstance(of, Lookback):
        for wanted, when in zip(plan.before, _times(of, plan, at, calendar), strict=True):
            teller.tell_before(wanted, when, plan.apart)
    teller.tell_event(plan.event, at)
    teller.told.sort(key=lambda told: told.at)
    return Story(scenario, tuple(teller.told))


def _is_day_off(scenario: Scenario, feature: Feature) -> bool:
    off = {item.name for item in scenario.measures if item.how == "off_day"}
    return isinstance(feature.of, Own) and feature.of.value in off


def _times(of: Lookback, plan: Plan, at: int, calendar: Calendar) -> Iterator[int]:
    """Instants inside the window, evenly apart, oldest first."""
    end = int(calendar.midnights(np.array([at]))[0]) if plan.at_midnight else at
    reach = of.reach
    if isinstance(reach, int):
        usable = reach
    else:
        usable = at - int(calendar.period_starts(np.array([at]), reach)[0])
    n = len(plan.before)
    step = min(_WEEK_US, usable // (n + 1))
    step -= step % next(unit for unit in (HOUR_US, MINUTE_US, 1_000_000, 1) if step >= unit)
    return (end - (n - k) * step for k in range(n))


class _Teller:
    """Writes events down, and before each the events that make its measures what is wanted."""

    def __init__(self, scenario: Scenario, source: str | None, fixed: frozenset[str]) -> None:
        self.scenario, self.source, self.fixed = scenario, source, fixed
        self.told: list[Told] = []
        self.measures = {item.name: item for item in scenario.measures}
        self._links: dict[tuple[int, tuple[str, ...]], Told] = {}

    def tell_before(self, wanted: Wanted, at: int, apart: Iterable[str]) -> None:
        """One of the events that the feature looks at."""
        if self.source is not None:
            source = self.scenario.source(self.source)
            told = Told(at, source.kinds[0], self.source)
            self._realise(told, wanted, source.fields)
        else:
            told = Told(at, self.scenario.history[0])
            self._realise(told, wanted, self.scenario.fields)
        told.apart |= set(apart) & set(told.fields)
        self.told.append(told)

    def tell_event(self, wanted: Wanted, at: int) -> None:
        """The event that the feature is computed for."""
        told = Told(at, self.scenario.scored[0])
        self._realise(told, wanted, self.scenario.fields)
        self.told.append(told)

    def _realise(self, told: Told, wanted: Wanted, fields: tuple[EventField, ...]) -> None:
        declared = {item.name: item for item in fields}
        for name, value in wanted.items():
            if name in declared:
                told.fields[name] = _sized(declared[name], value, told.at)
        for name, value in wanted.items():
            if name == "kind":
                told.kind = str(value)
            elif name in self.measures and told.source is None:
                self._measure(told, self.measures[name], value)

    def _measure(  # noqa: C901, PLR0912  (one way a measure)
        self, told: Told, measure: Measure, value: Value
    ) -> None:
        if measure.atom is None:
            _meet(told, measure.where)
        match measure.how:
            case "off_day" | "hour":
                return
            case "between":
                unit = 10 * MINUTE_US if measure.unit == "minutes" else DAY_US
                end = told.at - DAY_US if measure.other else told.at
                if measure.other:
                    told.fields.setdefault(measure.other, end)
                told.fields.setdefault(measure.field, end - int(value) * unit)
            case "present" | "within":
                self._part(told, measure.field, 1)
            case "ratio_ppm" | "quotient" | "difference":
                self._hold(told, measure.other)
                self._part(told, measure.field, value)
                self._part(told, measure.other, _BASE)
            case "limit":
                told.fields.setdefault(measure.field, measure.limits[0][0])
            case "steps" if value == 0:
                self._set_apart(told, measure)
            case "previous" | "steps" | "elapsed" | "elapsed_first" | "change_ppm":
                self._chain(told, measure, value)
            case "network_members" | "network_money" | "network_share_ppm":
                self._join(told, measure)
            case _ as never:
                assert_never(never)

    def _part(self, told: Told, name: str, value: Value) -> None:
        """A field that a measure is made of, or the fields of a measure that it is made of."""
        if name in self.measures:
            self._measure(told, self.measures[name], value)
        else:
            told.fields.setdefault(name, self._some(name, value, told.at))

    def _hold(self, told: Told, name: str) -> None:
        """Let the condition hold that a number is divided by, where two fields decide on it."""
        condition = self.measures.get(name)
        inner = self.measures.get(condition.field) if condition is not None else None
        if condition is None or condition.how != "within" or inner is None:
            return
        goal = condition.high if condition.high is not None else condition.low
        if goal is None or {inner.field, inner.other} & set(self.measures):
            return
        if inner.how == "ratio_ppm":
            told.fields[inner.other] = _MILLION
            told.fields[inner.field] = goal
        elif inner.how == "difference":
            told.fields[inner.other] = _BASE
            told.fields[inner.field] = _BASE + goal

    def _some(self, name: str, value: Value, at: int) -> Value:
        declared = next(item for item in self.scenario.fields if item.name == name)
        return _sized(declared, value, at)

    def _set_apart(self, told: Told, measure: Measure) -> None:
        """Give the event a key of its own where it has none."""
        for name in measure.key:
            if name not in told.fields:
                told.fields[name] = text(name, len(self.told) + 1)
                told.apart.add(name)

    def _chain(self, told: Told, measure: Measure, value: Value) -> None:
        """Tell of the earlier event that the measure looks back at, unless there is one."""
        self._set_apart(told, measure)
        link = {name: told.fields[name] for name in measure.key}
        if measure.how == "change_ppm":
            size = _BASE + (value if isinstance(value, int) else 1)
            told.fields.setdefault(measure.field, self._some(measure.field, size, told.at))
        is_shared = set(measure.key) <= self.fixed
        if is_shared and any(link.items() <= other.fields.items() for other in self.told):
            return
        before = self._before(told, link)
        if measure.how == "previous":
            names = f"{measure.name}-", f"{measure.field}-before-"
            had = str(value).replace(*names)
            if measure.field in self.measures:
                self._measure(before, self.measures[measure.field], had)
            else:
                before.fields[measure.field] = had
        elif measure.how == "steps":
            before.fields[measure.field] = text(f"{measure.field}-before")
        elif measure.how == "change_ppm":
            before.fields[measure.field] = self._some(measure.field, _BASE, before.at)
        elif isinstance(value, int):
            unit = 10 * MINUTE_US if measure.unit == "minutes" else DAY_US
            before.at = told.at - value * unit
        _meet(before, measure.where)

    def _join(self, told: Told, measure: Measure) -> None:
        """Tell of two members with the event's identifiers, and of one with none of them."""
        network = network_of(measure)
        for name in (*measure.key, network.member, *network.by):
            if name not in told.fields:
                told.fields[name] = text(name, len(self.told) + 1)
                told.apart.add(name)
        shared = {name: told.fields[name] for name in (*measure.key, *network.by)}
        alone = {name: told.fields[name] for name in measure.key}
        for number, link in enumerate((shared, shared, alone), 1):
            before = Told(told.at - number * DAY_US, self.scenario.history[0], None, dict(link))
            before.fields[network.member] = f"{told.fields[network.member]}-{number}"
            before.fields[measure.field] = self._some(measure.field, _BASE + number, before.at)
            _meet(before, measure.where)
            self.told.append(before)

    def _before(self, told: Told, link: dict[str, Value]) -> Told:
        """The event that was told of before `told` for its measures, a day before at first."""
        key = id(told), tuple(link)
        if key not in self._links:
            before = Told(told.at - DAY_US, self.scenario.history[0], None, dict(link))
            before.apart = set(told.apart) & set(link)
            self._links[key] = before
            self.told.append(before)
        return self._links[key]


def _meet(told: Told, where: Where | None) -> None:
    if where is None:
        return
    if where.field == "kind":
        told.kind = where.values[0]
    else:
        told.fields.setdefault(where.field, where.values[0])


def _sized(item: EventField, value: Value, at: int) -> Value:
    """A value of the field's kind: a text, or a number of about the size wanted."""
    match item.kind:
        case "key" | "category":
            return value if isinstance(value, str) else text(item.name, value)
        case "money":
            return int(value) * _FEN
        case "instant":
            return at - int(value) * DAY_US
        case "number" | "sketch":
            return int(value)
        case _ as never:
            assert_never(never)


def required(fields: Iterable[EventField], told: Told) -> dict[str, Value]:
    """The fields of an event with something in every one that must be there."""
    filled = {
        item.name: _sized(item, 1, told.at)
        for item in fields
        if item.required and item.name not in told.fields
    }
    return told.fields | filled
