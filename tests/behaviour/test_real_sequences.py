"""Distorted cases of a real permit log are found by the course that they take."""

from pathlib import Path

import pytest

from features.sources.fitting import fitting
from training.sequences.bench import bench

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "permits"
pytestmark = pytest.mark.needs("data")


def test_distorted_cases_of_the_receipt_log_are_found(tmp_path: Path) -> None:
    """A tenth of the cases, one seed: best F1 above that of published models on such a log."""
    path = DATA / "receipt.xes.gz"
    found = bench(path, (1,), mapping=fitting(path, "approvals"), folder=tmp_path)

    assert found.n_cases == 1_434
    assert found.runs[0].found.n_marked == 143
    assert found.means["no labels"]["best_f1"] > 0.6
    assert found.means["no labels"]["auc"] > 0.85
