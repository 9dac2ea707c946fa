"""What the benchmark compares with: peers that compute what is defined, and honest counts."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.spec import Window
from tests.bench.bars import BARS
from tests.bench.definition import Definition
from tests.bench.engine import Engine
from tests.bench.history import Crowd, History
from tests.bench.judge import Verdict, judge
from tests.bench.parity import against_peer, bits
from tests.bench.peers import duckdb, pandas, polars, polars_sorted
from tests.bench.scenario import FEATURES, scenario

FEW = (Crowd("enterprise", 40, 0.75), Crowd("policy", 9, 0.7), Crowd("approver", 4, 0.4))
ROWS = 3_000
JOBS = [
    pytest.param(module.ENGINE, task, id=f"{module.__name__.rpartition('.')[2]}-{task}")
    for module in (polars, polars_sorted, duckdb, pandas)
    for task in module.ENGINE.tasks
]


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    """A dense history: windows hold many rows, and many of them share an instant."""
    return History(ROWS, crowds=FEW).frame()


@pytest.mark.parametrize(("engine", "task"), JOBS)
def test_a_peer_computes_what_is_defined(
    engine: Engine[Any, Any], task: str, events: pl.DataFrame
) -> None:
    """Ties, empty windows and first events included."""
    rows = list(range(0, ROWS, 7))
    defined = Definition(events).cells(rows, FEATURES[task])

    answer = engine.cells(engine.tasks[task](engine.prepare(events)))

    assert set(answer.columns) == {feature.name for feature in scenario(task).features}
    assert against_peer(defined, answer[rows]) == {name: [] for name in defined.columns}


def test_a_history_is_the_same_again_in_memory_and_in_a_file(tmp_path: Path) -> None:
    """In order of time, with ties, and with some negative amounts."""
    history = History(ROWS, crowds=FEW)

    events = history.frame()

    assert events.equals(pl.read_parquet(history.write(tmp_path / "events.parquet")))
    assert not events.equals(History(ROWS, seed=1, crowds=FEW).frame())
    assert events["effective_at"].is_sorted()
    assert events["effective_at"].n_unique() < 0.8 * ROWS
    assert 0 < (events["amount_minor"] < 0).sum() < 0.05 * ROWS


def test_late_and_corrected_rows_come_in_the_order_in_which_they_are_learned() -> None:
    """Five of a hundred are late; each correction follows its event."""
    events = History(ROWS, late_share=0.05, corrected_share=0.02, crowds=FEW).frame()

    late = (events["observed_at"] > events["effective_at"]) & (events["version"] == 1)
    first = events.with_row_index().filter(pl.col("version") == 1)
    again = events.with_row_index().filter(pl.col("version") == 2)
    pairs = again.join(first, on="event_id", suffix="_first")

    assert events["observed_at"].is_sorted()
    assert 0.03 < late.sum() / ROWS < 0.07
    assert len(pairs) == len(events) - ROWS > 0
    assert (pairs["index"] > pairs["index_first"]).all()
    assert again["retracted"].any()


def test_a_single_different_cell_is_counted() -> None:
    """Means may differ by a rounding from a peer's; our own paths may not differ in a bit."""
    one = pl.DataFrame({"n_7d": [1.0, float("nan")], "x_mean_7d": [3.0, 4.0]})
    other = pl.DataFrame({"n_7d": [1.0, 0.0], "x_mean_7d": [3.0, 4.0 + 2**-50]})

    assert against_peer(one, other) == {"n_7d": [1], "x_mean_7d": []}
    assert bits(one, other) == {"n_7d": 1, "x_mean_7d": 1}
    assert bits(one, one) == {"n_7d": 0, "x_mean_7d": 0}
    with pytest.raises(ValueError, match="2 rows stand against 1"):
        bits(one, other[:1])


def test_a_bar_is_met_at_its_limit_and_on_its_side() -> None:
    """What only informs has no bar."""
    assert BARS["cpu_ratio_polars"].met(6.0)
    assert not BARS["cpu_ratio_polars"].met(5.99)
    assert BARS["late_ratio"].met(4.0)
    assert not BARS["cells_different"].met(1)
    assert BARS["compile_first_s"].met(100.0) is None


def test_the_definition_decides_whose_a_difference_is(events: pl.DataFrame) -> None:
    """A rounding of the peer's is not ours to answer for; a wrong cell of ours is."""
    features = [Window(("policy",), agg, "amount_minor", days=90) for agg in ("std", "max")]
    std, highest = (of.name for of in features)
    ours = Definition(events[:200]).cells(list(range(200)), features)
    off = pl.when(pl.int_range(pl.len()) == 150).then(1e-8).otherwise(0.0)
    peer = ours.with_columns(pl.col(std) * (1.0 + off), pl.col(highest) * (1.0 + off))

    assert judge(events[:200], ours, ours, features) == Verdict(400)
    assert judge(events[:200], ours, peer, features) == Verdict(400, {highest: 1}, {std: 1})
    assert judge(events[:200], peer, ours, features) == Verdict(400, {std: 1, highest: 1})
