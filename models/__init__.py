"""Models: rows of features to how unusual they are, exactly additive per feature, as plain data.

A detector is one file that scores and explains flat arrays; its fitter lives in `models.fitting`,
which the service cannot reach. An `Ensemble` averages detectors, a `Calibration` says what a score
means, `reasons` puts contributions into words, and a `Bundle` is all of them in a folder. Where
reviewers have found something, a `Labelled` model takes the ensemble's place and `Confirmed` says
how likely a review confirms.
"""

from models.bundle import Bundle
from models.calibrate import Calibration, band, one_in
from models.confirmed import Chance, Confirmed
from models.detector import Detector
from models.ensemble import Ensemble
from models.explain import reasons
from models.labelled import Labelled
from models.learned import Learned
from models.manifest import DetectorInfo, Facts, Manifest, TrainingWindow, library_versions
from models.ordinary import would_be_below
from models.registry import DETECTORS
from models.typical import Ordinary, Typical

__all__ = [
    "DETECTORS",
    "Bundle",
    "Calibration",
    "Chance",
    "Confirmed",
    "Detector",
    "DetectorInfo",
    "Ensemble",
    "Facts",
    "Labelled",
    "Learned",
    "Manifest",
    "Ordinary",
    "TrainingWindow",
    "Typical",
    "band",
    "library_versions",
    "one_in",
    "reasons",
    "would_be_below",
]
