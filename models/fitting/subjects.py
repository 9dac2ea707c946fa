"""What the conformance checks are run on: every registered detector, the ensemble, PyOD's."""

from models.arrays import Arrays
from models.checks import Scorer, Subject, column_names
from models.detector import Detector
from models.ensemble import Ensemble
from models.fitting.ensemble import FITTERS, fit_ensemble
from models.fitting.from_pyod import fit_pyod
from models.registry import DETECTORS


def detector_subject(name: str) -> Subject:
    """The registered detector of this name, saved as its arrays."""

    def reload(fitted: Scorer) -> Detector:
        return DETECTORS[name].from_arrays(_arrays(fitted))

    return Subject(name, lambda x, seed: FITTERS[name](x, seed=seed), reload)


def ensemble_subject() -> Subject:
    """The default ensemble."""

    def reload(fitted: Scorer) -> Ensemble:
        return Ensemble.from_arrays(
            _arrays(fitted), feature_names=column_names(), detectors=tuple(FITTERS)
        )

    return Subject("ensemble", lambda x, seed: fit_ensemble(x, column_names(), seed=seed), reload)


def pyod_subject(class_name: str) -> Subject:
    """A PyOD detector, which has no saved form."""
    return Subject(
        class_name, lambda x, seed: fit_pyod(class_name, x, seed=seed), lambda fitted: fitted
    )


def _arrays(fitted: Scorer) -> Arrays:
    if not isinstance(fitted, Detector | Ensemble):
        raise TypeError(f"{type(fitted).__name__} has no arrays to be saved")
    return fitted.arrays()
