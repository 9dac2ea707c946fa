"""`lianjing real`: the main job on real public files, from end to end.

Payments of a city council as `payouts`, the event logs of two municipalities' permit procedures as
`approvals`. Each log is a population of its own, so each has a home of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.events import Event
from features.scenarios import catalog
from features.sources.quality import QualityReport
from serving.cli import show
from serving.cli.findings import most_unusual, print_unusual
from serving.cli.line import Line, fresh_line, read_events, score_all

_TRAIN_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class RealSet:
    """One real source: its files, the mapping, the scenario, and from when on it is scored."""

    name: str
    scenario: str
    mapping: str
    files: str
    since: datetime | None = None
    """Events from here on are scored; None stands for the last 30 % of the time covered."""


SETS: Final = (
    RealSet("payments", "payouts", "oxford_payments", "payments", datetime(2018, 1, 1, tzinfo=UTC)),
    RealSet("receipt", "approvals", "coselog_receipt", "permits/receipt.xes.gz"),
    RealSet("bpic15", "approvals", "bpic15", "permits/BPIC15_1.xes.gz"),
)


def real(
    data: Path,
    home: Path,
    *,
    keep: bool = False,
    names: Sequence[str] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Run the main job on the real sets under `data`; return what a check wants to know.

    Raises
    ------
    UnreadableSourceError
        The data are not there.
    InputError
        One database is named for ledgers that are kept apart.
    """
    if not data.is_dir():
        message = f"{data}: no such folder; put the real data there or name it with --data"
        raise UnreadableSourceError(message)
    chosen = [item for item in SETS if not names or item.name in names]
    if Line(home).settings.has_store and len(chosen) > 1:
        message = "each real set has a ledger of its own, LIANJING_STORE names one; unset it"
        raise InputError(message)
    found = {
        item.name: _run(item, data, home / item.name, keep=keep, limit=limit) for item in chosen
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / "summary.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    show.out.print(f"\nsummary: {home / 'summary.json'}")
    return found


def _run(item: RealSet, data: Path, home: Path, *, keep: bool, limit: int | None) -> dict[str, Any]:
    line, files = fresh_line(home), [data / item.files]
    report = line.ingest(files, item.mapping)
    _print_quality(report)
    events = read_events(files, item.mapping, line.settings)
    since = item.since or _at_share(events, _TRAIN_SHARE)
    result, promotion = line.train(item.scenario, until=since)
    show.out.print(
        f"{item.name}: {result.split.n_fit} rows fitted, {result.split.n_calibrate} calibrated, "
        f"version {promotion.model_version} promoted ({promotion.digest[:12]}); scored from "
        f"{since:%Y-%m-%d}; report {result.report}"
    )
    waiting = [event for event in events if event.effective_at >= since][:limit]
    with line.service(keep=keep) as client:
        answered = score_all(client, waiting, catalog.load(item.scenario).scored)
    print_unusual(item.name, answered)
    best = most_unusual(answered)
    return {
        **report.total.counts.model_dump(),
        "header_variants": len(report.header_variants),
        "reversals": len(report.reversals),
        "scored": len(answered.verdicts),
        "alerts": sum(bool(verdict["scores"]["is_alert"]) for verdict in answered.verdicts),
        "digest": promotion.digest,
        "most_unusual": [answered.verdicts[k] for k in best],
    }


def _print_quality(report: QualityReport) -> None:
    counts = report.total.counts
    show.out.print(
        f"\n{report.mapping}: read {counts.read} rows = {counts.accepted} accepted + "
        f"{counts.duplicates} duplicates + {counts.rejected} rejected; "
        f"{len(report.header_variants)} header variants, {len(report.reversals)} reversals"
    )
    show.rejections(report.rejections)


def _at_share(events: Sequence[Event], share: float) -> datetime:
    """The instant at `share` of the time between the first and the last event."""
    first, last = events[0].effective_at, events[-1].effective_at
    return first + (last - first) * share
