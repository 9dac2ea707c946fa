"""Every PyOD detector that can be used here is fitted and scores rows; the others say why not."""

import sys

import numpy as np
import pytest

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix
from models.fitting.from_pyod import fit_pyod
from models.fitting.pyod_catalog import catalogue
from models.fitting.pyod_shapes import DEFAULTS, SHAPES

AVAILABLE = [entry.name for entry in catalogue().values() if not entry.lacks]
MISSING = [entry.name for entry in catalogue().values() if entry.lacks]
SMALLER = {
    "RGraph": {"transition_steps": 2, "blocksize_test_data": 200},
    "LMDD": {"n_iter": 5},
    "INNE": {"n_estimators": 20},
    "IForest": {"n_estimators": 20},
}
"""Settings that say as much in less time."""
FEWER_ROWS = {"LOCI": 40, "RGraph": 80}
"""Rows for what costs their cube, whatever the settings."""
ONE_SCORE_A_SERIES = {"SpectralResidual"}


def _rows(n: int = 200) -> Matrix:
    x = np.random.default_rng(0).normal(size=(n, 5))
    x[:, 1] += x[:, 0]
    x[:, 3] = np.round(2.0 * x[:, 3])
    x[::11, 2] = np.nan
    return x


@pytest.mark.filterwarnings("ignore")  # PyOD's own, of many libraries
@pytest.mark.parametrize("class_name", AVAILABLE)
def test_every_available_detector_is_fitted_and_scores(class_name: str) -> None:
    """Missing values and all: one finite score a row, for rows seen and for others."""
    x = _rows(FEWER_ROWS.get(class_name, 200))
    fitted = fit_pyod(class_name, x, seed=0, **SMALLER.get(class_name, {}))
    others = x[: max(60, len(x) // 3)] + 0.1
    scores = fitted.score(others)

    assert fitted.name == class_name
    assert scores.shape == (len(others),)
    assert np.isfinite(scores).all()
    assert np.ptp(scores) > 0.0


def test_the_list_is_that_of_pyod() -> None:
    """Known detectors are in it, helpers are not, and each is public and named once."""
    assert {"IForest", "ECOD", "COPOD", "KNN", "LOF", "MCD", "HBOS", "LSCP"} <= set(AVAILABLE)
    assert not [name for name in catalogue() if name.startswith(("_", "Base"))]
    for name in AVAILABLE:
        assert catalogue()[name].load().__name__ == name
    assert set(DEFAULTS) | set(SHAPES) <= set(catalogue())


@pytest.mark.parametrize("class_name", MISSING)
def test_a_detector_that_lacks_a_library_names_it(class_name: str) -> None:
    """Whatever it lacks really is not installed."""
    entry = catalogue()[class_name]

    assert all(library not in sys.modules for library in entry.lacks)
    assert entry.reason.startswith(f"needs {entry.lacks[0]}")
    with pytest.raises(InputError, match=f"needs the library '{entry.lacks[0]}'"):
        fit_pyod(class_name, _rows(), seed=0)


def test_columns_are_taken_one_by_one_where_pyod_takes_one() -> None:
    """The largest of the columns' scores counts; another number of columns is refused."""
    x = _rows()
    whole = fit_pyod("MAD", x, seed=0)
    parts = [fit_pyod("MAD", x[:, [j]], seed=0).score(x[:, [j]]) for j in range(5)]

    assert whole.score(x).tobytes() == np.max(parts, axis=0).tobytes()
    with pytest.raises(ValueError, match="columns"):
        whole.fitted.decision_function(np.zeros((3, 4)))


@pytest.mark.filterwarnings("ignore")
def test_what_scores_only_its_own_rows_is_fitted_again() -> None:
    """The scores are those that the new rows get behind the old ones."""
    x = np.nan_to_num(_rows())
    fitted = fit_pyod("MatrixProfile", x[:150], seed=0)
    again = catalogue()["MatrixProfile"].load()()
    again.fit(x)

    assert fitted.score(x[150:]).tobytes() == again.decision_scores_[150:].tobytes()
