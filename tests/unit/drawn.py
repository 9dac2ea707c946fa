"""Events of any scenario drawn at random from its declaration: few keys, texts that it asks for."""

import random
from collections.abc import Iterator
from typing import Final

from features.contracts.events import Event, EventField, from_us
from features.expression import KeyZ, Lookback
from features.spec import DAY_US, Scenario, Where
from features.store.ledger import Ledger

START_US: Final = 20_000 * DAY_US
_NUMBERS: Final = (0, 1, 90, 100, 100, 100, 103, 110, 10_000, 1_000_000)


def events(scenario: Scenario, n: int, seed: int) -> list[Event]:
    """`n` events over some months, a fifth of them of the scenarios that it looks at."""
    chance, texts = random.Random(seed), _texts(scenario)  # noqa: S311  (no secret)
    found = []
    for number in range(n):
        source = chance.choice(scenario.sources) if scenario.sources and number % 5 == 0 else None
        kinds, fields = scenario.kinds, scenario.fields
        if source is not None:
            kinds, fields = source.kinds, source.fields
        at = START_US + chance.randrange(150 * 24) * DAY_US // 24
        told = {item.name: _value(item, chance, texts, at) for item in fields}
        found.append(
            Event(
                scenario=scenario.name if source is None else source.scenario,
                kind=chance.choice(kinds),
                event_id=f"E-{number}",
                effective_at=from_us(at),
                fields={name: value for name, value in told.items() if chance.random() > 0.03},
            )
        )
    return found


def ledger(scenario: Scenario, n: int, seed: int) -> Ledger:
    """A ledger of such events, a quarter of them known late, an eighth corrected or retracted."""
    chance, made = random.Random(seed), Ledger.in_memory()  # noqa: S311  (no secret)
    for event in events(scenario, n, seed):
        late = chance.randrange(1, 20) * DAY_US if chance.random() < 0.25 else 0
        made.admit([event], observed_us=event.effective_us + late)
        if chance.random() < 0.125:
            change = {"version": 2, "retracted": chance.random() < 0.5}
            again = event.model_copy(update=change)
            made.admit([again], observed_us=event.effective_us + late + 3 * DAY_US)
    return made


def _texts(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """The texts that the scenario asks for in each of its fields."""
    found: dict[str, list[str]] = {}
    for where in _conditions(scenario):
        found.setdefault(where.field, []).extend(where.values)
    for measure in scenario.measures:
        found.setdefault(measure.field, []).extend(name for name, _ in measure.limits)
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def _conditions(scenario: Scenario) -> Iterator[Where]:
    for measure in scenario.measures:
        if measure.where is not None:
            yield measure.where
    for feature in scenario.features:
        if isinstance(feature.of, Lookback) and feature.of.where is not None:
            yield feature.of.where
        if isinstance(feature.of, KeyZ) and feature.of.over is not None:
            yield feature.of.over


def _value(
    item: EventField, chance: random.Random, texts: dict[str, tuple[str, ...]], at: int
) -> int | str:
    if item.kind in ("key", "category"):
        return chance.choice(texts.get(item.name) or [f"{item.name}-{k}" for k in range(4)])
    if item.kind == "instant":
        return at - chance.randrange(400) * DAY_US
    return chance.choice(_NUMBERS)
