"""Assignments as a platform exports them: draws, declines, withdrawals, reviews, pair-quarters.

The rows of pair-quarters are what `lianjing rotation --record` would add to a ledger that holds the
others: made by the same tests from the same columns, faults of the records included.
"""

from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from models.rotation.quarter import TESTS
from training.rotation import COLUMNS, DRAWN, PAIR, REVIEWED, WITHDRAWN, pair_quarter_table
from training.simulation import text
from training.simulation.assignment_draft import AssignmentDraft
from training.simulation.columns import Columns, height, stack, stream, take
from training.simulation.days import DAY_S, NEVER, Integers
from training.simulation.district import NOBODY, SECTORS
from training.simulation.rotation import REASONS, Drawn, OfficeClock

DECLINED: Final = "assignment_declined"
KINDS: Final = (DECLINED, DRAWN, WITHDRAWN, REVIEWED, PAIR)
_DECLINED, _DRAWN, _WITHDRAWN, _REVIEWED = range(4)
_LOCAL_S: Final = 8 * 3600
_REASONS: Final = (*REASONS, "unstated")
_TYPES: Final = ("first", "redrawn")
ONCE_IN: Final = tuple(f"{test}_once_in" for test in TESTS)


def assignment_events(draft: AssignmentDraft, rows: Columns, drawn: Drawn) -> Columns:
    """One row an event within the horizon, in the order of time; `draw` counts draws in time."""
    draws = drawn.columns() | _of_submissions(rows, drawn)
    clock = draft.clock
    order = np.argsort(draws["drawn_s"], kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    draws["draw"] = number
    draws["turn"] = np.zeros(len(number), dtype=np.int64)
    parts = [
        _declines(draws, drawn),
        _at(draws, _DRAWN, draws["drawn_s"]),
        _at(draws, _WITHDRAWN, draws["withdrawn_s"]),
        _at(draws, _REVIEWED, _reviewed_s(draws)),
    ]
    events = stack(parts)
    events["local"] = clock.local(np.maximum(events["at"], 0))
    inside = (events["at"] >= 0) & (events["local"] < draft.horizon.end)
    events = take(events, np.flatnonzero(inside))
    return take(events, np.lexsort((events["turn"], events["kind"], events["draw"], events["at"])))


def _of_submissions(rows: Columns, drawn: Drawn) -> Columns:
    """What each draw takes over from its submission; a second draw of one is a re-draw."""
    at = np.array(drawn.submission, dtype=np.int64)
    drawn_s = np.array(drawn.drawn_s, dtype=np.int64)
    order = np.lexsort((drawn_s, at))
    again = np.zeros(len(at), dtype=np.int64)
    again[order[1:]] = at[order[1:]] == at[order[:-1]]
    names = (
        "owner", "specialty", "officer", "investment", "fee", "sector", "reduction", "waited_s",
        "review_s", "case",
    )  # fmt: skip
    return {name: rows[name][at] for name in names} | {"again": again, "project": at}


def _at(draws: Columns, kind: int, at: Integers) -> Columns:
    return draws | {"kind": np.full(height(draws), kind, dtype=np.int64), "at": at}


def _reviewed_s(draws: Columns) -> Integers:
    done = draws["drawn_s"] + draws["waited_s"] + draws["review_s"]
    return np.where(draws["withdrawn_s"] >= 0, -1, done)


def _declines(draws: Columns, drawn: Drawn) -> Columns:
    """A row for each agency that was passed over, a minute before the draw and in its order."""
    passed = np.array(drawn.declined, dtype=np.int64).reshape(-1, 3)
    rows = take(draws, passed[:, 0])
    first = np.concatenate([[0], np.cumsum(np.diff(passed[:, 0]) != 0)])[: len(passed)]
    start = np.searchsorted(first, first)
    return rows | {
        "kind": np.full(len(passed), _DECLINED, dtype=np.int64),
        "agency": passed[:, 1],
        "reason": passed[:, 2],
        "turn": np.arange(len(passed)) - start + 1,
        "at": rows["drawn_s"] - 60,
    }


def assignment_table(draft: AssignmentDraft, events: Columns) -> pl.DataFrame:
    """The export; ids count draws in time, and what was not keyed in is blank."""
    config = draft.config
    rng = stream(config.horizon.seed, "assignment table")
    known = _columns(draft, events, rng)
    pairs = pair_quarter_table(_for_tests(known), Calendar.prc(), until_us=end_us(draft))
    rows = pl.concat([known, _pair_rows(pairs)], how="diagonal")
    return _exported(rows.sort("local", maintain_order=True))


def draw_columns(draft: AssignmentDraft, events: Columns) -> pl.DataFrame:
    """The columns that the tests look at, as the export holds them."""
    rng = stream(draft.config.horizon.seed, "assignment table")
    return _for_tests(_columns(draft, events, rng))


def end_us(draft: AssignmentDraft) -> int:
    """The end of the horizon in microseconds UTC."""
    return (draft.horizon.end - _LOCAL_S) * 1_000_000


def _columns(draft: AssignmentDraft, events: Columns, rng: np.random.Generator) -> pl.DataFrame:
    """Typed columns, a share of the descriptive ones left out; instants in local seconds."""
    config, share, kind = (
        draft.config.assignments,
        draft.config.faults.missing_share,
        events["kind"],
    )
    draws, reviews = kind == _DRAWN, kind == _REVIEWED
    skip = round(config.recusal_share * 1e6)
    reason = np.where(draws | (kind == _DECLINED), events["reason"], NOBODY)
    return pl.DataFrame(
        [
            event_ids(kind, events["draw"], events["turn"]),
            text.words("kind", kind, KINDS),
            pl.Series("local", events["local"]),
            pl.Series("recorded", _recorded(rng, events, draft)),
            text.codes("owner", "W", events["owner"]),
            text.codes("officer", "O", events["officer"]),
            text.codes("agency", "P", events["agency"]),
            text.codes("project", "X", events["project"]),
            text.serials("specialty", "ZY", events["specialty"], 2),
            text.thinned(text.words("sector", events["sector"], SECTORS), rng, share),
            _number("investment_minor", events["investment"], rng, share),
            _number("fee_minor", events["fee"], rng, share),
            _where("queue_position", draws & (config.drawn_by == "rotation"), events["depth"]),
            _where("eligible", draws, events["eligible"]),
            _where("skipped", draws, (events["depth"] > 0).astype(np.int64)),
            _where("skip_ppm", draws, np.full(len(kind), skip)),
            text.words("skip_reason", reason, _REASONS),
            text.words("draw_type", np.where(draws, events["again"], NOBODY), _TYPES),
            _instant("head_since", draws & (events["head_s"] >= 0), events["head_s"], draft.clock),
            _instant("submitted_at", draws, events["submitted_s"], draft.clock),
            _instant("accepted_at", reviews, events["drawn_s"] + events["waited_s"], draft.clock),
            _where("reduction_ppm", reviews, events["reduction"]),
        ]
    )


def event_ids(kind: Integers, draw: Integers, turn: Integers) -> pl.Series:
    """The draw's id in all its rows; declines count behind it."""
    ids = text.serials("event_id", "RA", draw, 7).to_list()
    return pl.Series(
        "event_id",
        [
            f"{name}-D{place}" if is_decline else name
            for name, place, is_decline in zip(
                ids, turn.tolist(), (kind == _DECLINED).tolist(), strict=True
            )
        ],
    )


def _where(name: str, there: np.ndarray, values: Integers) -> pl.Series:
    return (
        pl.Series(name, values.astype(np.int64))
        .to_frame()
        .select(pl.when(pl.Series(there)).then(pl.col(name)).alias(name))[name]
    )


def _number(name: str, fen: Integers, rng: np.random.Generator, share: float) -> pl.Series:
    return text.thinned(pl.Series(name, fen), rng, share)


def _instant(name: str, there: np.ndarray, office: Integers, clock: OfficeClock) -> pl.Series:
    return _where(name, there, clock.local(np.maximum(office, 0)))


def _for_tests(known: pl.DataFrame) -> pl.DataFrame:
    """The columns of the tests, instants in microseconds UTC."""
    instants = ("at_us", "known_us", "head_since", "submitted_at", "accepted_at")
    return known.with_columns(
        pl.col("local").alias("at_us"),
        pl.col("recorded").alias("known_us"),
        pl.lit(1).cast(pl.Int64).alias("version"),
        pl.lit(value=False).alias("retracted"),
    ).select(
        ((pl.col(name) - _LOCAL_S) * 1_000_000).alias(name) if name in instants else pl.col(name)
        for name in COLUMNS
    )


def _pair_rows(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(
        "event_id",
        pl.lit(PAIR).alias("kind"),
        (pl.col("at_us") // 1_000_000 + _LOCAL_S).alias("local"),
        (pl.col("at_us") // 1_000_000 + _LOCAL_S).alias("recorded"),
        "owner",
        "officer",
        "agency",
        "specialty",
        "n_draws",
        "fee_minor",
        *ONCE_IN,
    )


def _recorded(rng: np.random.Generator, events: Columns, draft: AssignmentDraft) -> Integers:
    """When each row reached the platform: mostly at once, some late, all before the export."""
    faults, end, at = draft.config.faults, draft.horizon.end, events["local"]
    late = (rng.random(len(at)) < faults.late_share) & (events["case"] == NOBODY)
    known = at + rng.exponential(120.0, len(at)).astype(np.int64)
    known += np.where(late, rng.integers(1, faults.late_days + 1, len(at)) * DAY_S, 0)
    return np.asarray(np.minimum(known, np.maximum(at, end - 1)), dtype=np.int64)


def _exported(table: pl.DataFrame) -> pl.DataFrame:
    """Texts for instants and money; everything else as it is."""
    stamps = {
        "local": "occurred_at",
        "recorded": "recorded_at",
        "head_since": "head_since",
        "submitted_at": "submitted_at",
        "accepted_at": "accepted_at",
    }
    columns = [
        text.stamps(new, table[old].fill_null(NEVER).to_numpy()) for old, new in stamps.items()
    ]
    money = [_yuan(table[f"{name}_minor"], f"{name}_yuan") for name in ("investment", "fee")]
    kept = table.drop(*stamps, "investment_minor", "fee_minor")
    names = {name: f"{name}_code" for name in ("owner", "officer", "agency", "project")}
    return kept.rename(names).with_columns(*columns, *money)


def _yuan(column: pl.Series, name: str) -> pl.Series:
    amounts = text.yuan(name, column.fill_null(0).to_numpy())
    return amounts.to_frame().select(
        pl.when(pl.Series(column.is_not_null())).then(pl.col(name)).alias(name)
    )[name]
