"""Penalties and repairs of a simulated district: honest noise, and chains that reach a payout."""

from datetime import timedelta
from typing import Final

import polars as pl
import pytest
from pydantic import SecretStr

from features.batch import build
from features.contracts.settings import Settings
from features.rules import HIT, NOT_APPLICABLE
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.store.ledger import Ledger
from tests.unit.exported import settled
from training.inject import BY_SCENARIO
from training.simulate import SimulationConfig, SimulationSummary, simulate
from training.simulation.district import District
from training.simulation.repair_chain import chains
from training.truth import load_truth
from training.typologies.credit_repairs import QUICK_REPAIR
from training.typologies.payouts import PAID_AFTER_REPAIR

SIZES: Final = {
    "payouts": {"count": 4_000},
    "approvals": {"projects": 300},
    "district": {"firms": 12_000},
}
STAMP: Final = "%Y-%m-%dT%H:%M:%S%:z"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(SimulationConfig.load(SIZES), tmp_path_factory.mktemp("repairs"))


@pytest.fixture(scope="module")
def repairs(made: SimulationSummary) -> pl.DataFrame:
    """All events, with what was planted in them."""
    table = settled(made.files["credit_repairs"]).with_columns(
        pl.col(name).str.to_datetime(STAMP, time_zone="UTC")
        for name in ("occurred_at", "published_at", "publish_until", "applied_at")
    )
    truth = load_truth(made.files["truth"]).filter(pl.col("scenario") == "credit_repairs")
    return table.join(truth, left_on="record_id", right_on="event_id", how="left")


@pytest.fixture(scope="module")
def granted(repairs: pl.DataFrame) -> pl.DataFrame:
    return repairs.filter(pl.col("kind") == "repair_decided").with_columns(
        waited=pl.col("occurred_at") - pl.col("applied_at"),
        over=pl.col("occurred_at") - pl.col("publish_until"),
    )


def test_ordinary_repairs_are_noisy(granted: pl.DataFrame) -> None:
    """Quick ones, early ones and files without papers are there without anybody's intent."""
    ordinary = granted.filter(pl.col("typology").is_null())
    quick = ordinary.filter(pl.col("waited") < timedelta(days=2))
    early = ordinary.filter(pl.col("over") < timedelta(0))

    assert 0.03 < len(quick) / len(ordinary) < 0.2
    assert 0.002 < len(early) / len(ordinary) < 0.05
    assert (ordinary["papers_on_file"].cast(int) < ordinary["papers_required"].cast(int)).any()
    assert "severe" not in ordinary["penalty_class"].to_list()


def test_a_penalty_is_published_before_anything_else_happens(repairs: pl.DataFrame) -> None:
    """Evidence, application, decision and lapse follow; a class is only ever put down."""
    first = repairs.filter(pl.col("kind") == "penalty_published").select(
        "penalty_number", begun="occurred_at"
    )
    both = repairs.join(first, on="penalty_number")

    assert len(both) == len(repairs)
    assert (both["occurred_at"] >= both["begun"]).all()
    put_down = repairs.filter(pl.col("kind") == "penalty_downgraded")
    assert set(put_down["penalty_class"]) == {"general"}


def test_benefits_are_barred_once_and_freed_once(repairs: pl.DataFrame) -> None:
    """A penalty's changes of what is in force add up to one or to none."""
    sums = (
        repairs.unique(["record_id", "kind"])
        .group_by("penalty_number")
        .agg(pl.col("bars_benefits_change").cast(pl.Int64).sum())
    )
    assert set(sums["bars_benefits_change"]) == {0, 1}


def test_quick_repairs_are_quick_and_early_or_after_a_milder_class(
    repairs: pl.DataFrame, granted: pl.DataFrame
) -> None:
    """T19: two working days, or three of who knows the line; one handler; and the way to it."""
    planted = granted.filter(pl.col("typology") == "T19")
    put_down = repairs.filter(pl.col("kind") == "penalty_downgraded")["penalty_number"]
    is_early = planted["over"] < timedelta(0)
    is_milder = planted["penalty_number"].is_in(put_down.implode())

    assert len(planted) >= 6
    assert planted["handler_code"].n_unique() == 1
    assert (planted["waited"] <= timedelta(days=14)).all()
    assert (is_early | is_milder).all()
    assert is_early.any()
    assert is_milder.any()


def test_a_chain_ends_in_a_payout_of_the_same_firm(
    made: SimulationSummary, granted: pl.DataFrame
) -> None:
    """Both tables show it, both truths name it, and the payout follows within about 14 days."""
    payouts = settled(made.files["payouts"]).filter(pl.col("kind") == "payout_requested")
    truth = load_truth(made.files["truth"]).filter(
        (pl.col("scenario") == "payouts") & (pl.col("typology") == "T19")
    )
    paid = payouts.join(truth, left_on="payout_id", right_on="event_id").with_columns(
        asked=pl.col("occurred_at").str.to_datetime(STAMP, time_zone="UTC")
    )
    both = granted.filter(pl.col("typology") == "T19").join(paid, on="enterprise_code")
    later = both["asked"] - both["occurred_at"]

    assert len(both) == len(paid) == made.cases["T19"] // 2
    assert (later > timedelta(0)).all()
    assert (later <= timedelta(days=26)).all()
    assert (both["severity"] == both["severity_right"]).all()


def test_both_parts_plan_the_same_chains() -> None:
    """Whoever asks, and whatever the typology tells in its scenario."""
    config = SimulationConfig.load(SIZES)
    district = District.of(config)

    assert chains(QUICK_REPAIR, config, district) == chains(PAID_AFTER_REPAIR, config, district)
    assert PAID_AFTER_REPAIR in BY_SCENARIO["payouts"]
    assert PAID_AFTER_REPAIR.telling != QUICK_REPAIR.telling


def test_a_reform_month_is_quick_for_everybody(granted: pl.DataFrame) -> None:
    """L09: many authorities and handlers, each decision within days."""
    months = granted.filter(pl.col("typology") == "L09")

    assert months["handler_code"].n_unique() > 3
    assert (months["waited"] < timedelta(days=14)).all()
    assert months["look_alike"].all()


def test_fixed_rules_see_what_they_are_for(made: SimulationSummary) -> None:
    """Nine planted repairs in ten are hit by some rule, and the class decides the term."""
    ledger = Ledger.in_memory()
    ingest(
        [made.files["credit_repairs"]],
        mapping=Mapping.load("simulated_credit_repairs"),
        ledger=ledger,
        settings=Settings(pseudonym_key=SecretStr("k" * 40)),
    )
    table = build(ledger, catalog.load("credit_repairs"))
    truth = load_truth(made.files["truth"]).filter(pl.col("typology") == "T19")
    planted = pl.Series(table.event_id).is_in(truth["event_id"].implode()).to_numpy()
    any_hit = sum((answers == HIT) for answers in table.rules.values()) > 0

    assert planted.sum() >= 6
    assert any_hit[planted].mean() >= 0.9
    general = table.rules["repair_before_three_months"] != NOT_APPLICABLE
    strict = table.rules["repair_before_a_year"] != NOT_APPLICABLE
    assert not (general & strict).any()
    assert (table.rules["repair_of_severe_list"] == NOT_APPLICABLE).all()
