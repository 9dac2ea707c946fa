"""The only door to PySpark: flows as data frames of parcels, steps by `mapInArrow`.

A row is a parcel, its rows an Arrow stream in one cell, so that Spark moves few large cells and
sees no column of ours: types come through as they are, and nothing is turned into rows and back.
`repartitionById` brings the parcels of a bucket together.
"""

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final, Self

import polars as pl
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.sql import DataFrame, SparkSession

import features
from features.cluster.engine import Parcel, Step
from features.contracts import errors
from features.contracts.errors import InputError, LianjingError

_SCHEMA: Final = "bucket int, of string, rows binary"
_ARROW: Final = pa.schema([("bucket", pa.int32()), ("of", pa.string()), ("rows", pa.binary())])
_CELL_ROWS: Final = 2**16
"""Rows in one cell at most: Arrow's and Spark's cells end at 2 GB."""
_RAISED: Final = re.compile(r"^features\.contracts\.errors\.(\w+): (.*)$", re.MULTILINE)
_HERE: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.adaptive.enabled": "false",
    "spark.log.level": "OFF",
    "spark.python.daemon.module": "features.cluster.daemon",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}
"""Settings of a session on this machine: no pages, no open ports, errors as exceptions alone."""


class SparkFlow:
    """Parcels as the rows of a data frame."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame

    def map(self, step: Step) -> Self:
        """The flow of what `step` makes of each partition."""
        with _quiet():
            return type(self)(self.frame.mapInArrow(_on_batches(step), _SCHEMA))

    def union(self, others: Sequence[Self]) -> Self:
        """The parcels of all flows, each where it is."""
        frame = self.frame
        for other in others:
            frame = frame.union(other.frame)
        return type(self)(frame)

    def exchange(self, n: int) -> Self:
        """The same parcels in `n` partitions, those of one bucket in one partition."""
        return type(self)(self.frame.repartitionById(n, "bucket"))

    def kept(self) -> Self:
        """The same parcels, made now and once, for several uses."""
        kept = self.frame.persist(StorageLevel.DISK_ONLY)
        with _translated():
            kept.count()
        return type(self)(kept)

    def drop(self) -> None:
        """Let go of what was kept."""
        self.frame.unpersist()

    def collected(self) -> list[Parcel]:
        """The parcels here, which must be few."""
        with _translated():
            rows = self.frame.collect()
        return [Parcel(row.bucket, row.of, pl.read_ipc_stream(BytesIO(row.rows))) for row in rows]


class SparkEngine:
    """A session's executors."""

    def __init__(self, session: SparkSession) -> None:
        self.session = session

    @property
    def width(self) -> int:
        """How many partitions are worked on at once."""
        return self.session.sparkContext.defaultParallelism

    def flow(self, parcels: Sequence[Parcel]) -> SparkFlow:
        """A flow with a partition a parcel."""
        cells = [
            (place, parcel.bucket, parcel.of, _cell(parcel.frame))
            for place, parcel in enumerate(parcels)
        ]
        frame = self.session.createDataFrame(cells, "place int, " + _SCHEMA)
        return SparkFlow(frame.repartitionById(len(cells), "place").drop("place"))


@contextmanager
def opened() -> Iterator[SparkEngine]:
    """The active session's engine; without one, a session on this machine for the time being."""
    found = _active()
    session = found or local_session()
    try:
        yield SparkEngine(session)
    finally:
        if found is None:
            session.stop()


def _active() -> SparkSession | None:
    try:
        return SparkSession.active()
    except PySparkRuntimeError as error:
        if error.getCondition() != "NO_ACTIVE_OR_DEFAULT_SESSION":
            raise
        return None


def local_session(cores: int | None = None) -> SparkSession:
    """A session on this machine whose workers find this Python, this project and its kernels.

    Raises
    ------
    InputError
        There is no Java to run Spark on.
    """
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        message = (
            "Spark needs Java 17 or later; install it (Debian: apt install default-jre-headless)"
        )
        raise InputError(message)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    project = str(Path(features.__file__).parents[1])
    path = os.pathsep.join([project, *filter(None, [os.environ.get("PYTHONPATH")])])
    builder = SparkSession.builder.appName("lianjing").master(f"local[{cores or '*'}]")
    with _quiet():
        return builder.config(map={**_HERE, "spark.executorEnv.PYTHONPATH": path}).getOrCreate()


def _on_batches(step: Step) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for parcel in step(_parcels(batches)):
            for first in range(0, max(len(parcel.frame), 1), _CELL_ROWS):
                cell = _cell(parcel.frame.slice(first, _CELL_ROWS))
                row = {"bucket": parcel.bucket, "of": parcel.of, "rows": cell}
                yield pa.RecordBatch.from_pylist([row], schema=_ARROW)

    return run


def _parcels(batches: Iterable[pa.RecordBatch]) -> Iterator[Parcel]:
    for batch in batches:
        rows = (column.to_pylist() for column in batch.columns[:2])
        for bucket, of, cell in zip(*rows, batch.columns[2], strict=True):
            yield Parcel(bucket, of, pl.read_ipc_stream(BytesIO(cell.as_py())))


def _cell(frame: pl.DataFrame) -> bytes:
    stream = BytesIO()
    frame.write_ipc_stream(stream)
    return stream.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning about pandas 3, which is not used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "PySpark does not yet fully support pandas", FutureWarning
        )
        yield


@contextmanager
def _translated() -> Iterator[None]:
    """What our own steps raised on workers, raised here."""
    try:
        with _quiet():
            yield
    except PySparkException as error:
        found = _RAISED.findall(str(error))
        raised = getattr(errors, found[-1][0], None) if found else None
        if isinstance(raised, type) and issubclass(raised, LianjingError):
            raise raised(found[-1][1]) from error
        raise
