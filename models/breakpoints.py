"""Where a score may jump or bend as one column moves: cuts of trees, knots of distributions.

Detectors are asked by the names of their arrays, so that one that brings its own trees
(`feature`, `threshold`) or knots (`starts`, `knots`) is understood without being known. Trees that
labels grew over contributions cut at values of the column that nobody keeps: where a score jumps
there is told by scoring only.
"""

import numpy as np

from features.contracts.vectors import Vector
from models.arrays import Array
from models.detector import Detector
from models.ensemble import Ensemble
from models.labelled import Labelled


def of_column(scorer: Ensemble | Labelled, column: int) -> Vector:
    """Sorted values of one column on either side of which rows may score apart.

    A tree compares as float32, so a cut is there twice: the last value that goes left, and the
    first that goes right.
    """
    ensemble = scorer.ensemble if isinstance(scorer, Labelled) else scorer
    found = [ensemble.median[column : column + 1]]
    if isinstance(scorer, Labelled) and scorer.boosted is not None:
        found.append(_cuts(scorer.boosted.arrays(), column))
    for detector in ensemble.detectors:
        found.extend(_of_detector(detector, column))
    if ensemble.panel is not None:
        found.append(ensemble.panel.tails.knots_of(column))
    return np.unique(np.concatenate(found))


def knots_of(ensemble: Ensemble, column: int) -> Vector:
    """Sorted training values that a detector keeps of one column, empty where none does."""
    found = [_knots(detector.arrays(), column) for detector in ensemble.detectors]
    return np.unique(np.concatenate(found)) if found else np.empty(0)


def _of_detector(detector: Detector, column: int) -> list[Vector]:
    arrays = detector.arrays()
    return [_cuts(arrays, column), _knots(arrays, column)]


def _cuts(arrays: dict[str, Array], column: int) -> Vector:
    if "feature" not in arrays or "threshold" not in arrays:
        return np.empty(0)
    left = np.asarray(arrays["threshold"], dtype=np.float32)[arrays["feature"] == column]
    right = np.nextafter(left, np.float32(np.inf))
    return np.concatenate([left, right]).astype(np.float64)


def _knots(arrays: dict[str, Array], column: int) -> Vector:
    if "starts" not in arrays or "knots" not in arrays:
        return np.empty(0)
    starts = np.asarray(arrays["starts"], dtype=np.int64)
    return np.asarray(arrays["knots"], dtype=np.float64)[starts[column] : starts[column + 1]]
