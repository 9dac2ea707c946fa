"""Peak memory of building the features of a file of events that is too large to hold with them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tests.bench.batch import DATA, child, written
from tests.bench.definition import Definition
from tests.bench.engine import floats
from tests.bench.finding import Finding, Size, Tell
from tests.bench.history import History
from tests.bench.parity import against_peer
from tests.bench.scenario import TRAILING

SAMPLE: Final = 10
"""Events whose cells are held to the definition: it takes all events of their keys."""


def peak(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Gigabytes at the peak of a process that builds 50 times the events, file to file."""
    rows = 50 * size.rows
    tell(f"writing {rows:,} events")
    history = written(History(rows))
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        tell(f"features of {rows:,} events, file to file")
        out = Path(folder) / "features.parquet"
        used = child("build", str(history), str(out))
        built = pq.ParquetFile(out).metadata.num_rows
        if built != rows:
            raise SystemExit(f"{built:,} rows were written for {rows:,} events")
        tell("holding a sample of them to the definition")
        wrong = _undefined(history, out, rows)
    detail = {"rows": rows, **used, "different_from_definition": wrong}
    return Finding({keys[0]: used["peak_gb"]}, {keys[0]: detail}, sum(wrong.values()))


def _undefined(history: Path, built: Path, rows: int) -> dict[str, int]:
    """Cells of a sample of events that are not as defined."""
    rng = np.random.default_rng(rows)
    sample = np.sort(rng.choice(rows, SAMPLE, replace=False))
    events = pl.scan_parquet(history).with_row_index("row")
    asked = events.filter(pl.col("row").is_in(sample.tolist())).collect()
    keys = [name for name in asked.columns if name in ("enterprise", "policy", "approver")]
    theirs = pl.any_horizontal(pl.col(name).is_in(asked[name].to_list()) for name in keys)
    known = events.filter(theirs).collect()
    places = np.searchsorted(known["row"].to_numpy(), sample).tolist()
    defined = Definition(known).cells(places, TRAILING)
    table = pl.scan_parquet(built).with_row_index("row").select("row", *defined.columns)
    cells = floats(table.filter(pl.col("row").is_in(sample.tolist())).drop("row").collect())
    return {name: len(found) for name, found in against_peer(defined, cells).items()}
