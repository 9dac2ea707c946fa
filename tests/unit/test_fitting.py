"""Fitting: seeds decide, odd tables are survived, wrong ones are refused."""

import sys

import numpy as np
import pytest

from features.contracts.errors import CorruptBundleError, InputError, UnknownFeatureError
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from models.fitting.from_pyod import find_pyod, fit_pyod
from models.fitting.pyod_catalog import PyodEntry

NAMES = ("a", "b", "c")


def _fit(seed: int = 0) -> Ensemble:
    return fit_ensemble(np.random.default_rng(1).normal(size=(200, 3)), NAMES, seed=seed)


def test_training_scores_are_standardised() -> None:
    """The ensemble's training scores average 0, and so do its contributions."""
    x = np.random.default_rng(1).normal(size=(200, 3))
    ensemble = fit_ensemble(x, NAMES, seed=0)
    base, parts = ensemble.contributions(x)
    assert ensemble.score(x).mean() == pytest.approx(0.0, abs=1e-9)
    assert parts.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert base == pytest.approx(0.0, abs=1e-9)


def test_column_missing_throughout_is_survived() -> None:
    """A feature that no row has counts as 0 everywhere, and says nothing."""
    x = np.random.default_rng(1).normal(size=(200, 3))
    x[:, 1] = np.nan
    ensemble = fit_ensemble(x, NAMES, seed=0)
    assert np.isfinite(ensemble.score(x)).all()
    assert ensemble.median[1] == 0.0


def test_all_rows_alike_are_survived() -> None:
    """Nothing varies, nothing breaks."""
    x = np.ones((50, 3))
    assert np.isfinite(fit_ensemble(x, NAMES, seed=0).score(2.0 * x)).all()


def test_wrong_tables_are_refused() -> None:
    """Too few rows, a width that does not fit the names, an infinity."""
    with pytest.raises(InputError, match="2 rows or more of 3"):
        fit_ensemble(np.zeros((1, 3)), NAMES, seed=0)
    with pytest.raises(InputError, match="of 3 columns"):
        fit_ensemble(np.zeros((9, 2)), NAMES, seed=0)
    with pytest.raises(InputError, match="'b' is infinite"):
        fit_ensemble(np.array([[0.0, np.inf, 0.0], [0.0, 0.0, 0.0]]), NAMES, seed=0)


def test_unknown_column_is_named_with_what_was_meant() -> None:
    """A column that is not there is an error with the nearest name."""
    with pytest.raises(UnknownFeatureError, match="no feature 'b'"):
        _fit().arrange(np.zeros((1, 3)), ["a", "bb", "c"])


def test_manifests_lists_must_fit_the_arrays() -> None:
    """Unknown or repeated detectors, or another number of columns, are refused."""
    ensemble = _fit()
    arrays = ensemble.arrays()
    for detectors in (("forest", "forest"), ("nothing",), ()):
        with pytest.raises(CorruptBundleError, match="must be some of"):
            Ensemble.from_arrays(arrays, feature_names=NAMES, detectors=detectors)
    four = {**arrays, "median": np.zeros(4), "usual": np.zeros(4)}
    with pytest.raises(CorruptBundleError, match="takes 3 columns"):
        Ensemble.from_arrays(
            four, feature_names=(*NAMES, "d"), detectors=[d.name for d in ensemble.detectors]
        )


def test_pyod_detectors_are_found_by_class_name() -> None:
    """The module's name follows from the class; what is not there is said."""
    assert find_pyod("IForest").__name__ == "IForest"
    assert find_pyod("ROD").__name__ == "ROD"
    with pytest.raises(InputError, match="no detector 'Nothing'"):
        find_pyod("Nothing")


def test_pyod_detector_that_lacks_its_library_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector whose own needs are not installed is refused in one sentence."""
    monkeypatch.setitem(sys.modules, "pyod.models.loda", None)
    with pytest.raises(InputError, match=r"'LODA' needs the library 'pyod\.models\.loda'; install"):
        find_pyod("LODA")
    with pytest.raises(InputError, match="'LODA' needs the library 'nothing'; install"):
        PyodEntry("LODA", "loda", ("nothing", "else")).load()


def test_pyod_gets_seed_and_medians() -> None:
    """Seed and parameters reach PyOD, and missing values are filled in."""
    x = np.random.default_rng(0).normal(size=(100, 3))
    x[::5, 0] = np.nan
    x[:, 2] = np.nan
    one, other = (fit_pyod("IForest", x, seed=3, n_estimators=20) for _ in range(2))
    assert one.score(x).tobytes() == other.score(x).tobytes()
