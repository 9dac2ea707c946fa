"""What would make an alert ordinary: the nearest value of one feature that is below the line.

All other features stay as they are. A score need not fall steadily on the way to what is typical,
so nothing is solved for: values at which it may change are scored, and the nearest that lies below
the line is brought closer to the actual one step by step. What is returned was scored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contracts.vectors import Cell, FeatureVector, Vector
from features.contracts.verdicts import Status
from models import peerscale
from models.bundle import Bundle

FIRST: Final = 5
"""Features, of those that add most, that are looked at more closely and before all others."""
CLOSE, COARSE = 24, 6
"""Training values tried for one of the first features, and for one of the others."""
MOST_BREAKS: Final = 128
"""Values at which the score may change that are tried between two neighbours."""
PARTS: Final = 8
TOLERANCE: Final = 1e-4
"""How close the returned value is to one that is not below, relative to its way from the actual."""
_ROUNDS: Final = 12
Mask = NDArray[np.bool_]
_SHARES: Final = (0.01, 0.1, 0.25, 0.5, 0.75)


class Found(NamedTuple):
    """A feature (its place in the spec) and the value, as the model sees it, that is below."""

    feature: int
    actual: float
    value: float


@dataclass(frozen=True, slots=True)
class _Search:
    """One feature of one event: what may be tried for it."""

    bundle: Bundle
    values: Vector
    feature: int
    line: float
    is_whole: bool

    @property
    def actual(self) -> float:
        """The value that the event has."""
        return float(self.values[self.feature])

    def is_below(self, tried: Vector) -> Mask:
        """Whether the event does not exceed the line with each of the values."""
        rows = np.repeat(self.values.reshape(1, -1), len(tried), axis=0)
        rows[:, self.feature] = tried
        return np.asarray(self.bundle.score(rows) <= self.line)

    def tidy(self, tried: Vector) -> Vector:
        """Distinct values, whole where the feature is, without the actual one."""
        tried = np.unique(np.rint(tried) if self.is_whole else tried)
        others: Vector = tried[tried != self.actual]
        return others


def counterfactual(bundle: Bundle, vector: FeatureVector, line: float) -> Found | None:
    """The nearest value of one feature with which the event would not exceed `line`.

    Features are tried in the order of what they add to the score, and the first that can is told;
    only known values are changed. A whole feature stays whole. None where the event is not above
    the line, or no single feature brings it below at any value tried.

    Exact for the model that serves, with labels or without: the value was scored, and a value
    closer to the actual one by `TOLERANCE` of the way (or by one, of whole features) was scored
    and is above.
    """
    values = vector.values
    if bundle.score_row(values) <= line:
        return None
    parts = bundle.explain_row(values)[1]
    for chunk in _chunks(bundle, vector, parts):
        searches = [
            _Search(bundle, values, feature, line, is_whole(bundle, feature, values[feature]))
            for feature in chunk
        ]
        many, group = len(chunk) <= FIRST, vector.peer_group
        tried = [_candidates(search, group, many=many) for search in searches]
        for search, at, below in _scored(searches, tried):
            if below.any():
                return Found(search.feature, search.actual, _nearest(search, at, below))
    return None


def is_whole(bundle: Bundle, feature: int, actual: float) -> bool:
    """Whether all that is known of a feature are whole numbers."""
    known = np.concatenate([
        bundle.typical.quantiles[:, feature].ravel(),
        bundle.golden[:, feature],
        bundle.knots(feature),
        [actual],
    ])  # fmt: skip
    known = known[~np.isnan(known)]
    return bool((known == np.rint(known)).all())


def _chunks(bundle: Bundle, vector: FeatureVector, parts: Vector) -> Iterator[list[int]]:
    """The known features that the model uses, those that add most before the others."""
    used = set(bundle.columns)
    known = [
        int(feature)
        for feature in np.argsort(-parts, kind="stable")
        if feature in used and _is_told(vector.cells[feature])
    ]
    for chunk in (known[:FIRST], known[FIRST:]):
        if chunk:
            yield chunk


def _is_told(cell: Cell) -> bool:
    """Whether a cell is known, and another value of it can be told in its shown unit."""
    return cell.status is Status.OK and peerscale.is_known(cell)


def _candidates(search: _Search, group: str, *, many: bool) -> Vector:
    """Values to try first: ordinary ones, training values, and steps on the way to the typical."""
    bundle, feature, actual = search.bundle, search.feature, search.actual
    typical = bundle.typical
    ordinary = [typical.lookup(name, feature) for name in (group, typical.groups[0])]
    ends = [(one.lo, one.middle, one.hi) for one in ordinary if one is not None]
    known = np.array(ends, dtype=np.float64).ravel()
    knots = bundle.knots(feature)
    n = CLOSE if many else COARSE
    picked = knots[np.linspace(0, len(knots) - 1, num=min(n, len(knots)), dtype=np.int64)]
    steps = [middle + share * (actual - middle) for _, middle, _ in ends[:1] for share in _SHARES]
    return search.tidy(np.concatenate([known, picked, np.array(steps if many else steps[:2])]))


def _scored(searches: list[_Search], tried: list[Vector]) -> Iterator[tuple[_Search, Vector, Mask]]:
    """All values of all features in one batch, told feature by feature."""
    rows = np.repeat(searches[0].values.reshape(1, -1), sum(map(len, tried)), axis=0)
    starts = np.cumsum([0, *map(len, tried)])
    for search, values, start in zip(searches, tried, starts, strict=False):
        rows[start : start + len(values), search.feature] = values
    below: Mask = searches[0].bundle.score(rows) <= searches[0].line
    for search, values, start in zip(searches, tried, starts, strict=False):
        yield search, values, below[start : start + len(values)]


def _nearest(search: _Search, tried: Vector, below: Mask) -> float:
    """The value below the line that is closest to the actual one, brought closer still."""
    good = _closest(search, tried[below])
    bad = _neighbour(search, tried, good)
    breaks = search.bundle.breakpoints(search.feature)
    good, bad = _closer(search, _some(_between(search, breaks, good, search.actual)), good, bad)
    good, bad = _closer(search, _some(_between(search, breaks, good, bad)), good, bad)
    for _ in range(_ROUNDS):
        if abs(good - bad) <= _step(search, good):
            break
        parts = good + (bad - good) * np.arange(1, PARTS) / PARTS
        good, bad = _closer(search, _between(search, parts, good, bad), good, bad)
    return good


def _some(values: Vector) -> Vector:
    """At most `MOST_BREAKS` of them, evenly spread."""
    if len(values) <= MOST_BREAKS:
        return values
    return values[np.linspace(0, len(values) - 1, num=MOST_BREAKS, dtype=np.int64)]


def _step(search: _Search, good: float) -> float:
    """How close is close enough."""
    return 1.0 if search.is_whole else TOLERANCE * abs(good - search.actual)


def _closest(search: _Search, values: Vector) -> float:
    return float(values[np.argmin(np.abs(values - search.actual))])


def _neighbour(search: _Search, tried: Vector, good: float) -> float:
    """The value tried, or the actual one, that is next to `good` on the way to the actual."""
    way = _between(search, tried, good, search.actual)
    return float(way[np.argmin(np.abs(way - good))]) if len(way) else search.actual


def _between(search: _Search, values: Vector, one: float, other: float) -> Vector:
    """Those of `values` that lie strictly between two."""
    low, high = min(one, other), max(one, other)
    values = search.tidy(values)
    return values[(values > low) & (values < high)]


def _closer(search: _Search, inside: Vector, good: float, bad: float) -> tuple[float, float]:
    """The closest neighbours, one below and one not, after the values inside were scored."""
    if len(inside) == 0:
        return good, bad
    below = search.is_below(inside)
    good = _closest(search, np.append(inside[below], good))
    above = np.append(inside[~below], [bad, search.actual])
    beyond = above[np.abs(above - search.actual) < abs(good - search.actual)]
    return good, float(beyond[np.argmin(np.abs(beyond - good))])
