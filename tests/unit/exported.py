"""Simulated tables as a reader has them: each event once, in its last version."""

from pathlib import Path

import polars as pl


def settled(path: Path) -> pl.DataFrame:
    """The rows of a simulated CSV table as text, without repeated rows and superseded versions."""
    table = pl.read_csv(path, infer_schema=False).unique(maintain_order=True)
    named = [table.columns[0], *(["kind"] if "kind" in table.columns else [])]
    return table.filter(pl.col("version") == pl.col("version").max().over(named))
