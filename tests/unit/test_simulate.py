"""A simulated district: same seed same bytes, honest noise, tables the shipped mappings read."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from features.calendar import DAY_US, Calendar
from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.contracts.tables import TRUTH
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from tests.unit.exported import settled
from training.simulate import PARTS, SimulationConfig, SimulationSummary, simulate
from training.simulation.columns import scramble
from training.simulation.config import SHIPPED
from training.simulation.days import in_order, is_working
from training.truth import load_truth

SMALL = {
    "payouts": {"count": 2500},
    "approvals": {"projects": 300},
    "small_works": {"contracts": 900, "buyers": 20, "suppliers": 120},
    "assignments": {"count": 600},
    "district": {"firms": 900},
}


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


class Inbox:
    """A ledger that takes everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.learned_us: list[int] = []

    def declare(self, scenario: str, *, currency: str, calendar: Calendar) -> None:
        assert (scenario, currency) in {(name, "CNY") for name in PARTS}
        assert calendar.tz == "Asia/Shanghai"

    def admit(
        self, events: Sequence[Event], *, observed_us: Sequence[int]
    ) -> list[Literal["accepted", "duplicate", "conflict"]]:
        self.events.extend(events)
        self.learned_us.extend(observed_us)
        return ["accepted" for _ in events]


def configured(**horizon: object) -> SimulationConfig:
    return SimulationConfig.load({**SMALL, "horizon": horizon})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(configured(), tmp_path_factory.mktemp("district"))


@pytest.fixture(scope="module")
def payouts(made: SimulationSummary) -> pl.DataFrame:
    table = settled(made.files["payouts"])
    return table.with_columns(pl.col("amount_yuan", "cap_yuan").cast(pl.Float64))


@pytest.fixture(scope="module")
def steps(made: SimulationSummary) -> pl.DataFrame:
    return settled(made.files["approvals"])


def test_same_seed_gives_same_bytes(made: SimulationSummary, tmp_path: Path) -> None:
    """Two runs of one configuration cannot be told apart, whatever their folders."""
    again = simulate(configured(), tmp_path)
    for name, path in made.files.items():
        assert again.files[name].read_bytes() == path.read_bytes(), name


def test_another_seed_gives_other_histories(made: SimulationSummary, tmp_path: Path) -> None:
    """The seed decides every table."""
    other = simulate(configured(seed=7), tmp_path)
    for name in (*PARTS, "truth"):
        assert other.files[name].read_bytes() != made.files[name].read_bytes()


def test_the_parameters_used_read_back_to_the_same_configuration(made: SimulationSummary) -> None:
    """What was written beside the tables is enough to make them again."""
    assert SimulationConfig.load(path=made.files["parameters"]) == configured()


def test_parquet_holds_the_same_texts(made: SimulationSummary, tmp_path: Path) -> None:
    """The format changes the file, not the table."""
    other = simulate(configured(format="parquet"), tmp_path)
    from_csv = pl.read_csv(made.files["payouts"], infer_schema=False)
    from_parquet = pl.read_parquet(other.files["payouts"]).cast(pl.String)
    assert from_parquet.equals(from_csv)


def test_counts_are_near_the_configured(
    made: SimulationSummary, payouts: pl.DataFrame, steps: pl.DataFrame
) -> None:
    """Planted rows add a few percent; each project leaves about ten steps."""
    assert 2500 <= made.subjects["payouts"] <= 2500 * 1.2
    assert 300 <= made.subjects["approvals"] <= 330
    assert 7 <= len(steps) / made.subjects["approvals"] <= 13
    share = payouts["kind"].value_counts(normalize=True)
    assert dict(share.iter_rows())["payout_requested"] == pytest.approx(0.5, abs=0.02)
    cancelled = payouts.filter(pl.col("kind") == "payout_cancelled")["payout_id"].n_unique()
    assert 0.005 <= cancelled / made.subjects["payouts"] <= 0.03


def test_ordinary_payouts_are_noisy(payouts: pl.DataFrame) -> None:
    """Caps are reached, firms are new, checks are missing in ordinary data too."""
    asked = payouts.filter(pl.col("kind") == "payout_requested")
    at_cap = number((asked["amount_yuan"] == asked["cap_yuan"]).mean())
    assert 0.005 < at_cap < 0.08
    assert (asked["amount_yuan"] <= asked["cap_yuan"]).all()
    assert 20_000 < number(asked["amount_yuan"].median()) < 120_000
    assert asked["checked_at"].null_count() > 5
    assert asked["insured_employees"].null_count() > 20


def test_only_reversals_are_negative(payouts: pl.DataFrame) -> None:
    """A negative amount is a payout taken back after it was paid."""
    negative = payouts.filter(pl.col("amount_yuan") <= 0)
    assert set(negative["kind"]) <= {"payout_cancelled"}
    paid = payouts.filter(pl.col("kind") == "payout_paid")["payout_id"]
    assert negative["payout_id"].is_in(paid.implode()).all()


def test_money_is_paid_after_it_was_asked_for(payouts: pl.DataFrame) -> None:
    """Every paid row follows the request of the same payout."""
    wide = payouts.pivot(on="kind", index="payout_id", values="occurred_at")
    both = wide.drop_nulls(["payout_paid", "payout_requested"])
    assert (both["payout_paid"] > both["payout_requested"]).all()
    assert (payouts["applied_at"] < payouts["occurred_at"]).all()


def test_a_row_shows_no_check_that_came_after_it_was_recorded(payouts: pl.DataFrame) -> None:
    """As-of honesty: a later check is blank, with its result."""
    seen = payouts.drop_nulls("checked_at")
    assert (seen["checked_at"] <= seen["recorded_at"]).all()
    assert payouts["checked_at"].is_null().equals(payouts["check_result"].is_null())


def test_rows_lie_inside_the_horizon_and_in_order(
    payouts: pl.DataFrame, steps: pl.DataFrame
) -> None:
    """Nothing happens before the start or after the end; files are in the order of time."""
    for table in (payouts, steps):
        assert table["occurred_at"].is_sorted()
        assert table["occurred_at"][0] >= "2022-07-01"
        assert table["occurred_at"][-1] < "2025-07-01"
        assert (table["recorded_at"] >= table["occurred_at"]).all()


def test_ids_do_not_repeat(payouts: pl.DataFrame, steps: pl.DataFrame) -> None:
    """A payout has one row a kind, a step one row."""
    assert not payouts.select("payout_id", "kind").is_duplicated().any()
    assert not steps["step_id"].is_duplicated().any()


def test_most_projects_run_through_their_steps_in_order(steps: pl.DataFrame) -> None:
    """Filing comes first, approval before permit, permit mostly before the start of works."""
    wide = steps.unique(["project_code", "step"], keep="first").pivot(
        on="step", index="project_code", values="occurred_at"
    )
    assert (wide["filed"] <= wide["accepted"]).fill_null(value=True).all()
    assert (wide["accepted"] < wide["approved"]).fill_null(value=True).all()
    assert number((wide["permit_issued"] < wide["construction_started"]).mean()) > 0.85
    assert set(steps["route"]) == {"approval", "verification", "filing"}


@pytest.mark.parametrize("name", PARTS)
def test_shipped_mapping_takes_in_every_row(made: SimulationSummary, name: str) -> None:
    """Every row becomes an event, no column is left undeclared, only reversals are negative."""
    ledger = Inbox()
    report = ingest(
        [made.files[name]],
        mapping=Mapping.load(f"simulated_{name}"),
        ledger=ledger,
        settings=Settings(pseudonym_key=SecretStr("k" * 40)),
    )
    counts = report.total.counts
    assert counts.read == made.rows[name] == counts.accepted + counts.duplicates
    assert counts.accepted == len(ledger.events)
    assert 0.002 < counts.duplicates / counts.read < 0.009
    assert ledger.learned_us == sorted(ledger.learned_us)
    late = [
        known - event.effective_us
        for known, event in zip(ledger.learned_us, ledger.events, strict=True)
    ]
    assert 0.01 < np.mean(np.array(late) > DAY_US) < 0.08
    assert not report.undeclared
    used = {field for event in ledger.events for field, value in event.fields.items() if value}
    assert used == set(Mapping.load(f"simulated_{name}").fields)


@pytest.mark.parametrize("name", ["payouts", "approvals", "small_works"])
def test_corrections_are_second_versions_learned_later(made: SimulationSummary, name: str) -> None:
    """What was mistyped is there as it was keyed, and again as it should be; never when planted."""
    table = pl.read_csv(made.files[name], infer_schema=False).unique()
    named = [table.columns[0], *(["kind"] if "kind" in table.columns else [])]
    first, second = (table.filter(pl.col("version") == each) for each in ("1", "2"))
    both = second.join(first, on=named, suffix="_first")
    assert len(both) == len(second) > 10
    assert (both["recorded_at"] > both["recorded_at_first"]).all()
    assert (both["occurred_at"] == both["occurred_at_first"]).all()
    differ = sum(
        (both[column] != both[f"{column}_first"]).fill_null(value=False).cast(pl.Int64)
        for column in first.columns
        if column not in (*named, "version", "recorded_at")
    )
    assert isinstance(differ, pl.Series)
    assert set(differ) == {0, 1}
    planted = load_truth(made.files["truth"]).filter(pl.col("scenario") == name)["event_id"]
    assert not second.to_series(0).is_in(planted.implode()).any()


def test_rules_in_force_change_with_the_regime(payouts: pl.DataFrame, steps: pl.DataFrame) -> None:
    """From its month on decisions are due sooner and ceilings of rate policies lie higher."""
    config = configured()
    begin = config.horizon.after(config.regime.month).isoformat()
    decided = steps.filter(
        (pl.col("step") == "approved")
        & (pl.col("route") != "filing")
        & pl.col("due_at").is_not_null()
    )
    begun = steps.filter(pl.col("step") == "accepted").select("project_code", start="occurred_at")
    term = decided.join(begun, on="project_code").with_columns(
        days=(
            pl.col("due_at").str.slice(0, 10).str.to_date()
            - pl.col("start").str.slice(0, 10).str.to_date()
        ).dt.total_days()
    )
    before, after = term.filter(pl.col("start") < begin), term.filter(pl.col("start") >= begin)
    assert number(after["days"].median()) < number(before["days"].median())
    caps = payouts.group_by("policy_item").agg(
        before=pl.col("cap_yuan").filter(pl.col("occurred_at") < begin).max(),
        after=pl.col("cap_yuan").filter(pl.col("occurred_at") >= begin).max(),
    )
    ratio = (caps["after"] / caps["before"]).drop_nulls()
    assert number(ratio.max()) == pytest.approx(config.regime.cap_factor)
    assert number(ratio.min()) == 1.0


def test_truth_names_only_events_that_exist(
    made: SimulationSummary, payouts: pl.DataFrame, steps: pl.DataFrame
) -> None:
    """Every planted event can be found in its table, and is named once."""
    truth = load_truth(made.files["truth"])
    repairs = pl.read_csv(made.files["credit_repairs"], infer_schema=False)["record_id"]
    ids = {
        "payouts": payouts["payout_id"],
        "approvals": steps["step_id"],
        "credit_repairs": repairs,
    }
    for scenario, known in ids.items():
        named = truth.filter(pl.col("scenario") == scenario)["event_id"]
        assert named.is_in(known.implode()).all()
    assert len(truth) == made.planted_events + made.look_alike_events


def test_truth_with_a_strange_severity_is_refused(made: SimulationSummary, tmp_path: Path) -> None:
    """A truth table that the simulator did not write is named, with the event at fault."""
    bad = tmp_path / "truth.csv"
    bad.write_text(made.files["truth"].read_text().replace("blatant", "huge"))
    with pytest.raises(InputError, match="severity breaks"):
        load_truth(bad)
    bad.write_text(made.files["truth"].read_text().replace("true,false", "true,true"))
    with pytest.raises(InputError, match="no fixed rule should see a look-alike"):
        load_truth(bad)
    bad.write_text("event_id,scenario\nP1,payouts\n")
    with pytest.raises(InputError, match="columns must be"):
        load_truth(bad)
    with pytest.raises(UnreadableSourceError, match=r"absent\.csv"):
        load_truth(tmp_path / "absent.csv")


def test_truth_with_a_blank_onset_is_refused(tmp_path: Path) -> None:
    """An onset that is no instant is refused, not guessed."""
    bad = tmp_path / "truth.csv"
    row = "P1,payouts,T15,subtle,soon,amount_minor,c-1,false,false"
    bad.write_text(",".join(TRUTH) + "\n" + row + "\n")
    with pytest.raises(InputError, match="onset breaks"):
        load_truth(bad)


def test_unknown_parameter_is_named() -> None:
    """A misspelt parameter is refused with its section and name, and the nearest one."""
    with pytest.raises(InputError, match=r"payouts\.counts: no such parameter; nearest: count"):
        SimulationConfig.load({"payouts": {"counts": 3}})
    with pytest.raises(InputError, match="officers cannot staff"):
        SimulationConfig.load({"district": {"officers": 10, "offices": 11}})
    with pytest.raises(UnreadableSourceError, match=r"none\.toml"):
        SimulationConfig.load(path=Path("none.toml"))


@pytest.mark.parametrize(
    ("typology", "told"),
    [
        ({"T01": {"n_changes": 4}}, "typologies.T01.n_changes: two numbers are needed"),
        ({"T01": {"n_changes": [4, 6, 9]}}, "two numbers are needed, as in [4, 9], not [4, 6, 9]"),
        ({"T01": {"n_changes": [4, "nine"]}}, "two numbers are needed"),
        ({"T01": {"n_changes": [4, float("nan")]}}, "two numbers are needed"),
        ({"T01": {"n_changes": [1, 9]}}, "both numbers must be at least 2, not [1, 9]"),
        ({"T03": {"cut": [0.15, 1.2]}}, "both numbers must be between 0 and 0.9, not [0.15, 1.2]"),
        ({"L03": {"n_firms": [10, 6]}}, "typologies.L03.n_firms: least comes before most"),
        ({"L03": {"n_firms": [6.5, 10]}}, "typologies.L03.n_firms.0: Input should be a valid int"),
        ({"T01": {"n_change": [4, 9]}}, "T01.n_change: no such parameter; nearest: n_changes"),
        ({"T010": {"n_changes": [4, 9]}}, "typologies.T010: no such parameter; nearest: T10, T01"),
        ({"T01": [4, 9]}, "typologies.T01: Input should be a valid dictionary"),
    ],
)
def test_wrong_dial_is_refused(typology: dict[str, object], told: str) -> None:
    """The message names typology and dial, and says what should stand there."""
    with pytest.raises(InputError, match=re.escape(told)):
        SimulationConfig.load({"typologies": typology})


def test_a_file_may_set_one_dial_alone(tmp_path: Path) -> None:
    """The typology's other dials are as shipped."""
    own = tmp_path / "own.toml"
    own.write_text("[typologies.T03]\ncut = [0.4, 0.5]\n")
    shipped = SimulationConfig.load().model_dump()
    shipped["typologies"]["T03"]["cut"] = (0.4, 0.5)

    assert SimulationConfig.load(path=own).model_dump() == shipped


def test_a_changed_dial_changes_its_cases_and_nothing_else(
    made: SimulationSummary, tmp_path: Path
) -> None:
    """T03 takes more of the scale: of all files, only scales of its projects differ."""
    deeper = {"T03": {"cut": [0.4, 0.5]}}
    other = simulate(SimulationConfig.load({**SMALL, "typologies": deeper}), tmp_path)
    same = [name for name, path in made.files.items() if _equal(path, other.files[name])]
    before, after = (settled(each.files["approvals"]) for each in (made, other))
    truth = load_truth(made.files["truth"])
    cases = truth.filter(pl.col("typology") == "T03")["event_id"]
    projects = before.filter(pl.col("step_id").is_in(cases.implode()))["project_code"]
    differ = before["scale"].ne_missing(after["scale"])

    assert set(made.files) - set(same) == {"approvals", "parameters"}
    assert before.drop("scale").equals(after.drop("scale"))
    assert set(before.filter(differ)["project_code"]) == set(projects)


def _equal(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def test_a_file_may_set_one_number_alone(tmp_path: Path) -> None:
    """What it does not set is as shipped."""
    own = tmp_path / "own.toml"
    own.write_text("[payouts]\ncount = 500\n")

    assert SimulationConfig.load(path=own) == SimulationConfig.load({"payouts": {"count": 500}})


def test_every_shipped_parameter_states_its_basis() -> None:
    """Each line that sets a parameter carries a comment."""
    lines = [line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if " = " in line]
    bare = [line for line in lines if "#" not in line.split(" = ", 1)[1] and line[0] != "#"]
    allowed = {"seed"}
    assert [line for line in bare if line.split()[0] not in allowed] == []


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    """Whoever watches hears each part once, with a share that only grows."""
    heard: list[tuple[str, float]] = []
    simulate(configured(), tmp_path, progress=lambda part, done: heard.append((part, done)))
    assert [part for part, _ in heard] == ["district", *PARTS, "files", "done"]
    assert [done for _, done in heard] == sorted(done for _, done in heard)


@given(st.lists(st.integers(0, 10**8 - 1), unique=True, max_size=50))
def test_scrambled_codes_stay_distinct(numbers: list[int]) -> None:
    """Two things never share a code."""
    codes = scramble(np.array(numbers, dtype=np.int64))
    assert len(set(codes.tolist())) == len(numbers)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_steps_put_in_order_never_go_back(instants: list[int]) -> None:
    """Each instant is at least a minute after the last one, and none is earlier than it was."""
    before = np.array(instants, dtype=np.int64)
    after = in_order(before)
    assert (np.diff(after) >= 60).all()
    assert (after >= before).all()


def test_make_up_days_are_worked() -> None:
    """The district keeps the State Council's calendar: a Saturday in lieu is a working day."""
    days = np.array(["2024-02-04", "2024-02-12", "2024-02-13"], dtype="datetime64[D]")
    assert is_working(days.astype(np.int64)).tolist() == [True, False, False]


def test_decisions_show_by_when_they_were_due(steps: pl.DataFrame) -> None:
    """Acceptances, evaluations and decisions carry a term, and few are late."""
    decided = steps.filter(pl.col("step").is_in(["accepted", "approved", "change_approved"]))
    assert decided["due_at"].null_count() == 0
    assert number((decided["occurred_at"] > decided["due_at"]).mean()) < 0.05
    assert steps.filter(pl.col("step") == "payment")["due_at"].null_count() > 0


def test_a_further_report_of_the_study_gives_what_is_then_approved(steps: pl.DataFrame) -> None:
    """More than a tenth above what was filed; the approval adds nothing to it."""
    said = {
        step: steps.filter(step=step).select(
            "project_code", pl.col("investment_yuan").cast(pl.Float64).alias(step)
        )
        for step in ("filed", "feasibility_reported", "approved")
    }
    reported = said["feasibility_reported"].join(said["filed"], on="project_code")
    reported = reported.join(said["approved"], on="project_code")

    assert len(reported) > 0
    assert (reported["feasibility_reported"] > 1.1 * reported["filed"]).all()
    assert ((reported["approved"] / reported["feasibility_reported"] - 1).abs() < 1e-3).all()


def test_a_policys_budget_covers_the_ordinary_claims_of_its_year(payouts: pl.DataFrame) -> None:
    """One budget a policy and year, a little more than what its ordinary payouts come to."""
    year = pl.col("occurred_at").str.slice(0, 4).alias("year")
    budgets = payouts.group_by("policy_item", year).agg(
        pl.col("policy_budget_yuan").n_unique().alias("n"),
        pl.col("policy_budget_yuan").cast(pl.Float64).first().alias("yuan"),
    )
    assert (budgets["n"] == 1).all()
    paid = payouts.filter(pl.col("kind") == "payout_paid")["amount_yuan"].sum()
    assert 1.0 < float(budgets["yuan"].sum()) / float(paid) < 1.8
