"""Every detector, the ensemble and what labels make of it keep every promise of `models.checks`."""

import pytest

from features.contracts.errors import BundleError
from models import DETECTORS, Detector
from models.checks import (
    Case,
    cases,
    check_contributions_add_up,
    check_ring_of_copies_is_still_flagged,
    check_row_scores_the_same_among_its_copies,
    check_same_seed_same_score,
    check_saved_and_loaded_scores_the_same,
    sample,
)
from models.fitting.ensemble import FITTERS
from models.fitting.subjects import (
    detector_subject,
    ensemble_subject,
    labelled_subject,
    panel_subject,
    pyod_subject,
)

_CASES = [
    *(case for name in DETECTORS for case in cases(detector_subject(name))),
    *(case for name in DETECTORS for case in cases(ensemble_subject((name,), name=f"{name}-whole"))
      if case.check.__module__.endswith(".whole")),
    *cases(ensemble_subject()),
    *cases(labelled_subject()),
    *cases(panel_subject()),
]  # fmt: skip


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_every_detector_passes_every_check(case: Case) -> None:
    """No registered detector breaks a promise, nor does an ensemble of it or of all."""
    case()


def test_every_registered_detector_has_a_fitter() -> None:
    """Registry and fitters name the same detectors, and each is a Detector."""
    assert list(FITTERS) == list(DETECTORS)
    for name, fit in FITTERS.items():
        fitted = fit(sample(), seed=0)
        assert isinstance(fitted, Detector)
        assert fitted.name == name
        assert fitted.parameters


@pytest.mark.filterwarnings("ignore:Precision loss occurred")
@pytest.mark.parametrize("class_name", ["ECOD", "COPOD"])
def test_detectors_that_rank_the_batch_are_refused(class_name: str) -> None:
    """PyOD's ECOD and COPOD let a thousand identical rows hide themselves; the checks say so."""
    subject = pyod_subject(class_name)
    with pytest.raises(BundleError, match="among 1000 copies"):
        check_row_scores_the_same_among_its_copies(subject)
    with pytest.raises(BundleError, match=r"a ring of 1000 copies of a far row \(0% are\)"):
        check_ring_of_copies_is_still_flagged(subject)


def test_a_sound_pyod_detector_passes_what_it_can() -> None:
    """PyOD's HBOS scores rows one by one, but cannot be promoted: no reasons, no plain arrays."""
    subject = pyod_subject("HBOS")
    check_row_scores_the_same_among_its_copies(subject)
    check_ring_of_copies_is_still_flagged(subject)
    check_same_seed_same_score(subject)
    with pytest.raises(BundleError, match="must explain"):
        check_contributions_add_up(subject)
    with pytest.raises(BundleError, match="must have a data-only form"):
        check_saved_and_loaded_scores_the_same(subject)
