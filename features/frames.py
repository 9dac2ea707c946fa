"""Feature tables as data frames and files: the edge where Polars and pandas may be used.

No chapter imports this module; notebooks, the command line and the training door do.
A CSV file cannot hold what the columns mean, so it has a companion `<name>.meta.json`; a Parquet
file carries the same text inside. Both carry the table's digest, which is checked on reading.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from features import batch, intake
from features.batch import Progress
from features.calendar import Calendar
from features.contracts.errors import ConflictError, DeclarationError, UnreadableSourceError
from features.contracts.tables import (
    IDS,
    RULE_PREFIX,
    STATUS_SUFFIX,
    check_features,
    feature_names,
    rule_names,
)
from features.contracts.vectors import FeatureInfo, PatternInfo
from features.history import History, Slice
from features.kernels.order import is_sorted
from features.spec import Scenario
from features.table import FeatureTable

if TYPE_CHECKING:
    import pandas as pd

    from features.intake import Events

META_KEY: Final = "lianjing"
_INSTANT: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"


class Meta(BaseModel):
    """What a feature table says besides its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    spec_hash: str
    kernel_version: str
    currency: str
    digest: str
    infos: tuple[FeatureInfo, ...]
    patterns: tuple[PatternInfo, ...] = ()

    @classmethod
    def of(cls, table: FeatureTable) -> "Meta":
        """The meaning of `table`'s columns, with the digest of its content.

        A file knows one kind of missing value, so the digest is that of one kind of NaN.
        """
        values = np.where(np.isnan(table.values), np.nan, table.values)
        return cls(
            scenario=table.scenario,
            spec_hash=table.spec_hash,
            kernel_version=table.kernel_version,
            currency=table.currency,
            digest=replace(table, values=values).digest,
            infos=table.infos,
            patterns=table.patterns,
        )


def compute(
    events: "Events",
    scenario: Scenario,
    *,
    calendar: Calendar | None = None,
    sources: Mapping[str, "Events"] | None = None,
    with_status: bool = False,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Features of the scored events of an event table, without a ledger.

    One row a scored event in the order of the table, one Float64 column a feature (NaN where
    missing), with `with_status` its `<feature>.status` behind it. See `features.intake` for the
    form of `events`; `sources` holds those of other scenarios by name.

    >>> from features.scenarios import catalog
    >>> events = pl.DataFrame({"effective_at": [10**15, 10**15 + 1, 10**15 + 2],
    ...                        "enterprise": ["E-1", "E-2", "E-1"], "amount_minor": [7, 5, 9]})
    >>> none = {"credit_repairs": events[:0].select("effective_at", "enterprise")}
    >>> found = compute(events, catalog.load("payouts"), sources=none)
    >>> found["n_365d_by_enterprise"].to_list()
    [0.0, 0.0, 1.0]
    """
    history = of_tables(events, scenario, calendar=calendar, sources=sources)
    history.measure()
    rows = history.scored()
    asked = Slice(rows, 0, len(history.columns))
    cells = batch.compute(history, asked, with_status=with_status, progress=progress)
    back = slice(None) if is_sorted(rows, rows) else np.argsort(rows, kind="stable")
    columns: dict[str, pl.Series] = {}
    for k, name in enumerate(scenario.by_name):
        columns[name] = pl.Series(cells.values[back, k])  # noqa: PD011  (not a pandas frame)
        if with_status:
            columns[name + STATUS_SUFFIX] = pl.Series(cells.status[back, k], dtype=pl.Int8)
    return pl.DataFrame(columns)


def of_tables(
    events: "Events",
    scenario: Scenario,
    *,
    calendar: Calendar | None = None,
    sources: Mapping[str, "Events"] | None = None,
) -> History:
    """The history that event tables tell, its measures not yet computed."""
    others = {
        item.scenario: intake.columns(sources[item.scenario], item.fields, item.kinds[0])
        for item in scenario.sources
        if sources and item.scenario in sources
    }
    own = intake.columns(events, scenario.fields, usual_kind(scenario), scenario.kinds)
    return History(own, scenario, calendar or Calendar.prc(), others)


def usual_kind(scenario: Scenario) -> str:
    """The kind of events that do not say theirs: the first that is scored and counted."""
    return next((kind for kind in scenario.scored if kind in scenario.history), scenario.scored[0])


def to_polars(table: FeatureTable) -> pl.DataFrame:
    """The table as a Polars frame: ids, then value and `<feature>.status` each, then `rule.<name>`.

    A missing value is null.

    Raises
    ------
    DeclarationError
        A feature is called like one of the id columns.
    """
    clash = sorted(set(table.names) & set(IDS))
    if clash:
        raise DeclarationError(f"features {clash} are called like id columns; rename them")
    columns = _id_columns(table)
    matrix = table.values  # noqa: PD011  (not a pandas frame)
    for at, name in enumerate(table.names):
        columns[name] = pl.Series(matrix[:, at]).fill_nan(None)
        columns[name + STATUS_SUFFIX] = pl.Series(table.status[:, at], dtype=pl.Int8)
    for name, answers in table.rules.items():
        columns[RULE_PREFIX + name] = pl.Series(answers, dtype=pl.Int8)
    return pl.DataFrame(columns)


def to_pandas(table: FeatureTable) -> "pd.DataFrame":
    """The table as a pandas frame, with the columns of `to_polars`."""
    return to_polars(table).to_pandas()


def from_polars(frame: pl.DataFrame, meta: Meta) -> FeatureTable:
    """The table of a frame that `to_polars` made, once its schema is checked.

    Raises
    ------
    ConflictError
        Rows and columns are not those that `meta` was written for.
    """
    check_features(frame)
    names = feature_names(frame.columns)
    table = FeatureTable(
        scenario=meta.scenario,
        spec_hash=meta.spec_hash,
        kernel_version=meta.kernel_version,
        currency=meta.currency,
        infos=meta.infos,
        patterns=meta.patterns,
        values=_matrix(frame, names, "", np.float64),
        status=_matrix(frame, names, STATUS_SUFFIX, np.int8),
        effective_us=frame["effective_at"].cast(pl.Int64).to_numpy(writable=True),
        rules={name: _integers(frame, RULE_PREFIX + name) for name in rule_names(frame.columns)},
        kind=_texts(frame, "kind"),
        event_id=_texts(frame, "event_id"),
        subject=_texts(frame, "subject"),
        peer_group=_texts(frame, "peer_group"),
        unit=_texts(frame, "unit"),
        version=_integers(frame, "version"),
        seq=_integers(frame, "seq"),
        amount_minor=_integers(frame, "event_amount_minor"),
    )
    if names != table.names or table.digest != meta.digest:
        message = (
            f"the feature table of {meta.scenario} was changed after it was written "
            "(its digest differs); write it again"
        )
        raise ConflictError(message)
    return table


def write(table: FeatureTable, path: Path) -> None:
    """Write the table as Parquet or CSV by extension, all or nothing.

    Raises
    ------
    UnreadableSourceError
        Another extension.
    """
    frame = check_features(to_polars(table))
    meta = Meta.of(table).model_dump_json()
    check_suffix(path)
    if path.suffix == ".parquet":
        replace_file(path, lambda part: frame.write_parquet(part, metadata={META_KEY: meta}))
    else:
        text = frame.with_columns(pl.col("effective_at").dt.strftime(_INSTANT))
        replace_file(_companion(path), lambda part: part.write_text(meta, encoding="utf-8"))
        replace_file(path, text.write_csv)


def read(path: Path) -> FeatureTable:
    """The feature table at `path`, checked against its schema and its digest.

    Raises
    ------
    UnreadableSourceError
        No such file, no feature table, or another extension.
    """
    check_suffix(path)
    readers = {".parquet": _read_parquet, ".csv": _read_csv}
    try:
        frame, text = readers[path.suffix](path)
        meta = Meta.model_validate_json(text)
    except (OSError, KeyError, pl.exceptions.PolarsError, ValidationError) as error:
        message = f"{path} is no feature table ({type(error).__name__}); write it with `features`"
        raise UnreadableSourceError(message) from error
    return from_polars(frame, meta)


def check_suffix(path: Path) -> None:
    """Refuse a file name that no feature table has, before anything is computed for it.

    Raises
    ------
    UnreadableSourceError
        It ends neither in `.parquet` nor in `.csv`.
    """
    if path.suffix not in (".parquet", ".csv"):
        message = f"{path} is neither .parquet nor .csv; choose one of the two"
        raise UnreadableSourceError(message)


def replace_file(path: Path, fill: Callable[[Path], Any]) -> None:
    """Write a file all or nothing: `fill` writes a part beside it, which then takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    part = Path(name)
    try:
        fill(part)
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _id_columns(table: FeatureTable) -> dict[str, pl.Series]:
    columns = {
        "kind": table.kind.tolist(),
        "event_id": table.event_id.tolist(),
        "version": table.version,
        "effective_at": pl.Series(table.effective_us).cast(IDS["effective_at"]),
        "seq": table.seq,
        "subject": table.subject.tolist(),
        "peer_group": table.peer_group.tolist(),
        "unit": table.unit.tolist(),
        "event_amount_minor": table.amount_minor,
    }
    return {name: pl.Series(columns[name], dtype=dtype) for name, dtype in IDS.items()}


def _read_parquet(path: Path) -> tuple[pl.DataFrame, str]:
    return pl.read_parquet(path), pl.read_parquet_metadata(path)[META_KEY]


def _read_csv(path: Path) -> tuple[pl.DataFrame, str]:
    meta = _companion(path).read_text(encoding="utf-8")
    header = pl.read_csv(path, n_rows=0).columns
    types: dict[str, Any] = dict.fromkeys(feature_names(header), pl.Float64)
    types |= {name: pl.Int8 for name in header if name.endswith(STATUS_SUFFIX)}
    types |= {RULE_PREFIX + name: pl.Int8 for name in rule_names(header)}
    types |= IDS | {"effective_at": pl.String}
    frame = pl.read_csv(path, schema_overrides=types)
    at = pl.col("effective_at").str.to_datetime(_INSTANT, time_unit="us", time_zone="UTC")
    return frame.with_columns(at), meta


def _companion(path: Path) -> Path:
    return path.with_suffix(".meta.json")


def _texts(frame: pl.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.str_]]:
    return np.array(frame[name].to_list(), dtype=np.str_)


def _integers(frame: pl.DataFrame, name: str) -> np.ndarray[Any, Any]:
    return frame[name].to_numpy(writable=True)


def _matrix(
    frame: pl.DataFrame, names: tuple[str, ...], suffix: str, dtype: type[Any]
) -> np.ndarray[Any, Any]:
    matrix = np.empty((frame.height, len(names)), dtype=dtype)
    for at, name in enumerate(names):
        column = frame[name + suffix]
        matrix[:, at] = (column.fill_null(np.nan) if not suffix else column).to_numpy()
    return matrix
