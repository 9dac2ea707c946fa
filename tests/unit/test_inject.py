"""What the simulator plants: every typology, three severities, onsets an evaluation can see."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.contracts.errors import InputError
from features.scenarios.catalog import load
from models.thresholds import mid_p
from tests.unit.exported import settled
from training.inject import BY_SCENARIO, TYPOLOGIES
from training.inject_approvals import plant_early_start
from training.inject_small_works import plant_split
from training.simulate import SimulationConfig, SimulationSummary, simulate
from training.simulation.approval_draft import ApprovalDraft
from training.simulation.approvals import PERMIT, STARTED, ordinary_approvals
from training.simulation.case import SEVERITIES, Case
from training.simulation.columns import take
from training.simulation.days import DAY_S
from training.simulation.dial import Dial
from training.simulation.district import District
from training.simulation.small_work_draft import SmallWorkDraft
from training.simulation.small_works import Market, ordinary_contracts
from training.truth import load_truth

SIZES = {
    "payouts": {"count": 12_000},
    "approvals": {"projects": 900},
    "small_works": {"contracts": 2_400, "buyers": 40, "suppliers": 300},
    "district": {"firms": 3000},
}
LIMITS = {"works": 4e6, "goods": 2e6, "services": 1e6}
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
def draws(made: SimulationSummary, truth: pl.DataFrame) -> pl.DataFrame:
    """Rows of assignments with what was planted in them."""
    table = pl.read_csv(made.files["assignments"], infer_schema_length=None).with_columns(
        pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC")
    )
    of_draws = truth.filter(pl.col("scenario") == "assignments")
    return table.join(of_draws, on="event_id", how="left")


@pytest.fixture(scope="module")
def steps(made: SimulationSummary, truth: pl.DataFrame) -> pl.DataFrame:
    """Steps with what was planted in them."""
    table = settled(made.files["approvals"]).with_columns(
        pl.col("investment_yuan").cast(pl.Float64),
        pl.col("scale").cast(pl.Float64),
        pl.col("occurred_at", "recorded_at").str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC"
        ),
    )
    of_steps = truth.filter(pl.col("scenario") == "approvals")
    return table.join(of_steps, left_on="step_id", right_on="event_id", how="left")


@pytest.fixture(scope="module")
def contracts(made: SimulationSummary, truth: pl.DataFrame) -> pl.DataFrame:
    """Awards, amendments and settlements with what was planted in them."""
    table = settled(made.files["small_works"])
    table = table.filter(pl.col("kind") != "quote_submitted").with_columns(
        pl.col("amount_yuan", "second_yuan", "final_yuan").cast(pl.Float64),
        pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC"),
        limit=pl.col("class").replace_strict(LIMITS, return_dtype=pl.Float64),
    )
    of_works = truth.filter(pl.col("scenario") == "small_works")
    return table.join(of_works, left_on="record_no", right_on="event_id", how="left")


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
    truth: pl.DataFrame, payouts: pl.DataFrame, steps: pl.DataFrame, contracts: pl.DataFrame
) -> None:
    """A time to detection can be measured: no case began before the records, one onset a case."""
    events = pl.concat(
        table.drop_nulls("case_id").select("case_id", "occurred_at", "onset")
        for table in (payouts, steps, contracts)
    )
    first = events.group_by("case_id").agg(pl.col("occurred_at").min(), pl.col("onset").unique())
    assert (first["onset"].list.len() == 1).all()
    assert (first["onset"].list.first() == first["occurred_at"]).all()
    assert truth["onset"].dt.year().is_between(2022, 2025).all()


@pytest.mark.parametrize("code", REAL)
def test_last_month_holds_some_of_each_typology(
    payouts: pl.DataFrame,
    steps: pl.DataFrame,
    contracts: pl.DataFrame,
    draws: pl.DataFrame,
    code: str,
) -> None:
    """The demonstration scores the last month, so each typology shows there."""
    tables = {
        "payouts": payouts,
        "approvals": steps,
        "small_works": contracts,
        "assignments": draws,
    }
    of_code = (name for name, all_ in BY_SCENARIO.items() if code in {one.code for one in all_})
    table = tables[next(of_code)]
    late = table.filter((pl.col("typology") == code) & (pl.col("occurred_at").dt.date() >= JUNE))
    assert len(late) > 0


def test_planted_share_is_small(made: SimulationSummary, truth: pl.DataFrame) -> None:
    """The bulk is ordinary: about the configured share of payouts and of projects."""
    real = truth.filter(~pl.col("look_alike") & (pl.col("scenario") == "payouts"))
    assert 0.01 < len(real) / made.subjects["payouts"] < 0.035
    cases = sum(made.cases[each.code] for each in BY_SCENARIO["approvals"] if not each.benign)
    assert 0.01 < cases / made.subjects["approvals"] < 0.03


def test_rules_should_see_a_case_unless_it_is_of_another_part() -> None:
    """Nobody insured, an equal code: seen; one insured, or who knows the rules: not."""

    def case(code: str, strength: float, *, adaptive: bool = False) -> Case:
        return Case(0, code, "blatant", strength, 0, recent=False, adaptive=adaptive)

    def sees(code: str, strength: float, *, adaptive: bool = False) -> bool:
        of_code = case(code, strength, adaptive=adaptive)
        return TYPOLOGIES[code].should_be_hit(of_code, SimulationConfig.load())

    assert sees("T15", 0.9)
    assert not sees("T15", 0.7)
    assert sees("T17", 0.7)
    assert not sees("T17", 0.6)
    assert not sees("T17", 0.9, adaptive=True)
    assert not sees("T16", 1.0)


def test_truth_tells_what_rules_should_see(truth: pl.DataFrame) -> None:
    """Some of what rules see in part, nothing that they do not see, and no look-alike."""
    seen = set(truth.filter("rule_sees")["typology"])
    assert seen == {code for code in REAL if TYPOLOGIES[code].fixed_rule != "no"}


def test_telling_features_exist() -> None:
    """What an explanation should name is a feature of the scenario, at most three a typology."""
    for scenario, typologies in BY_SCENARIO.items():
        known = {feature.name for feature in load(scenario).features}
        for each in typologies:
            assert set(each.telling) <= known
            assert len(each.telling) <= 3
            assert each.telling or each.benign
            assert each.title_zh
            assert each.title_en


def test_severities_are_thirds_of_a_dial() -> None:
    """Subtle, moderate and blatant share a dial without gaps."""
    typologies = SimulationConfig.load().typologies
    for code in REAL:
        dials = [each for _, each in typologies.of(code) if isinstance(each, Dial)]
        assert dials
        for dial in dials:
            ranges = [dial.over(severity) for severity in SEVERITIES]
            edges = [ranges[0][0], *(high for _, high in ranges)]
            assert edges == pytest.approx([dial.at(at / 3) for at in range(4)])


def test_every_typology_has_its_section_of_the_parameters() -> None:
    """And no section is of a typology that nobody plants."""
    assert sorted(SimulationConfig.load().typologies.model_dump()) == sorted(TYPOLOGIES)


def test_dial_reaches_both_ends() -> None:
    """Strength 0 is mild, strength 1 strong, also where strong is the smaller number."""
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


def test_recipients_are_dissolved_after_their_last_payout(
    made: SimulationSummary, truth: pl.DataFrame
) -> None:
    """T15 ends about nine months after it was paid; others fail too, and nobody is paid then."""
    table = settled(made.files["payouts"]).with_columns(
        pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC")
    )
    ends = table.filter(pl.col("kind") == "recipient_dissolved").select(
        "enterprise_code", "legal_rep_code", "amount_yuan", ended="occurred_at"
    )
    paid = table.filter(pl.col("kind") != "recipient_dissolved").join(
        ends, on="enterprise_code", suffix="_at_end"
    )
    shell = pl.col("payout_id").is_in(truth.filter(typology="T15")["event_id"].implode())
    shells = paid.filter(shell & (pl.col("kind") == "payout_paid"))
    lasted = (shells["ended"] - shells["occurred_at"]).dt.total_days()
    closed = SimulationConfig.load(SIZES).horizon.end

    assert ends["enterprise_code"].is_unique().all()
    assert (table.filter(kind="recipient_dissolved")["recorded_at"] < f"{closed}").all()
    assert 1 <= len(shells) < len(ends)
    assert lasted.is_between(239, 300).all()
    assert (paid["occurred_at"] < paid["ended"]).all()
    assert (paid["legal_rep_code"] == paid["legal_rep_code_at_end"]).all()
    assert (shells["amount_yuan"] == shells["amount_yuan_at_end"]).all()


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


def test_estimates_of_one_owner_keep_just_under_the_limit(steps: pl.DataFrame) -> None:
    """T02: three to eight projects of one owner and designer, 9.0 to 9.9 % up, 8 % if adapted."""
    rise = pl.col("investment_yuan") / pl.col("investment_yuan").first().over("project_code") - 1
    approved = steps.sort("occurred_at").with_columns(rise=rise)
    approved = approved.filter((pl.col("typology") == "T02") & (pl.col("step") == "approved"))
    sizes = []
    for _, case in approved.group_by("case_id"):
        sizes.append(len(case))
        assert case["owner_code"].n_unique() == case["designer_code"].n_unique() == 1
        assert case["rise"].is_between(0.0795, 0.0995).all()
        assert (case["rise"] > 0.0895).all() or (case["rise"] < 0.0895).all()
    assert 3 <= min(sizes) < max(sizes) <= 8


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
        on="step", index="case_id", values="recorded_at"
    )
    assert (early["construction_started"] < early["permit_issued"]).all()
    unpaid_or_early = (early["payment"] < early["permit_issued"]).fill_null(value=True)
    assert unpaid_or_early.sum() >= 0.8 * len(early)


@pytest.mark.parametrize("adaptive", [False, True])
def test_who_knows_the_rule_dates_the_permit_back(*, adaptive: bool) -> None:
    """T04: the permit is entered after the works, and bears a date before them."""
    config = SimulationConfig.load(SIZES)
    district = District.of(config)
    draft = ApprovalDraft(*ordinary_approvals(config, district), district)
    anchor = (district.clock.start + district.clock.end) // 2
    case = Case(0, "T04", "blatant", 1.0, anchor, recent=False, adaptive=adaptive)
    plant_early_start(draft, case, np.random.default_rng(1), config.typologies.T04)
    _, steps = draft.finished()
    mine = take(steps, np.flatnonzero(steps["case"] == 0))
    (permit,), (works,) = (np.flatnonzero(mine["activity"] == of) for of in (PERMIT, STARTED))
    dated, began = mine["at"][permit], mine["at"][works]

    assert bool(dated < began) is adaptive
    assert bool(mine["recorded"][permit] > began + 100 * DAY_S) is adaptive
    assert TYPOLOGIES["T04"].should_be_hit(case, config) is not adaptive


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


def _awards(contracts: pl.DataFrame, code: str) -> pl.DataFrame:
    chosen = (pl.col("typology") == code) & (pl.col("kind") == "contract_awarded")
    return contracts.filter(chosen)


def test_one_need_is_split_under_the_limit(contracts: pl.DataFrame) -> None:
    """T12: three to eight awards of one buyer within weeks, each under the limit, all over it."""
    for _, parts in _awards(contracts, "T12").group_by("case_id"):
        share = parts["amount_yuan"] / parts["limit"]
        assert 3 <= len(parts) <= 8
        assert parts["buyer_code"].n_unique() == 1
        assert share.is_between(0.79, 0.999).all()
        assert spanned(parts) < timedelta(days=52)
        assert share.sum() > 1


def test_offenders_who_adapt_stay_further_below() -> None:
    """T12: who knows the fixed limit keeps to 80 to 88 % of it instead of 85 to 99 %."""
    config = SimulationConfig.load(SIZES)
    district, market = District.of(config), Market.of(config)
    draft = SmallWorkDraft(
        ordinary_contracts(config, district, market), district, market, config.small_works
    )
    anchor = (district.clock.start + district.clock.end) // 2
    case = Case(0, "T12", "blatant", 1.0, anchor, recent=False, adaptive=True)
    plant_split(draft, case, np.random.default_rng(1), config.typologies.T12)
    rows = draft.finished()
    parts = take(rows, np.flatnonzero(rows["case"] == 0))
    share = parts["quotes"][:, 0] / market.limit(parts["matter"], parts["awarded"])
    assert len(share) == 8
    assert share.min() > 0.86
    assert share.max() < 0.895


def test_a_ring_quotes_together_and_wins_in_turn(contracts: pl.DataFrame) -> None:
    """T13: every member wins, and the next quote lies one to two percent above."""
    for _, lots in _awards(contracts, "T13").group_by("case_id"):
        ring = set(lots["supplier_code"])
        margin = lots["second_yuan"] / lots["amount_yuan"] - 1
        assert 3 <= len(ring) <= 5
        assert margin.is_between(0.007, 0.025).all()
        assert all(ring <= set(panel.split("+")) for panel in lots["bidders"])


def test_a_price_is_raised_over_the_limit(contracts: pl.DataFrame) -> None:
    """T14: awarded at about 95 % of the limit, settled 14 to 42 % above it, after amendments."""
    awards = _awards(contracts, "T14")
    assert (awards["amount_yuan"] / awards["limit"]).is_between(0.93, 0.97).all()
    ended = contracts.filter((pl.col("typology") == "T14") & (pl.col("kind") == "contract_settled"))
    assert (ended["final_yuan"] / ended["limit"]).is_between(1.13, 1.42).all()
    amended = contracts.filter(
        (pl.col("typology") == "T14") & (pl.col("kind") == "contract_amended")
    )
    assert set(amended["contract_no"]) == set(awards["contract_no"])


def test_ordinary_contracts_know_of_no_limit(contracts: pl.DataFrame) -> None:
    """No bunching by construction: the two bands beside the limit hold about as many."""
    plain = contracts.filter(pl.col("typology").is_null() & (pl.col("kind") == "contract_awarded"))
    share = plain["amount_yuan"] / plain["limit"]
    below, above = share.is_between(0.8, 1.0).sum(), share.is_between(1.0, 1.25).sum()
    assert mid_p(int(below), int(below) + int(above), 0.58) > 0.001
    assert (plain.filter(share >= 1.1)["method"] == "open_tender").all()
