"""Promises about contributions: they are the score, column by column, and blame the right one."""

from typing import Final

import numpy as np

from features.contracts.vectors import Matrix
from models.checks.subject import COLUMNS, ROWS, Subject, same, sample

TOLERANCE: Final = 1e-6
_EVERY: Final = 20


def check_contributions_add_up(subject: Subject) -> None:
    """Base plus contributions is the score, to 1e-6 relative, near the crowd and far from it."""
    x = np.concatenate([sample(), 10.0 * sample(8)])
    fitted = subject.explainer(x[:ROWS])
    base, parts = fitted.contributions(x)
    scores = fitted.score(x)
    gap = np.abs(base + parts.sum(axis=1) - scores) / np.maximum(1.0, np.abs(scores))
    subject.require(
        bool((gap <= TOLERANCE).all()),
        f"must have contributions that add up to the score (off by {float(gap.max()):.2g})",
    )


def check_contributions_can_be_grouped(subject: Subject) -> None:
    """One number a row and column, so that the parts of a family of columns are its own sum.

    Families are summed apart; with the base they make the score, whichever columns go together.
    """
    x = sample()
    fitted = subject.explainer(x)
    base, parts = fitted.contributions(x)
    subject.require(parts.shape == x.shape, "must give one contribution a row and column")
    scores = fitted.score(x)
    for families in ([0, 0, 1, 1, 2], [0, 1, 0, 1, 0]):
        total = base + _grouped(parts, families).sum(axis=1)
        close = np.abs(total - scores) <= TOLERANCE * np.maximum(1.0, np.abs(scores))
        subject.require(bool(close.all()), "must have contributions that add up by groups")


def check_contributions_are_the_same_alone_and_in_a_batch(subject: Subject) -> None:
    """The company of a row changes neither the base nor what any column contributes."""
    x = sample()
    fitted = subject.explainer(x)
    base, together = fitted.contributions(x)
    alone = [fitted.contributions(x[i : i + 1]) for i in range(0, ROWS, _EVERY)]
    stacked = np.concatenate([parts for _, parts in alone])
    subject.require(
        same(together[::_EVERY], stacked) and all(other == base for other, _ in alone),
        "must explain a row alone as in a batch",
    )


def check_the_column_that_differs_contributes_most(subject: Subject) -> None:
    """Of a row that is ordinary in all columns but one, that one contributes most."""
    x = sample()
    fitted = subject.explainer(x)
    rows = np.repeat(np.median(x, axis=0).reshape(1, -1), COLUMNS, axis=0)
    far = x.max(axis=0) + 10.0 * x.std(axis=0)
    rows[np.diag_indices(COLUMNS)] = far
    named = np.argmax(fitted.contributions(rows)[1], axis=1)
    wrong = [j for j in range(COLUMNS) if named[j] != j]
    subject.require(
        not wrong,
        f"must name the column that differs (column {wrong[:1]} differs, another is named)",
    )


def _grouped(parts: Matrix, families: list[int]) -> Matrix:
    """Contributions summed by family: (rows, families)."""
    out = np.zeros((len(parts), max(families) + 1))
    for j, family in enumerate(families):
        out[:, family] += parts[:, j]
    return out
