"""Whom to look at: the review list of each period of a ledger, made in one go.

The champion scores every event from what was known before it, and the review budget
(`models.budget`) selects. An event that was scored more than once, as a corrected one is, stands
once and as it was known last.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from features.batch import build
from features.columns import Columns
from features.contracts.errors import InputError
from features.contracts.events import EventField, to_us
from features.spec import Scenario
from features.store.ledger import Ledger
from features.table import FeatureTable
from models.budget import Candidates, ReviewRule, select
from models.bundle import Bundle
from models.control import review_id

Progress = Callable[[int, int, str], None]
Window = tuple[datetime | None, datetime | None]
"""From when on, and before when, events happened; None for no bound."""
_SCHEMA: Final[dict[str, type[pl.DataType] | pl.DataType]] = {
    "event_id": pl.String,
    "kind": pl.String,
    "version": pl.Int64,
    "effective_at": pl.Datetime("us", "UTC"),
    "period": pl.String,
    "unit": pl.String,
    "score": pl.Float64,
    "percentile": pl.Float64,
    "p_value": pl.Float64,
    "selected_by": pl.String,
    "inclusion_probability": pl.Float64,
    "control_probability": pl.Float64,
    "threshold": pl.Float64,
    "rule": pl.String,
}


def review_list(
    ledger: Ledger,
    scenario: Scenario,
    bundle: Bundle,
    rule: ReviewRule,
    *,
    unit: str = "",
    window: Window = (None, None),
    progress: Progress | None = None,
) -> pl.DataFrame:
    """One row an event that happened in the window, those not selected with `selected_by` null.

    Rows stand by period, selected ones first, by score. `unit` names the key or category whose
    values are the units that `rule.units` bounds; without it there are none.

    Raises
    ------
    InputError
        The scenario has no such key or category, units are bounded that no event belongs to, or no
        event happened in the window.
    """
    field = _unit_field(scenario, unit, rule.units)
    table = _once(_between(build(ledger, scenario, progress=progress), window))
    if len(table) == 0:
        raise InputError(f"no event of {scenario.name} happened in that time; widen it or ingest")
    units = _units(ledger, table, field)
    unknown = sorted(set(rule.units) - set(units))
    if unknown:
        raise InputError(f"no event has {unit} {unknown[0]!r}, which is bounded; name one that has")
    return _selected(table, bundle, rule, units)


def _unit_field(scenario: Scenario, unit: str, bounded: Mapping[str, int]) -> EventField | None:
    """The declared field of that name."""
    if not unit:
        if bounded:
            raise InputError("units are bounded, but no field says what unit an event is of")
        return None
    fit = {item.name: item for item in scenario.fields if item.kind in ("key", "category")}
    if unit not in fit:
        raise InputError(f"{scenario.name} has no key or category {unit!r}; use {', '.join(fit)}")
    return fit[unit]


def _between(table: FeatureTable, window: Window) -> FeatureTable:
    """The rows that happened in the window."""
    since, until = (None if at is None else to_us(at) for at in window)
    chosen = np.ones(len(table), bool)
    if since is not None:
        chosen &= table.effective_us >= since
    if until is not None:
        chosen &= table.effective_us < until
    return table.rows(chosen)


def _once(table: FeatureTable) -> FeatureTable:
    """Of each event the row that the ledger learned last."""
    last: dict[str, int] = {}
    for row in np.argsort(table.seq, kind="stable").tolist():
        last[str(table.event_id[row])] = row
    return table.rows(np.array(sorted(last.values()), dtype=np.int64))


def _units(ledger: Ledger, table: FeatureTable, field: EventField | None) -> list[str]:
    """What unit each event is of; empty where it does not say."""
    if field is None:
        return [""] * len(table)
    frame = Columns.read(ledger, table.scenario, [field]).frame
    known = dict(frame.select("seq", pl.col(field.name).fill_null("")).iter_rows())
    return [known[seq] for seq in table.seq.tolist()]


def _selected(
    table: FeatureTable, bundle: Bundle, rule: ReviewRule, units: list[str]
) -> pl.DataFrame:
    """The table's events with what the rule says of them."""
    score = bundle.score(table.values)
    percentile = np.array([bundle.calibration.percentile(one) for one in score.tolist()])
    ids = [review_id(table.scenario, event_id) for event_id in table.event_id.tolist()]
    events = Candidates(ids, score, percentile, table.effective_us, units)
    found = select(rule, events)
    told = {
        "event_id": table.event_id.tolist(),
        "kind": table.kind.tolist(),
        "version": table.version,
        "effective_at": table.effective_us,
        "unit": units,
        "score": score,
        "percentile": percentile,
        "p_value": [bundle.calibration.p_value(one) for one in score.tolist()],
        **{
            name: [getattr(one, name) for one in found]
            for name in _SCHEMA
            if hasattr(found[0], name)
        },
    }
    frame = pl.DataFrame({name: told[name] for name in _SCHEMA}, schema=_SCHEMA, strict=False)
    by = [pl.col("period"), pl.col("selected_by").is_null(), -pl.col("score"), pl.col("event_id")]
    return frame.sort(by)
