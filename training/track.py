"""The only door to MLflow: runs, artifacts and the registry, off the scoring path.

MLflow is loaded when a function is called, told not to phone home, kept quiet, and left as it was
found. A store that cannot be reached is told within seconds, in one line and without credentials.
A bundle is logged as a data-only model: files, no pickle, no code, nothing to execute.
What is logged of the data are counts and digests, never rows. Digests are those that this project
computes: MLflow's own covers only the first 10,000 rows.
"""

import logging
import os
import re
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies, proxy_bypass

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from features.contracts.errors import InputError, LianjingError, NotFoundError
from features.contracts.events import from_us
from training.evaluation import Evaluation
from training.fitted import Fitted
from training.runs import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"
EVALUATION: Final = "evaluation.json"
DIGEST_TAG: Final = "bundle_digest"
_PARENT: Final = "mlflow.parentRunId"
_DATASET_DIGEST_LENGTH: Final = 36
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_PATIENCE: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Used unless the operator has set others; MLflow's own add up to minutes."""
_DATABASE_TRIES: Final = 3
_CONNECT_S: Final = 3.0
_PORTS: Final = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_LONGEST: Final = 200
_CREDENTIALS: Final = re.compile(r"://[^/@\s]*@")
_OF_DRIVER: Final = re.compile(r"\(\w+(\.\w+)+\)|\[SQL:")


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a fit went: its run, its version in the registry, its bundle's digest."""

    run_id: str
    model_version: str
    digest: str


def model_name(scenario: str) -> str:
    """The registered model of a scenario.

    >>> model_name("payouts")
    'lianjing-payouts'
    """
    return f"lianjing-{scenario}"


def track(
    fitted: Fitted,
    evaluation: Evaluation,
    files: Sequence[Path],
    *,
    uri: str,
    experiment: str,
    artifacts: Path | None = None,
) -> Tracked:
    """Log a fit and register its bundle as the scenario's challenger.

    `files` (plots, report) become artifacts of the run. Artifacts lie beside an SQLite store, in
    `artifacts` where given, and where a tracking server says otherwise.
    """
    with _client(uri) as client:
        experiment_id = _experiment(client, experiment, _artifact_root(uri, artifacts))
        run = client.create_run(experiment_id, run_name=fitted.bundle.digest[:12])
        run_id = str(run.info.run_id)
        try:
            _log_run(client, run_id, fitted, evaluation)
            _log_files(client, run_id, evaluation, files)
            version = _register(client, run_id, experiment_id, fitted)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return Tracked(run_id=run_id, model_version=version, digest=fitted.bundle.digest)


def log_runs(
    parent: Run, *, uri: str, experiment: str, artifacts: Path | None = None
) -> tuple[str, ...]:
    """Log a run and those nested under it; their ids, the parent's first. Nothing is registered."""
    with _client(uri) as client:
        experiment_id = _experiment(client, experiment, _artifact_root(uri, artifacts))
        top = _log_plain(client, experiment_id, parent, {})
        nested = {_PARENT: top}
        return top, *(_log_plain(client, experiment_id, run, nested) for run in parent.children)


def resolve(uri: str, scenario: str, which: str) -> Tracked:
    """The registered version that an alias or a version number means.

    Raises
    ------
    NotFoundError
        The registry has no such version.
    """
    with _client(uri) as client:
        name = model_name(scenario)
        found = (
            client.get_model_version(name, which)
            if which.isdigit()
            else client.get_model_version_by_alias(name, which)
        )
        return Tracked(
            run_id=str(found.run_id),
            model_version=str(found.version),
            digest=str(found.tags.get(DIGEST_TAG, "")),
        )


def fetch(uri: str, scenario: str, which: str, to: Path) -> Path:
    """Download the bundle that an alias or a version number means into the folder `to`.

    What arrives is not yet trusted: load it with the digest of `resolve`.
    """
    version = resolve(uri, scenario, which).model_version
    with _client(uri):
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415  (the door opens late)

        path = download_artifacts(
            f"models:/{model_name(scenario)}/{version}",
            dst_path=str(to),
            tracking_uri=uri,
            registry_uri=uri,
        )
    return Path(path)


def fetch_evaluation(uri: str, run_id: str) -> Evaluation:
    """The evaluation that a run logged."""
    with _client(uri) as client, tempfile.TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run_id, EVALUATION, folder))
        return Evaluation.model_validate_json(path.read_bytes())


def alias(uri: str, scenario: str, version: str, *, name: str) -> None:
    """Let `name` (champion, challenger) mean that version of the scenario's model."""
    with _client(uri) as client:
        client.set_registered_model_alias(model_name(scenario), name, version)


@contextmanager
def _client(uri: str) -> Iterator["MlflowClient"]:
    """A client of the store at `uri`; MLflow's own settings are put back afterwards."""
    url = _parsed(uri)
    _check_reachable(url)
    os.environ.update(_QUIET)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        # MLflow maps its tables with a loader strategy that SQLAlchemy 2.1 deprecates.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        import mlflow  # noqa: PLC0415  (a second and 165 MB, paid only by who opens the door)
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from mlflow.store.db import utils as database  # noqa: PLC0415

        logger = logging.getLogger("mlflow")
        level, before, tries = logger.level, _tracking_uri(), database.MAX_RETRY_COUNT
        logger.setLevel(logging.CRITICAL)  # what it would say of a failure is said by the error
        database.MAX_RETRY_COUNT = _DATABASE_TRIES
        mlflow.set_tracking_uri(uri)
        try:
            yield mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        except (MlflowException, SQLAlchemyError, ModuleNotFoundError) as error:
            raise _translated(error, url) from error
        finally:
            database.MAX_RETRY_COUNT = tries
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
            logger.setLevel(level)


def _tracking_uri() -> str | None:
    import mlflow  # noqa: PLC0415

    is_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
    return str(mlflow.get_tracking_uri()) if is_set else None


def _parsed(uri: str) -> URL:
    try:
        return make_url(uri)
    except (SQLAlchemyError, ValueError) as error:
        raise InputError(
            "LIANJING_MLFLOW_URI is no address of a store; write sqlite:///<file>, "
            "http(s)://<host> or the URL of a database"
        ) from error


def _check_reachable(url: URL) -> None:
    """Knock at the store's port, where it has one and no proxy stands before it."""
    scheme, host = url.get_backend_name(), url.host
    if not host or (scheme in getproxies() and not proxy_bypass(host)):
        return
    port = url.port or _PORTS.get(scheme)
    if port is None:
        return
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except OSError as error:
        raise _silent(url, error) from error


def _translated(error: Exception, url: URL) -> LianjingError:
    """The error in one line, without what a driver says to programmers."""
    if isinstance(error, ModuleNotFoundError):
        return LianjingError(
            f"the store that LIANJING_MLFLOW_URI names needs {error.name!r}; install it"
        )
    (text, *_) = _CREDENTIALS.sub("://***@", str(error)).splitlines() or [""]
    cause = next(
        (each for each in _chain(error) if isinstance(each, SQLAlchemyError | OSError)), None
    )
    if cause is not None or _OF_DRIVER.search(text):
        return _silent(url, cause or error)
    is_missing = getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"
    if is_missing or "not found" in text:  # an unknown alias has no code of its own
        return NotFoundError(f"the registry has no such version ({text[:_LONGEST]}); train first")
    return LianjingError(f"the tracking store refused: {text[:_LONGEST]}")


def _silent(url: URL, cause: BaseException) -> LianjingError:
    place = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return LianjingError(
        f"the tracking store at {place} does not answer ({type(cause).__name__}); start it or "
        "correct LIANJING_MLFLOW_URI"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _artifact_root(uri: str, artifacts: Path | None) -> Path | None:
    """The folder of artifacts, or None where a tracking server decides."""
    if uri.startswith(("http://", "https://")):
        return None
    if artifacts is not None:
        return artifacts.resolve()
    url = _parsed(uri)
    if not url.drivername.startswith("sqlite") or not url.database:
        raise InputError(f"{url.drivername}: a store in a database needs a folder for artifacts")
    return Path(url.database).resolve().parent / "mlartifacts"


def _experiment(client: "MlflowClient", name: str, root: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if root is None else (root / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _log_run(client: "MlflowClient", run_id: str, fitted: Fitted, evaluation: Evaluation) -> None:
    from mlflow.entities import (  # noqa: PLC0415
        Dataset,
        DatasetInput,
        InputTag,
        Metric,
        Param,
        RunTag,
    )

    manifest = fitted.bundle.manifest
    now_ms = time.time_ns() // 1_000_000
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now_ms, 0) for name, value in evaluation.metrics().items()],
        params=[Param(name, value) for name, value in _params(fitted).items()],
        tags=[
            RunTag("data_sha256", manifest.data_sha256),
            RunTag(DIGEST_TAG, fitted.bundle.digest),
        ],
    )
    data = Dataset(
        name=f"{fitted.scenario} feature table",
        digest=manifest.data_sha256[:_DATASET_DIGEST_LENGTH],
        source_type="lianjing-ledger",
        source=f'{{"spec_hash": "{manifest.spec_hash}", "sha256": "{manifest.data_sha256}"}}',
        profile=f'{{"n_fit": {fitted.split.n_fit}, "n_calibrate": {fitted.split.n_calibrate}}}',
    )
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


def _log_plain(
    client: "MlflowClient", experiment_id: str, run: Run, tags: Mapping[str, str]
) -> str:
    """One run with what it holds; its id."""
    made = client.create_run(experiment_id, run_name=run.name, tags={**run.tags, **tags})
    run_id = str(made.info.run_id)
    try:
        for name, value in run.params.items():
            client.log_param(run_id, name, value)
        for name, number in run.metrics.items():
            client.log_metric(run_id, name, number)
        for path in run.files:
            client.log_artifact(run_id, str(path))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


def _params(fitted: Fitted) -> dict[str, str]:
    manifest, split = fitted.bundle.manifest, fitted.split
    return {
        "seed": str(fitted.seed),
        "alert_budget": f"{fitted.budget:g}",
        "gap_days": str(split.gap_days),
        "fit_until": from_us(split.fit_until_us).isoformat(),
        "calibrate_from": from_us(split.calibrate_from_us).isoformat(),
        "until": from_us(split.until_us).isoformat(),
        "n_fit": str(split.n_fit),
        "n_calibrate": str(split.n_calibrate),
        "n_holdout": str(split.n_holdout),
        "n_features": str(len(manifest.features)),
        "n_model_features": str(len(manifest.model_features)),
        "detectors": " ".join(info.name for info in manifest.detectors),
        "spec_hash": manifest.spec_hash,
        "kernel_version": manifest.kernel_version,
        "data_sha256": manifest.data_sha256,
    }


def _log_files(
    client: "MlflowClient", run_id: str, evaluation: Evaluation, files: Sequence[Path]
) -> None:
    client.log_text(run_id, evaluation.to_json(), EVALUATION)
    for path in files:
        folder = "plots" if path.suffix == ".png" else None
        client.log_artifact(run_id, str(path), folder)


def _register(client: "MlflowClient", run_id: str, experiment_id: str, fitted: Fitted) -> str:
    name, digest = model_name(fitted.scenario), fitted.bundle.digest
    model = client.create_logged_model(
        experiment_id,
        name=name,
        source_run_id=run_id,
        tags={DIGEST_TAG: digest},
        model_type="lianjing-bundle",
    )
    _upload(client, model, fitted)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    version = client.create_model_version(
        name,
        f"models:/{model.model_id}",
        run_id=run_id,
        model_id=model.model_id,
        tags={DIGEST_TAG: digest},
    )
    client.set_registered_model_alias(name, CHALLENGER, str(version.version))
    return str(version.version)


def _upload(client: "MlflowClient", model: "LoggedModel", fitted: Fitted) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            fitted.bundle.save(Path(folder))
            client.log_model_artifacts(model.model_id, folder)
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.finalize_logged_model(model.model_id, "READY")
