"""`lianjing demo`: the main job on a simulated district, from end to end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from features.scenarios import catalog
from features.sources.mapping import Mapping
from serving.cli import show
from serving.cli.findings import print_catches, print_unusual
from serving.cli.line import Line, fresh_line, read_events, score_all
from training.simulate import SimulationConfig, simulate
from training.truth import load_truth

MAPPINGS: Final = {"payouts": "simulated_payouts", "approvals": "simulated_approvals"}


def demo(home: Path, *, keep: bool = False, config: SimulationConfig | None = None) -> None:
    """Simulate, ingest, train, promote, serve, score the last month over HTTP, show the finds."""
    line = fresh_line(home)
    config = config or SimulationConfig.load()
    with show.progress("simulate") as tick:
        simulate(
            config,
            home / "simulated",
            progress=lambda part, share: tick(int(100 * share), 100, part),
        )
    truth = load_truth(home / "simulated" / "truth.csv")
    for scenario in MAPPINGS:
        until = ingest_before_last_month(line, scenario, config)
        result, promotion = line.train(scenario, until=None, truth=truth)
        show.out.print(
            f"{scenario}: {result.split.n_fit} rows fitted, {result.split.n_calibrate} calibrated, "
            f"version {promotion.model_version} promoted ({promotion.digest[:12]}), held back "
            f"from {until:%Y-%m-%d}; report {result.report}"
        )
    with line.service(keep=keep) as client:
        for scenario, mapping in MAPPINGS.items():
            events = read_events([part_of(line, scenario, "last-month")], mapping, line.settings)
            answered = score_all(client, events, catalog.load(scenario).scored[:1])
            print_unusual(scenario, answered)
            print_catches(scenario, answered, truth, line.settings.alert_budget)
    _where_to_look(line, keep=keep)


def ingest_before_last_month(line: Line, scenario: str, config: SimulationConfig) -> datetime:
    """Cut the simulated table at the last month; the part before it goes into the ledger."""
    mapping = Mapping.load(MAPPINGS[scenario])
    column = mapping.effective_at.columns[0]
    rows = pl.read_csv(line.home / "simulated" / f"{scenario}.csv", infer_schema=False)
    at = rows[column].str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC")
    horizon = config.horizon
    last = datetime.combine(horizon.end, datetime.min.time(), ZoneInfo(mapping.timezone))
    until = (last - timedelta(days=horizon.holdout_days)).astimezone(UTC)
    rows.filter(at < until).write_csv(part_of(line, scenario, "history"))
    rows.filter(at >= until).write_csv(part_of(line, scenario, "last-month"))
    report = line.ingest([part_of(line, scenario, "history")], mapping.name)
    counts = report.total.counts
    show.out.print(
        f"{scenario}: read {counts.read} rows = {counts.accepted} accepted + "
        f"{counts.duplicates} duplicates + {counts.rejected} rejected"
    )
    return until


def part_of(line: Line, scenario: str, part: str) -> Path:
    """The file of one part (`history` or `last-month`) of a scenario's simulated table."""
    return line.home / "simulated" / f"{scenario}-{part}.csv"


def _where_to_look(line: Line, *, keep: bool) -> None:
    show.out.print(f"\nreports: {line.settings.reports}")
    show.out.print(f"MLflow:  .venv/bin/mlflow ui --backend-store-uri {line.settings.tracking_uri}")
    if keep:
        show.out.print(f"console: {line.url}/console   access key: {line.console_key}")
        show.out.print(f"API:     {line.url}/v1   key: {line.api_key}")
        show.out.print(f"the service goes on; stop it with: kill $(cat {line.pid_file})")
    else:
        show.out.print("console: run `make demo KEEP=1` to leave the service and its console up")
