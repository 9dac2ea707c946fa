"""`POST /v1/score` at one connection: latency over a simulated district, durable commit included.

Run by `make bench`; prints a table and writes `build/bench/score.json`.
"""

import http.client
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.contracts.events import Event, from_us
from serving.cli import show
from serving.cli.demo import MAPPINGS, ingest_before_last_month, part_of
from serving.cli.line import Line, read_events
from training.simulate import SimulationConfig, simulate

OUT: Final = Path("build/bench/score.json")
WARM_UP: Final = 200
CALLS: Final = 3_000


def main() -> None:
    """Train on a simulated district, then time calls with events that are new to the service."""
    line = Line(Path("build/bench/home"))
    config = SimulationConfig.load()
    simulate(config, line.home / "simulated")
    for scenario in MAPPINGS:
        if not line.settings.ledger_path.exists() or not _is_served(line, scenario):
            ingest_before_last_month(line, scenario, config)
            line.train(scenario)
    figures = {}
    with line.service():
        for scenario, mapping in MAPPINGS.items():
            path = part_of(line, scenario, "last-month")
            events = read_events([path], mapping, line.settings)
            figures[scenario] = _time(line, [item for item in events if item.kind in _SCORED])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    show.table(
        f"POST /v1/score, one connection, {CALLS} calls",
        ["scenario", "p50 ms #", "p90 ms #", "p99 ms #", "max ms #"],
        [(name, *(f"{value:.2f}" for value in row.values())) for name, row in figures.items()],
    )


_SCORED: Final = ("payout_requested", "approval_step")


def _is_served(line: Line, scenario: str) -> bool:
    return any((line.settings.bundles / scenario).glob("*/manifest.json"))


def _time(line: Line, events: list[Event]) -> dict[str, float]:
    connection = http.client.HTTPConnection(line.settings.host, line.port)
    run = time.time_ns()
    taken = []
    for call in range(WARM_UP + CALLS):
        event = events[call % len(events)]
        body = json.dumps({"event": _renamed(event, f"{event.event_id}-{run}-{call}")})
        began = time.perf_counter()
        connection.request("POST", "/v1/score", body, _headers(line))
        answer = connection.getresponse()
        content = answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise SystemExit(f"the service answered {answer.status}: {content[:200]!r}")
    timed = 1000.0 * np.array(taken[WARM_UP:])
    marks = {"p50_ms": 50, "p90_ms": 90, "p99_ms": 99, "max_ms": 100}
    return {name: float(np.percentile(timed, mark)) for name, mark in marks.items()}


def _renamed(event: Event, event_id: str) -> dict[str, Any]:
    content = event.model_dump(mode="json")
    content |= {"event_id": event_id, "effective_at": from_us(event.effective_us).isoformat()}
    return content


def _headers(line: Line) -> dict[str, str]:
    return {"Authorization": f"Bearer {line.api_key}", "Content-Type": "application/json"}


if __name__ == "__main__":
    main()
