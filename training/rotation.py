"""Pair-quarters: what the tests of a rotation say of every officer and agency, quarter by quarter.

The events of `assignments` come as a table and leave as one row for each pair and quarter, the form
in which `lianjing rotation` shows them and in which the model is told of them: as an event at the
end of the quarter, made of nothing that was not known by then.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import polars as pl

from features.calendar import DAY_US, HOUR_US, Calendar
from features.contracts.errors import InputError
from features.contracts.events import Event, from_us
from features.contracts.vectors import Integers, Vector
from models.rotation.adjust import benjamini_hochberg
from models.rotation.draws import OFFICE_DAY_S, UNKNOWN, Draws, Reviews
from models.rotation.quarter import TESTS, DrawnBy, PairQuarter, Quarter, pair_quarters

COLUMNS: Final[dict[str, type[pl.DataType]]] = {
    "kind": pl.String,
    "event_id": pl.String,
    "version": pl.Int64,
    "retracted": pl.Boolean,
    "at_us": pl.Int64,
    "known_us": pl.Int64,
    "officer": pl.String,
    "agency": pl.String,
    "owner": pl.String,
    "project": pl.String,
    "specialty": pl.String,
    "sector": pl.String,
    "fee_minor": pl.Int64,
    "queue_position": pl.Int64,
    "eligible": pl.Int64,
    "skip_ppm": pl.Int64,
    "head_since": pl.Int64,
    "submitted_at": pl.Int64,
    "accepted_at": pl.Int64,
    "reduction_ppm": pl.Int64,
}
"""What the tests look at: every version, when it happened and was learned, in microseconds."""
_NOT_FIELDS: Final = 6
DRAWN, WITHDRAWN, REVIEWED, PAIR = (
    "assignment_drawn",
    "assignment_withdrawn",
    "review_done",
    "pair_quarter",
)
USUAL_SKIP_PPM: Final = 30_000
"""The chance that the head declines where an event does not state the rule's."""
YEAR_US: Final = 365 * DAY_US
REFILED_WITHIN_S: Final = 10 * OFFICE_DAY_S
"""Ten working days: how soon a withdrawn case comes back to count as filed again."""
_SECOND_US: Final = 1_000_000
_OPENS_US: Final = 9 * HOUR_US


def table_of(learned: Iterable[tuple[Event, int]]) -> pl.DataFrame:
    """The columns that tests look at, of events each with when it was learned (microseconds)."""
    rows = [
        {
            "kind": event.kind,
            "event_id": event.event_id,
            "version": event.version,
            "retracted": event.retracted,
            "at_us": event.effective_us,
            "known_us": known_us,
        }
        | {name: event.fields.get(name) for name in list(COLUMNS)[_NOT_FIELDS:]}
        for event, known_us in learned
        if event.kind != PAIR
    ]
    return pl.DataFrame(rows, schema=COLUMNS)


def as_of(table: pl.DataFrame, us: int) -> pl.DataFrame:
    """What was known by an instant of the year before it: latest versions, nothing retracted."""
    known = table.filter(pl.col("known_us") <= us).sort("version")
    latest = known.unique(["kind", "event_id"], keep="last", maintain_order=True)
    inside = pl.col("at_us").is_between(us + _SECOND_US - YEAR_US, us, closed="left")
    return latest.filter(inside & ~pl.col("retracted"))


def quarters_of(
    table: pl.DataFrame, calendar: Calendar, *, until_us: int, drawn_by: DrawnBy = "rotation"
) -> Iterator[tuple[Quarter, int, dict[str, list[str]]]]:
    """Each calendar quarter with draws that is over by `until_us`, its end, and codes' names.

    A quarter holds what was known a second before its end: what is learned later of it changes
    nothing, so that whoever tests it whenever finds the same. Draws by lot have no queue, whatever
    is told of one.
    """
    names = {
        name: sorted(set(table[name].drop_nulls().to_list()))
        for name in ("officer", "agency", "owner", "specialty")
    }
    at = table.filter(pl.col("kind") == DRAWN)["at_us"].to_numpy()
    for start in np.unique(calendar.period_starts(at, "quarter")).tolist():
        end = _end_of(calendar, start)
        if end > until_us:
            continue
        known = as_of(table, end - _SECOND_US)
        year = _chained(known, calendar)
        if not (year["at_us"] >= start).any():
            continue
        done = known.filter((pl.col("kind") == REVIEWED) & (pl.col("at_us") >= start))
        done = done.sort("at_us", "event_id")
        if drawn_by == "lot":
            year = year.with_columns(queue_position=None, head_since_s=pl.lit(UNKNOWN))
        name = quarter_name(calendar, start)
        quarter = Quarter(
            name,
            names["officer"],
            names["agency"],
            _draws(year, names, start),
            _reviews(done, names, calendar),
            int(np.diff(office_seconds(calendar, np.array([start, end])))[0]),
            drawn_by,
        )
        yield quarter, end, names


def pair_quarter_table(
    table: pl.DataFrame,
    calendar: Calendar,
    *,
    until_us: int,
    only: str | None = None,
    drawn_by: DrawnBy = "rotation",
) -> pl.DataFrame:
    """One row for each pair and quarter: ids, sums, and of each test p and "once in so many".

    `only` is a quarter's name such as 2025Q1.

    Raises
    ------
    InputError
        No such quarter is over, no draw names both officer and agency, or draws are by lot and none
        says among how many.
    """
    _check_named(table, calendar, only)
    if drawn_by == "lot":
        _check_eligible(table)
    rows = [
        _row(quarter, pair, end, names)
        for quarter, end, names in quarters_of(
            table, calendar, until_us=until_us, drawn_by=drawn_by
        )
        if only is None or quarter.name == only
        for pair in pair_quarters(quarter)
    ]
    if only is not None and not rows:
        raise InputError(f"no quarter {only} with draws is over; name one such as 2025Q1")
    return pl.DataFrame(rows, schema=_schema())


def n_unnamed(table: pl.DataFrame, calendar: Calendar, *, only: str | None = None) -> int:
    """How many draws (of one quarter) name no officer or no agency; no pair counts them."""
    return int((~_named(table, calendar, only)).sum())


def _named(table: pl.DataFrame, calendar: Calendar, only: str | None) -> pl.Series:
    """Which of the draws that stand, each in its latest version, name officer and agency."""
    draws = table.filter(pl.col("kind") == DRAWN).sort("version")
    draws = draws.unique("event_id", keep="last").filter(~pl.col("retracted"))
    if only is not None:
        starts = calendar.period_starts(draws["at_us"].to_numpy(), "quarter")
        wanted = [at for at in np.unique(starts).tolist() if quarter_name(calendar, at) == only]
        draws = draws.filter(pl.Series(np.isin(starts, wanted)))
    named = pl.col("officer").is_not_null() & pl.col("agency").is_not_null()
    return draws.select(named.alias("named"))["named"]


def _check_named(table: pl.DataFrame, calendar: Calendar, only: str | None) -> None:
    named = _named(table, calendar, only)
    if len(named) and not named.any():
        message = (
            f"none of the {len(named)} draws names both officer and agency, and a test is about "
            "such a pair; give both columns and map them"
        )
        raise InputError(message)


def _check_eligible(table: pl.DataFrame) -> None:
    if not (table.filter(pl.col("kind") == DRAWN)["eligible"].fill_null(0) > 0).any():
        message = (
            "no draw says how many agencies were eligible, which is the chance of a lot; give the "
            "column and map it to eligible"
        )
        raise InputError(message)


def _schema() -> dict[str, type[pl.DataType]]:
    kinds: dict[str, type[pl.DataType]] = {
        "event_id": pl.String,
        "quarter": pl.String,
        "at_us": pl.Int64,
        "officer": pl.String,
        "agency": pl.String,
        "owner": pl.String,
        "specialty": pl.String,
        "n_draws": pl.Int64,
        "fee_minor": pl.Int64,
        "family": pl.Int64,
    }
    for test in TESTS:
        kinds |= {
            f"{test}_statistic": pl.Float64,
            f"{test}_p": pl.Float64,
            f"{test}_once_in": pl.Int64,
            f"{test}_n": pl.Int64,
            f"{test}_zh": pl.String,
            f"{test}_en": pl.String,
        }
    return kinds


def _row(
    quarter: Quarter, pair: PairQuarter, end: int, names: dict[str, list[str]]
) -> dict[str, object]:
    officer, agency = quarter.officers[pair.officer], quarter.agencies[pair.agency]
    row: dict[str, object] = {
        "event_id": f"PQ-{quarter.name}-{officer}-{agency}",
        "quarter": quarter.name,
        "at_us": end - _SECOND_US,
        "officer": officer,
        "agency": agency,
        "owner": _name(names["owner"], pair.owner),
        "specialty": _name(names["specialty"], pair.specialty),
        "n_draws": pair.n,
        "fee_minor": pair.fee,
        "family": pair.family,
    }
    for test, answer in pair.answers.items():
        row |= {
            f"{test}_statistic": answer.statistic,
            f"{test}_p": answer.p,
            f"{test}_once_in": answer.once_in,
            f"{test}_n": answer.n,
            f"{test}_zh": answer.zh,
            f"{test}_en": answer.en,
        }
    return row


def _name(names: list[str], code: int) -> str | None:
    return None if code == UNKNOWN else names[code]


def quarter_name(calendar: Calendar, start_us: int) -> str:
    """The name of the quarter that begins at an instant: year and number.

    >>> quarter_name(Calendar.prc(), 1_735_660_800_000_000)
    '2025Q1'
    """
    month = calendar.local_days(np.array([start_us])).astype("datetime64[D]").astype(object)[0]
    return f"{month.year}Q{(month.month + 2) // 3}"


def _end_of(calendar: Calendar, start: int) -> int:
    """The instant at which the quarter that begins at `start` ends."""
    later = np.array([start + 100 * DAY_US])
    return int(calendar.period_starts(later, "quarter")[0])


def office_seconds(calendar: Calendar, us: Integers) -> Integers:
    """Seconds of office time (working days, nine to five) up to each instant.

    >>> monday_ten = 1_736_128_800_000_000 + 2 * HOUR_US
    >>> at = np.array([monday_ten, monday_ten + DAY_US])
    >>> np.diff(office_seconds(Calendar.prc(), at)).tolist()
    [28800]
    """
    into = np.clip(us - calendar.midnights(us) - _OPENS_US, 0, 8 * HOUR_US) // _SECOND_US
    today = np.where(calendar.is_working(us), into, OFFICE_DAY_S)
    return (calendar.working_index(us) - 1) * OFFICE_DAY_S + today


def _chained(table: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Draws in time order, with how many of their project's were thrown away right before each."""
    gone = table.filter(pl.col("kind") == WITHDRAWN).select(
        "event_id", pl.col("at_us").alias("withdrawn_us")
    )
    draws = (
        table.filter(pl.col("kind") == DRAWN)
        .join(gone.unique("event_id"), on="event_id", how="left")
        .sort("at_us", "event_id")
    )
    clocks = {
        f"{name}_s": _office(calendar, draws[name])
        for name in ("at_us", "submitted_at", "head_since", "withdrawn_us")
    }
    return draws.with_columns(
        *(pl.Series(name, values) for name, values in clocks.items()),
        pl.Series("thrown", _thrown(draws, clocks["withdrawn_us_s"], clocks["at_us_s"])),
    )


def _office(calendar: Calendar, column: pl.Series) -> Integers:
    known = column.is_not_null().to_numpy()
    us = column.fill_null(0).to_numpy()
    return np.where(known, office_seconds(calendar, us), UNKNOWN)


def _thrown(draws: pl.DataFrame, withdrawn_s: Integers, drawn_s: Integers) -> Integers:
    """Withdrawn draws of the same project in a row before each draw, each of another agency."""
    out = np.zeros(len(draws), dtype=np.int64)
    last: dict[str, int] = {}
    pairs = zip(draws["project"].to_list(), draws["agency"].to_list(), strict=True)
    agencies = draws["agency"].to_list()
    for at, (project, agency) in enumerate(pairs):
        before = last.get(project) if project is not None else None
        if (
            before is not None
            and withdrawn_s[before] != UNKNOWN
            and agencies[before] != agency
            and drawn_s[at] - withdrawn_s[before] <= REFILED_WITHIN_S
        ):
            out[at] = out[before] + 1
        if project is not None:
            last[project] = at
    return out


def _draws(year: pl.DataFrame, names: dict[str, list[str]], start: int) -> Draws:
    return Draws(
        officer=_codes(year["officer"], names["officer"]),
        agency=_codes(year["agency"], names["agency"]),
        owner=_codes(year["owner"], names["owner"]),
        specialty=_codes(year["specialty"], names["specialty"]),
        drawn_s=year["at_us_s"].to_numpy(),
        submitted_s=year["submitted_at_s"].to_numpy(),
        head_s=year["head_since_s"].to_numpy(),
        depth=year["queue_position"].fill_null(UNKNOWN).to_numpy(),
        eligible=year["eligible"].fill_null(UNKNOWN).to_numpy(),
        thrown=year["thrown"].to_numpy(),
        skip_p=year["skip_ppm"].fill_null(USUAL_SKIP_PPM).to_numpy() / 1e6,
        fee=year["fee_minor"].fill_null(UNKNOWN).to_numpy(),
        in_quarter=year["at_us"].to_numpy() >= start,
    )


def _reviews(done: pl.DataFrame, names: dict[str, list[str]], calendar: Calendar) -> Reviews:
    begun, ended = _office(calendar, done["accepted_at"]), _office(calendar, done["at_us"])
    took = np.where(begun == UNKNOWN, np.nan, np.maximum(ended - begun, 1))
    return Reviews(
        officer=_codes(done["officer"], names["officer"]),
        agency=_codes(done["agency"], names["agency"]),
        specialty=_codes(done["specialty"], names["specialty"]),
        reduction=_centred(done["reduction_ppm"], done["sector"]),
        log_days=np.log(took / OFFICE_DAY_S),
    )


def _centred(value: pl.Series, sector: pl.Series) -> Vector:
    """Shares less the median of their sector in the quarter."""
    frame = pl.DataFrame({"value": value.cast(pl.Float64) / 1e6, "sector": sector.fill_null("")})
    median = pl.col("value").median().over("sector")
    return frame.select(pl.col("value") - median)["value"].to_numpy()


def _codes(column: pl.Series, names: list[str]) -> Integers:
    """Positions among sorted names; UNKNOWN where there is none."""
    wanted = column.fill_null("").to_numpy().astype(np.str_)
    at = np.searchsorted(np.array(names, dtype=np.str_), wanted)
    known = column.is_not_null().to_numpy()
    return np.where(known, at, UNKNOWN).astype(np.int64)


def pair_event(row: dict[str, object]) -> Event:
    """The event by which a ledger is told of a pair's quarter, at the quarter's end."""
    names = ("officer", "agency", "owner", "specialty", "n_draws", "fee_minor")
    fields = {name: row[name] for name in (*names, *(f"{test}_once_in" for test in TESTS))}
    return Event.model_validate(
        {
            "scenario": "assignments",
            "kind": PAIR,
            "event_id": row["event_id"],
            "effective_at": from_us(int(str(row["at_us"]))),
            "fields": {name: value for name, value in fields.items() if value is not None},
        }
    )


def standing_out(table: pl.DataFrame, *, level: float = 0.05) -> pl.DataFrame:
    """The pairs and tests of a `pair_quarter_table` whose adjusted p is at most `level`.

    One row a pair and test, least q first. p is adjusted after Benjamini and Hochberg among the
    agencies that the officer could have met in the quarter, each test by itself.
    """
    parts = [_adjusted(group, test) for group in _by_officer(table) for test in TESTS]
    if not parts:
        return pl.DataFrame(schema=_FOUND)
    found = pl.concat(parts).filter(pl.col("q") <= level)
    return found.sort("q", "p", "quarter", "officer", "agency", "test")


_FOUND: Final[dict[str, type[pl.DataType]]] = {
    "quarter": pl.String,
    "officer": pl.String,
    "agency": pl.String,
    "owner": pl.String,
    "specialty": pl.String,
    "test": pl.String,
    "n": pl.Int64,
    "statistic": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "zh": pl.String,
    "en": pl.String,
}


def _by_officer(table: pl.DataFrame) -> list[pl.DataFrame]:
    return table.partition_by("quarter", "officer", maintain_order=True) if len(table) else []


def _adjusted(group: pl.DataFrame, test: str) -> pl.DataFrame:
    """One officer's pairs of a quarter with p and q of one test."""
    p = group[f"{test}_p"].to_numpy().astype(np.float64)
    q = benjamini_hochberg(p, family=max(int(group["family"][0]), len(group)))
    parts = ("n", "statistic", "p", "zh", "en")
    return (
        group.select(
            *list(_FOUND)[:5],
            pl.lit(test).alias("test"),
            *(pl.col(f"{test}_{part}").alias(part) for part in parts),
        )
        .with_columns(pl.Series("q", q).fill_nan(None))
        .select(list(_FOUND))
    )
