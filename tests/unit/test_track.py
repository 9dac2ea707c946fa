"""Tracking: a fit goes into a store beside its database and comes back as the same bytes."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from features.contracts.errors import InputError, NotFoundError
from models.bundle import Bundle
from training import track
from training.evaluate import evaluate
from training.fit import fit

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_table):
    """One store with one tracked fit; making its tables takes most of this file's time."""
    folder = tmp_path_factory.mktemp("home")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    table = make_table(600, 4)
    fitted = fit(table, created_at=CREATED)
    evaluation = evaluate(fitted, table)
    report = folder / "report.html"
    report.write_text("<p>report</p>")
    tracked = track.track(fitted, evaluation, [report], uri=uri, experiment="payouts")
    return uri, fitted, evaluation, tracked, folder


def test_the_same_bundle_comes_back(store, tmp_path):
    """The challenger's folder verifies against the digest in the registry, byte for byte."""
    uri, fitted, _, tracked, _ = store
    found = track.resolve(uri, "payouts", track.CHALLENGER)
    assert found == tracked
    folder = track.fetch(uri, "payouts", track.CHALLENGER, tmp_path)
    assert Bundle.load(folder, digest=found.digest).digest == fitted.bundle.digest
    by_version = track.fetch(uri, "payouts", tracked.model_version, tmp_path / "again")
    assert Bundle.load(by_version, digest=found.digest).digest == fitted.bundle.digest


def test_the_evaluation_comes_back(store):
    """What a gate reads is what the evaluation said."""
    uri, _, evaluation, tracked, _ = store
    assert track.fetch_evaluation(uri, tracked.run_id) == evaluation


def test_everything_lies_beside_the_database(store, tmp_path, monkeypatch):
    """Nothing is written to the working folder."""
    uri, _, _, tracked, folder = store
    monkeypatch.chdir(tmp_path)
    track.alias(uri, "payouts", tracked.model_version, name=track.CHAMPION)
    assert track.resolve(uri, "payouts", track.CHAMPION).digest == tracked.digest
    assert list(tmp_path.iterdir()) == []
    assert list((folder / "mlartifacts" / "payouts").rglob("report.html"))


def test_a_version_that_is_not_there_is_not_found(store):
    """Neither an unknown alias nor an unknown version means anything."""
    uri = store[0]
    for which in ("shadow", "99"):
        with pytest.raises(NotFoundError):
            track.resolve(uri, "payouts", which)


def test_mlflow_is_left_as_it_was_found(store):
    """No tracking address stays set, the logger keeps its level, telemetry is off."""
    import mlflow  # noqa: PLC0415  (what the door leaves behind)

    before = logging.getLogger("mlflow").level
    track.resolve(store[0], "payouts", track.CHALLENGER)
    assert not mlflow.is_tracking_uri_set()
    assert logging.getLogger("mlflow").level == before
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_no_row_is_logged(store):
    """Keys of persons and firms stay in the ledger: no artifact and no table names one."""
    folder = store[4]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"P-17" not in content
            assert b"E-3" not in content


def test_importing_the_door_does_not_load_mlflow():
    """A second and 165 MB are paid only by who opens it."""
    code = "import training.track, sys; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_database_without_a_folder_for_artifacts_is_refused(tmp_path):
    """Artifacts never land in the working folder by accident; a server decides for itself."""
    with pytest.raises(InputError, match="needs a folder"):
        track._artifact_root("postgresql+psycopg://host/db", None)
    assert track._artifact_root("postgresql+psycopg://host/db", tmp_path) == tmp_path
    assert track._artifact_root("https://mlflow.example", None) is None
