"""The simulator of a city district: one call from parameters to tables, truth and parameters used.

Ordinary histories are drawn first (`training.simulation`), cases are planted into them
(`training.inject`), and only then do rows get their ids, so that no id tells what was planted; what
is wrong with the records alone (`training.faults`) comes last. Each scenario is a part
(`training.parts`) with random streams of its own: a new one leaves the bytes of the others alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict

from training.faults import with_faults
from training.part import Part
from training.parts import approvals, payouts
from training.simulation.config import SimulationConfig
from training.simulation.district import District

__all__ = ["PARTS", "Progress", "SimulationConfig", "SimulationSummary", "simulate"]

PARTS: Final[Mapping[str, Callable[[SimulationConfig, District], Part]]] = {
    "payouts": payouts.part,
    "approvals": approvals.part,
}


class Progress(Protocol):
    """Told which part begins and what share of the work is done."""

    def __call__(self, part: str, done: float) -> None:
        """Take notice."""


class SimulationSummary(BaseModel):
    """What was written: rows and subjects by scenario, planted cases by typology, files by part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: dict[str, int]
    subjects: dict[str, int]
    cases: dict[str, int]
    planted_events: int
    look_alike_events: int
    files: dict[str, Path]


def simulate(
    config: SimulationConfig, out: Path, *, progress: Progress | None = None
) -> SimulationSummary:
    """Write the simulated district's tables, their truth and the parameters into a folder.

    The same configuration gives the same bytes. Existing files of these names are replaced.
    """
    tell = progress or _silent
    out.mkdir(parents=True, exist_ok=True)
    tell("district", 0.0)
    district = District.of(config)
    parts: list[Part] = []
    for at, (name, make) in enumerate(PARTS.items(), start=1):
        tell(name, at / (len(PARTS) + 2))
        parts.append(make(config, district))
    tell("files", 1 - 1 / (len(PARTS) + 2))
    truth = pl.concat([part.truth for part in parts])
    tables = {part.scenario: with_faults(part, config) for part in parts}
    files = _write(config, out, {**tables, "truth": truth})
    tell("done", 1.0)
    rows = {name: len(table) for name, table in tables.items()}
    return _summary(parts, rows, truth, files)


def _silent(part: str, done: float) -> None:
    """Tell nobody."""


def _summary(
    parts: Sequence[Part], rows: dict[str, int], truth: pl.DataFrame, files: dict[str, Path]
) -> SimulationSummary:
    codes = Counter(case.code for part in parts for case in part.cases)
    return SimulationSummary(
        rows=rows,
        subjects={part.scenario: part.subjects for part in parts},
        cases=dict(sorted(codes.items())),
        planted_events=int((~truth["look_alike"]).sum()),
        look_alike_events=int(truth["look_alike"].sum()),
        files=files,
    )


def _write(config: SimulationConfig, out: Path, tables: dict[str, pl.DataFrame]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, table in tables.items():
        if config.horizon.format == "parquet" and name != "truth":
            files[name] = out / f"{name}.parquet"
            table.write_parquet(files[name])
        else:
            files[name] = out / f"{name}.csv"
            table.write_csv(files[name])
    files["parameters"] = out / "simulation.toml"
    files["parameters"].write_text(config.to_toml(), encoding="utf-8")
    return files
