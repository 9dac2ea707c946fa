"""Small contracts as a platform exports them: a row each for quote, award and what follows."""

from typing import Final

import numpy as np
import polars as pl

from training.simulation import text
from training.simulation.columns import Columns, height, stack, stream, take
from training.simulation.config import SimulationConfig
from training.simulation.days import DAY_S, NEVER, Integers, office_hours
from training.simulation.district import NOBODY, District
from training.simulation.matters import CLASSES, MATTERS, village
from training.simulation.payout_table import recorded_at
from training.simulation.small_works import AMENDMENTS, METHODS, MOST_QUOTES, Market

KINDS: Final = ("quote_submitted", "contract_awarded", "contract_amended", "contract_settled")
_QUOTE, _AWARD, _AMENDMENT, _SETTLEMENT = range(4)
_MARKS: Final = ("-Q", "", "-A", "-S")
_LOTS: Final = ("", "一标", "二标", "三标", "四标", "五标", "六标", "七标", "八标")
_PHASES: Final = ("", "（一期）", "（二期）", "（三期）")
_LOT_STYLE: Final = 4
_CLASS_OF: Final = np.array([each.work_class for each in MATTERS])


def contract_events(config: SimulationConfig, district: District, rows: Columns) -> Columns:
    """One row an event within the horizon, in the order of time; `number` is the contract's."""
    rng = stream(config.horizon.seed, "small works events")
    rows = rows | {"number": np.arange(height(rows), dtype=np.int64)}
    award = rows["quotes"][:, 0]
    parts = [_quotes(rng, rows)]
    parts.append(_events(rows, _AWARD, 0, (rows["awarded"], award)))
    for k in range(AMENDMENTS):
        parts.append(_events(rows, _AMENDMENT, k + 1, (rows["amended_at"][:, k], award)))
        parts[-1]["final"] = rows["amended"][:, k]
    parts.append(_events(rows, _SETTLEMENT, 0, (rows["settled_at"], award)))
    parts[-1]["final"] = rows["final"].copy()
    events = stack(parts)
    inside = (events["at"] != NEVER) & (events["at"] < district.clock.end)
    inside &= events["at"] >= district.clock.start
    events = take(events, np.flatnonzero(inside))
    order = (events["part"], events["number"], events["kind"], events["at"])
    return take(events, np.lexsort(order))


def _events(rows: Columns, kind: int, part: int, what: tuple[Integers, Integers]) -> Columns:
    at, amount = what
    n = height(rows)
    return {
        "row": np.arange(n, dtype=np.int64),
        "number": rows["number"],
        "kind": np.full(n, kind, dtype=np.int8),
        "part": np.full(n, part, dtype=np.int64),
        "at": at,
        "amount": amount,
        "supplier": rows["bidders"][:, 0],
        "final": np.full(n, -1, dtype=np.int64),
        "case": rows["case"],
        "recorded": rows["recorded"],
    }


def _quotes(rng: np.random.Generator, rows: Columns) -> Columns:
    """Each bidder's quote, on a day before the award."""
    n = height(rows)
    days = rows["awarded"][:, None] // DAY_S - rng.integers(2, 10, (n, MOST_QUOTES))
    when = office_hours(rng, days.ravel())
    parts = []
    for k in range(MOST_QUOTES):
        part = _events(rows, _QUOTE, k + 1, (when[k::MOST_QUOTES], rows["quotes"][:, k]))
        part["supplier"] = rows["bidders"][:, k]
        parts.append(take(part, np.flatnonzero(rows["bidders"][:, k] != NOBODY)))
    return stack(parts)


def contract_table(
    config: SimulationConfig, district: District, market: Market, planned: tuple[Columns, Columns]
) -> pl.DataFrame:
    """The table of all events of the contracts; record numbers count in the order of awards.

    Quotes are made on the platform itself, so none reaches it late.
    """
    rng = stream(config.horizon.seed, "small works table")
    rows, events = planned
    is_award = events["kind"] == _AWARD
    is_contract = events["kind"] != _QUOTE
    known = recorded_at(rng, events, config.faults, district.clock.end)
    known = np.where(is_contract, known, np.maximum(events["at"], events["recorded"]))
    of, share = take(rows, events["row"]), config.faults.missing_share
    group = market.suppliers["group"][np.maximum(events["supplier"], 0)]
    second = np.where(is_award & (of["bidders"][:, 1] != NOBODY), of["quotes"][:, 1], -1)
    columns = [
        record_ids("record_no", events),
        text.words("kind", events["kind"], KINDS),
        text.stamps("occurred_at", events["at"]),
        text.stamps("recorded_at", known),
        text.serials("lot_no", "B", events["number"], 7),
        _where(text.serials("contract_no", "C", events["number"], 7), is_contract),
        text.codes("buyer_code", "D", of["buyer"]),
        text.codes("supplier_code", "E", events["supplier"]),
        text.thinned(text.codes("supplier_group", "G", group), rng, share),
        text.words("matter", of["matter"], [each.code for each in MATTERS]),
        text.words("class", _CLASS_OF[of["matter"]], CLASSES),
        text.words("method", of["method"], METHODS),
        text.thinned(text.codes("budget_project", "Y", of["project"]), rng, share),
        text.thinned(text.codes("officer_code", "O", of["officer"]), rng, share),
        text.serials("post", "W", of["officer"] % 5, 2),
        text.serials("district", "J", market.buyers["street"][of["buyer"]], 2),
        _where(names(of), is_contract),
        _where(panels(of), is_award),
        _where(text.codes("runner_up", "E", of["bidders"][:, 1]), is_award),
        text.yuan("amount_yuan", events["amount"]),
        _where(text.yuan("second_yuan", second), second > 0),
        _where(text.yuan("final_yuan", events["final"]), events["final"] > 0),
    ]
    return pl.DataFrame(columns)


def record_ids(name: str, events: Columns) -> pl.Series:
    """Ids of records: the contract's number, and which of its records it is."""
    number = text.serials(name, "R", events["number"], 7)
    mark = text.words("mark", events["kind"], _MARKS)
    part = pl.Series(events["part"]).cast(pl.String)
    counted = pl.select(
        pl.when(pl.Series(events["part"] > 0)).then(part).otherwise(pl.lit(""))
    ).to_series()
    return (number + mark + counted).rename(name)


def names(rows: Columns) -> pl.Series:
    """Names of contracts: year or none, village or none, object, work, lot or phase or none."""
    year = (rows["awarded"] // DAY_S).astype("datetime64[D]").astype("datetime64[Y]")
    made = []
    for k in range(height(rows)):
        matter, lot = MATTERS[int(rows["matter"][k])], int(rows["lot"][k])
        style = int(rows["style"][k])
        dated = f"{year[k]}年度" if matter.work == "服务" and style else ""
        home = int(rows["place"][k])
        place = village(int(rows["buyer"][k]) * 37 + home) if home != NOBODY else ""
        marks = _PHASES if 0 < lot < _LOT_STYLE and style == 0 else _LOTS
        made.append(
            f"{dated}{place}{matter.objects[int(rows['object'][k])]}{matter.work}{marks[lot]}"
        )
    return pl.Series("contract_name", made)


def panels(rows: Columns) -> pl.Series:
    """Everybody who quoted for the lot, in one text that is the same for the same suppliers."""
    codes = [
        text.codes(f"b{k}", "E", np.sort(rows["bidders"], axis=1)[:, k]) for k in range(MOST_QUOTES)
    ]
    several = rows["bidders"][:, 1] != NOBODY
    joined = pl.DataFrame(codes).select(pl.concat_str(pl.all(), separator="+", ignore_nulls=True))
    return _where(joined.to_series().rename("bidders"), several)


def _where(series: pl.Series, there: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pl.Series:
    return series.to_frame().select(
        pl.when(pl.Series(there)).then(pl.col(series.name)).alias(series.name)
    )[series.name]
