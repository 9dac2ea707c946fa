"""Promises about scores: one row, one score, whoever else is there and whoever else is asking."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix
from models.checks.subject import COLUMNS, ROWS, Explainer, Scorer, Subject, apart, same, sample

COPIES: Final = 1_000
THREADS: Final = 8
ROUNDS: Final = 2
AUC_FLOOR: Final = 0.9
BUDGET: Final = 0.01
_EVERY: Final = 20


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
    together = fitted.score(x)[::_EVERY]
    alone = np.concatenate([fitted.score(x[i : i + 1]) for i in range(0, ROWS, _EVERY)])
    subject.require(
        same(together, alone), f"must score a row alone as in a batch ({apart(together, alone)})"
    )


def check_row_scores_the_same_among_its_copies(subject: Subject) -> None:
    """A ring of a thousand identical rows cannot change its score while being scored."""
    x = sample()
    fitted = subject.fit(x, 0)
    row = x[:1] + 3.0
    among = fitted.score(np.repeat(row, COPIES, axis=0))
    alone = np.repeat(fitted.score(row), COPIES)
    subject.require(
        same(among, alone),
        f"must score a row among {COPIES} copies of itself as alone ({apart(among, alone)})",
    )


def check_ring_of_copies_is_still_flagged(subject: Subject) -> None:
    """A thousand copies of a far row, scored with the crowd, stay beyond its 99th percentile.

    The percentile is that of the crowd's scores before the ring came.
    """
    x = sample()
    fitted = subject.fit(x, 0)
    line = float(np.quantile(fitted.score(x), 1.0 - BUDGET, method="inverted_cdf"))
    ring = np.repeat(_far_row(x), COPIES, axis=0)
    scores = fitted.score(np.concatenate([x, ring]))[ROWS:]
    share = float((scores > line).mean())
    subject.require(
        share == 1.0, f"must still flag a ring of {COPIES} copies of a far row ({share:.0%} are)"
    )


def check_threads_do_not_disturb_each_other(subject: Subject) -> None:
    """Eight threads on one object get what one thread gets, scores and contributions."""
    x = sample()
    fitted = subject.fit(x, 0)
    parts = [x[i::THREADS] for i in range(THREADS)]
    expected = [_answer(fitted, part) for part in parts]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda part: _answer(fitted, part), parts * ROUNDS))
    subject.require(found == expected * ROUNDS, f"must score the same from {THREADS} threads")


def check_same_seed_same_score(subject: Subject) -> None:
    """Fitting twice with one seed gives the same bits."""
    x = sample()
    one, other = subject.fit(x, 3).score(x), subject.fit(x.copy(), 3).score(x)
    subject.require(
        same(one, other),
        f"must score the same when fitted again with the same seed ({apart(one, other)})",
    )


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
    crowd = rng.normal(size=(ROWS, COLUMNS))
    far = rng.normal(size=(20, COLUMNS)) + 8.0
    scores = subject.fit(crowd, 0).score(np.concatenate([crowd, far]))
    auc = float((scores[ROWS:, None] > scores[None, :ROWS]).mean())
    subject.require(auc >= AUC_FLOOR, f"must rank far rows high: AUC {auc:.2f} < {AUC_FLOOR}")


def check_input_is_not_written_to(subject: Subject) -> None:
    """Fitting, scoring and explaining leave the caller's rows as they were."""
    x = sample()
    before = x.copy()
    _answer(subject.fit(x, 0), x)
    subject.require(same(x, before), "must not write to its input")


def check_layout_in_memory_does_not_matter(subject: Subject) -> None:
    """Rows in column order, with gaps between them or read-only score the same bits."""
    x = sample()
    fitted = subject.fit(x, 0)
    expected = fitted.score(x)
    frozen = x.copy()
    frozen.setflags(write=False)
    for rows in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], frozen):
        found = fitted.score(rows)
        subject.require(
            same(found, expected), f"must score any layout of rows alike ({apart(found, expected)})"
        )


def check_rows_of_another_width_are_refused(subject: Subject) -> None:
    """One column fewer or more is an InputError (or ValueError), never a score."""
    x = sample()
    fitted = subject.fit(x, 0)
    for rows in (x[:, :-1], np.column_stack([x, x[:, 0]])):
        try:
            fitted.score(np.ascontiguousarray(rows))
        except (InputError, ValueError):
            continue
        subject.require(holds=False, claim=f"must refuse rows of {rows.shape[1]} columns")


def _far_row(x: Matrix) -> Matrix:
    """One row well beyond the range of every column."""
    low, high = x.min(axis=0), x.max(axis=0)
    row: Matrix = (high + (high - low)).reshape(1, -1)
    return row


def _answer(fitted: Scorer, rows: Matrix) -> bytes:
    """All that is said about the rows, as bytes."""
    scores = fitted.score(rows).tobytes()
    return (
        scores + fitted.contributions(rows)[1].tobytes()
        if isinstance(fitted, Explainer)
        else scores
    )
