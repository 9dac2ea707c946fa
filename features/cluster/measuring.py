"""Measures on a cluster: which can be computed side by side, and the step that does.

A measure that looks back needs the rows of its key together, with what it reads of them known
already; so measures are computed in stages, each an exchange by one key.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.cluster.engine import Parcel, merged
from features.cluster.rows import ASKED, OWN, UNIT, asked_of, columns_of, history_of, known
from features.contracts.vectors import Integers
from features.history import History
from features.kernels.order import Rows
from features.spec import Key, Measure, Scenario


@dataclass
class Stage:
    """Measures that one exchange by `key` is enough for, those that look back first."""

    key: Key
    measures: list[Measure] = field(default_factory=list)


def stages_of(measures: Sequence[Measure]) -> tuple[tuple[Measure, ...], list[Stage]]:
    """Measures that need nothing but the event, and the stages of the others.

    A stage reads of other rows only what was known before it, so that it may be shown a part of
    them.

    >>> first = Measure("a", "previous", key=("k",), field="x")
    >>> second = Measure("b", "elapsed", key=("a",))
    >>> third = Measure("c", "elapsed", key=("k",))
    >>> _, stages = stages_of([first, second, third, Measure("d", "hour")])
    >>> [(stage.key, [item.name for item in stage.measures]) for stage in stages]
    [(('k',), ['a', 'c']), (('a',), ['b'])]
    """
    alone: list[Measure] = []
    stages: list[Stage] = []
    level: dict[str, int] = {}
    for measure in measures:
        needed = max((level[name] for name in read_of(measure) if name in level), default=0)
        if measure.atom is None:
            (stages[needed - 1].measures if needed else alone).append(measure)
            level[measure.name] = needed
            continue
        place = needed
        while place < len(stages) and stages[place].key != measure.key:
            place += 1
        if place == len(stages):
            stages.append(Stage(measure.key))
        stages[place].measures.append(measure)
        level[measure.name] = place + 1
    for stage in stages:
        stage.measures.sort(key=lambda item: item.atom is None)
    return tuple(alone), stages


def read_of(measure: Measure) -> set[str]:
    """Fields and measures that `measure` is made of."""
    where = {measure.where.field} if measure.where else set()
    network = measure.network
    joined = {network.member, *network.by} if network else set()
    return {measure.field, measure.other, *measure.key, *where, *joined}


def with_measures(
    history: History, measures: Sequence[Measure], names: Sequence[str]
) -> pl.DataFrame:
    """Columns `names` of the rows asked about, and their measures, which the history gets too."""
    columns = history.columns
    asked = asked_of(columns)
    made: list[pl.Series] = []
    for measure in measures:
        values = history.measured(measure, asked)
        if measure.is_code:
            texts = history.texts_of(measure)
            made.append(known(columns, measure.field, texts, values).alias(measure.name))
            codes = np.full(len(columns), -1, np.int32)
            codes[asked.queries] = values
            columns.codes[measure.name], columns.texts[measure.name] = codes, texts
        else:
            made.append(pl.Series(measure.name, values))
            columns.numbers[measure.name] = _spread(values, asked.queries, len(columns))
    return columns.frame[asked.queries].select(*names, *made)


def _spread(values: Integers, rows: Rows, n: int) -> Integers:
    out = np.zeros(n, np.int64)
    out[rows] = values
    return out


@dataclass(frozen=True)
class MeasureRows:
    """Step: the rows that a bucket is asked about, with the measures of a stage."""

    scenario: Scenario
    calendar: Calendar
    stage: Stage
    before: tuple[Measure, ...]

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """A bucket's rows without those that were only shown."""
        read = {name for measure in self.stage.measures for name in read_of(measure)}
        fields = [item for item in self.scenario.fields if item.name in read]
        before = [item for item in self.before if item.name in read]
        for bucket, flows in merged(parcels).items():
            for unit in flows[OWN].partition_by(UNIT):
                columns = columns_of(unit, fields, before)
                history = history_of(columns, self.scenario, self.calendar)
                names = [name for name in unit.columns if name not in (UNIT, ASKED)]
                yield Parcel(bucket, OWN, with_measures(history, self.stage.measures, names))
