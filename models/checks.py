"""Conformance: what every detector must do before it may serve, as small functions.

A check takes a `Subject`, which says how to fit, and raises BundleError where the promise of its
name is broken. `iter_checks` yields those for any detector, `iter_ensemble_checks` those for what
also knows its columns by name and survives missing values. Nothing here imports a fitter.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from features.contracts.errors import BundleError
from features.contracts.vectors import Matrix, Vector

COPIES: Final = 1_000
THREADS: Final = 8
AUC_FLOOR: Final = 0.9
_TOLERANCE: Final = 1e-6
_ROWS: Final = 600
_COLUMNS: Final = 5


class Scorer(Protocol):
    """Anything that scores rows; higher is more unusual."""

    def score(self, x: Matrix) -> Vector:
        """How unusual each row is."""


@runtime_checkable
class Named(Scorer, Protocol):
    """A scorer that knows its columns by name."""

    def arrange(self, x: Matrix, names: Sequence[str]) -> Matrix:
        """The columns in the scorer's own order."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: how to fit it, and how it comes back from being saved."""

    name: str
    fit: Callable[[Matrix, int], Scorer]
    reload: Callable[[Scorer], Scorer]

    def require(self, holds: bool, claim: str) -> None:
        """Raise where a claim does not hold."""
        if not holds:
            raise BundleError(f"{self.name}: {claim}; it may be compared, but not promoted")


Check = Callable[[Subject], None]


def sample(seed: int = 7) -> Matrix:
    """Skewed, correlated and discrete columns, as payouts have."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(_ROWS, _COLUMNS))
    x[:, 1] += x[:, 0]
    x[:, 2] = np.exp(2.0 * x[:, 2])
    x[:, 3] = np.round(2.0 * x[:, 3])
    return x


def check_scores_are_finite_one_a_row(subject: Subject) -> None:
    """Every row gets one finite score, and one row is enough."""
    x = sample()
    fitted = subject.fit(x, 0)
    for rows in (x, x[:1]):
        scores = fitted.score(rows)
        subject.require(
            scores.shape == (len(rows),) and bool(np.isfinite(scores).all()),
            "must give one finite score a row",
        )


def check_row_scores_the_same_alone_and_in_a_batch(subject: Subject) -> None:
    """The company of a row does not change its score by a single bit."""
    x = sample()
    fitted = subject.fit(x, 0)
    together = fitted.score(x)
    alone = np.concatenate([fitted.score(x[i : i + 1]) for i in range(0, _ROWS, 20)])
    subject.require(_same(together[::20], alone), "must score a row alone as in a batch")


def check_row_scores_the_same_among_its_copies(subject: Subject) -> None:
    """A ring of a thousand identical rows cannot make itself ordinary while being scored."""
    x = sample()
    fitted = subject.fit(x, 0)
    row = x[:1] + 3.0
    among = fitted.score(np.repeat(row, COPIES, axis=0))
    same = _same(among, np.repeat(fitted.score(row), COPIES))
    subject.require(same, f"must score a row among {COPIES} copies of itself as alone")


def check_threads_do_not_disturb_each_other(subject: Subject) -> None:
    """Eight threads on one object get what one thread gets."""
    x = sample()
    fitted = subject.fit(x, 0)
    parts = [x[i::THREADS] for i in range(THREADS)]
    expected = [fitted.score(part) for part in parts]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(fitted.score, parts * 4))
    same = all(map(_same, found, expected * 4))
    subject.require(same, f"must score the same from {THREADS} threads")


def check_same_seed_same_score(subject: Subject) -> None:
    """Fitting twice with one seed gives the same bits."""
    x = sample()
    same = _same(subject.fit(x, 3).score(x), subject.fit(x.copy(), 3).score(x))
    subject.require(same, "must score the same when fitted again with the same seed")


def check_saved_and_loaded_scores_the_same(subject: Subject) -> None:
    """What comes back from being saved gives the same bits."""
    x = sample()
    fitted = subject.fit(x, 0)
    same = _same(fitted.score(x), subject.reload(fitted).score(x))
    subject.require(same, "must score the same after being saved and loaded")


def check_contributions_add_up(subject: Subject) -> None:
    """Base plus contributions is the score, to 1e-6 relative."""
    x = np.concatenate([sample(), 10.0 * sample(8)])
    fitted = subject.fit(x[:_ROWS], 0)
    explained = getattr(fitted, "contributions", None)
    if explained is None:
        raise BundleError(f"{subject.name}: must explain its scores; it cannot be promoted")
    base, parts = explained(x)
    total, scores = base + parts.sum(axis=1), fitted.score(x)
    close = np.abs(total - scores) <= _TOLERANCE * np.maximum(1.0, np.abs(scores))
    subject.require(bool(close.all()), "must have contributions that add up to the score")


def check_constant_column_is_survived(subject: Subject) -> None:
    """A column that never varied neither breaks the fit nor the scoring of one that differs."""
    x = sample()
    x[:, 3] = 4.0
    fitted = subject.fit(x, 0)
    other = x[:10].copy()
    other[:, 3] = 5.0
    finite = np.isfinite(fitted.score(x)).all() and np.isfinite(fitted.score(other)).all()
    subject.require(bool(finite), "must survive a constant column")


def check_far_rows_rank_high(subject: Subject) -> None:
    """Rows planted eight deviations away rank above the crowd."""
    rng = np.random.default_rng(11)
    crowd = rng.normal(size=(_ROWS, _COLUMNS))
    far = rng.normal(size=(20, _COLUMNS)) + 8.0
    scores = subject.fit(crowd, 0).score(np.concatenate([crowd, far]))
    auc = float((scores[_ROWS:, None] > scores[None, :_ROWS]).mean())
    subject.require(auc >= AUC_FLOOR, f"must rank far rows high: AUC {auc:.2f} < {AUC_FLOOR}")


def check_input_is_not_written_to(subject: Subject) -> None:
    """Fitting and scoring leave the caller's rows as they were."""
    x = sample()
    before = x.copy()
    fitted = subject.fit(x, 0)
    fitted.score(x)
    explained = getattr(fitted, "contributions", None)
    if explained is not None:
        explained(x)
    subject.require(_same(x, before), "must not write to its input")


def check_column_order_by_name_does_not_matter(subject: Subject) -> None:
    """Columns handed over by name may come in any order, with others among them."""
    x = sample()
    fitted = _named(subject, x)
    names = [*column_names(), "stray"]
    order = np.random.default_rng(5).permutation(len(names))
    wide = np.column_stack([x, np.full(len(x), 9.0)])[:, order]
    arranged = fitted.arrange(wide, [names[j] for j in order])
    subject.require(_same(fitted.score(arranged), fitted.score(x)), "must go by column names")


def check_missing_value_counts_as_the_median(subject: Subject) -> None:
    """Missing values are survived in fitting and scoring; scoring puts training medians there."""
    x = sample()
    x[::7, 1] = np.nan
    fitted = subject.fit(x, 0)
    filled = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    subject.require(_same(fitted.score(x), fitted.score(filled)), "must fill in training medians")


def column_names() -> list[str]:
    """Names that an ensemble under check is fitted with."""
    return [f"column_{j}" for j in range(_COLUMNS)]


def iter_checks() -> Iterator[Check]:
    """Yield the checks that every detector must pass."""
    yield check_scores_are_finite_one_a_row
    yield check_row_scores_the_same_alone_and_in_a_batch
    yield check_row_scores_the_same_among_its_copies
    yield check_threads_do_not_disturb_each_other
    yield check_same_seed_same_score
    yield check_saved_and_loaded_scores_the_same
    yield check_contributions_add_up
    yield check_constant_column_is_survived
    yield check_far_rows_rank_high
    yield check_input_is_not_written_to


def iter_ensemble_checks() -> Iterator[Check]:
    """Yield what an ensemble must pass besides."""
    yield check_column_order_by_name_does_not_matter
    yield check_missing_value_counts_as_the_median


def _named(subject: Subject, x: Matrix) -> Named:
    fitted = subject.fit(x, 0)
    if not isinstance(fitted, Named):
        raise BundleError(f"{subject.name}: must take columns by name")
    return fitted


def _same(one: Vector, other: Vector) -> bool:
    """Equal bit for bit."""
    return one.tobytes() == other.tobytes()
