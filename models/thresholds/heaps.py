"""Heaps at round numbers: what was rounded lies somewhere within half a unit of what is told.

Sums are rounded, and the rounder a number the more often: 4,000,000 is named more often than any of
its neighbours although nobody cares for a limit. A heap is therefore spread evenly over the values
that are rounded to it, half of them below it and half above, so that one exactly at a limit says
nothing about either side.
"""

import numpy as np

from features.contracts.vectors import Integers, Vector


def spread_heaps(values: Integers, limit: int) -> Vector:
    """The values, in minor units, those that are alike and round spread over their rounding cell.

    A value is taken as rounded to the largest power of ten that divides it, up to a fortieth of the
    limit (a cell then reaches 1.25 % of the limit to either side). The order of the result is that
    of the input; the sum of a heap stays what it was.

    Parameters
    ----------
    values
        Amounts, shape (n,), positive.
    limit
        The limit that they are held against.

    Examples
    --------
    >>> spread_heaps(np.array([400_000_000, 399_123_400, 400_000_000]), 400_000_000).tolist()
    [397500000.0, 399123400.0, 402500000.0]
    """
    out = values.astype(np.float64)
    alike, where, size = np.unique(values, return_inverse=True, return_counts=True)
    place = np.empty(len(values), np.int64)
    order = np.argsort(where, kind="stable")
    place[order] = np.arange(len(values)) - (np.cumsum(size) - size)[where[order]]
    unit = _units(alike, limit)[where]
    return out + unit * ((place + 0.5) / size[where] - 0.5)


def _units(values: Integers, limit: int) -> Integers:
    """The largest power of ten, up to a fortieth of the limit, that divides each value."""
    unit, power = np.ones(len(values), np.int64), 10
    while power <= limit // 40:
        unit[values % power == 0] = power
        power *= 10
    return unit
