"""Promises about the saved form: plain arrays, the same model again, bounded, damage refused."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from features.contracts.errors import CorruptBundleError
from models.arrays import Array
from models.checks.subject import Explainer, Subject, same, sample

FEW, MANY = 4_000, 16_000
MOST_GROWTH: Final = 2.0
"""How much larger the arrays of four times the rows may be."""


def check_saved_and_loaded_scores_the_same(subject: Subject) -> None:
    """What comes back from the bytes of a bundle gives the same bits, and explains alike."""
    x = sample()
    fitted = subject.fit(x, 0)
    again = subject.reload(subject.stored(fitted))
    claim = "must score the same after being saved and loaded"
    subject.require(same(fitted.score(x), again.score(x)), claim)
    if isinstance(fitted, Explainer) and isinstance(again, Explainer):
        alike = same(fitted.contributions(x)[1], again.contributions(x)[1])
        subject.require(alike, "must explain alike after being saved and loaded")


def check_damaged_arrays_are_refused(subject: Subject) -> None:
    """An array that is missing, of another type or shape, empty, NaN or negative is named.

    The error is CorruptBundleError: a bundle that was tampered with must not load.
    """
    arrays = subject.stored(subject.fit(sample(), 0))
    for name, array in arrays.items():
        for damage, changed in damaged(array):
            content = {**arrays, name: changed} if changed is not None else dict(arrays)
            if changed is None:
                del content[name]
            try:
                subject.reload(content)
            except CorruptBundleError:
                continue
            subject.require(holds=False, claim=f"must refuse array {name!r} when {damage}")


def check_arrays_do_not_grow_with_the_rows(subject: Subject) -> None:
    """Four times the training rows at most double the bytes of the arrays."""
    sizes = [
        sum(array.nbytes for array in subject.stored(subject.fit(sample(n_rows=n), 0)).values())
        for n in (FEW, MANY)
    ]
    growth = sizes[1] / sizes[0]
    subject.require(
        growth <= MOST_GROWTH,
        f"must keep its arrays bounded (they grow {growth:.1f} times from {FEW} to {MANY} rows)",
    )


def damaged(array: Array) -> Iterator[tuple[str, Array | None]]:
    """Ways to damage an array that no sound one can be mistaken for; None is the missing array.

    >>> [how for how, _ in damaged(np.ones(2))]
    ['missing', 'of another type', 'of another shape', 'empty', 'not a number']
    """
    yield "missing", None
    yield "of another type", array.astype(np.float16)
    yield "of another shape", array[np.newaxis]
    yield "empty", array[:0]
    changed = array.copy()
    if array.dtype.kind == "f":
        changed.flat[0] = np.nan
        yield "not a number", changed
    else:
        changed.flat[0] = np.iinfo(str(array.dtype)).min
        yield "out of bounds", changed
