"""Freezes the distributions of columns, of families of columns, and of all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from features.contracts.vectors import FeatureInfo, Matrix
from models.ecdf import Counts
from models.families import BOTH, HIGH, LOW, FamilyTails, Sides, surprises, tabulated
from models.fitting.ecdf import fit_ecdf

_SIDES: Final = {"high": HIGH, "low": LOW, "both": BOTH}


@dataclass(frozen=True, eq=False)
class Columns:
    """What is declared of each column: on which side it matters, and what family it belongs to.

    Families are numbered from 0 in the order of their first column.
    """

    side: Sides
    family: Counts

    @classmethod
    def of(cls, infos: Sequence[FeatureInfo]) -> Self:
        """As the features say; one without a family is a family by itself."""
        labels = [info.family or info.name for info in infos]
        numbers = {label: at for at, label in enumerate(dict.fromkeys(labels))}
        return cls(
            side=np.array([_SIDES[info.tail] for info in infos], dtype=np.int8),
            family=np.array([numbers[label] for label in labels], dtype=np.int32),
        )

    @classmethod
    def plain(cls, n: int) -> Self:
        """Nothing is declared: both sides matter, and each column is a family by itself."""
        return cls(np.full(n, BOTH, dtype=np.int8), np.arange(n, dtype=np.int32))


def fit_families(x: Matrix, *, seed: int = 0, columns: Columns | None = None) -> FamilyTails:  # noqa: ARG001  (nothing is random here)
    """Knots and counts of the columns of `x`, of the families' sums and of the whole sum."""
    declared = columns or Columns.plain(x.shape[1])
    first = fit_ecdf(x)
    n_families = int(declared.family.max()) + 1
    sums = np.empty((len(x), n_families + 1))
    table = tabulated(first, declared.side)
    told = np.empty((len(x), n_families))
    surprises(np.ascontiguousarray(x), first.knots, table, first.starts, declared.family, told)
    sums[:, :-1] = told
    second = fit_ecdf(told)
    upper = tabulated(second, np.full(n_families, HIGH, dtype=np.int8))
    everything, one = np.empty((len(x), 1)), np.zeros(n_families, dtype=np.int32)
    surprises(told, second.knots, upper, second.starts, one, everything)
    sums[:, -1:] = everything
    return FamilyTails(first, fit_ecdf(sums), declared.side, declared.family)
