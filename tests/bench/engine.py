"""What the benchmark asks of an engine, ours and its peers alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import polars as pl

Form = TypeVar("Form")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Engine(Generic[Form, Answer]):
    """An engine: how it takes a history, and how it computes the features of each task.

    `prepare` puts the history into the engine's own form and is not timed; a task is. `cells` shows
    an answer as one Float64 column a feature, in the order of the history, and is not timed either.
    """

    prepare: Callable[[pl.DataFrame], Form]
    tasks: Mapping[str, Callable[[Form], Answer]]
    cells: Callable[[Answer], pl.DataFrame]


def floats(answer: pl.DataFrame) -> pl.DataFrame:
    """Every column as Float64, NaN where a value is missing."""
    return answer.with_columns(pl.all().cast(pl.Float64).fill_null(float("nan")))
