"""Models: rows of features to how unusual they are, exactly additive per feature, as plain data.

A detector is one file that scores and explains flat arrays; its fitter lives in `models.fitting`,
which the service cannot reach. An `Ensemble` averages detectors, a `Calibration` says what a score
means, `reasons` puts contributions into words, and a `Bundle` is all of them in a folder.
"""

from models.bundle import Bundle
from models.calibrate import Calibration, band, one_in
from models.detector import Detector
from models.ensemble import Ensemble
from models.explain import reasons
from models.manifest import DetectorInfo, Facts, Manifest, TrainingWindow, library_versions
from models.registry import DETECTORS
from models.typical import Ordinary, Typical

__all__ = [
    "DETECTORS",
    "Bundle",
    "Calibration",
    "Detector",
    "DetectorInfo",
    "Ensemble",
    "Facts",
    "Manifest",
    "Ordinary",
    "TrainingWindow",
    "Typical",
    "band",
    "library_versions",
    "one_in",
    "reasons",
]
