"""Expected against realised alerts of judged rows: in all, by month, and by unit.

A unit is a peer group, and a month one of UTC. Where a month lies outside of its interval scores
have drifted; where a unit does, its events are not like those of the others.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from models.budget import period_of
from models.volume import AlertVolume
from training import alerts
from training.alerts import Mask

Scope = Literal["all", "period", "unit"]
RuleName = Literal["fixed", "rolling"]
RULES: Final[dict[RuleName, alerts.LiveRule]] = {"fixed": alerts.fixed, "rolling": alerts.rolling}


class Volume(BaseModel):
    """The alerts of one stretch of rows under one live rule, and what chance explains (99 %)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: RuleName
    scope: Scope
    key: str
    """The month or the unit; empty for all rows."""
    n_rows: int
    n_alerts: int
    expected: float
    """Share of the rows that the line lets through on average."""
    realised: float
    error: float
    """Relative to the budget."""
    low: int
    high: int
    is_inside: bool

    @classmethod
    def of(
        cls, hits: Mask, *, rule: RuleName, scope: Scope, key: str, budget: float, n_held_out: int
    ) -> "Volume":
        """Count the hits of a stretch."""
        told = AlertVolume.of(
            int(hits.sum()), n_events=len(hits), budget=budget, n_held_out=n_held_out
        )
        return cls(
            rule=rule,
            scope=scope,
            key=key,
            n_rows=told.n_events,
            n_alerts=told.n_alerts,
            expected=told.expected,
            realised=told.realised,
            error=told.error,
            low=told.low,
            high=told.high,
            is_inside=told.is_inside,
        )


def volumes(
    table: FeatureTable, score: Vector, held_out: Vector, budget: float
) -> tuple[Volume, ...]:
    """Both live rules over the rows of `table`, which are in time order; none without rows.

    Parameters
    ----------
    table
        The judged rows.
    score
        Their scores (n).
    held_out
        Scores of the calibration slice.
    budget
        Share of the events that reviewers have room for.
    """
    if len(score) == 0 or len(held_out) == 0:
        return ()
    everything: tuple[Scope, str, Integers] = ("all", "", np.arange(len(score)))
    stretches = [everything, *_stretches(table)]
    return tuple(
        Volume.of(
            hits[rows], rule=rule, scope=scope, key=key, budget=budget, n_held_out=len(held_out)
        )
        for rule, hits in _hits(score, held_out, budget)
        for scope, key, rows in stretches
    )


def _hits(score: Vector, held_out: Vector, budget: float) -> Iterator[tuple[RuleName, Mask]]:
    for name, rule in RULES.items():
        yield name, rule(score, held_out, budget)


def _stretches(table: FeatureTable) -> Iterator[tuple[Scope, str, Integers]]:
    months = [period_of(at, "month") for at in table.effective_us.tolist()]
    yield from _grouped("period", months)
    yield from _grouped("unit", table.peer_group.tolist())


def _grouped(scope: Scope, keys: Sequence[str]) -> Iterator[tuple[Scope, str, Integers]]:
    labels = np.asarray(keys, dtype=object)
    for key in sorted(set(keys)):
        yield scope, key, np.flatnonzero(labels == key)
