"""A program: the tables that a kernel reads of a plan as one array, so that a call hands on one.

It begins with where each table stands and how many rows and columns it has.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contracts.vectors import Integers

_HEAD: Final = 3


def program(*tables: Integers) -> Integers:
    """The tables, each of one or two dimensions, behind each other.

    >>> made = program(np.array([7, 8]), np.array([[1, 2, 3], [4, 5, 6]]))
    >>> table(made, 0).tolist(), table(made, 1).tolist()
    ([[7, 8]], [[1, 2, 3], [4, 5, 6]])
    """
    held = [np.atleast_2d(one) for one in tables]
    heads, at = [], _HEAD * len(held)
    for one in held:
        heads += [at, *one.shape]
        at += one.size
    return np.concatenate([np.array(heads), *(one.ravel() for one in held)])


@njit(cache=True, nogil=True)
def table(program: Integers, number: int) -> Integers:
    """One table of a program; one of one dimension is a single row."""
    at, rows, columns = (
        program[_HEAD * number],
        program[_HEAD * number + 1],
        program[_HEAD * number + 2],
    )
    return program[at : at + rows * columns].reshape(rows, columns)
