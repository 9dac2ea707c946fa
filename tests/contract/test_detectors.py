"""Every registered detector and the ensemble keep every promise of `models.checks`."""

from dataclasses import replace

import pytest

from features.contracts.errors import BundleError
from features.contracts.vectors import Matrix
from models import DETECTORS, Detector
from models.checks import (
    Check,
    Scorer,
    Subject,
    check_contributions_add_up,
    check_input_is_not_written_to,
    check_row_scores_the_same_among_its_copies,
    check_same_seed_same_score,
    iter_checks,
    iter_ensemble_checks,
    sample,
)
from models.fitting.ensemble import FITTERS
from models.fitting.subjects import detector_subject, ensemble_subject, pyod_subject

_FITTED: dict[tuple[str, int, bytes], Scorer] = {}
_FITS_ITSELF = (check_same_seed_same_score, check_input_is_not_written_to)


def _remembered(subject: Subject) -> Subject:
    """The subject, which fits the same rows once for all checks that are not about fitting."""

    def fit(x: Matrix, seed: int) -> Scorer:
        key = (subject.name, seed, x.tobytes())
        if key not in _FITTED:
            _FITTED[key] = subject.fit(x, seed)
        return _FITTED[key]

    return replace(subject, fit=fit)


_CASES = [
    *((detector_subject(name), check) for name in DETECTORS for check in iter_checks()),
    *((ensemble_subject(), check) for check in [*iter_checks(), *iter_ensemble_checks()]),
]


@pytest.mark.parametrize(
    ("subject", "check"), [pytest.param(s, c, id=f"{s.name}-{c.__name__}") for s, c in _CASES]
)
def test_every_detector_passes_every_check(subject: Subject, check: Check) -> None:
    """No registered detector breaks a promise."""
    check(subject if check in _FITS_ITSELF else _remembered(subject))


def test_every_registered_detector_has_a_fitter() -> None:
    """Registry and fitters name the same detectors, and each is a Detector."""
    assert list(FITTERS) == list(DETECTORS)
    for name, fit in FITTERS.items():
        fitted = fit(sample(), seed=0)
        assert isinstance(fitted, Detector)
        assert fitted.name == name
        assert fitted.parameters


@pytest.mark.parametrize("class_name", ["ECOD", "COPOD"])
def test_detectors_that_rank_the_batch_are_refused(class_name: str) -> None:
    """PyOD's ECOD and COPOD let a thousand identical rows hide themselves; the check says so."""
    with pytest.raises(BundleError, match="among 1000 copies"):
        check_row_scores_the_same_among_its_copies(pyod_subject(class_name))


def test_a_sound_pyod_detector_passes_what_it_can() -> None:
    """PyOD's HBOS scores rows one by one, but cannot be promoted: it does not explain itself."""
    subject = pyod_subject("HBOS")
    check_row_scores_the_same_among_its_copies(subject)
    check_same_seed_same_score(subject)
    with pytest.raises(BundleError, match="must explain"):
        check_contributions_add_up(subject)
