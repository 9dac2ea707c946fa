"""What every detector promises: rows in, how unusual they are out, and which column said so."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, Self, runtime_checkable

from features.contracts.vectors import Matrix, Vector
from models.arrays import Array, Arrays


@runtime_checkable
class Detector(Protocol):
    """A fitted, data-only scorer of rows.

    A row scores the same bit for bit alone, in any batch and from any thread; what comes in is
    never written to. Inputs are finite: the ensemble fills missing values before a detector sees
    them. Higher is more unusual. Scores are exactly additive: the base plus a row's contributions
    is its score, to 1e-6 relative.
    """

    name: ClassVar[str]

    @property
    def n_features(self) -> int:
        """How many columns a row has."""

    @property
    def parameters(self) -> Mapping[str, int]:
        """Sizes that the manifest records."""

    def score(self, x: Matrix) -> Vector:
        """How unusual each row is; higher is more unusual."""

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base score and, per row and column, what the column added to it."""

    def arrays(self) -> dict[str, Array]:
        """Everything fitted, as flat numeric arrays."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`, trusting nothing: CorruptBundleError names what is wrong."""
