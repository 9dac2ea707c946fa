"""What the simulator plants: every typology, three severities, onsets an evaluation can see."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.contracts.errors import InputError
from features.scenarios.catalog import load
from tests.unit.exported import settled
from training.inject import BY_SCENARIO, TYPOLOGIES
from training.simulate import SimulationConfig, SimulationSummary, simulate
from training.simulation.case import SEVERITIES, Dial
from training.truth import load_truth

SIZES = {
    "payouts": {"count": 12_000},
    "approvals": {"projects": 900},
    "district": {"firms": 3000},
}
JUNE = date(2025, 6, 1)
REAL = sorted(code for code, each in TYPOLOGIES.items() if not each.benign)
BENIGN = sorted(code for code, each in TYPOLOGIES.items() if each.benign)


def spanned(rows: pl.DataFrame) -> timedelta:
    first, last = rows["occurred_at"].min(), rows["occurred_at"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return last - first


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(SimulationConfig.load(SIZES), tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def truth(made: SimulationSummary) -> pl.DataFrame:
    return load_truth(made.files["truth"])


@pytest.fixture(scope="module")
def payouts(made: SimulationSummary, truth: pl.DataFrame) -> pl.DataFrame:
    """Requests with what was planted in them."""
    table = settled(made.files["payouts"])
    table = table.filter(pl.col("kind") == "payout_requested").with_columns(
        pl.col("amount_yuan", "cap_yuan").cast(pl.Float64),
        pl.col("insured_employees").cast(pl.Int64),
        *(
            pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC")
            for name in ("occurred_at", "applied_at", "registered_at", "checked_at")
        ),
    )
    of_payouts = truth.filter(pl.col("scenario") == "payouts")
    return table.join(of_payouts, left_on="payout_id", right_on="event_id", how="left")


@pytest.fixture(scope="module")
def steps(made: SimulationSummary, truth: pl.DataFrame) -> pl.DataFrame:
    """Steps with what was planted in them."""
    table = settled(made.files["approvals"]).with_columns(
        pl.col("investment_yuan").cast(pl.Float64),
        pl.col("scale").cast(pl.Float64),
        pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC"),
    )
    of_steps = truth.filter(pl.col("scenario") == "approvals")
    return table.join(of_steps, left_on="step_id", right_on="event_id", how="left")


@pytest.mark.parametrize("code", REAL)
def test_typology_is_planted_in_three_severities(truth: pl.DataFrame, code: str) -> None:
    """Recall can be reported for each severity."""
    assert set(truth.filter(pl.col("typology") == code)["severity"]) == set(SEVERITIES)


@pytest.mark.parametrize("code", BENIGN)
def test_look_alike_is_planted_and_marked(truth: pl.DataFrame, code: str) -> None:
    """A look-alike is named as one and carries no severity."""
    rows = truth.filter(pl.col("typology") == code)
    assert len(rows) > 0
    assert rows["look_alike"].all()
    assert set(rows["severity"]) == {"none"}


def test_onsets_lie_inside_the_horizon(
    truth: pl.DataFrame, payouts: pl.DataFrame, steps: pl.DataFrame
) -> None:
    """A time to detection can be measured: no case began before the records, one onset a case."""
    events = pl.concat(
        [
            payouts.drop_nulls("case_id").select("case_id", "occurred_at", "onset"),
            steps.drop_nulls("case_id").select("case_id", "occurred_at", "onset"),
        ]
    )
    first = events.group_by("case_id").agg(pl.col("occurred_at").min(), pl.col("onset").unique())
    assert (first["onset"].list.len() == 1).all()
    assert (first["onset"].list.first() == first["occurred_at"]).all()
    assert truth["onset"].dt.year().is_between(2022, 2025).all()


@pytest.mark.parametrize("code", REAL)
def test_last_month_holds_some_of_each_typology(
    payouts: pl.DataFrame, steps: pl.DataFrame, code: str
) -> None:
    """The demonstration scores the last month, so each typology shows there."""
    table = payouts if code in {each.code for each in BY_SCENARIO["payouts"]} else steps
    late = table.filter((pl.col("typology") == code) & (pl.col("occurred_at").dt.date() >= JUNE))
    assert len(late) > 0


def test_planted_share_is_small(made: SimulationSummary, truth: pl.DataFrame) -> None:
    """The bulk is ordinary: about the configured share of payouts and of projects."""
    real = truth.filter(~pl.col("look_alike") & (pl.col("scenario") == "payouts"))
    assert 0.01 < len(real) / made.subjects["payouts"] < 0.035
    cases = sum(made.cases[each.code] for each in BY_SCENARIO["approvals"] if not each.benign)
    assert 0.01 < cases / made.subjects["approvals"] < 0.03


def test_telling_features_exist() -> None:
    """What an explanation should name is a feature of the scenario, at most three a typology."""
    for typologies, scenario in (
        (BY_SCENARIO["payouts"], "payouts"),
        (BY_SCENARIO["approvals"], "approvals"),
    ):
        known = {feature.name for feature in load(scenario).features}
        for each in typologies:
            assert set(each.telling) <= known
            assert len(each.telling) <= 3
            assert each.telling or each.benign
            assert each.title_zh
            assert each.title_en


def test_severities_are_thirds_of_a_dial() -> None:
    """Subtle, moderate and blatant share a dial without gaps."""
    for each in TYPOLOGIES.values():
        for name, dial in each.dials.items():
            ranges = [each.range_of(name, severity) for severity in SEVERITIES]
            edges = [ranges[0][0], *(high for _, high in ranges)]
            assert edges == pytest.approx([dial.at(at / 3) for at in range(4)])


def test_dial_reaches_both_ends() -> None:
    """Strength 0 is mild, strength 1 extreme, also where extreme is the smaller number."""
    assert (Dial(120, 10).at(0.0), Dial(120, 10).whole(1.0)) == (120, 10)


def test_shell_firms_are_new_and_take_the_cap(payouts: pl.DataFrame) -> None:
    """T15: days old, without staff, at the cap; the blatant ones younger than the subtle ones."""
    shells = payouts.filter(pl.col("typology") == "T15").with_columns(
        age=(pl.col("applied_at") - pl.col("registered_at")).dt.total_days()
    )
    assert (shells["amount_yuan"] >= 0.89 * shells["cap_yuan"]).all()
    assert (shells["insured_employees"].drop_nulls() <= 2).all()
    mean = shells.group_by("severity").agg(pl.col("age").mean())
    age = dict(zip(mean["severity"], mean["age"], strict=True))
    assert age["blatant"] < age["moderate"] < age["subtle"] < 140


def test_ring_shares_agent_and_officer_within_weeks(payouts: pl.DataFrame) -> None:
    """T16: one agent, one officer, 8 to 40 firms, three weeks."""
    for _, ring in payouts.filter(pl.col("typology") == "T16").group_by("case_id"):
        assert ring["agent_code"].n_unique() == 1
        assert ring["officer_code"].n_unique() == 1
        assert 8 <= ring["enterprise_code"].n_unique() <= 40
        span = spanned(ring)
        assert span.days <= 30


def test_duplicate_benefit_has_an_earlier_twin(payouts: pl.DataFrame) -> None:
    """T17: the same object, perhaps with an altered code, was paid by another authority."""
    known = payouts.filter(pl.col("typology").ne_missing("T17"))
    number = pl.col("object_code").str.slice(0, 10).alias("object_number")
    again = payouts.filter(pl.col("typology") == "T17").with_columns(number)
    both = again.join(known.with_columns(number), on="object_number", suffix="_before")
    both = both.sort("occurred_at_before").unique("payout_id", keep="first")
    assert set(both["payout_id"]) == set(again["payout_id"])
    assert (both["occurred_at"] > both["occurred_at_before"]).all()
    assert (both["paying_authority"] != both["paying_authority_before"]).all()
    subtle = again.filter(pl.col("severity") == "subtle")["object_code"]
    assert (subtle.str.len_chars() > 10).all()


def test_unchecked_burst_is_one_officers(payouts: pl.DataFrame) -> None:
    """T20: one officer, minutes, and no check in time that was clear."""
    for _, burst in payouts.filter(pl.col("typology") == "T20").group_by("case_id"):
        assert burst["officer_code"].n_unique() == 1
        span = spanned(burst)
        assert span.total_seconds() < 3600
        in_time = burst.filter(pl.col("checked_at") <= pl.col("occurred_at"))
        assert (in_time["check_result"] == "hit").all()


def test_salami_changes_grow_step_by_step(steps: pl.DataFrame) -> None:
    """T01: four to nine increases by one officer, or three by who knows the limit of the rule."""
    asked = (pl.col("typology") == "T01") & (pl.col("step") == "change_requested")
    config = SimulationConfig.load()
    learned = config.horizon.after(config.injection.adaptive_month)
    sizes = []
    for _, changes in steps.filter(asked).group_by("case_id"):
        last = changes["occurred_at"].max()
        assert isinstance(last, datetime)
        assert 4 <= len(changes) <= 9 or (len(changes) == 3 and last.date() > learned)
        sizes.append(len(changes))
        assert changes["officer_code"].n_unique() == 1
        assert changes["contractor_code"].n_unique() == 1
        assert changes["investment_yuan"].is_sorted()
    assert min(sizes) == 3
    assert max(sizes) > 6


def test_scale_is_cut_and_the_price_kept(steps: pl.DataFrame) -> None:
    """T03: a change takes 14 to 32 % of the scale and at most 3 % of the money."""
    ordered = steps.with_columns(
        pl.col("investment_yuan", "scale").forward_fill().over("project_code")
    ).with_columns(
        money=pl.col("investment_yuan") / pl.col("investment_yuan").shift().over("project_code"),
        size=pl.col("scale") / pl.col("scale").shift().over("project_code"),
    )
    cut = ordered.filter((pl.col("typology") == "T03") & (pl.col("step") == "change_approved"))
    assert len(cut) > 0
    assert cut["money"].is_between(0.965, 1.005).all()
    assert (cut["size"].drop_nulls() < 0.9).sum() >= len(cut) - 1


def test_works_begin_before_the_permit(steps: pl.DataFrame) -> None:
    """T04: start and first payment lie before the permit, after the filing."""
    early = steps.filter(pl.col("typology") == "T04").pivot(
        on="step", index="case_id", values="occurred_at"
    )
    assert (early["construction_started"] < early["permit_issued"]).all()
    unpaid_or_early = (early["payment"] < early["permit_issued"]).fill_null(value=True)
    assert unpaid_or_early.sum() >= 0.8 * len(early)


def test_second_filing_is_on_a_known_parcel(steps: pl.DataFrame) -> None:
    """T05 and T06: the parcel was filed before, and T06 comes back on the lighter route."""
    filings = steps.filter(pl.col("step") == "filed")
    for code in ("T05", "T06"):
        for row in filings.filter(pl.col("typology") == code).iter_rows(named=True):
            before = filings.filter(
                (pl.col("parcel_code") == row["parcel_code"])
                & (pl.col("occurred_at") < row["occurred_at"])
            )
            assert len(before) >= 1
            if code == "T06":
                assert row["route"] == "filing"
                assert set(before["route"]) & {"approval", "verification"}


def test_rushed_evaluation_leaves_no_time(steps: pl.DataFrame) -> None:
    """T22: strict route, and no evaluation or one on the day of the decision."""
    rushed = steps.filter((pl.col("typology") == "T22") & (pl.col("step") == "approved"))
    assert set(rushed["route"]) <= {"approval", "verification"}
    evaluated = steps.filter(pl.col("step") == "evaluated")
    both = rushed.join(evaluated, on="project_code", suffix="_evaluated")
    assert set(both["severity"]) <= {"subtle"}
    assert (both["occurred_at"].dt.date() == both["occurred_at_evaluated"].dt.date()).all()


def test_planted_rows_keep_office_hours(payouts: pl.DataFrame, steps: pl.DataFrame) -> None:
    """The time of day gives nothing away: planted rows lie where ordinary ones do."""
    real = pl.col("look_alike").eq_missing(other=False)
    for table in (payouts.filter(real & (pl.col("typology") != "T21")), steps.filter(real)):
        hour = table["occurred_at"].dt.convert_time_zone("Asia/Shanghai").dt.hour()
        assert hour.is_between(9, 18).all()


def test_too_small_a_district_says_so(tmp_path: Path) -> None:
    """Where no project is left for a case, the error names what to raise."""
    tiny = {
        "approvals": {"projects": 60},
        "payouts": {"count": 300},
        "injection": {"min_cases": 30},
    }
    with pytest.raises(InputError, match="raise projects"):
        simulate(SimulationConfig.load(tiny), tmp_path)
