"""Bunching at a limit: nominal on draws that know of none, and what it takes to be told apart."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from typer.testing import CliRunner

from features.calendar import Calendar
from features.contracts.errors import InputError
from features.contracts.events import Event
from features.scenarios import catalog
from features.store.ledger import Ledger
from models.thresholds import Side, bunching, bunching_by, density_jump, mid_p, spread_heaps
from models.thresholds.counts import share_below
from serving.cli.app import app
from training.threshold_power import LIMIT, SHAPES, Shape, draw, power, rates
from training.thresholds import span_of, threshold_table

DRAWS: Final = 2_000
FEW: Final = Shape("few near the limit", 60, 0.9, 0.4)
SIDES: Final[tuple[Side, ...]] = ("below", "above")


def answers(shapes: tuple[Shape, ...], side: Side) -> dict[str, list[float]]:
    """p by method, of draws that know of no limit."""
    rng, found = np.random.default_rng(20), dict[str, list[float]]()
    for shape in islice(cycle(shapes), DRAWS):
        one = bunching(draw(rng, shape), np.full(shape.n, LIMIT), side=side)
        if one.p is not None:
            found.setdefault(one.method, []).append(one.p)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("side", SIDES)
def test_the_density_speaks_as_often_as_it_says_without_bunching(side: Side) -> None:
    """Four shapes, a third of one rounded to heaps that lie at the limit too: 3 to 7 % at 5 %."""
    p = np.array(answers(SHAPES, side)["density"])
    assert len(p) > 0.95 * DRAWS
    assert 0.03 <= (p <= 0.05).mean() <= 0.07


@pytest.mark.parametrize("side", SIDES)
def test_counts_speak_no_more_often_than_they_say(side: Side) -> None:
    """Half a dozen values within 5 % of the limit: p takes few values, and is fair on them."""
    p = np.array(answers((FEW,), side)["counts"])
    assert len(p) > 0.7 * DRAWS
    assert 0.015 <= (p <= 0.05).mean() <= 0.07
    assert 0.45 <= p.mean() <= 0.55


def test_more_bunching_is_told_more_often() -> None:
    """Power rises with the share that keeps below the limit, and is high when all do."""
    shape = SHAPES[0]
    told = [rates(shape, draws=120, share=share)[0] for share in (0.0, 0.3, 0.6, 1.0)]
    assert told[0] < 0.15 < told[2] <= told[3]
    assert told[3] > 0.9


def test_the_power_table_has_a_line_a_shape() -> None:
    """Every share is a column, the first of them the false alarms."""
    table = power(draws=3)
    assert table["values"].to_list() == [shape.name for shape in SHAPES]
    assert table.columns[1:] == ["0%", "10%", "20%", "30%", "50%", "70%", "100%"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("n", [4, 30, 200])
def test_a_heap_exactly_at_the_limit_says_nothing(side: Side, n: int) -> None:
    """Rounded sums at the limit itself lie on both sides alike."""
    rng = np.random.default_rng(3)
    amounts = np.concatenate([draw(rng, SHAPES[0]), np.full(n, LIMIT)])
    found = bunching(amounts, np.full(len(amounts), LIMIT), side=side)
    assert found.p is not None
    assert found.p > 0.05


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_spreading_keeps_the_sum_and_the_cell(tens: list[int]) -> None:
    """No value leaves the cell it was rounded to, and no heap moves as a whole."""
    values = np.array(tens) * 10_000_000
    out = spread_heaps(values, LIMIT)
    assert out.sum() == pytest.approx(values.sum())
    assert (np.abs(out - values) <= 5_000_000).all()


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.05, 0.95))
def test_mid_p_is_the_tail_and_half_its_edge(k: int, n: int, share: float) -> None:
    """As the binomial distribution has it."""
    k = min(k, n)
    expected = binom.sf(k, n, share) + 0.5 * binom.pmf(k, n, share)
    assert mid_p(k, n, share) == pytest.approx(expected, abs=1e-12)


def test_a_falling_density_is_no_bunching() -> None:
    """Where sums thin out by themselves, more of them lie below than above."""
    steep = np.geomspace(0.8, 1.25, 500) ** 0.5
    assert share_below(np.array([0.9] * 40 + [1.2] * 4)) > 0.52
    assert share_below(steep) == pytest.approx(0.5, abs=0.02)


def test_too_few_values_are_answered_with_the_reason() -> None:
    """In both languages, with what would be enough."""
    found = bunching(np.array([390, 120, 410]), np.full(3, 400))
    assert (found.status, found.method, found.p, found.n) == ("insufficient", "none", None, 2)
    assert "5%以内只有2个值" in found.reason_zh
    assert found.reason_en.endswith("the counts need 4")


def test_arrays_that_do_not_fit_are_refused() -> None:
    """One limit a value, all of them positive."""
    with pytest.raises(InputError, match="3 values and 2 limits"):
        bunching(np.array([1, 2, 3]), np.array([4, 5]))
    with pytest.raises(InputError, match="must be positive"):
        bunching(np.array([0]), np.array([4]))


def test_a_jump_needs_values_on_both_sides() -> None:
    """Neither an empty side nor one far away is fitted."""
    assert density_jump(np.linspace(-1.0, -0.01, 300)) is None
    assert density_jump(np.linspace(-9.0, 9.0, 100)) is None
    assert density_jump(np.array([0.0])) is None


def test_units_are_adjusted_for_each_other() -> None:
    """One unit that keeps below the limit stands out among ten that do not."""
    rng = np.random.default_rng(8)
    values = [draw(rng, FEW) for _ in range(10)]
    kept = np.array([380, 384, 388, 390, 392, 394, 396, 398, 399, 391]) * 1_000_003
    units = [f"U{k}" for k, one in enumerate(values) for _ in one] + ["kept"] * 10 + [""]
    amounts = np.concatenate([*values, kept, [LIMIT]])
    found = bunching_by(amounts, np.full(len(amounts), LIMIT), units)

    assert "" not in found
    assert found["kept"].q is not None
    assert found["kept"].q < 0.05
    assert all(one.q is None or one.q >= (one.p or 0.0) for one in found.values())
    assert min(one.q for name, one in found.items() if name != "kept" and one.q) > 0.05


def award(number: int, yuan: int, *, buyer: str, work_class: str = "works") -> Event:
    return Event(
        scenario="small_works",
        kind="contract_awarded",
        event_id=f"C-{number}",
        effective_at=datetime(2025, 1 + number % 9, 10, 2, tzinfo=UTC),
        fields={
            "buyer": buyer,
            "officer": f"O-{buyer}",
            "work_class": work_class,
            "method": "open_tender" if yuan >= 4_000_000 else "inquiry",
            "amount_minor": yuan * 100,
        },
    )


@pytest.fixture
def book() -> Iterator[Ledger]:
    """A buyer that keeps below the limit, one that does not, and one with few contracts."""
    ledger = Ledger.in_memory()
    kept = [3_801_013 + 23_117 * k for k in range(8)]
    plain = [3_801_013 + 53_117 * k for k in range(8)]
    told = [("D-kept", yuan) for yuan in kept] + [("D-plain", yuan) for yuan in plain]
    told += [("D-few", 3_900_001), ("D-few", 90_000)]
    ledger.admit([award(k, yuan, buyer=buyer) for k, (buyer, yuan) in enumerate(told)])
    ledger.admit([award(90, 900_001, buyer="D-few", work_class="other")])
    yield ledger
    ledger.close()


def test_every_contract_counts_tendered_or_not(book: Ledger) -> None:
    """Those at the limit and above are what the ones below are held against."""
    table = threshold_table(book, catalog.load("small_works"), period="2025")
    buyers = {row["unit"]: row for row in table.filter(by="buyer").iter_rows(named=True)}

    assert (buyers["D-kept"]["n_below"], buyers["D-kept"]["n_above"]) == (8, 0)
    assert buyers["D-kept"]["p"] < 0.01
    assert buyers["D-plain"]["p"] > 0.2
    assert buyers["D-few"]["status"] == "insufficient"
    assert table["by"][0] == "everybody"
    assert set(table["by"]) == {"everybody", "buyer", "officer"}


def test_a_period_is_a_year_a_quarter_or_a_month(book: Ledger) -> None:
    """By the calendar of the scenario; anything else is answered with what would be right."""
    scenario = catalog.load("small_works")
    calendar = Calendar.plain("Asia/Shanghai")
    assert span_of("2025", calendar) == (
        span_of("2025-Q1", calendar)[0],
        span_of("2026", calendar)[0],
    )
    assert span_of("2025-12", calendar)[1] == span_of("2026-01", calendar)[0]
    assert threshold_table(book, scenario, period="2025-01")["n"][0] < 6
    with pytest.raises(InputError, match="write 2025, 2025-Q2 or 2025-06"):
        threshold_table(book, scenario, period="2025-Q5")
    with pytest.raises(InputError, match="no code 'mayor'"):
        threshold_table(book, scenario, by=["mayor"])
    with pytest.raises(InputError, match="declares no legal limit"):
        threshold_table(book, catalog.load("payouts"))


def test_the_command_prints_and_writes_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table for people, a document for programs, a file of all answers."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path))
    ledger = Ledger.open(tmp_path / "ledger.db")
    ledger.admit([award(k, 3_801_013 + 23_117 * k, buyer="D-1") for k in range(8)])
    ledger.close()
    run = CliRunner()
    asked = ["thresholds", "--scenario", "small_works", "--period", "2025"]
    shown = run.invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "D-1" in shown.output
    told = run.invoke(app, [*asked, "--json", "--out", str(tmp_path / "all.csv")])
    document = json.loads(told.stdout)
    assert [row["by"] for row in document["answers"]] == ["everybody", "buyer", "officer"]
    assert len(pl.read_csv(tmp_path / "all.csv")) == 3
    assert run.invoke(app, ["thresholds", "--period", "soon"]).exit_code == 1
