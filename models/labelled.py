"""What reviewers found, put to use: the ensemble's contributions weighted by labels.

The fitter lives in `models.fitting.labelled`, where it is said how labels enter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numba import njit

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays, prefixed, section, take
from models.boosted import BoostedTrees
from models.ensemble import Ensemble

_BOOSTED: Final = "boosted"


@njit(cache=True, nogil=True)
def _weigh(parts: Matrix, weights: Vector, offset: float, out: Vector) -> None:
    """Offset plus weighted contributions, summed in the order of the columns for every row."""
    for i in range(parts.shape[0]):
        total = offset
        for j in range(parts.shape[1]):
            total += weights[j] * parts[i, j]
        out[i] = total


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """(1 - m) (a + sum_j w_j c_j) + m B: a log-odds, still exactly additive per feature.

    c_j are the ensemble's contributions. Where all w_j are alike it ranks as the ensemble does;
    labels move each w_j away from that. B is gradient boosting over features and contributions,
    with its share m of the blend; without it m is 0. A feature's contribution is its part of the
    weighted sum plus the Shapley values of its two columns in B, told against what the feature
    contributes on average to a training row. Higher is likelier to be confirmed; the log-odds are
    those of the weighted training rows, not of the world: `models.confirmed` calibrates them.

    Missing values are filled as the ensemble fills them. An event scores the same alone and in any
    company.

    >>> from models.ecdf import FrozenEcdf
    >>> counts = np.array([[1, 2, 3], [0, 1, 2]], dtype=np.int32)
    >>> ecdf = FrozenEcdf(3, np.array([0, 3], dtype=np.int32), np.array([1.0, 2.0, 3.0]), *counts)
    >>> one = np.ones(1)
    >>> ensemble = Ensemble(("n_30d",), (ecdf,), 2 * one, mu=0 * one, sigma=one, weights=one,
    ...                     usual=0 * one)
    >>> x = np.array([[np.nan], [3.0]])
    >>> ensemble.score(x).round(3).tolist()
    [0.288, 0.693]
    >>> Labelled.unlabelled(ensemble).score(x).round(3).tolist()
    [0.288, 0.693]
    >>> Labelled(ensemble, offset=-4.0, weights=np.array([2.0]), usual=np.zeros(1)).score(
    ...     x).round(3).tolist()
    [-3.425, -2.614]

    References
    ----------
    Das et al., "Incorporating expert feedback into active anomaly discovery", ICDM 2016,
    doi:10.1109/ICDM.2016.0102: learning weights from the uniform ones of an ensemble.
    Zhao, Hryniewicki, "XGBOD: improving supervised outlier detection with unsupervised
    representation learning", IJCNN 2018, doi:10.1109/IJCNN.2018.8489605: boosting over features
    and scores.
    """

    name: ClassVar[str] = "labelled"
    ensemble: Ensemble
    offset: float
    weights: Vector
    """Of each column's contribution; alike before any label."""
    usual: Vector
    """Mean contribution of each column to a training row."""
    boosted: BoostedTrees | None = None
    mix: float = 0.0
    """Share of the boosted log-odds."""

    @classmethod
    def unlabelled(cls, ensemble: Ensemble) -> Self:
        """What there is before the first confirmed case: the ensemble's own score."""
        ones = np.ones(ensemble.n_features)
        return cls(ensemble, float(ensemble.contributions(_nothing(ensemble))[0]), ones, 0.0 * ones)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of a row, in order."""
        return self.ensemble.feature_names

    @property
    def n_features(self) -> int:
        """How many columns a row has."""
        return self.ensemble.n_features

    def arrange(self, x: Matrix, names: Sequence[str]) -> Matrix:
        """The columns this model uses, in its order, out of `x` with columns `names`."""
        return self.ensemble.arrange(x, names)

    def score(self, x: Matrix) -> Vector:
        """The log-odds of each row."""
        return self.margin(self._filled(x), self.ensemble.contributions(x)[1])

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base log-odds and, per row and column, what the column added to it."""
        return self.explain(self._filled(x), self.ensemble.contributions(x)[1])

    def margin(self, filled: Matrix, parts: Matrix) -> Vector:
        """As `score`, for filled rows whose contributions to the ensemble's score are known."""
        out = np.empty(len(parts))
        _weigh(parts, self.weights, self.offset, out)
        if self.boosted is None:
            return out
        boosted = self.boosted.score(np.hstack([filled, parts]))
        return (1.0 - self.mix) * out + self.mix * boosted

    def explain(self, filled: Matrix, parts: Matrix) -> tuple[float, Matrix]:
        """As `contributions`, for filled rows whose contributions to the ensemble are known."""
        base, out = self.offset, parts * self.weights
        if self.boosted is not None:
            start, shares = self.boosted.contributions(np.hstack([filled, parts]))
            d = self.n_features
            base = (1.0 - self.mix) * base + self.mix * start
            out = (1.0 - self.mix) * out + self.mix * (shares[:, :d] + shares[:, d:])
        return base + float(self.usual.sum()), out - self.usual

    def arrays(self) -> dict[str, Array]:
        """All that labels decided; the ensemble keeps its own."""
        level = np.array([self.offset, self.mix])
        own: dict[str, Array] = {"level": level, "weights": self.weights, "usual": self.usual}
        if self.boosted is None:
            return own
        return own | prefixed(self.boosted.arrays(), _BOOSTED)

    def _filled(self, x: Matrix) -> Matrix:
        """`x` without missing values."""
        return np.where(np.isnan(x), self.ensemble.median, x)

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, ensemble: Ensemble) -> Self:
        """Build from `arrays()`; the mix is a share, and 0 exactly where nothing was boosted."""
        d = ensemble.n_features
        offset, mix = take(arrays, "level", np.float64, (2,)).tolist()
        weights, usual = (take(arrays, name, np.float64, (d,)) for name in ("weights", "usual"))
        trees = section(arrays, _BOOSTED)
        if not 0.0 <= mix <= 1.0 or (mix > 0.0) != bool(trees):
            raise CorruptBundleError(
                "array 'level' must end in a share, above 0 exactly where trees are kept"
            )
        boosted = BoostedTrees.from_arrays(trees, n_features=2 * d) if trees else None
        return cls(ensemble, offset, weights, usual, boosted, mix)


def _nothing(ensemble: Ensemble) -> Matrix:
    """One row of which nothing is known."""
    return np.full((1, ensemble.n_features), np.nan)
