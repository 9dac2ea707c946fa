"""Cells of ours against a peer's, and the definition where a peer's rounding is in question.

A peer may keep means and standard deviations in floats that lose digits when a large amount leaves
the window. Where such a cell is further from ours than 1e-9, the definition decides: the cell is
the peer's if ours is within 1e-12 of it. Every other difference is ours to answer for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from features.spec import Expression
from tests.bench.definition import Definition
from tests.bench.parity import against_peer, is_rounded, unequal

EXACT: Final = 1e-12
MOST: Final = 200
"""Cells of one feature that the definition is asked about."""


@dataclass(frozen=True)
class Verdict:
    """Cells compared with a peer, those that differ, and those in which the peer is off."""

    compared: int
    different: dict[str, int] = field(default_factory=dict)
    peer_rounded: dict[str, int] = field(default_factory=dict)


def judge(
    events: pl.DataFrame, ours: pl.DataFrame, peer: pl.DataFrame, features: Sequence[Expression]
) -> Verdict:
    """The verdict on the cells of `features` over `events`."""
    verdict = Verdict(len(ours) * len(features))
    rows_of = against_peer(ours.select(of.name for of in features), peer)
    for of in features:
        rows = rows_of[of.name]
        peers = _peers_fault(of, events, ours, rows) if is_rounded(of.name) and rows else 0
        if peers:
            verdict.peer_rounded[of.name] = peers
        if len(rows) > peers:
            verdict.different[of.name] = len(rows) - peers
    return verdict


def _peers_fault(
    of: Expression, events: pl.DataFrame, ours: pl.DataFrame, rows: Sequence[int]
) -> int:
    asked = list(rows[:MOST])
    defined = Definition(events).cells(asked, [of])[of.name].to_numpy()
    return len(asked) - int(unequal(defined, ours[of.name].to_numpy()[asked], EXACT).sum())
