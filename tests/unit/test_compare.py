"""Detectors side by side: each gets a line, whatever becomes of it, and a run of its own."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features import frames
from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.settings import Settings
from features.contracts.vectors import Matrix
from features.table import FeatureTable
from models.fitting.contestants import chosen, contestants, fitter, named_subjects, size_bytes
from training import compare as comparing
from training.compare import Asked, Reference, compare, rows_of
from training.comparison import Comparison, Line
from training.contestant import Result, Task, _checked, _heard, measure
from training.fit import fit
from training.quality import auc, average_precision, overlap, precision_at, ranks, spearman

Command = Callable[..., tuple[int, str, str]]
MakeTable = Callable[..., FeatureTable]


def _planted(table: FeatureTable) -> FeatureTable:
    """The table, every fortieth row far out."""
    values = table.values.copy()
    values[::40] = 9.0
    status = np.where(np.isnan(values), table.status, np.int8(0))
    return replace(table, values=values, status=status)


def _truth(table: FeatureTable) -> pl.DataFrame:
    ids = table.event_id[::40].tolist()
    return pl.DataFrame(
        {
            "case_id": [f"C-{at}" for at in range(len(ids))],
            "scenario": ["payouts"] * len(ids),
            "event_id": ids,
            "typology": ["T01"] * len(ids),
            "severity": ["moderate"] * len(ids),
            "onset": [datetime(2023, 1, 1, tzinfo=UTC)] * len(ids),
            "telling_features": [""] * len(ids),
            "look_alike": [False] * len(ids),
            "rule_sees": [False] * len(ids),
            "adaptive": [False] * len(ids),
        }
    )


@pytest.fixture(scope="module")
def table(make_table: MakeTable) -> FeatureTable:
    """400 rows of four features, ten of them far out."""
    return _planted(make_table(400, 4))


@pytest.fixture(scope="module")
def found(table: FeatureTable) -> Comparison:
    """A comparison in which nothing goes wrong that should not."""
    names = ["default", "ECOD", "COPOD", "VAE"]
    asked = Asked(names, truth=_truth(table), budget=0.1, limit_s=200.0, gap_days=2)
    return compare(table, asked)


@pytest.mark.slow
def test_each_contestant_has_its_line(found: Comparison, table: FeatureTable) -> None:
    """Cost, quality and agreement of what works, in the order asked for."""
    default, ecod, *_ = found.lines
    held_out = len(rows_of(table, Asked(["default"], gap_days=2)).held_out)

    assert [line.detector for line in found.lines] == ["default", "ECOD", "COPOD", "VAE"]
    assert (found.n_held_out, found.n_planted, found.reference) == (held_out, 2, "default")
    assert default.may_be_promoted
    assert (default.spearman, default.top_overlap) == (1.0, 1.0)
    assert default.auc == ecod.auc == 1.0
    assert min(ecod.fit_s or 0, ecod.row_us or 0, ecod.batch_row_us or 0, ecod.mb or 0) > 0
    assert 0.0 < (ecod.spearman or 0.0) < 1.0


@pytest.mark.slow
def test_detectors_that_rank_the_batch_show_it_in_the_table(found: Comparison) -> None:
    """ECOD and COPOD as shipped may be compared, and cannot be promoted."""
    for line in found.lines[1:3]:
        assert {
            "row_scores_the_same_alone_and_in_a_batch",
            "row_scores_the_same_among_its_copies",
            "ring_of_copies_is_still_flagged",
        } <= set(line.fails)
        assert not line.may_be_promoted
        assert line.told.startswith("may be compared, cannot be promoted; fails ")
        assert "ring of copies is still flagged" in line.told
        assert line.told.endswith("no contributions, no saved form")
    fails = found.frame().filter(pl.col("detector") == "ECOD")["fails"].item()
    assert "ring_of_copies_is_still_flagged" in fails.split(";")


@pytest.mark.slow
def test_what_cannot_run_or_raises_says_so(make_table: MakeTable) -> None:
    """A missing library, too few rows for a window, too little memory; the others go on."""
    names = ["TimeSeriesOD", "VAE"]
    raised, missing = compare(make_table(150, 4), Asked(names, gap_days=2)).lines
    (starved,) = compare(make_table(150, 4), Asked(["ABOD"], gap_days=2, memory_gb=0.01)).lines

    assert raised.status == "raised"
    assert raised.told.startswith("raised: ValueError: ")
    assert (missing.status, missing.note) == ("not available", "needs torch, not installed")
    assert starved.status in ("raised", "died")
    assert not any(line.may_be_promoted for line in (raised, missing, starved))


@pytest.mark.slow
def test_what_takes_too_long_is_stopped(make_table: MakeTable) -> None:
    """Its line names the limit; the one after it runs all the same."""
    asked = Asked(["LOCI", "VAE"], limit_s=0.5, gap_days=2)
    slow, other = compare(make_table(2_000, 4), asked).lines

    assert (slow.status, slow.note) == ("time limit", "took longer than 0.5 s")
    assert other.status == "not available"


def _task(name: str, x: Matrix) -> Task:
    return Task(name, x, x[:50], tuple(f"f{j}" for j in range(x.shape[1])), 0, 9.0, 4.0)


def test_a_process_that_ends_without_a_word_is_told() -> None:
    """As one that the system stopped for its memory is."""
    ours, theirs = Pipe(duplex=False)
    theirs.close()

    assert _heard("x", ours, 1.0).status == "died"
    measured = Result("x", "ok")
    assert (
        _checked(measured, ours, time.monotonic() + 9).note
        == "the checks were cut short: its process ended"
    )


def test_checks_that_take_too_long_keep_what_was_found() -> None:
    """A contestant that was measured keeps its figures, and is not promoted."""
    ours, _theirs = Pipe(duplex=False)
    result = _checked(Result("x", "ok"), ours, 0.0)

    assert result.status == "ok"
    assert "took longer than the limit" in result.note
    assert not Line("x", "ok", n_checks=3, note=result.note).may_be_promoted


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_score_one_row_has_no_time_for_it() -> None:
    """SOD needs company; its batch is timed, its row is not."""
    x = np.random.default_rng(0).normal(size=(120, 3))
    measured = measure(_task("SOD", x))

    assert measured.row_us is None
    assert measured.batch_row_us > 0.0
    assert measured.score.shape == (50,)


def test_the_size_is_that_of_the_arrays() -> None:
    """A subsampled detector does not grow with the rows, a PyOD neighbour search does."""
    x = np.random.default_rng(0).normal(size=(9_000, 3))
    names = ("a", "b", "c")
    own = [size_bytes(fitter("ecdf")(x[:n], names, 0)) for n in (3_000, 9_000)]
    theirs = [size_bytes(fitter("KNN")(x[:n], names, 0)) for n in (3_000, 9_000)]

    assert own[1] < 2 * own[0]
    assert theirs[1] > 2.5 * theirs[0]
    assert theirs[0] > x[:3_000].nbytes


def test_names_are_chosen_once_and_checked() -> None:
    """All, some, or a word that is none."""
    assert chosen("default,KNN, default") == ["default", "KNN"]
    assert chosen("all") == list(contestants())
    with pytest.raises(InputError, match="no detector 'Crystal' to compare; there are all and"):
        chosen("default,Crystal")
    assert [subject.name for subject in named_subjects("ecdf")] == ["ecdf", "ecdf"]
    with pytest.raises(InputError, match="VAE: needs torch"):
        named_subjects("VAE")


def test_the_rows_are_those_of_a_training(make_table: MakeTable) -> None:
    """Same split, same columns; nothing held out is refused."""
    table = make_table(400, 4)
    rows = rows_of(table, Asked(["default"], gap_days=2, left_out=("f1",)))
    fitted = fit(table, created_at=datetime(2025, 1, 1, tzinfo=UTC), gap_days=2, left_out=("f1",))

    assert rows.split == fitted.split
    assert rows.columns == fitted.bundle.manifest.model_features == ("f0", "f2", "f3")
    assert (len(rows.x), len(rows.held_out)) == (fitted.split.n_fit, fitted.split.n_holdout)
    with pytest.raises(InputError, match="no rows are held out"):
        rows_of(table, Asked(["default"], until=datetime(2030, 1, 1, tzinfo=UTC)))
    with pytest.raises(InputError, match="no feature is known often enough"):
        rows_of(table, Asked(["default"], gap_days=2, left_out=("f0", "f1", "f2", "f3")))


def test_the_champion_is_the_reference_where_there_is_one(table: FeatureTable) -> None:
    """Its scores of the held-out rows are what the others are compared with."""
    reference = Reference("champion abc", lambda rows: -rows.values[:, 0])
    compared = compare(table, Asked(["VAE"], gap_days=2), reference=reference)

    assert compared.reference == "champion abc"
    assert compare(table, Asked(["VAE"], gap_days=2)).reference == ""


def _lines() -> Comparison:
    lines = (
        Line("default", "ok", 1.0, 2.0, 3.0, 4.0, auc=0.9, n_checks=21),
        Line("KNN", "ok", 1.0, None, 3.25, 4.0, n_checks=18, fails=("far_rows_rank_high",)),
        Line("VAE", "not available", note="needs torch, not installed"),
    )
    return Comparison("payouts", "default", 0.01, 100, 50, 4, None, lines)


def test_each_contestant_is_a_run_under_one(tmp_path: Path) -> None:
    """In the scenario's experiment, with its figures; the table lies with the parent."""
    from mlflow import MlflowClient  # noqa: PLC0415  (as heavy as the door says)

    settings = Settings(home=tmp_path / "home")
    comparing.log(_lines(), Asked(["default"]), settings, data_sha256="b" * 64)
    client = MlflowClient(tracking_uri=settings.tracking_uri)
    experiment = client.get_experiment_by_name("payouts")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    parent = runs.pop("compare 3 detectors")

    assert set(runs) == {"default", "KNN", "VAE"}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert runs["default"].data.metrics["auc"] == 0.9
    assert runs["KNN"].data.tags["fails"] == "far_rows_rank_high"
    assert runs["KNN"].data.tags["may_be_promoted"] == "false"
    assert "row_us" not in runs["KNN"].data.metrics
    assert parent.data.params["data_sha256"] == "b" * 64
    assert [item.path for item in client.list_artifacts(parent.info.run_id)] == ["comparison.csv"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_is_written_by_extension(tmp_path: Path, suffix: str) -> None:
    """What is not known is empty, not zero."""
    path = tmp_path / f"table{suffix}"
    comparing.write(_lines(), path)
    frame = pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)

    assert frame["detector"].to_list() == ["default", "KNN", "VAE"]
    assert frame["row_us"].to_list() == [2.0, None, None]
    assert frame["may_be_promoted"].to_list() == [True, False, False]
    with pytest.raises(UnreadableSourceError):
        comparing.write(_lines(), tmp_path / "table.txt")


@pytest.mark.slow
def test_the_command_compares_a_table(
    tmp_path: Path,
    make_table: MakeTable,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> None:
    """As a table with a line a detector below it, as one document, and as a file."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    path, out = tmp_path / "features.parquet", tmp_path / "out.csv"
    frames.write(make_table(400, 4), path)
    words = ("compare", "--table", path, "--detectors", "ecdf,VAE", "--no-track", "--out", out)
    code, told, _ = command(*words)

    assert code == 0
    assert "VAE: not available: needs torch, not installed" in told
    assert "ecdf: passes all 21 checks" in told
    assert pl.read_csv(out)["detector"].to_list() == ["ecdf", "VAE"]
    code, told, _ = command(*words, "--json")
    assert [line["detector"] for line in json.loads(told)["lines"]] == ["ecdf", "VAE"]


def test_the_command_asks_for_rows_one_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """A table or a scenario, not both and not none."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    for words in ((), ("--table", "x.parquet", "--scenario", "payouts")):
        code, _, err = command("compare", *words)
        assert code == 1
        assert "--table FILE or --scenario NAME" in err


def test_areas_and_ranks_are_those_of_the_textbook() -> None:
    """Against the definitions, with ties."""
    rng = np.random.default_rng(3)
    score, planted = np.round(rng.normal(size=60), 1), rng.random(60) < 0.3
    pairs = (score[planted][:, None] > score[~planted]) + 0.5 * (
        score[planted][:, None] == score[~planted]
    )
    steps = [(score >= level) for level in sorted(set(score.tolist()), reverse=True)]
    recall = [0.0, *(float(planted[step].sum() / planted.sum()) for step in steps)]
    area = sum(
        (recall[at + 1] - recall[at]) * float(planted[step].mean()) for at, step in enumerate(steps)
    )

    assert auc(score, planted) == pytest.approx(float(pairs.mean()))
    assert average_precision(score, planted) == pytest.approx(area)
    assert spearman(score, -score) == pytest.approx(-1.0)
    assert spearman(score, score**3) == pytest.approx(1.0)
    assert ranks(score).sum() == 60 * 61 / 2


def test_what_cannot_be_said_is_not_a_number() -> None:
    """Nothing planted, all planted, all alike, no room."""
    score = np.array([1.0, 2.0])
    for planted in (np.zeros(2, dtype=bool), np.ones(2, dtype=bool)):
        assert math.isnan(auc(score, planted))
    assert math.isnan(average_precision(score, np.zeros(2, dtype=bool)))
    assert math.isnan(precision_at(score, np.ones(2, dtype=bool), 0))
    assert math.isnan(spearman(score, np.ones(2)))
    assert math.isnan(overlap(score, score, 0))
