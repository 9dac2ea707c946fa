"""Tracking: a fit goes into a store beside its database and comes back as the same bytes."""

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from features.contracts.errors import InputError, LianjingError, NotFoundError
from models.bundle import Bundle
from training import track
from training.evaluate import evaluate
from training.fit import fit

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
SOON_S = 20
"""The driver alone would try for minutes."""


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


@pytest.fixture
def deaf():
    """The port of a listener that hangs up on everyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("form", ["http://ann:secret@{}", "https://ann:secret@{}/a?token=secret"])
@pytest.mark.parametrize("is_up", [True, False])
def test_a_store_that_does_not_answer_is_told_soon_in_one_line(deaf, monkeypatch, form, is_up):
    """The setting is named; neither credentials nor what the driver says are."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    uri = form.format(f"127.0.0.1:{deaf if is_up else free}")
    began = time.monotonic()
    with pytest.raises(LianjingError) as caught:
        track.resolve(uri, "payouts", track.CHAMPION)

    assert time.monotonic() - began < SOON_S
    assert re.fullmatch(
        r"the tracking store at https?://127\.0\.0\.1:\d+(/a)? does not answer \(\w+\); "
        r"start it or correct LIANJING_MLFLOW_URI",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("mlflow.db", "DatabaseError"), ("", "OperationalError")]
)
def test_a_database_that_is_none_is_told_soon_in_one_line(tmp_path, name, kind):
    """A file of another kind, or a folder: no statement, no driver, no minutes of tries.

    The number of tries is put back as it was.
    """
    from mlflow.store.db import utils  # noqa: PLC0415  (what the door leaves behind)

    tries, began = utils.MAX_RETRY_COUNT, time.monotonic()
    (tmp_path / "mlflow.db").write_text("x" * 5_000)
    with pytest.raises(LianjingError) as caught:
        track.resolve(f"sqlite:///{tmp_path / name}", "payouts", track.CHAMPION)

    assert time.monotonic() - began < 6
    assert f"does not answer ({kind})" in str(caught.value)
    assert not re.search(r"\n|SQL:|sqlite3|sqlalche\.me", str(caught.value))
    assert tries == utils.MAX_RETRY_COUNT


@pytest.mark.parametrize("uri", ["nonsense", "http://ann:secret@host:port/"])
def test_an_address_that_is_none_is_refused(uri):
    """The setting and the ways to write it are told, the value is not."""
    with pytest.raises(InputError, match=r"^LIANJING_MLFLOW_URI is no address") as caught:
        track.resolve(uri, "payouts", track.CHAMPION)
    assert "secret" not in str(caught.value)


def test_a_refusal_is_one_line_without_credentials():
    """A server's many lines are cut to the first, and a URL in it loses its password."""
    url = track._parsed("http://host")
    told = str(track._translated(Exception("no: http://ann:secret@host\nTraceback\n"), url))
    assert told == "the tracking store refused: no: http://***@host"
    told = str(track._translated(Exception("(psycopg2.errors.Oops) gone [SQL: SELECT 1]"), url))
    assert told.startswith("the tracking store at http://host does not answer")
