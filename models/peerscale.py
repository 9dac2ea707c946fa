"""From a comparison with peers back to the number that was compared.

A feature that compares a number with its peers shows the model a robust z on the log grid (64 steps
an octave of |x| + 1, linear inside an octave) and the reader the number itself. Beside the peers'
typical number, z = 0, one known pair tells what every other z would have been.
"""

from math import floor, frexp, isnan, ldexp
from typing import Final

from features.contracts.vectors import Cell

_LEAST: Final = 1e-6
"""Robust deviations below which a number is the typical one."""


def octaves(x: float) -> float:
    """The grid position of a number, in octaves.

    >>> octaves(0.0), octaves(1.0), octaves(2.0), octaves(-3.0)
    (0.0, 1.0, 1.5, -2.0)
    """
    mantissa, exponent = frexp(abs(x) + 1.0)
    position = exponent + 2.0 * mantissa - 2.0
    return position if x >= 0.0 else -position


def from_octaves(position: float) -> float:
    """The number at a grid position.

    >>> from_octaves(octaves(61_250.0))
    61250.0
    """
    octave = floor(abs(position))
    x = ldexp(1.0 + abs(position) - octave, octave) - 1.0
    return x if position >= 0.0 else -x


def is_known(cell: Cell) -> bool:
    """Whether other values of a cell can be told as the reader is shown it."""
    if isnan(cell.value):
        return False
    return cell.actual is None or (cell.typical is not None and _unit(cell) != 0.0)


def shown(cell: Cell, value: float) -> float:
    """What the reader is shown where the model sees `value`.

    >>> from features.contracts.verdicts import Status
    >>> cell = Cell(6.0, Status.OK, actual=255.0, typical=63.0, lo=0.0, hi=511.0)
    >>> shown(cell, 6.0), shown(cell, 3.0), modelled(cell, 127.0)
    (255.0, 127.0, 3.0)
    """
    if cell.actual is None or cell.typical is None:
        return value
    return from_octaves(octaves(cell.typical) + value * _unit(cell))


def modelled(cell: Cell, told: float) -> float:
    """What the model sees where the reader is shown `told`."""
    if cell.actual is None or cell.typical is None:
        return told
    return (octaves(told) - octaves(cell.typical)) / _unit(cell)


def _unit(cell: Cell) -> float:
    """Octaves of one robust deviation; 0 where the number is the typical one."""
    if cell.actual is None or cell.typical is None or abs(cell.value) < _LEAST:
        return 0.0
    return (octaves(cell.actual) - octaves(cell.typical)) / cell.value
