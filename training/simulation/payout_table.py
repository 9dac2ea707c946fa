"""Payouts as a platform exports them: a row each for request, payment and cancellation.

A recipient that was dissolved has a row, too.
A row shows only what was known when it was recorded: a check that came later is blank in it.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.simulation import text
from training.simulation.budgets import budgets_of
from training.simulation.columns import Columns, height, stack, stream, take
from training.simulation.config import Faults, SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.dissolved import dissolution_table, dissolutions, representatives
from training.simulation.district import NOBODY, SECTORS, SIZE_BANDS, District, size_band
from training.simulation.payouts import CANCELLED, PAID, REVERSED

KINDS: Final = ("payout_requested", "payout_paid", "payout_cancelled")
_REQUESTED, _PAID, _CANCELLED = range(3)
_OBJECTS: Final = ("EQ", "PJ", "PN", "PT")
_SORTS: Final = ("数控机床", "研发项目", "引进人员", "发明专利")
_ALIASES: Final = ("", "-1", "A", "/2")


def payout_table(
    config: SimulationConfig,
    district: District,
    payouts: tuple[Columns, Columns],
    dissolved: Mapping[int, int],
) -> pl.DataFrame:
    """Rows in the order in which they happened; payout ids count in the order of requests.

    `dissolved` says of some recipients when they were; others fail by themselves.
    """
    rows, _ = payouts
    gone = dissolutions(config, district.clock.end, rows, dissolved)
    ended = dissolution_table(config, district, gone, height(rows))
    table = _payouts(config, district, payouts)
    return pl.concat([table, ended], how="diagonal").sort("occurred_at", maintain_order=True)


def _payouts(
    config: SimulationConfig, district: District, payouts: tuple[Columns, Columns]
) -> pl.DataFrame:
    rng = stream(config.horizon.seed, "payout table")
    rows, firms = payouts
    events = _events(rows | {"number": np.arange(height(rows), dtype=np.int64)}, district)
    leads = representatives(config, events["firm"], height(district.firms))
    events["known"] = recorded_at(rng, events, config.faults, district.clock.end)
    firm, share = take(firms, events["firm"]), config.faults.missing_share
    unseen = (events["checked"] == NEVER) | (events["checked"] > events["known"])
    columns = [
        payout_ids("payout_id", events["number"]),
        text.words("kind", events["kind"], KINDS),
        text.stamps("occurred_at", events["at"]),
        text.stamps("recorded_at", events["known"]),
        text.codes("enterprise_code", "E", events["firm"]),
        text.codes("legal_rep_code", "R", leads),
        text.serials("paying_authority", "D", events["authority"], 2),
        text.serials("policy_item", "ZC", events["policy"], 3),
        text.codes("officer_code", "O", events["officer"]),
        text.codes("agent_code", "A", events["agent"]),
        text.codes("bank_account", "62220", events["account"]),
        text.codes("contact_phone", "139", events["phone"]),
        text.codes("contact_address", "AD", events["address"]),
        text.codes("filing_device", "DV", events["device"]),
        _objects(events),
        text.thinned(text.words("sector", firm["sector"], SECTORS), rng, share),
        text.thinned(
            text.words("size_band", size_band(events["employees"]), SIZE_BANDS), rng, share
        ),
        text.serials("district", "J", firm["street"], 2),
        text.yuan("amount_yuan", events["amount"]),
        text.yuan("cap_yuan", events["cap"]),
        text.thinned(text.stamps("registered_at", firm["registered"]), rng, share),
        text.stamps("applied_at", events["applied"]),
        text.stamps("checked_at", np.where(unseen, NEVER, events["checked"])),
        text.words("check_result", np.where(unseen, -1, events["result"]), ("clear", "hit")),
        text.thinned(pl.Series("insured_employees", events["employees"]), rng, share),
        *_substance(
            stream(config.horizon.seed, "substance table"), events, district, unseen, share
        ),
        text.yuan("policy_budget_yuan", _budgets(config, district, rows, events)),
    ]
    return pl.DataFrame(columns)


def _budgets(
    config: SimulationConfig, district: District, rows: Columns, events: Columns
) -> Integers:
    rng = stream(config.horizon.seed, "policy budgets")
    return budgets_of(config.payouts, rng, rows, events, height(district.policies))


def _substance(
    rng: np.random.Generator,
    events: Columns,
    district: District,
    unseen: NDArray[np.bool_],
    share: float,
) -> list[pl.Series]:
    """The policy's terms, the firm's books and the file, as far as they were known."""
    policies = take(district.policies, events["policy"])
    asks, invests = policies["threshold"] > 0, events["capex"] > 0
    oldest = np.where(unseen, NEVER, events["checked"] - events["check_span"])
    return [
        text.stamps("policy_published_at", policies["published"]),
        text.unless(text.yuan("claimed_investment_yuan", events["capex"]), ~invests),
        text.thinned(pl.Series("electricity_kwh", events["power"]), rng, share),
        text.thinned(text.yuan("tax_yuan", events["tax"]), rng, share),
        text.thinned(text.yuan("revenue_yuan", events["revenue"]), rng, share),
        text.unless(text.yuan("reported_figure", events["figure"]), ~asks),
        text.unless(text.yuan("figure_before", events["before"]), ~asks),
        text.unless(text.yuan("figure_threshold", policies["threshold"]), ~asks),
        pl.Series("sources_required", policies["sources"]),
        pl.Series("sources_looked_up", np.where(unseen, 0, events["looked_up"])),
        text.stamps("oldest_look_up_at", oldest),
        pl.Series("persons_involved", events["persons"]),
        _object_texts(events),
    ]


def payout_ids(name: str, numbers: Integers) -> pl.Series:
    """Ids of payouts by their places in the order of requests."""
    return text.serials(name, "P", numbers, 8)


def recorded_at(rng: np.random.Generator, events: Columns, faults: Faults, end: int) -> Integers:
    """When each row reached the platform: mostly at once, some late, all before the export."""
    n, at = height(events), events["at"]
    known = at + rng.exponential(120.0, n).astype(np.int64)
    late = (rng.random(n) < faults.late_share) & (events["case"] == NOBODY)
    known += np.where(late, rng.integers(1, faults.late_days + 1, n) * DAY_S, 0)
    known = np.minimum(np.maximum(known, events["recorded"]), np.maximum(at, end - 1))
    return np.asarray(known, dtype=np.int64)


def _events(rows: Columns, district: District) -> Columns:
    """One row an event, within the horizon, in the order of time; reversals are negative."""
    outcome, end = rows["outcome"], district.clock.end
    plan = (
        (_REQUESTED, "requested", np.ones(len(outcome), dtype=np.bool_)),
        (_PAID, "paid", outcome != CANCELLED),
        (_CANCELLED, "closed", outcome != PAID),
    )
    parts = []
    for kind, time, happens in plan:
        part = take(rows, np.flatnonzero(happens & (rows[time] < end)))
        part["at"] = part[time]
        part["kind"] = np.full(height(part), kind, dtype=np.int8)
        if kind == _CANCELLED:
            part["amount"] = np.where(part["outcome"] == REVERSED, -part["amount"], part["amount"])
        parts.append(part)
    events = stack(parts)
    return take(events, np.lexsort((events["number"], events["kind"], events["at"])))


def _object_texts(events: Columns) -> pl.Series:
    """What the object is, in words: its sort, its model and its number, perhaps altered."""
    number = events["object"]
    sort = text.words("object_text", number % len(_SORTS), _SORTS)
    model = text.codes("object_text", " ", number * 7 + 3).str.slice(0, 5)
    serial = text.codes("object_text", " ", number)
    return (sort + model + serial + text.words("alias", events["alias"], _ALIASES)).rename(
        "object_text"
    )


def _objects(events: Columns) -> pl.Series:
    kind = text.words("object_code", events["object"] % len(_OBJECTS), _OBJECTS)
    number = text.codes("object_code", "", events["object"])
    return (kind + number + text.words("alias", events["alias"], _ALIASES)).rename("object_code")
