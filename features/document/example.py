"""A worked example of a feature: its story run through the engine, and worked out by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.contracts.events import EventField
from features.declared import Measure
from features.document.by_hand import by_hand
from features.document.plan import Value
from features.document.story import Story, Told, required, tell
from features.document.worked import Worked, worked
from features.expression import Lookback, Own
from features.frames import of_tables
from features.history import History
from features.kernels import MISSING
from features.retrace import Trace, trace
from features.spec import Feature, Scenario
from features.window import DAY_US, MINUTE_US

_CODES: Final = ("key", "category")


@dataclass(frozen=True, slots=True)
class Line:
    """Events of an example that say the same: how many, from when to when, and what they say."""

    n: int
    first_us: int
    last_us: int
    source: str | None
    kind: str
    says: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Example:
    """The history, the event, the cell with its trace, and the cell worked out by hand."""

    lines: tuple[Line, ...]
    event: Line
    trace: Trace
    worked: Worked


def example(scenario: Scenario, feature: Feature) -> Example:
    """An example of `feature` in which it has a value, executed."""
    calendar = Calendar.prc()
    narrow = _narrow(scenario, feature)
    story = tell(narrow, feature, calendar)
    history = _history(story, calendar)
    row = int(np.flatnonzero(history.columns.t == story.event.at)[-1])
    found = trace(history, row, feature)
    measures = {item.name: item for item in scenario.measures}
    measure = measures.get(feature.name)
    told = story.event
    if isinstance(feature.of, Own) and measure is not None:
        known = {**_measured(history, row, measure), **told.fields}
        answer = by_hand(measure, known, told.at, found.parts, calendar, measures)
    else:
        answer = worked(feature.of, found, told.at)
    (event,) = _lines(story.told[-1:], narrow)
    return Example(_lines(story.told[:-1], narrow), event, found, answer)


def _measured(history: History, row: int, measure: Measure) -> dict[str, Value]:
    """Measures of the event that another one is made of, and those that they are made of."""
    declared = {item.name: item for item in history.scenario.measures}
    names, open_ = set[str](), [measure]
    while open_:
        made_of = {open_[-1].field, open_.pop().other} & declared.keys() - names
        names |= made_of
        open_ += [declared[name] for name in made_of]
    numbers = history.columns.numbers
    held = {name: int(numbers[name][row]) for name in names if name in numbers}
    return {name: value for name, value in held.items() if value != MISSING}


def _narrow(scenario: Scenario, feature: Feature) -> Scenario:
    """The scenario with this feature alone, and the sources that it looks at."""
    named = feature.of.source if isinstance(feature.of, Lookback) else None
    sources = tuple(item for item in scenario.sources if item.scenario == named)
    return replace(scenario, features=(feature,), rules=(), patterns=(), sources=sources)


def _history(story: Story, calendar: Calendar) -> History:
    scenario = story.scenario
    own = _frame(story, None, scenario.fields)
    sources = {
        item.scenario: _frame(story, item.scenario, item.fields) for item in scenario.sources
    }
    history = of_tables(own, scenario, calendar=calendar, sources=sources)
    history.measure()
    return history


def _frame(story: Story, source: str | None, fields: tuple[EventField, ...]) -> pl.DataFrame:
    told = [item for item in story.told if item.source == source]
    rows = [required(fields, item) for item in told]
    columns = {
        item.name: pl.Series(
            [row.get(item.name) for row in rows],
            dtype=pl.String if item.kind in _CODES else pl.Int64,
        )
        for item in fields
    }
    return pl.DataFrame(
        {
            "effective_at": pl.Series([item.at for item in told], dtype=pl.Int64),
            "kind": pl.Series([item.kind for item in told], dtype=pl.String),
            "event_id": pl.Series([f"e{k}" for k in range(1, len(told) + 1)], dtype=pl.String),
            **columns,
        }
    )


def _lines(told: Sequence[Told], scenario: Scenario) -> tuple[Line, ...]:
    """Events that say the same on one line, in the order of the first."""
    instants = {item.name for item in scenario.fields if item.kind == "instant"}
    groups: dict[tuple[object, ...], list[tuple[Told, dict[str, str]]]] = {}
    for item in told:
        says = {k: _shown(v, item, is_instant=k in instants) for k, v in item.fields.items()}
        same = tuple((k, v) for k, v in says.items() if k not in item.apart)
        key = item.source, item.kind, same, tuple(sorted(item.apart))
        groups.setdefault(key, []).append((item, says))
    return tuple(_line(group) for group in groups.values())


def _shown(value: Value, told: Told, *, is_instant: bool) -> str:
    if not is_instant or isinstance(value, str):
        return str(value)
    days, rest = divmod(told.at - value, DAY_US)
    return f"t - {(told.at - value) // MINUTE_US} min" if rest else f"t - {days} d"


def _line(group: list[tuple[Told, dict[str, str]]]) -> Line:
    first, last = group[0][0], group[-1][0]
    says = []
    for name, value in group[0][1].items():
        different = {told[name] for _, told in group}
        says.append((name, value if len(different) == 1 else f"{len(different)} x {name}-…"))
    return Line(len(group), first.at, last.at, first.source, first.kind, tuple(says))
