"""Any public PyOD detector behind the same door, to be trained, checked and compared.

It cannot be promoted: it has no data-only form. Several are not what a service needs; ECOD and
COPOD rank a row together with the batch it comes in, and fail the conformance checks.
"""

import inspect
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Protocol

import numpy as np
import pyod.models

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix, Vector


class _Scorer(Protocol):
    """What is used of a PyOD detector."""

    def fit(self, X: Matrix) -> object:  # noqa: N803  (PyOD's name)
        """Fit on rows."""

    def decision_function(self, X: Matrix) -> Vector:  # noqa: N803  (PyOD's name)
        """Higher is more unusual."""


@dataclass(frozen=True, slots=True, eq=False)
class PyodDetector:
    """A fitted PyOD detector; missing values become training medians, as in the ensemble."""

    name: str
    fitted: _Scorer
    median: Vector

    def score(self, x: Matrix) -> Vector:
        """PyOD's decision function; higher is more unusual."""
        filled = np.where(np.isnan(x), self.median, x)
        return np.asarray(self.fitted.decision_function(filled), dtype=np.float64)


def fit_pyod(class_name: str, x: Matrix, *, seed: int, **parameters: object) -> PyodDetector:
    """Fit the PyOD detector of this class name on the rows of `x`.

    >>> fit_pyod("HBOS", np.random.default_rng(0).normal(size=(50, 2)), seed=0).score(
    ...     np.zeros((1, 2))).shape
    (1,)
    """
    found = find_pyod(class_name)
    if "random_state" in inspect.signature(found).parameters:
        parameters = {"random_state": seed, **parameters}
    present = np.where(np.isnan(x).all(axis=0), 0.0, x)
    median = np.nanmedian(present, axis=0)
    fitted = found(**parameters)
    fitted.fit(np.where(np.isnan(x), median, x))
    return PyodDetector(class_name, fitted, median)


def _module(name: str) -> ModuleType:
    """The module of PyOD; some of them need a library that PyOD does not install."""
    try:
        return import_module(f"pyod.models.{name}")
    except ImportError as error:
        raise InputError(
            f"PyOD's {name!r} needs the library {error.name!r}; install it or take another"
        ) from error


def find_pyod(class_name: str) -> type[_Scorer]:
    """The class, from whichever module of PyOD is named like it."""
    flat = class_name.lower()
    for module in pkgutil.iter_modules(pyod.models.__path__):
        if module.name.replace("_", "") == flat:
            found: type[_Scorer] | None = getattr(_module(module.name), class_name, None)
            if found is not None:
                return found
    raise InputError(f"PyOD has no detector {class_name!r}; give its class name, such as 'IForest'")
