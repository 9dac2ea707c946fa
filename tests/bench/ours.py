"""The features by this project's engine."""

from functools import partial
from typing import Final

import polars as pl

from features.frames import compute
from tests.bench.engine import Engine
from tests.bench.scenario import FEATURES, scenario


def prepare(frame: pl.DataFrame) -> pl.DataFrame:
    """The history as it is."""
    return frame


def _run(task: str, events: pl.DataFrame) -> pl.DataFrame:
    return compute(events, scenario(task))


ENGINE: Final = Engine(prepare, {task: partial(_run, task) for task in FEATURES}, prepare)
