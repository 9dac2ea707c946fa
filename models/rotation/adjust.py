"""Many tests at once: the false discovery rate within a family."""

import numpy as np

from features.contracts.errors import InputError
from features.contracts.vectors import Vector


def benjamini_hochberg(p: Vector, *, family: int | None = None) -> Vector:
    """Adjusted p (q) of each test: the least false discovery rate at which it would stand out.

    `family` counts the tests where it is more than are given: the others count as p = 1. NaN is
    no test and stays NaN.

    References
    ----------
    Benjamini & Hochberg 1995, "Controlling the false discovery rate",
    doi:10.1111/j.2517-6161.1995.tb02031.x.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    >>> benjamini_hochberg(np.array([0.01, np.nan]), family=16).round(3).tolist()
    [0.16, nan]
    """
    tested = np.flatnonzero(~np.isnan(p))
    m = max(len(tested), family or 0)
    if family is not None and family < len(tested):
        raise InputError(f"a family of {family} holds no {len(tested)} tests; count them all")
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * m / np.arange(1, len(order) + 1)
    q = np.full(len(p), np.nan)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q
