"""Any public PyOD detector behind the same door, to be trained, checked and compared.

It cannot be promoted: it has no data-only form. Several are not what a service needs; ECOD and
COPOD rank a row together with the batch it comes in, and fail the conformance checks.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix, Vector
from models.fitting.pyod_catalog import catalogue
from models.fitting.pyod_shapes import DEFAULTS, SHAPES, PyodScorer


@dataclass(frozen=True, slots=True, eq=False)
class PyodDetector:
    """A fitted PyOD detector; missing values become training medians, as in the ensemble."""

    name: str
    fitted: PyodScorer
    median: Vector

    def score(self, x: Matrix) -> Vector:
        """PyOD's decision function; higher is more unusual."""
        filled = np.where(np.isnan(x), self.median, x)
        return np.asarray(self.fitted.decision_function(filled), dtype=np.float64)


def fit_pyod(class_name: str, x: Matrix, *, seed: int | None, **parameters: object) -> PyodDetector:
    """Fit the PyOD detector of this class name on the rows of `x`.

    Parameters that are not given are PyOD's own, or those of `pyod_shapes.DEFAULTS` where PyOD has
    none. Without a seed it draws from NumPy's global generator.

    >>> fit_pyod("HBOS", np.random.default_rng(0).normal(size=(50, 2)), seed=0).score(
    ...     np.zeros((1, 2))).shape
    (1,)
    """
    found: Callable[..., PyodScorer] = find_pyod(class_name)
    own = DEFAULTS[class_name]() if class_name in DEFAULTS else {}
    if "random_state" in inspect.signature(found).parameters:
        own["random_state"] = seed
    make = partial(found, **{**own, **parameters})
    present = np.where(np.isnan(x).all(axis=0), 0.0, x)
    median = np.nanmedian(present, axis=0)
    fitted: PyodScorer = SHAPES[class_name](make) if class_name in SHAPES else make()
    fitted.fit(np.where(np.isnan(x), median, x))
    return PyodDetector(class_name, fitted, median)


def find_pyod(class_name: str) -> type[Any]:
    """The class of that name.

    Raises
    ------
    InputError
        PyOD has no such detector, or it needs a library that is not installed.
    """
    if class_name not in catalogue():
        raise InputError(
            f"PyOD has no detector {class_name!r}; give its class name, such as 'IForest'"
        )
    return catalogue()[class_name].load()
