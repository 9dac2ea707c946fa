"""Which features these data support, and which a model leaves out and why."""

from collections.abc import Collection
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from features.contracts.vectors import STATUS_CODES, Vector
from features.contracts.verdicts import Status
from features.table import FeatureTable

MIN_OK_SHARE: Final = 0.01
"""A feature that is known for fewer events than this cannot tell ordinary from unusual.

Where the declaration says what stands in for a missing value, that is known too.
"""

Why = Literal["", "not for the model", "rarely known", "constant"]


class FeatureCoverage(BaseModel):
    """How often one feature is known, by status, and whether a model uses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str
    ok_share: float
    not_applicable_share: float
    insufficient_share: float
    error_share: float
    imputed_share: float
    n_distinct: int
    why_left_out: Why

    @property
    def is_used(self) -> bool:
        """Whether a model sees the feature."""
        return not self.why_left_out


class Coverage(BaseModel):
    """The coverage of all features of a table, in the order of its spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_rows: int
    features: tuple[FeatureCoverage, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the features that a model sees."""
        return tuple(feature.name for feature in self.features if feature.is_used)

    @property
    def left_out(self) -> dict[str, str]:
        """Names of the others, each with the reason."""
        return {
            feature.name: feature.why_left_out for feature in self.features if not feature.is_used
        }


def cover(table: FeatureTable, *, left_out: Collection[str] = ()) -> Coverage:
    """Measure the coverage of `table`; take the rows that fit, so that nothing later decides.

    Features in `left_out` are not for the model (they serve the fixed rules).
    """
    measured = [_cover_feature(table, at) for at in range(len(table.infos))]
    return Coverage(
        n_rows=len(table),
        features=tuple(
            feature.model_copy(update={"why_left_out": "not for the model"})
            if feature.name in left_out
            else feature
            for feature in measured
        ),
    )


def _cover_feature(table: FeatureTable, at: int) -> FeatureCoverage:
    counts = np.bincount(table.status[:, at], minlength=len(STATUS_CODES)) / max(len(table), 1)
    shares = dict(zip(STATUS_CODES, counts.tolist(), strict=True))
    known = table.values[:, at]
    n_distinct = len(np.unique(known[np.isfinite(known)]))
    return FeatureCoverage(
        name=table.infos[at].name,
        family=table.infos[at].family,
        ok_share=shares[Status.OK],
        not_applicable_share=shares[Status.NOT_APPLICABLE],
        insufficient_share=shares[Status.INSUFFICIENT],
        error_share=shares[Status.ERROR],
        imputed_share=shares[Status.IMPUTED],
        n_distinct=n_distinct,
        why_left_out=_why_left_out(known, shares[Status.OK] + shares[Status.IMPUTED]),
    )


def _why_left_out(values: Vector, known_share: float) -> Why:
    if known_share < MIN_OK_SHARE:
        return "rarely known"
    known = values[np.isfinite(values)]
    return "constant" if len(known) == 0 or known.min() == known.max() else ""
