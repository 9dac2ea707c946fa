"""A second oracle: the same features in DuckDB's SQL, on larger histories than lists allow.

Windows are `RANGE` frames where nothing is late, and a join by the rule of visibility where
something is. Integers must be equal, floats within a billionth.
"""

from typing import Final

import duckdb
import numpy as np
import polars as pl
import pytest

from features import frames
from features.calendar import Calendar
from features.contracts.events import EventField
from features.spec import (
    Expression,
    Feature,
    IsNew,
    NearDuplicates,
    PeerRank,
    RobustZ,
    Scenario,
    Share,
    Since,
    Where,
    Window,
)
from features.window import DAY_US

FIRM, PAIR, SECTOR = ("firm",), ("firm", "officer"), ("sector",)
BUILT: Final = Where("built", "sector", ("build",))
LONDON: Final = Calendar(name="london", tz="Europe/London", fiscal_month=4)
START: Final = 1_709_000_000_000_000
"""27 February 2024: what happens in the 60 days from then on crosses summer time and a quarter."""
ROWS: Final = 2_000
EXACT, NEARLY = 0.0, 1e-9

TRAILING: Final = "PARTITION BY {} ORDER BY t RANGE BETWEEN {} PRECEDING AND 1 PRECEDING"
FRAMES: Final = {
    "firm_7d": TRAILING.format("firm", 7 * DAY_US),
    "firm_30d": TRAILING.format("firm", 30 * DAY_US),
    "firm_60min": TRAILING.format("firm", 3_600_000_000),
    "pair_30d": TRAILING.format("firm, officer", 30 * DAY_US),
    "this_month": TRAILING.format("firm, month", "UNBOUNDED"),
    "this_quarter": TRAILING.format("firm, quarter", "UNBOUNDED"),
}
HHI: Final = (
    "list_sum(list_transform(map_values(histogram(officer) OVER {0}), lambda n: n * n))"
    " / count(officer) OVER {0} ** 2"
)
ENOUGH: Final = "CASE WHEN count(*) OVER firm_30d >= 3 THEN {} END"
LIKE: Final = (
    "CASE WHEN q.purpose IS NOT NULL"
    " THEN count(*) FILTER (bit_count(xor(s.purpose, q.purpose)) <= 12) END"
)
WINDOWS: Final[tuple[tuple[Expression, str, float], ...]] = (
    (Window(FIRM, "count", days=7), "count(*) OVER firm_7d", EXACT),
    (Window(FIRM, "count", minutes=60), "count(*) OVER firm_60min", EXACT),
    (Window(FIRM, "count", period="month"), "count(*) OVER this_month", EXACT),
    (Window(PAIR, "count", days=30), "count(*) OVER pair_30d", EXACT),
    (
        Window(FIRM, "count", days=30, where=BUILT),
        "count(*) FILTER (sector = 'build') OVER firm_30d",
        EXACT,
    ),
    (Window(FIRM, "sum", "amount", days=7), "coalesce(sum(amount) OVER firm_7d, 0)", EXACT),
    (Window(PAIR, "sum", "amount", days=30), "coalesce(sum(amount) OVER pair_30d, 0)", EXACT),
    (
        Window(FIRM, "sum", "amount", period="quarter"),
        "coalesce(sum(amount) OVER this_quarter, 0)",
        EXACT,
    ),
    (Window(FIRM, "min", "amount", days=30), "min(amount) OVER firm_30d", EXACT),
    (Window(FIRM, "max", "amount", days=7), "max(amount) OVER firm_7d", EXACT),
    (Window(FIRM, "max", "amount", period="month"), "max(amount) OVER this_month", EXACT),
    (Window(FIRM, "mean", "amount", days=30), "avg(amount) OVER firm_30d", NEARLY),
    (Window(FIRM, "std", "amount", days=30), "stddev_samp(amount) OVER firm_30d", NEARLY),
    (Window(PAIR, "std", "amount", days=30), "stddev_samp(amount) OVER pair_30d", NEARLY),
    (
        Window(FIRM, "distinct", "officer", days=30),
        "nullif(count(DISTINCT officer) OVER firm_30d, 0)",
        EXACT,
    ),
    (Window(FIRM, "hhi", "officer", days=30), HHI.format("firm_30d"), NEARLY),
    (
        Window(FIRM, "entropy", "officer", days=30),
        "CASE WHEN count(officer) OVER firm_30d > 0 THEN entropy(officer) OVER firm_30d END",
        NEARLY,
    ),
    (Window(FIRM, "median", "amount", days=7), "median(amount) OVER firm_7d", EXACT),
    (Window(PAIR, "median", "amount", days=30), "median(amount) OVER pair_30d", EXACT),
    (Window(FIRM, "mad", "amount", days=7), "mad(amount) OVER firm_7d", EXACT),
    (Window(FIRM, "mad", "amount", days=30), "mad(amount) OVER firm_30d", EXACT),
    (
        Since(FIRM, days=30),
        f"(t - max(t) OVER firm_30d) / {DAY_US}.0",
        NEARLY,
    ),
    (
        Since(FIRM, which="first", days=30),
        f"(t - min(t) OVER firm_30d) / {DAY_US}.0",
        NEARLY,
    ),
    (
        Share(PAIR, of=FIRM, days=30, min_n=3),
        ENOUGH.format("count(*) OVER pair_30d / count(*) OVER firm_30d"),
        NEARLY,
    ),
    (
        IsNew(PAIR, of=FIRM, days=30, min_n=3),
        ENOUGH.format("CAST(count(*) OVER pair_30d = 0 AS INTEGER)"),
        EXACT,
    ),
)
JOINED: Final[tuple[tuple[Expression, str, float], ...]] = (
    (Window(FIRM, "count", days=30), "count(s.place)", EXACT),
    (Window(FIRM, "sum", "amount", days=30), "coalesce(sum(s.amount), 0)", EXACT),
    (Window(FIRM, "std", "amount", days=30), "stddev_samp(s.amount)", NEARLY),
    (Window(FIRM, "min", "amount", days=30), "min(s.amount)", EXACT),
    (Window(FIRM, "distinct", "officer", days=30), "nullif(count(DISTINCT s.officer), 0)", EXACT),
    (
        Window(FIRM, "entropy", "officer", days=30),
        "CASE WHEN count(s.officer) > 0 THEN entropy(s.officer) END",
        NEARLY,
    ),
    (Window(FIRM, "median", "amount", days=30), "median(s.amount)", EXACT),
    (Window(FIRM, "mad", "amount", days=30), "mad(s.amount)", EXACT),
    (Since(FIRM, days=30), f"(q.t - max(s.t)) / {DAY_US}.0", NEARLY),
    (
        NearDuplicates(FIRM, "purpose", days=30),
        LIKE,
        EXACT,
    ),
)


def _scenario(of: tuple[Expression, ...]) -> Scenario:
    kinds: dict[str, str] = {"firm": "key", "officer": "key", "sector": "category"}
    kinds |= {"amount": "money", "purpose": "sketch"}
    return Scenario(
        name="sql",
        zh="查询",
        en="sql",
        kinds=("paid",),
        scored=("paid",),
        history=("paid",),
        subject="firm",
        amount="amount",
        peer_group="sector",
        fields=tuple(
            EventField.model_validate(
                {"name": name, "kind": kind, "title_zh": "字", "title_en": "a"}
            )
            for name, kind in kinds.items()
        ),
        measures=(),
        features=tuple(Feature(item, "特征", "a feature", "缘由", "a reason") for item in of),
    )


def _history(seed: int) -> pl.DataFrame:
    """Events of 40 firms in 60 days, one in three at an instant that others share."""
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 60 * DAY_US, ROWS)
    t = np.where(rng.random(ROWS) < 0.3, t // DAY_US * DAY_US, t)
    holes = rng.random((2, ROWS)) < 0.1
    purpose = rng.choice([0, 2**50 - 1], ROWS) ^ rng.integers(0, 2**16, ROWS)
    return pl.DataFrame(
        {
            "effective_at": START + np.sort(t),
            "firm": (40 * rng.random(ROWS) ** 2).astype(int).astype(str),
            "officer": pl.Series(rng.integers(0, 6, ROWS).astype(str)).set(
                pl.Series(holes[0]), None
            ),
            "sector": rng.choice(["build", "plan"], ROWS),
            "amount": pl.Series(rng.integers(-(10**6), 10**9, ROWS)).set(pl.Series(holes[1]), None),
            "purpose": pl.Series(purpose).set(pl.Series(holes.any(axis=0)), None),
        }
    )


def _asked(sql: str, events: pl.DataFrame) -> pl.DataFrame:
    """What DuckDB answers about the table `events`, with its rows' `place` and instant `t`."""
    with duckdb.connect() as connection:
        table = events.with_row_index("place").with_columns(t="effective_at")
        connection.register("events", table.to_arrow())
        return pl.DataFrame(connection.sql(sql).pl())


def _assert_same(found: pl.DataFrame, expected: pl.DataFrame, bounds: dict[str, float]) -> None:
    for name, bound in bounds.items():
        ours, theirs = (
            found[name].to_numpy(),
            expected[name].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        )
        assert np.isfinite(ours).any(), name
        np.testing.assert_allclose(
            ours, theirs, rtol=bound, atol=bound, equal_nan=True, err_msg=name
        )


def _applied(of: Expression, sql: str) -> str:
    """Missing where the event lacks a field of the key; SQL would group such events."""
    is_pair = "officer" in getattr(of, "key", ())
    return f"CASE WHEN officer IS NOT NULL THEN {sql} END" if is_pair else sql


@pytest.mark.parametrize("seed", range(3))
def test_trailing_windows_are_range_frames(seed: int) -> None:
    """Counts, sums, extremes, distinct, HHI, entropy, median, MAD, mean, deviation, shares."""
    events = _history(seed)
    local = pl.from_epoch("effective_at", time_unit="us").dt.replace_time_zone("UTC")
    local = local.dt.convert_time_zone("Europe/London")
    dated = events.with_columns(
        month=local.dt.strftime("%Y-%m"), quarter=local.dt.year() * 4 + local.dt.quarter()
    )
    columns = ", ".join(f'{_applied(of, sql)} AS "{of.name}"' for of, sql, _ in WINDOWS)
    named = ", ".join(f"{name} AS ({frame})" for name, frame in FRAMES.items())
    expected = _asked(f"SELECT {columns} FROM events WINDOW {named} ORDER BY place", dated)  # noqa: S608
    found = frames.compute(events, _scenario(tuple(of for of, _, _ in WINDOWS)), calendar=LONDON)

    _assert_same(found, expected, {of.name: bound for of, _, bound in WINDOWS})


def _late(events: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same events learned with delay, one in ten corrected or retracted later."""
    rng = np.random.default_rng(seed)
    n = len(events)
    delay = np.where(rng.random(n) < 0.2, rng.integers(0, 20 * DAY_US, n), 0)
    first = events.with_columns(
        event_id=pl.Series(np.arange(n)),
        version=1,
        retracted=False,
        observed_at=pl.col("effective_at") + pl.Series(delay),
    )
    again = first.sample(n // 10, seed=seed).with_columns(
        version=2,
        retracted=pl.Series(rng.random(n // 10) < 0.3),
        amount=pl.Series(rng.integers(0, 10**9, n // 10)),
        observed_at=pl.col("observed_at") + pl.Series(rng.integers(0, 30 * DAY_US, n // 10)),
    )
    return pl.concat([first, again.select(first.columns)]).sample(
        fraction=1.0, shuffle=True, seed=seed
    )


RULE: Final = f"""
    WITH known AS (SELECT *, rank() OVER (ORDER BY observed_at, place) AS k FROM events),
    ours AS (SELECT a.*, (SELECT min(b.k) FROM known b WHERE b.event_id = a.event_id
                          AND b.version > a.version) AS gone FROM known a)
    SELECT {{columns}}
    FROM ours q LEFT JOIN ours s
      ON s.firm = q.firm AND s.t >= q.t - {30 * DAY_US} AND s.t < q.t
      AND s.event_id <> q.event_id AND NOT s.retracted
      AND s.k < q.k AND coalesce(s.gone > q.k, true)
    WHERE NOT q.retracted AND coalesce(q.gone > q.k, true)
    GROUP BY q.place, q.t, q.purpose ORDER BY q.place
"""  # noqa: S608


@pytest.mark.parametrize("seed", range(3))
def test_late_rows_and_corrections_are_a_join_by_the_rule(seed: int) -> None:
    """What was known before, and not yet superseded; input in no order at all."""
    events = _late(_history(seed), seed)
    columns = ", ".join(f'{sql} AS "{of.name}"' for of, sql, _ in JOINED)
    expected = _asked(RULE.format(columns=columns), events)
    found = frames.compute(events, _scenario(tuple(of for of, _, _ in JOINED)))

    assert len(found) == len(expected) < len(events)
    _assert_same(found, expected, {of.name: bound for of, _, bound in JOINED})


OCTAVE: Final = "floor(log2(amount + 1))"
STEPS: Final = f"""
    WITH steps AS (SELECT *, CAST(64 * {OCTAVE} + floor(64 * (amount + 1 - 2 ** {OCTAVE})
                   / 2 ** {OCTAVE}) AS BIGINT) AS step FROM events),
    pairs AS (SELECT q.place, q.step AS own, s.step FROM steps q JOIN steps s
              ON s.sector = q.sector AND s.t >= q.t - {30 * DAY_US} AND s.t < q.t
              WHERE q.step IS NOT NULL AND s.step IS NOT NULL),
    middles AS (SELECT place, any_value(own) AS own, list(step) AS held,
                quantile_disc(step, 0.5) AS middle,
                (count(*) FILTER (step < own) + 0.5 * count(*) FILTER (step = own)) / count(*)
                AS rank FROM pairs GROUP BY place HAVING count(*) >= 30)
    SELECT place, rank, (own - middle) / (1.4826 * greatest(4, (64 >> (middle // 64)),
           list_aggregate(list_transform(held, lambda x: abs(x - middle)), 'quantile_disc', 0.5)))
           AS z FROM middles ORDER BY place
"""  # noqa: S608


def test_comparisons_with_peers_are_ranks_and_medians_of_steps() -> None:
    """Robust z and mid-rank on the log grid, from lower medians of the window's steps."""
    events = _history(7).with_columns(amount=pl.col("amount").abs())
    expected = _asked(STEPS, events)
    of = (RobustZ("amount", (SECTOR,), days=30), PeerRank("amount", (SECTOR,), days=30))
    found = frames.compute(events, _scenario(of))
    answered = found.with_row_index("row").filter(pl.col(of[0].name).is_finite())

    assert answered["row"].to_list() == expected["place"].to_list()
    assert len(answered) > ROWS // 2
    for item, name in zip(of, ("z", "rank"), strict=True):
        np.testing.assert_allclose(answered[item.name], expected[name], rtol=NEARLY)
