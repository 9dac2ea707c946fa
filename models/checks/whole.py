"""Promises of what serves by itself: columns by name, and values that are not known."""

import numpy as np

from features.contracts.errors import BundleError
from models.checks.subject import Subject, column_names, same, sample


def check_column_order_by_name_does_not_matter(subject: Subject) -> None:
    """Columns handed over by name may come in any order, with others among them."""
    x = sample()
    fitted = subject.named(x)
    names = [*column_names(), "stray"]
    order = np.random.default_rng(5).permutation(len(names))
    wide = np.column_stack([x, np.full(len(x), 9.0)])[:, order]
    arranged = fitted.arrange(wide, [names[j] for j in order])
    subject.require(same(fitted.score(arranged), fitted.score(x)), "must go by column names")


def check_missing_value_counts_as_the_median(subject: Subject) -> None:
    """Missing values are survived in fitting and scoring; scoring puts training medians there."""
    x = sample()
    x[::7, 1] = np.nan
    fitted = subject.fit(x, 0)
    filled = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    subject.require(same(fitted.score(x), fitted.score(filled)), "must fill in training medians")


def check_rows_of_which_nothing_is_known_are_survived(subject: Subject) -> None:
    """A column never known and a row with no value at all get finite scores that add up."""
    x = sample()
    x[:, 2] = np.nan
    x[5] = np.nan
    fitted = subject.explainer(x)
    scores = fitted.score(x)
    base, parts = fitted.contributions(x)
    adds_up = np.allclose(base + parts.sum(axis=1), scores, rtol=1e-6, atol=1e-6)
    if not np.isfinite(scores).all() or not adds_up:
        raise BundleError(f"{subject.name}: must score and explain rows of which nothing is known")
