"""What is checked and what it is checked on: a subject, and rows that look like payouts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np

from features.contracts.errors import BundleError
from features.contracts.vectors import Matrix, Vector
from models.archive import pack, unpack
from models.arrays import Array, Arrays

ROWS: Final = 600
COLUMNS: Final = 5


class Scorer(Protocol):
    """Anything that scores rows; higher is more unusual."""

    def score(self, x: Matrix) -> Vector:
        """How unusual each row is."""


@runtime_checkable
class Explainer(Scorer, Protocol):
    """A scorer that says what each column added."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base score and, per row and column, what the column added to it."""


@runtime_checkable
class Saved(Scorer, Protocol):
    """A scorer that is plain arrays."""

    def arrays(self) -> dict[str, Array]:
        """Everything fitted, as flat numeric arrays."""


@runtime_checkable
class Named(Scorer, Protocol):
    """A scorer that knows its columns by name."""

    def arrange(self, x: Matrix, names: Sequence[str]) -> Matrix:
        """The columns in the scorer's own order."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: how to fit it, and how it comes back from its arrays.

    `fit(x, seed)` takes rows without missing values. `load` builds the fitted thing from what its
    `arrays()` gave; None says that there is no such form. `is_whole` says that it serves by itself,
    as an ensemble does: it knows its columns by name and takes missing values.
    """

    name: str
    fit: Callable[[Matrix, int], Scorer]
    load: Callable[[Arrays], Scorer] | None = None
    is_whole: bool = False

    def require(self, holds: bool, claim: str) -> None:
        """Raise where a claim does not hold."""
        if not holds:
            raise BundleError(f"{self.name}: {claim}; it may be compared, but not promoted")

    def explainer(self, x: Matrix) -> Explainer:
        """The subject fitted on `x`, where it explains itself."""
        fitted = self.fit(x, 0)
        if not isinstance(fitted, Explainer):
            raise BundleError(f"{self.name}: must explain its scores; it cannot be promoted")
        return fitted

    def named(self, x: Matrix) -> Named:
        """The subject fitted on `x`, where it knows columns by name."""
        fitted = self.fit(x, 0)
        if not isinstance(fitted, Named):
            raise BundleError(f"{self.name}: must take columns by name")
        return fitted

    def stored(self, fitted: Scorer) -> dict[str, Array]:
        """Its arrays as they come back from the bytes of a bundle."""
        if self.load is None or not isinstance(fitted, Saved):
            raise BundleError(f"{self.name}: must have a data-only form; it cannot be promoted")
        return unpack(pack(fitted.arrays()))

    def reload(self, arrays: Arrays) -> Scorer:
        """What the arrays build."""
        if self.load is None:
            raise BundleError(f"{self.name}: must have a data-only form; it cannot be promoted")
        return self.load(arrays)


Check = Callable[[Subject], None]


def remembered(subject: Subject) -> Subject:
    """The subject, which fits the same rows with one seed only once."""
    fitted: dict[tuple[int, tuple[int, ...], bytes], Scorer] = {}

    def fit(x: Matrix, seed: int) -> Scorer:
        key = (seed, x.shape, x.tobytes())
        if key not in fitted:
            fitted[key] = subject.fit(x, seed)
        return fitted[key]

    return replace(subject, fit=fit)


def sample(seed: int = 7, n_rows: int = ROWS) -> Matrix:
    """Skewed, correlated and discrete columns, as payouts have.

    >>> sample().shape, sample(n_rows=10).shape
    ((600, 5), (10, 5))
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, COLUMNS))
    x[:, 1] += x[:, 0]
    x[:, 2] = np.exp(2.0 * x[:, 2])
    x[:, 3] = np.round(2.0 * x[:, 3])
    return x


def column_names() -> list[str]:
    """Names that an ensemble under check is fitted with."""
    return [f"column_{j}" for j in range(COLUMNS)]


def same(one: Vector, other: Vector) -> bool:
    """Equal bit for bit."""
    return one.tobytes() == other.tobytes()


def apart(one: Vector, other: Vector) -> str:
    """How far two answers lie apart, in words.

    >>> apart(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    'they differ by up to 50 %'
    >>> apart(np.zeros(2), np.zeros(3))
    'they have other shapes'
    """
    if one.shape != other.shape:
        return "they have other shapes"
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return "some are not finite"
    size = np.maximum(np.maximum(np.abs(one), np.abs(other)), np.finfo(np.float64).tiny)
    most = 100.0 * float((np.abs(one - other) / size).max())
    return f"they differ by up to {most:.3g} %"
