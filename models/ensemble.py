"""The average of several detectors, each brought to its own training mean and deviation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError, InputError, UnknownFeatureError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, rows, section, take
from models.detector import Detector
from models.panel import Panel
from models.registry import DETECTORS

_VECTORS: Final = ("mu", "sigma", "weights")
_PANEL: Final = "panel"


@njit(cache=True, nogil=True)
def _impute(x: Matrix, median: Vector, out: Matrix) -> int:
    """Copy `x` with NaN replaced; the first column that holds an infinity, or -1."""
    infinite = -1
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j]
            out[i, j] = median[j] if np.isnan(value) else value
            if np.isinf(value) and infinite < 0:
                infinite = j
    return infinite


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """S = sum over detectors k of w_k (s_k - mu_k) / sigma_k: affine, hence still additive.

    The one rule for missing values: NaN is replaced by the training median of its column before any
    detector sees the row, so that what is not known counts as ordinary. An infinity is refused.

    Contributions are told against what a column contributes on average to a training row; these
    averages make up the base. A positive contribution says: more unusual than this column usually
    is.

    Where the scenario declares patterns, S is one of several views of a row, and the score is the
    nats of the strongest (`models.panel`).

    >>> from models.ecdf import FrozenEcdf
    >>> counts = np.array([[1, 2, 3], [0, 1, 2]], dtype=np.int32)
    >>> ecdf = FrozenEcdf(3, np.array([0, 3], dtype=np.int32), np.array([1.0, 2.0, 3.0]), *counts)
    >>> one = np.ones(1)
    >>> ensemble = Ensemble(("n_30d",), (ecdf,), 2 * one, mu=0 * one, sigma=one, weights=one,
    ...                     usual=0 * one)
    >>> ensemble.score(np.array([[np.nan], [2.0], [3.0]])).round(3).tolist()
    [0.288, 0.288, 0.693]
    """

    name: ClassVar[str] = "ensemble"
    feature_names: tuple[str, ...]
    detectors: tuple[Detector, ...]
    median: Vector
    mu: Vector
    sigma: Vector
    weights: Vector
    usual: Vector
    """Mean contribution of each column to a training row."""
    panel: Panel | None = None

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return len(self.feature_names)

    def arrange(self, x: Matrix, names: Sequence[str]) -> Matrix:
        """The columns this ensemble uses, in its order, out of `x` with columns `names`."""
        missing = [name for name in self.feature_names if name not in names]
        if missing:
            raise UnknownFeatureError.among(missing[0], names)
        return np.ascontiguousarray(x[:, [names.index(name) for name in self.feature_names]])

    def score(self, x: Matrix) -> Vector:
        """How unusual each row is: in deviations of the training rows' scores, or in nats."""
        filled = self._impute(x)
        plain = self._plain(filled)
        return plain if self.panel is None else self.panel.score(filled, plain)

    def strongest(self, x: Matrix) -> NDArray[np.int32]:
        """Which view each row's score is: 0 the detectors' average, k the k-th pattern."""
        filled = self._impute(x)
        if self.panel is None:
            return np.zeros(len(filled), dtype=np.int32)
        return self.panel.strongest(filled, self._plain(filled))

    def _plain(self, filled: Matrix) -> Vector:
        """The detectors' average of rows without missing values."""
        total = np.zeros(filled.shape[0])
        for k, detector in enumerate(self.detectors):
            total += (detector.score(filled) - self.mu[k]) * (self.weights[k] / self.sigma[k])
        return total

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base score and, per row and column, what the column added to it."""
        filled = self._impute(x)
        base, total = float(self.usual.sum()), np.zeros(filled.shape) - self.usual
        for k, detector in enumerate(self.detectors):
            factor = float(self.weights[k] / self.sigma[k])
            start, parts = detector.contributions(filled)
            base += (start - float(self.mu[k])) * factor
            total += parts * factor
        if self.panel is None:
            return base, total
        return self.panel.contributions(filled, base, total)

    def arrays(self) -> dict[str, Array]:
        """All detectors' arrays under their names, and the ensemble's own."""
        own: dict[str, Array] = {
            name: getattr(self, name) for name in ("median", "usual", *_VECTORS)
        }
        for detector in self.detectors:
            own |= prefixed(detector.arrays(), detector.name)
        return own if self.panel is None else own | prefixed(self.panel.arrays(), _PANEL)

    @classmethod
    def from_arrays(
        cls,
        arrays: Arrays,
        *,
        feature_names: Sequence[str],
        detectors: Sequence[str],
        n_patterns: int = 0,
    ) -> Self:
        """Build from `arrays()` and what the manifest keeps of columns, detectors and patterns."""
        unknown = [name for name in detectors if name not in DETECTORS]
        if unknown or not detectors or len(set(detectors)) < len(detectors):
            known = ", ".join(DETECTORS)
            raise CorruptBundleError(f"detectors {list(detectors)} must be some of {known}, once")
        median, usual = (
            take(arrays, name, np.float64, (len(feature_names),)) for name in ("median", "usual")
        )
        mu, sigma, weights = (
            take(arrays, name, np.float64, (len(detectors),)) for name in _VECTORS
        )
        if not (sigma > 0.0).all():
            raise CorruptBundleError("array 'sigma' must be positive")
        built = tuple(_build(arrays, name, len(feature_names)) for name in detectors)
        panel = _panel(arrays, len(feature_names), n_patterns)
        return cls(tuple(feature_names), built, median, mu, sigma, weights, usual, panel)

    def _impute(self, x: Matrix) -> Matrix:
        """A copy of `x` without missing values; InputError names a column that is infinite."""
        x = rows(x, self.n_features)
        out = np.empty(x.shape)
        infinite = _impute(x, self.median, out)
        if infinite >= 0:
            name = self.feature_names[infinite]
            raise InputError(f"feature {name!r} is infinite; a value is finite or missing (NaN)")
        return out


def _panel(arrays: Arrays, n_features: int, n_patterns: int) -> Panel | None:
    """The panel out of its section of the arrays, where there are patterns."""
    if n_patterns == 0:
        return None
    return Panel.from_arrays(section(arrays, _PANEL), n_features=n_features, n_patterns=n_patterns)


def _build(arrays: Arrays, name: str, n_features: int) -> Detector:
    """One detector out of its section of the arrays."""
    try:
        detector = DETECTORS[name].from_arrays(section(arrays, name))
    except CorruptBundleError as error:
        raise CorruptBundleError(f"detector {name!r}: {error}") from error
    if detector.n_features != n_features:
        raise CorruptBundleError(
            f"detector {name!r} takes {detector.n_features} columns; the manifest has {n_features}"
        )
    return detector
