"""Poisoned labels: one reviewer whose work differs from the peers' beyond honest mistakes.

Every label is set against what all others say of its event: a model that was fitted without this
reviewer's labels, and the reviewers who saw the same event without knowing of each other. Where
they would have it confirmed with chance c, a label that clears carries the surprise c / (1 - c) and
one that confirms -1; that is the score of "confirmed cases were cleared", and no test is stronger
against a few of them. (1 - c) / c and -1 is the score of the reverse, and the sum of both that of
labels flipped either way. A reviewer's surprises are summed and compared with what the same labels
would give were they dealt out at random: reviewers change places among events of one stratum that
were reviewed equally often, so that chance pairings and case loads stay as they are. The largest
sum over all reviewers and all three scores in each deal, the scores of one-sided changes counted
for less, makes the p-values hold for all of them together (Westfall and Young).

What it takes: that events are dealt to reviewers by chance within a stratum, and that reviewers do
not know which of their reviews are repeated. An alarm says that somebody's labels differ from those
of the peers; a careless reviewer, a change of rules or a desk with other cases do the same.

References
----------
Westfall, Young, "Resampling-based multiple testing", 1993, ISBN 978-0-471-55761-6.
Dawid, Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
Applied Statistics 28, 1979, doi:10.2307/2346806: reviewers' errors from repeated reviews.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import expit, logit

from features.contracts.errors import InputError
from features.contracts.vectors import Integers, Matrix, Vector

NOISE: Final = 0.08
"""Share of labels that honest reviewers get wrong."""
LEVEL: Final = 0.05
"""Chance of any alarm among honest reviewers."""
DEALS: Final = 999
Leaning = Literal["flips", "clears", "confirms"]
LEANINGS: Final[tuple[Leaning, ...]] = ("flips", "clears", "confirms")
"""Ways to differ: outcomes turned either way, cases cleared, ordinary events confirmed."""
_AT_ONCE: Final = 500_000
"""Labels that are dealt at once."""
_SUREST: Final = 0.02
"""A model is believed no further than this from 0 and 1."""
_TINY: Final = 1e-9
_SAY: Final = np.array([1.0, 0.75, 0.75])[:, None]
"""What a surprise counts for in each of `LEANINGS`. Flips either way are hardest to see, and three
ways to be alarmed by chance must share one level; labels all turned one way stand out so far that
they are seen from there too."""


@dataclass(frozen=True, eq=False)
class Reviews:
    """Labels as the check sees them, one a position.

    `expected` is the chance that the event is one to be confirmed, from a model without the
    reviewer's labels; the share of confirmed labels in the stratum where there is no model.
    """

    event: Integers
    """Which event a label is about, as a code."""
    reviewer: Integers
    """Who gave it, as a code from 0."""
    is_confirmed: NDArray[np.bool_]
    expected: Vector
    stratum: Integers
    """Reviews that are dealt out by chance among the same reviewers: one code for all labels of an
    event."""

    @property
    def n_reviewers(self) -> int:
        """How many reviewers there are."""
        return int(self.reviewer.max(initial=-1)) + 1


class ReviewerCheck(BaseModel):
    """One reviewer beside the peers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reviewer: str
    n_labels: int
    n_double: int
    """Labels on events that somebody else reviewed too."""
    n_disagree: int
    """Those of them that differ from a peer's."""
    leaning: Leaning
    """In which way the labels differ most."""
    surprise: float
    """Deviations above what chance dealing gives, that way."""
    p_value: float
    """Chance of so large a surprise anywhere among honest reviewers."""

    @property
    def is_alarm(self) -> bool:
        """Whether the labels differ from those of the peers beyond honest mistakes."""
        return self.p_value <= LEVEL

    def told(self) -> str:
        """The comparison as a sentence."""
        return (
            f"labels of reviewer {self.reviewer} differ from the peers' beyond honest "
            f"mistakes (p = {self.p_value:.3f}; {self.n_disagree} of {self.n_double} "
            "repeated reviews disagree): look at them, or train without them"
        )


class _Block(NamedTuple):
    """Events of one stratum that were reviewed equally often: one row an event."""

    reviewer: Integers
    surprise: NDArray[np.float64]
    """(events, reviews of one, ways)."""


def check_reviewers(
    reviews: Reviews, names: tuple[str, ...], *, seed: int = 0, deals: int = DEALS
) -> tuple[ReviewerCheck, ...]:
    """Compare every reviewer with the peers, the most surprising first.

    `names` are pseudonyms, by the reviewers' codes.

    >>> twice = np.repeat(np.arange(60), 2)
    >>> reviews = Reviews(event=twice, reviewer=np.tile([0, 1, 2, 1, 2, 0], 20), stratum=0 * twice,
    ...                   is_confirmed=np.zeros(120, dtype=np.bool_), expected=np.full(120, 0.1))
    >>> reviews.is_confirmed[np.flatnonzero(reviews.reviewer == 2)[::3]] = True
    >>> [(found.reviewer, found.n_disagree, found.is_alarm) for found in
    ...  check_reviewers(reviews, ("r0", "r1", "r2"))]
    [('r2', 14, True), ('r0', 7, False), ('r1', 7, False)]
    """
    if reviews.n_reviewers > len(names):
        raise InputError(f"{reviews.n_reviewers} reviewers have {len(names)} names; name each one")
    z, p_value = _dealt(reviews, len(names), np.random.default_rng(seed), deals)
    n_double, n_disagree = _disagreements(reviews, len(names))
    n_labels = np.bincount(reviews.reviewer, minlength=len(names))
    most = (_SAY * z).argmax(axis=0)
    found = (
        ReviewerCheck(
            reviewer=name,
            n_labels=int(n_labels[at]),
            n_double=int(n_double[at]),
            n_disagree=int(n_disagree[at]),
            leaning=LEANINGS[most[at]],
            surprise=float(z[most[at], at]),
            p_value=float(p_value[most[at], at]),
        )
        for at, name in enumerate(names)
    )
    return tuple(sorted(found, key=lambda check: (check.p_value, -check.surprise)))


def surprises(reviews: Reviews) -> Matrix:
    """The surprise of each label (rows) in each of `LEANINGS` (columns).

    >>> one = np.zeros(1, dtype=np.int64)
    >>> surprises(Reviews(one, one, np.array([False]), np.array([0.75]), one)).round(2).tolist()
    [[1.45, 2.45, -1.0]]
    """
    sign = np.where(reviews.is_confirmed, 1.0, -1.0)
    told = sign * logit(1.0 - NOISE)
    of_event = np.bincount(reviews.event, weights=told)
    expected = np.clip(reviews.expected, _SUREST, 1.0 - _SUREST)
    belief = expit(logit(expected) + of_event[reviews.event] - told)
    c = NOISE + (1.0 - 2.0 * NOISE) * belief
    clears = np.where(reviews.is_confirmed, -1.0, c / (1.0 - c))
    confirms = np.where(reviews.is_confirmed, (1.0 - c) / c, -1.0)
    return np.column_stack([clears + confirms, clears, confirms])


def _dealt(reviews: Reviews, n: int, rng: np.random.Generator, deals: int) -> tuple[Matrix, Matrix]:
    """(ways, reviewers): surprise in deviations, and its p-value among all of them."""
    # the real deal comes first, one of all: were it left out of mean and spread, it would stand out
    sums = np.zeros((1 + deals, len(LEANINGS), n))
    for block in _blocks(reviews):
        sums[:1] += _summed(block, block.reviewer[None], n)
        step = max(1, _AT_ONCE // block.reviewer.size)
        for start in range(1, 1 + deals, step):
            teams = _deal(block.reviewer, min(step, 1 + deals - start), rng)
            sums[start : start + step] += _summed(block, teams, n)
    z = (sums - sums.mean(axis=0)) / np.maximum(sums.std(axis=0), _TINY)
    largest = (_SAY * z).max(axis=(1, 2), initial=-np.inf)
    reached = (largest[:, None, None] >= _SAY * z[0] - _TINY).sum(axis=0)
    return z[0], reached / (deals + 1.0)


def _blocks(reviews: Reviews) -> Iterator[_Block]:
    """Labels by stratum and by how often their event was reviewed."""
    surprise = surprises(reviews)
    times = np.bincount(reviews.event)[reviews.event]
    for stratum, often in np.unique(np.column_stack([reviews.stratum, times]), axis=0):
        chosen = np.flatnonzero((reviews.stratum == stratum) & (times == often))
        ranked = chosen[np.argsort(reviews.event[chosen], kind="stable")]
        rows = ranked.reshape(-1, int(often))
        yield _Block(reviews.reviewer[rows], surprise[rows])


def _deal(reviewer: Integers, deals: int, rng: np.random.Generator) -> Integers:
    """The same teams of reviewers `deals` times, each before another event, in any order."""
    events = rng.permuted(np.tile(np.arange(len(reviewer)), (deals, 1)), axis=1)
    teams = reviewer[events]
    return rng.permuted(teams, axis=2) if teams.shape[2] > 1 else teams


def _summed(block: _Block, teams: Integers, n: int) -> NDArray[np.float64]:
    """(deals, ways, reviewers): surprises summed by reviewer."""
    deals = len(teams)
    place = (n * np.arange(deals)[:, None] + teams.reshape(deals, -1)).ravel()
    ways = block.surprise.reshape(-1, len(LEANINGS)).T
    sums: list[NDArray[np.float64]] = [
        np.bincount(place, np.tile(way, deals), minlength=n * deals).astype(np.float64)
        for way in ways
    ]
    return np.stack(sums).reshape(len(LEANINGS), deals, n).transpose(1, 0, 2)


def _disagreements(reviews: Reviews, n: int) -> tuple[Integers, Integers]:
    """Per reviewer the labels on events that others saw too, and those that differ from one."""
    times = np.bincount(reviews.event)[reviews.event]
    confirming = np.bincount(reviews.event, weights=reviews.is_confirmed)[reviews.event]
    against = np.where(reviews.is_confirmed, times - confirming, confirming)
    doubled = np.bincount(reviews.reviewer, weights=times > 1, minlength=n)
    differs = np.bincount(reviews.reviewer, weights=(times > 1) & (against > 0), minlength=n)
    return doubled.astype(np.int64), differs.astype(np.int64)
