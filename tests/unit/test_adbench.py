"""The ADBench protocol: how rows are drawn, parted and scaled, and what is printed of them."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.vectors import Matrix, Vector
from serving.cli.app import app
from training import adbench
from training.adbench import (
    DEFAULT,
    DETECTORS,
    ENGINE,
    Labelled,
    Labels,
    bench,
    compare,
    pyod,
    read,
    split,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "adbench"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"no ADBench tables under {REAL}")


def _table(n: int, *, seed: int = 0) -> tuple[Matrix, Labels]:
    """Rows of which every tenth lies apart in both columns."""
    x = np.random.default_rng(seed).normal(size=(n, 3))
    y = (np.arange(n) % 10 == 0).astype(np.int64)
    x[y == 1] += 4.0
    return x, y


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables, one of them with the paper's figure of one detector."""
    found = tmp_path_factory.mktemp("tables")
    for name, n in (("1_few", 200), ("2_many", 1_200)):
        x, y = _table(n, seed=n)
        np.savez(found / f"{name}.npz", X=x, y=y)
    (found / "paper_aucroc.csv").write_text("dataset,KNN\nmany,98.5\n", encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def figures(folder: Path) -> pl.DataFrame:
    """The protocol with one seed."""
    return bench(folder, seeds=(1,))


def test_few_rows_are_drawn_with_replacement_and_many_are_all_taken() -> None:
    """1,000 rows of 200 hold copies; 1,200 of 1,200 hold each once."""
    few, many = (split(Labelled("t", *_table(n)), 1) for n in (200, 1_200))
    assert (len(few.train), len(few.test)) == (700, 300)
    assert len(np.unique(np.concatenate(few[:2]), axis=0)) <= 200
    assert (len(many.train), len(many.test)) == (840, 360)
    assert len(np.unique(np.concatenate(many[:2]), axis=0)) == 1_200


def test_scales_are_those_of_the_training_rows() -> None:
    """Training rows span 0 to 1; judged rows may lie beyond, and keep their share of anomalies."""
    parts = split(Labelled("t", *_table(2_000)), 2)
    assert (parts.train.min(axis=0) == 0.0).all()
    assert np.allclose(parts.train.max(axis=0), 1.0)
    assert parts.y_test.sum() == 60


def test_one_seed_is_one_split() -> None:
    """The same seed draws the same rows, another one others."""
    table = Labelled("t", *_table(300))
    assert np.array_equal(split(table, 1).train, split(table, 1).train)
    assert not np.array_equal(split(table, 1).train, split(table, 2).train)


def test_every_detector_has_a_figure_for_every_table(figures: pl.DataFrame) -> None:
    """One row a table and detector, the plan of PyOD's engine among them."""
    for name in ("few", "many"):
        assert figures.filter(dataset=name)["detector"].to_list() == [*DETECTORS, ENGINE]
    assert figures.filter(dataset="few")["is_resampled"].all()
    assert figures["auc_roc"].is_between(50.0, 100.001).all()


def test_a_figure_is_the_area_of_the_judged_rows(folder: Path, figures: pl.DataFrame) -> None:
    """KNN, by hand."""
    parts = split(read(folder / "2_many.npz"), 1)
    score = pyod("KNN")(parts.train, parts.test, 1)
    row = figures.row(
        by_predicate=(pl.col("dataset") == "many") & (pl.col("detector") == "KNN"), named=True
    )
    assert row["auc_roc"] == pytest.approx(100.0 * roc_auc_score(parts.y_test, score))
    assert (row["paper_auc_roc"], row["paper_auc_pr"]) == (98.5, None)


def test_the_engine_averages_ranks_of_the_judged_rows(folder: Path, figures: pl.DataFrame) -> None:
    """IForest, ECOD and KNN, each as ranks."""
    parts = split(read(folder / "1_few.npz"), 1)
    ranks = [
        rankdata(pyod(name)(parts.train, parts.test, 1)) for name in ("IForest", "ECOD", "KNN")
    ]
    area = 100.0 * roc_auc_score(parts.y_test, np.mean(ranks, axis=0))
    row = figures.filter(dataset="few", detector=ENGINE)
    assert row["auc_roc"][0] == pytest.approx(area)


def test_a_detector_that_fails_has_a_note_and_the_others_their_figures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its table nor the comparison of the others is lost."""

    def broken(train: Matrix, *_: object) -> Vector:
        raise ValueError(f"{train.shape[0]} rows are too few")

    chosen = {name: DETECTORS[name] for name in (DEFAULT, "IForest", "ECOD")}
    monkeypatch.setattr(adbench, "DETECTORS", {**chosen, "KNN": broken})
    table = bench(folder, seeds=(1,))
    row = table.row(
        by_predicate=(pl.col("dataset") == "few") & (pl.col("detector") == "KNN"), named=True
    )
    assert (row["auc_roc"], row["note"]) == (None, "ValueError: 700 rows are too few")
    by_name = {one.detector: one for one in compare(table)}
    assert by_name["KNN"].n_tables == 0
    assert by_name["IForest"].n_tables == 2


def test_the_comparison_is_of_the_default_with_each(figures: pl.DataFrame) -> None:
    """Means, differences and wins over the same tables; the default does not differ from itself."""
    by_name = {one.detector: one for one in compare(figures)}
    ours, theirs = (figures.filter(detector=name)["auc_roc"] for name in (DEFAULT, "ECOD"))
    assert by_name["ECOD"].difference == pytest.approx((ours - theirs).mean())
    assert by_name["ECOD"].wins == int((ours > theirs).sum())
    assert (by_name[DEFAULT].difference, by_name[DEFAULT].wins) == (0.0, 0)
    assert np.isnan(by_name[DEFAULT].p_value)


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"X": np.zeros((3, 2))}, "y"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(3)}, "0 and 1"),
        ({"X": np.zeros((3, 2)), "y": np.array([0, 1])}, "0 and 1"),
    ],
)
def test_a_file_that_is_no_table_is_named(
    tmp_path: Path, arrays: dict[str, Any], word: str
) -> None:
    """What the file is called, and what a table is."""
    np.savez(tmp_path / "9_odd.npz", **arrays)
    with pytest.raises(UnreadableSourceError, match=rf"9_odd\.npz.*{word}"):
        read(tmp_path / "9_odd.npz")


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    """There is nothing to judge on."""
    with pytest.raises(InputError, match=r"holds no \.npz table"):
        bench(tmp_path)


def test_the_command_writes_the_figures_and_shows_them(folder: Path, tmp_path: Path) -> None:
    """A file with a row a table and detector; the tables on the screen."""
    out = tmp_path / "table.csv"
    arguments = ["bench", "detectors", "--data", str(folder), "--out", str(out), "--seeds", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert pl.read_csv(out).height == 2 * (len(DETECTORS) + 1)
    assert "default leads by" in done.output


def test_the_global_generator_is_left_as_it_was(folder: Path) -> None:
    """Whoever draws from it next does not see that PyOD did."""
    parts = split(read(folder / "1_few.npz"), 1)
    before = str(np.random.get_state())  # noqa: NPY002
    scores = [pyod("IForest")(parts.train, parts.test, seed) for seed in (1, 1, 2)]
    assert str(np.random.get_state()) == before  # noqa: NPY002
    assert scores[0].tolist() == scores[1].tolist() != scores[2].tolist()


@needs_real
@pytest.mark.parametrize("name", ["KNN", "IForest"])
def test_a_detector_is_as_the_paper_prints_it(name: str) -> None:
    """One that draws nothing and one that does, on a table that is not resampled."""
    table = read(REAL / "6_cardio.npz")
    areas = []
    for seed in (1, 2, 3):
        parts = split(table, seed)
        score = pyod(name)(parts.train, parts.test, seed)
        areas.append(100.0 * roc_auc_score(parts.y_test, score))
    paper = pl.read_csv(REAL / "paper_aucroc.csv").filter(dataset="cardio")[name][0]
    assert np.mean(areas) == pytest.approx(paper, abs=0.1)
