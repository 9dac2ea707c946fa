"""`POST /v1/score` at one connection: latency over a simulated district, durable commit included.

The last 120 days are replayed in order: requests and steps are scored and timed, payments and
cancellations are told as history between them. Run by `make bench`; prints a table and writes
`build/bench/score.json`.
"""

import http.client
import json
import shutil
import time
from pathlib import Path
from typing import Final

import numpy as np

from features.contracts.events import Event, from_us
from features.scenarios import catalog
from serving.cli import show
from serving.cli.client import ScoreClient
from serving.cli.demo import MAPPINGS, ingest_before_last_month, part_of
from serving.cli.line import Line, read_events
from training.simulate import SimulationConfig, simulate

HOME: Final = Path("build/bench/home")
OUT: Final = Path("build/bench/score.json")
WARM_UP: Final = 100


def main() -> None:
    """Train on a simulated district, then time the calls of its last 120 days."""
    shutil.rmtree(HOME, ignore_errors=True)
    line = Line(HOME)
    config = SimulationConfig.load({"horizon": {"holdout_days": 120}})
    simulate(config, line.home / "simulated")
    for scenario in MAPPINGS:
        ingest_before_last_month(line, scenario, config)
        line.train(scenario)
    figures = {}
    with line.service() as client:
        for scenario, mapping in MAPPINGS.items():
            path = part_of(line, scenario, "last-month")
            events = read_events([path], mapping, line.settings)
            figures[scenario] = _timed(line, client, events, catalog.load(scenario).scored[0])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    columns = ["scenario", "calls #", "p50 ms #", "p90 ms #", "p99 ms #", "max ms #"]
    rows = [(name, *(f"{value:.2f}" for value in row.values())) for name, row in figures.items()]
    show.table("POST /v1/score, one connection", columns, rows)


def _timed(line: Line, client: ScoreClient, events: list[Event], scored: str) -> dict[str, float]:
    connection = http.client.HTTPConnection(line.settings.host, line.port)
    taken = []
    for event in events:
        if event.kind != scored:
            client.tell(event)
            continue
        body = json.dumps({"event": _wire(event)})
        began = time.perf_counter()
        connection.request("POST", "/v1/score", body, _headers(line))
        answer = connection.getresponse()
        content = answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise SystemExit(f"the service answered {answer.status}: {content[:200]!r}")
    timed = 1000.0 * np.array(taken[WARM_UP:])
    marks = {"p50_ms": 50, "p90_ms": 90, "p99_ms": 99, "max_ms": 100}
    found = {name: float(np.percentile(timed, mark)) for name, mark in marks.items()}
    return {"calls": float(len(timed)), **found}


def _wire(event: Event) -> dict[str, object]:
    instant = from_us(event.effective_us).isoformat()
    return event.model_dump(mode="json") | {"effective_at": instant}


def _headers(line: Line) -> dict[str, str]:
    return {"Authorization": f"Bearer {line.api_key}", "Content-Type": "application/json"}


if __name__ == "__main__":
    main()
