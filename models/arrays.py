"""Reading arrays that may have been damaged, and rows that may have the wrong shape."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError, InputError
from features.contracts.vectors import Matrix

Array = NDArray[np.generic]
Arrays = Mapping[str, Array]
_Scalar = TypeVar("_Scalar", bound=np.generic)


def take(
    arrays: Arrays, name: str, kind: type[_Scalar], shape: tuple[int | None, ...]
) -> NDArray[_Scalar]:
    """The array `name`, if it has this type and shape (None is any length) and no infinity or NaN.

    >>> take({"mu": np.zeros(3)}, "mu", np.float64, (3,))
    array([0., 0., 0.])
    >>> take({"mu": np.zeros(3)}, "mu", np.float64, (4,))
    Traceback (most recent call last):
    features.contracts.errors.CorruptBundleError: array 'mu' is float64 (3,), must be float64 (4,)
    """
    array = take_gaps(arrays, name, kind, shape)
    if not np.isfinite(array).all():
        raise CorruptBundleError(f"array {name!r} holds a number that is not finite")
    return array


def take_gaps(
    arrays: Arrays, name: str, kind: type[_Scalar], shape: tuple[int | None, ...]
) -> NDArray[_Scalar]:
    """The array `name` as `take` does, but missing values (NaN) may be in it."""
    if name not in arrays:
        raise CorruptBundleError(f"array {name!r} is missing")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.dtype(kind) or not fits:
        wanted = str(tuple("any" if size is None else size for size in shape)).replace("'", "")
        raise CorruptBundleError(
            f"array {name!r} is {array.dtype} {array.shape}, must be {np.dtype(kind)} {wanted}"
        )
    return np.array(array, dtype=kind, order="C")


def section(arrays: Arrays, prefix: str) -> dict[str, Array]:
    """The arrays whose names start with `prefix.`, without it.

    >>> list(section({"forest.cover": np.zeros(1), "mu": np.zeros(1)}, "forest"))
    ['cover']
    """
    start = f"{prefix}."
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def prefixed(arrays: Arrays, prefix: str) -> dict[str, Array]:
    """The same arrays, each name with `prefix.` before it; `section` takes it off again."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def rows(x: Matrix, n_features: int) -> Matrix:
    """`x` as the kernels want it: float64 rows in C order of `n_features` columns, writable.

    A writable C array is handed through; anything else is copied, so that each kernel is compiled
    for one layout only.
    """
    if x.ndim != 2 or x.shape[1] != n_features:  # noqa: PLR2004  (rows and columns)
        raise InputError(f"rows have shape {x.shape}; this model takes (n, {n_features})")
    return np.require(x, np.float64, ["C", "W"])
