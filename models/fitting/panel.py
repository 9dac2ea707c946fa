"""Fits a panel: tails of the columns that patterns read, and each view's distribution."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from features.contracts.vectors import Matrix, PatternInfo, Vector
from models.curves import Curves
from models.fitting.ecdf import knots_of
from models.panel import Panel
from models.tails import SIDES, Tails

TAIL_SHARE: Final = 0.01
"""Share of the training rows beyond which an exponential tail stands in."""
STEP: Final = 0.9
"""Tail share at a curve's knot over that at the knot before it."""

Columns = Sequence[tuple[int, str]]


def places_of(patterns: Sequence[PatternInfo], names: Sequence[str]) -> list[Columns]:
    """Columns and sides of each pattern's parts among the columns `names`."""
    return [
        [(names.index(part.feature), part.side) for part in pattern.parts] for pattern in patterns
    ]


def fit_panel(x: Matrix, plain: Vector, patterns: Sequence[Columns]) -> Panel:
    """A panel over filled training rows `x`, whose own scores by the ensemble are `plain`.

    Beyond the last hundredth of a view's training rows an exponential tail stands in (Coles 2001,
    doi:10.1007/978-1-4471-3675-0, section 4.2), drawn through the median of what lies there, which
    a few far rows do not move.
    """
    tails = _tails(x, patterns)
    return Panel(tails, _curves([plain, *tails.sums(x).T]))


def _tails(x: Matrix, patterns: Sequence[Columns]) -> Tails:
    flat = [place for pattern in patterns for place in pattern]
    kept = [knots_of(x[:, column]) for column, _ in flat]
    return Tails(
        columns=np.array([column for column, _ in flat], dtype=np.int32),
        sides=np.array([SIDES[side] for _, side in flat], dtype=np.int8),
        parts=_starts([len(pattern) for pattern in patterns]),
        n_rows=len(x),
        starts=_starts([values.size for values, _, _ in kept]),
        knots=np.concatenate([values for values, _, _ in kept]),
        le=np.concatenate([le for _, le, _ in kept]).astype(np.int32),
        lt=np.concatenate([lt for _, _, lt in kept]).astype(np.int32),
    )


def _curves(views: Sequence[Vector]) -> Curves:
    made = [_curve(np.sort(view)) for view in views]
    return Curves(
        starts=_starts([knots.size for knots, _, _ in made]),
        knots=np.concatenate([knots for knots, _, _ in made]),
        nats=np.concatenate([nats for _, nats, _ in made]),
        slopes=np.array([slope for _, _, slope in made]),
    )


def _curve(ranked: Vector) -> tuple[Vector, Vector, float]:
    """Knots where the tail share falls by a tenth, their nats, and the slope beyond the last."""
    n, n_steps = ranked.size, int(np.log(TAIL_SHARE) / np.log(STEP)) + 1
    shares = np.maximum(STEP ** np.arange(n_steps + 1), TAIL_SHARE)
    knots = np.unique(ranked[np.minimum((n * (1.0 - shares)).astype(np.intp), n - 1)])
    nats = np.log(n / (n - np.searchsorted(ranked, knots, side="left")))
    return knots, nats, _slope(ranked, float(knots[-1]), float(nats[-1]))


def _slope(ranked: Vector, last: float, nats: float) -> float:
    """Nats per unit beyond the last knot, through the median of what lies there; one for nothing.

    Of a continuous tail half lies beyond the median, so that it is log 2 over the median excess.
    """
    beyond = ranked[ranked > last]
    if not beyond.size:
        return 1.0
    middle = float(beyond[(beyond.size - 1) // 2])
    share = (ranked.size - np.searchsorted(ranked, middle, side="left")) / ranked.size
    return float((-np.log(share) - nats) / (middle - last))


def _starts(sizes: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([0, *accumulate(sizes)], dtype=np.int32)
