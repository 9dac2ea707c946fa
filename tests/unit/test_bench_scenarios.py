"""Figures of the scenarios' benchmark, on counts that can be followed by hand."""

from dataclasses import replace

import pytest

from tests.bench.recall_curve import row_of
from tests.bench.scenarios import figures
from tests.bench.screened import Told
from tests.bench.simulator import BARS, measured
from training.evaluation import Rate
from training.label_rounds import Gap
from training.screening import Overlap, Screening, UnitRecall
from training.yardstick import Yardstick

NOTHING = Rate.of(0, 0)


def of_kind(typology: str, *, found: int, unhit: tuple[int, int], clear: int = 0) -> UnitRecall:
    """Ten blatant units; of those that no rule hits, so many are found; `clear` are adaptive."""
    n_unhit, unhit_found = unhit
    return UnitRecall(typology=typology, severity="blatant", n_units=10, n_cases=10, model=found,
                      rules=0, split=0, rule_hits=10 - n_unhit, n_seen=0, seen_hit=0,
                      n_unhit=n_unhit, unhit_model=unhit_found, n_adaptive=clear,
                      adaptive_model=clear)  # fmt: skip


def city(*recalls: UnitRecall) -> Told:
    """A city of payouts in which nothing but these was planted."""
    screening = Screening(
        scenario="payouts", unit="payout", model="", n_rows=0, n_fitted=0, n_units=1_000,
        budget=0.01, n_reviews=10, recalls=recalls,
        overlap=Overlap(both=NOTHING, model_only=NOTHING, rules_only=NOTHING, rules_hit=NOTHING),
    )  # fmt: skip
    return Told(1, "payouts", screening, screening, Yardstick.of(screening), None, 1_000, 0.0)


def test_the_bars_are_about_the_twenty_typologies_of_the_table() -> None:
    """T21 stands beside; typologies count alike, whatever they hold."""
    told = city(
        of_kind("T16", found=9, unhit=(10, 9)),
        of_kind("T20", found=7, unhit=(4, 1), clear=2),
        of_kind("T21", found=2, unhit=(10, 2)),
    )
    values = figures([told])

    assert values["recall_blatant"] == pytest.approx((0.9 + 0.7) / 2)
    assert values["recall_blatant_further"] == pytest.approx((0.9 + 0.7 + 0.2) / 3)
    assert values["recall_rule_missed"] == pytest.approx(0.9)


def test_a_gap_counts_by_scenario_or_by_review() -> None:
    """One review that is lost weighs as much as forty of which a quarter is won, or a fortieth."""
    told = city(of_kind("T16", found=9, unhit=(10, 9)))
    won = replace(told, gap=Gap(0.5, 0.75, 1.0, 9, n_reviews=40))
    lost = replace(told, gap=Gap(1.0, 0.5, 1.0, 9, n_reviews=1))
    values = figures([won, lost])

    assert values["label_gap_closed"] == pytest.approx((0.25 - 0.5) / 0.5)
    assert values["label_gap_closed_reviews"] == pytest.approx((40 * 0.25 - 0.5) / (40 * 0.5))


def test_what_no_rule_hits_is_told_apart_unit_by_unit() -> None:
    """Whatever the table says of the typology; a kind of which rules hit all says nothing."""
    told = city(
        of_kind("T16", found=9, unhit=(10, 9)),
        of_kind("T20", found=7, unhit=(4, 1), clear=2),
        of_kind("T06", found=10, unhit=(0, 0)),
    )
    values = figures([told])

    assert values["recall_unhit"] == pytest.approx((0.9 + 0.25) / 2)
    assert values["recall_adaptive"] == 1.0


def test_a_budget_is_told_by_what_it_selects() -> None:
    """Recall column by column; a dash where nothing of the kind was planted."""
    told = city(of_kind("T16", found=9, unhit=(10, 9)), of_kind("T20", found=7, unhit=(4, 1)))

    assert row_of(0.015, [told])[:6] == ("1.5%", "0.800", "-", "-", "0.900", "-")


def test_the_simulator_is_timed_over_all_that_it_draws() -> None:
    """Small here: seconds and gigabytes of a whole run, from parameters to files."""
    found = measured(1_000)

    assert set(found) == set(BARS)
    assert min(found.values()) > 0.0
