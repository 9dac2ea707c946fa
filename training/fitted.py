"""What a fit leaves: a bundle, how the data were split for it, and what they supported."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.contracts.vectors import Matrix, Vector
from features.table import FeatureTable
from models.bundle import Bundle
from training.coverage import Coverage
from training.split import Split


@dataclass(frozen=True)
class Fitted:
    """A bundle with the split and coverage it came from; it scores whole feature tables."""

    bundle: Bundle
    split: Split
    coverage: Coverage
    seed: int

    @property
    def scenario(self) -> str:
        """The supervised business."""
        return self.bundle.manifest.scenario

    @property
    def budget(self) -> float:
        """Share of events that reviewers have room for."""
        return self.bundle.manifest.alert_budget

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features of the spec, the columns of contributions."""
        return self.bundle.names

    @cached_property
    def calibrate_score(self) -> Vector:
        """Scores of the calibration slice, sorted."""
        return self.bundle.calibration.scores

    def score(self, table: FeatureTable) -> Vector:
        """How unusual each row of `table` is."""
        return self.bundle.score(table.values)

    def contributions(self, table: FeatureTable) -> Matrix:
        """What each feature added to each row's score."""
        return self.bundle.contributions(table.values)[1]

    def p_value(self, score: Vector) -> Vector:
        """Share of calibration events at least as unusual, for each score."""
        return np.array([self.bundle.calibration.p_value(value) for value in score.tolist()])
