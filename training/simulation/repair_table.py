"""Penalties and repairs as a platform exports them: a row an event, in the order of time."""

from typing import Final

import numpy as np
import polars as pl

from training.simulation import text
from training.simulation.columns import Columns, height, stack, stream, take
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.district import SECTORS, District
from training.simulation.payout_table import recorded_at
from training.simulation.repairs import CLASSES, SEVERE, least_days

KINDS: Final = (
    "penalty_published",
    "penalty_downgraded",
    "penalty_lapsed",
    "evidence_recorded",
    "repair_applied",
    "repair_refused",
    "repair_decided",
)
_PUBLISHED, _DOWNGRADED, _LAPSED, _EVIDENCE, _APPLIED, _REFUSED, _DECIDED = range(7)
_TIMES: Final = (
    (_PUBLISHED, "published"),
    (_DOWNGRADED, "downgraded"),
    (_LAPSED, "lapsed"),
    (_EVIDENCE, "evidence"),
    (_APPLIED, "applied"),
    (_REFUSED, "refused"),
    (_DECIDED, "decided"),
)
_ASKED: Final = (_APPLIED, _REFUSED, _DECIDED)


def repair_table(config: SimulationConfig, district: District, rows: Columns) -> pl.DataFrame:
    """All events within the horizon; an id is a penalty's, or that of an application."""
    rng, share = stream(config.horizon.seed, "repair table"), config.faults.missing_share
    events = _events(rows | {"number": np.arange(height(rows), dtype=np.int64)}, district)
    events["known"] = recorded_at(rng, events, config.faults, district.clock.end)
    kind, firm = events["kind"], take(district.firms, events["firm"])
    is_asked = np.isin(kind, _ASKED)
    least = least_days(events["class"], config.repairs)
    until = events["published"] + least * DAY_S
    applied = np.where(kind == _REFUSED, events["refused"] - 3 * DAY_S, events["applied"])
    columns = [
        _ids(events),
        text.words("kind", kind, KINDS),
        text.stamps("occurred_at", events["at"]),
        text.stamps("recorded_at", events["known"]),
        text.codes("enterprise_code", "E", events["firm"]),
        penalty_ids("penalty_number", events["number"]),
        text.serials("penalty_authority", "D", events["authority"], 2),
        text.codes("handler_code", "O", np.where(is_asked, events["handler"], -1)),
        text.codes("agent_code", "A", np.where(is_asked, events["agent"], -1)),
        text.words("penalty_class", events["class"], CLASSES),
        text.thinned(text.words("sector", firm["sector"], SECTORS), rng, share),
        text.serials("district", "J", firm["street"], 2),
        text.yuan("fine_yuan", events["amount"]),
        text.stamps("published_at", events["published"]),
        text.stamps("publish_until", until),
        text.stamps("applied_at", np.where(is_asked, applied, NEVER)),
        text.unless(pl.Series("promised_working_days", events["promised"]), ~is_asked),
        text.unless(pl.Series("papers_required", events["papers_asked"]), ~is_asked),
        text.unless(pl.Series("papers_on_file", events["papers"]), ~is_asked),
        pl.Series("bars_benefits_change", _in_force(events)),
    ]
    return pl.DataFrame(columns)


def repair_ids(name: str, numbers: Integers) -> pl.Series:
    """Ids of applications by the places of their penalties in the order of publication."""
    return text.serials(name, "XF", numbers, 7)


def penalty_ids(name: str, numbers: Integers) -> pl.Series:
    """Numbers of penalties by their places in the order of publication."""
    return text.serials(name, "CF", numbers, 7)


def _ids(events: Columns) -> pl.Series:
    kind, number = events["kind"], events["number"]
    of_repair, of_penalty = repair_ids("record_id", number), penalty_ids("record_id", number)
    refused = repair_ids("record_id", number) + "-0"
    is_repair = pl.Series(np.isin(kind, (_APPLIED, _DECIDED)))
    return pl.DataFrame({"a": of_repair, "b": of_penalty, "c": refused}).select(
        pl.when(is_repair)
        .then("a")
        .when(pl.Series(kind == _REFUSED))
        .then("c")
        .otherwise("b")
        .alias("record_id")
    )["record_id"]


def _events(rows: Columns, district: District) -> Columns:
    """One row an event, within the horizon; a class is shown as it was at the time."""
    parts = []
    for kind, time in _TIMES:
        happened = (rows[time] != NEVER) & (rows[time] >= district.clock.start)
        part = take(rows, np.flatnonzero(happened & (rows[time] < district.clock.end)))
        part["at"] = part[time]
        part["kind"] = np.full(height(part), kind, dtype=np.int8)
        is_before = (part["downgraded"] != NEVER) & (part["at"] < part["downgraded"])
        part["class"] = np.where(is_before, part["class_before"], part["class"])
        parts.append(part)
    events = stack(parts)
    return take(events, np.lexsort((events["number"], events["kind"], events["at"])))


def _in_force(events: Columns) -> Integers:
    """1 where a penalty that bars benefits comes into force, -1 where it goes, else 0."""
    kind, now = events["kind"], events["class"] == SEVERE
    begins = (kind == _PUBLISHED) & now
    milder = (kind == _DOWNGRADED) & (events["class_before"] == SEVERE)
    ends = np.isin(kind, (_LAPSED, _DECIDED)) & now
    return np.asarray(begins.astype(np.int64) - (milder | ends), dtype=np.int64)
