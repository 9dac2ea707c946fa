"""All detectors by name: what a bundle may hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.detector import Detector
from models.ecdf import FrozenEcdf
from models.families import FamilyTails
from models.forest import IsolationForest
from models.mahalanobis import RobustMahalanobis
from models.neighbours import NearestSubsample

DETECTORS: Final[Mapping[str, type[Detector]]] = MappingProxyType(
    {
        detector.name: detector
        for detector in (
            IsolationForest,
            FrozenEcdf,
            NearestSubsample,
            RobustMahalanobis,
            FamilyTails,
        )
    }
)
"""Adding one: a file here, a fitter in `models.fitting`, a line in this table and in theirs."""
