"""Whole cases of a log: what a step lacks or follows, a case's score, and how cases are found."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from features.contracts.errors import DeclarationError, InputError
from features.frames import compute
from features.scenarios import catalog
from features.sources.fitting import fitting
from features.sources.mapping import Mapping
from features.sources.rows import RawRow
from serving.cli.logs import read_case_labels
from training.screen_ledger import scored_alone
from training.sequences.bench import bench
from training.sequences.case_score import case_scores
from training.sequences.evaluate import evaluate_log, read_table, reviewed, score_cases
from training.sequences.inject import ACTIVITY, AT, CASE, OFFICER, inject
from training.sequences.measures import Found
from training.sequences.trace_forest import forest_scores
from training.sequences.write_xes import write_xes

SCENARIO: Final = catalog.load("approvals")
START: Final = datetime(2025, 3, 3, 9, tzinfo=UTC)
WAYS: Final = ("filed checked assessed decided told", "filed assessed checked decided told")
Run = Callable[..., tuple[int, str, str]]


def _log(n: int, ways: tuple[str, ...] = WAYS) -> list[RawRow]:
    """Cases that go one of the ways, two days apart; officers take the steps that are theirs."""
    rows = []
    for case in range(n):
        for k, activity in enumerate(ways[case % 7 == 0].split()):
            at = START + timedelta(days=2 * case, hours=5 * k)
            cells = {
                CASE: f"case-{case:03d}",
                ACTIVITY: activity,
                OFFICER: f"R{len(activity) % 3}",
                AT: at.isoformat(),
            }
            rows.append(RawRow(1, k + 1, cells))
    return rows


def _features(*cases: str) -> pl.DataFrame:
    """Features of the last case's steps, after cases that take the steps named."""
    rows = [
        {
            "project": f"P-{case}",
            "activity": activity,
            "effective_at": START + timedelta(days=case, hours=k),
        }
        for case, way in enumerate(cases)
        for k, activity in enumerate(way.split())
    ]
    return compute(pl.DataFrame(rows), SCENARIO)[-len(cases[-1].split()) :]


def test_a_missing_step_shows_where_the_next_is_taken() -> None:
    """Twenty cases check before they decide; one that does not lacks something, once."""
    lacking = "steps_lacking_rarity_1095d_by_activity"
    usual = _features(*["filed checked decided told"] * 21)[lacking].to_list()
    skipped = _features(*["filed checked decided told"] * 20, "filed decided told")[lacking]

    assert usual == [0.0] * 4
    assert skipped.to_list()[0] == 0.0
    assert skipped.to_list()[1] > 4.0


def test_a_step_before_its_time_shows_in_what_is_there_already() -> None:
    """Who is told before it is decided has a step too many when it is decided."""
    exceeding = "steps_exceeding_rarity_1095d_by_activity"
    usual = _features(*["filed checked decided told"] * 21)[exceeding].to_list()
    early = _features(*["filed checked decided told"] * 20, "filed checked told decided")

    assert usual == [0.0] * 4
    assert early[exceeding].to_list()[:3] == [0.0] * 3
    assert early[exceeding].to_list()[3] > 4.0


def test_a_way_is_told_apart_by_the_step_before_the_last() -> None:
    """`c` follows `b` half of the time, but never where `a` came before it."""
    cases = [*(["a b d", "x b c"] * 20), "a b c"]
    found = _features(*cases)

    assert found["activity_rarity_1095d_by_prev_activity"].to_list()[-1] < 1.1
    assert found["activity_rarity_1095d_by_prev2_prev_activity"].to_list()[-1] > 4.0


def test_a_first_step_follows_the_start() -> None:
    """A file that opens with a step of its middle stands out at once."""
    found = _features(*["filed checked decided"] * 20, "decided")

    assert found["activity_rarity_1095d_by_prev_activity"].to_list()[0] > 4.0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 1000)), min_size=1, max_size=30))
def test_a_case_is_as_unusual_as_its_worst_event_less_what_chance_explains(
    events: list[tuple[str, int]],
) -> None:
    """From the smallest p-value up to Bonferroni's bound; more ordinary events raise it."""
    case = np.array([name for name, _ in events])
    p_value = np.array([number / 1000 for _, number in events])
    found = case_scores(case, p_value)

    assert found.cases.tolist() == sorted(set(case.tolist()))
    for name, corrected, worst in zip(*found, strict=True):
        mine = p_value[case == name]
        assert mine.min() <= corrected * (1 + 1e-12)
        assert corrected <= min(1.0, len(mine) * mine.min()) * (1 + 1e-12)
        assert case[worst] == name
        assert p_value[worst] == mine.min()
    longer = case_scores(np.append(case, case[0]), np.append(p_value, 1.0))
    assert longer.p_value[found.cases == case[0]][0] >= found.p_value[found.cases == case[0]][0]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=40).filter(
        lambda cases: 0 < sum(mark for mark, _ in cases) < len(cases)
    )
)
def test_measures_are_those_of_the_textbook(cases: list[tuple[bool, int]]) -> None:
    """AUC and AP as scikit-learn has them, ties and all; F1 and recall by trying thresholds."""
    marks = np.array([mark for mark, _ in cases])
    score = np.array([float(value) for _, value in cases])
    found = Found.of(marks, score)
    best = max(
        2 * (marks & (score >= at)).sum() / ((score >= at).sum() + marks.sum())
        for at in set(score.tolist())
    )

    assert found.auc == pytest.approx(roc_auc_score(marks, score))
    assert found.average_precision == pytest.approx(average_precision_score(marks, score))
    assert found.best_f1 == pytest.approx(best)
    assert found.recall_1 <= found.recall_5 <= found.recall_10 <= 1.0


def test_recall_shares_out_a_tie() -> None:
    """Of twenty cases that tie, one of which is marked, the first two hold a tenth of it."""
    marks = np.arange(20) == 3

    assert Found.of(marks, np.zeros(20)).recall_10 == pytest.approx(0.1)


def test_reviews_begin_at_the_head_of_the_queue() -> None:
    """Sixteen of twenty from the head, four from anywhere else, the same for one seed."""
    unusual = np.random.default_rng(5).random(200)
    chosen = reviewed(unusual, 20, seed=4)
    head = np.argsort(-unusual)[:16]

    assert len(set(chosen.tolist())) == 20
    assert chosen[:16].tolist() == head.tolist()
    assert chosen.tolist() == reviewed(unusual, 20, seed=4).tolist()
    assert chosen.tolist() != reviewed(unusual, 20, seed=5).tolist()


def test_distorted_cases_are_found_and_labels_do_not_change_how(tmp_path: Path) -> None:
    """A log of two ways: most distorted cases head the queue, whatever the labels say."""
    made = inject(_log(240), seed=1)
    path = tmp_path / "log.xes.gz"
    write_xes(made.rows, path)
    labels = {row.cells[CASE]: row.cells[CASE] in made.types for row in made.rows}
    known = {"mapping": Mapping.load("xes_steps"), "scenario": SCENARIO}
    found = evaluate_log([path], labels, n_labelled=20, **known)  # type: ignore[arg-type]
    part = dict(list(labels.items())[:200])
    less = evaluate_log([path], part, **known)  # type: ignore[arg-type]

    assert found.found.auc > 0.8
    assert found.found.best_f1 > 0.6
    assert found.features == less.features
    assert (found.n_labelled, found.rest and found.rest.n_cases) == (20, 220)
    assert found.taught is not None
    assert found.taught.auc > 0.7
    assert less.found.n_cases == 200
    with pytest.raises(InputError, match="first of 'nobody'"):
        evaluate_log([path], {**labels, "nobody": True}, **known)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no feature of amount"):
        evaluate_log([path], labels, families=("amount",), **known)  # type: ignore[arg-type]


def test_nothing_sensitive_is_looked_at_unless_it_is_let_in(tmp_path: Path) -> None:
    """Neither where the officers' family is asked for, nor by a model of the judged period."""
    write_xes(_log(60), tmp_path / "log.xes")
    table = read_table([tmp_path / "log.xes"], Mapping.load("xes_steps"), SCENARIO)
    sensitive = {feature.name for feature in SCENARIO.features if feature.sensitive}

    def moved(*, let_in: bool) -> set[str]:
        model = scored_alone(table, SCENARIO, sensitive=let_in)
        parts = model.contributions(np.arange(len(table)))
        return {name for name, part in zip(model.names, parts.T, strict=True) if part.any()}

    assert sensitive & moved(let_in=True)
    assert not sensitive & moved(let_in=False)
    scored = score_cases(table, SCENARIO, ("sequence", "resource", "burst"))
    assert not sensitive & set(scored.ensemble.feature_names)


def test_a_bench_says_what_was_injected(tmp_path: Path) -> None:
    """One figure a seed and their mean, beside shares that add up."""
    write_xes(_log(120), tmp_path / "small.xes")
    found = bench(
        tmp_path / "small.xes", (1, 2), mapping=Mapping.load("xes_steps"), folder=tmp_path
    )

    assert sum(found.shares.values()) == pytest.approx(0.1)
    assert [run.found.n_marked for run in found.runs] == [12, 12]
    mean = np.mean([run.found.best_f1 for run in found.runs])
    assert list(found.means) == ["isolation forest over eight numbers of a case", "no labels"]
    assert found.means["no labels"]["best_f1"] == pytest.approx(mean)


def test_a_forest_sees_a_case_that_goes_on_and_on() -> None:
    """Whoever repeats a step nine times stands out by the numbers of the case alone."""
    log = _log(60)
    first = log[0].cells
    again = [{**first, AT: f"2026-01-0{k}T09:00:00+00:00"} for k in range(1, 10)]
    rows = [*log, *(RawRow(1, 9 + k, cells) for k, cells in enumerate(again))]
    scores = forest_scores(rows, seed=1)

    assert max(scores, key=scores.__getitem__) == first[CASE]
    assert scores == forest_scores(rows, seed=1)


def test_a_log_finds_its_mapping(tmp_path: Path) -> None:
    """What names attributes of its own has a mapping of its own; any other the standard one."""
    write_xes(_log(3), tmp_path / "log.xes")
    own = Path(__file__).parents[1] / "data" / "permits_small.xes"

    assert fitting(tmp_path / "log.xes", "approvals").name == "xes_steps"
    assert fitting(own, "approvals").name == "coselog_receipt"
    with pytest.raises(DeclarationError, match="no shipped mapping reads event logs for payouts"):
        fitting(own, "payouts")


@pytest.mark.parametrize("text", ["a,1\nb,2\n", "a,1\na,0\n", "case,label\n,1\n", "a,1\nb\n"])
def test_labels_that_say_nothing_are_refused(tmp_path: Path, text: str) -> None:
    """Another mark, a case twice, none at all."""
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"labels.csv, line \d: write a case id"):
        read_case_labels(path)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """`run("evaluate", ...)`: exit code, standard output, standard error."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    return command


def test_the_commands_distort_a_log_and_judge_it(tmp_path: Path, run: Run) -> None:
    """What the one writes the other reads; the mapping is found."""
    log, out, labels = (tmp_path / name for name in ("a.xes", "b.xes.gz", "labels.csv"))
    write_xes(_log(120), log)
    code, told, _ = run("inject-log", log, "--out", out, "--labels", labels, "--seed", 3)
    assert code == 0
    assert "12 of 120 cases distorted (skip 1.7%" in told

    asked = ("evaluate", "--scenario", "approvals", "--events", out, "--labels", labels)
    code, told, _ = run(*asked, "--json")
    found = json.loads(told)
    assert code == 0
    assert found["mapping"] == "xes_steps"
    assert (found["found"]["n_cases"], found["found"]["n_marked"]) == (120, 12)
    assert found["taught"] is None

    code, told, _ = run(*asked, "--labelled", 10)
    assert code == 0
    assert "10 labels" in told

    code, told, _ = run("bench", "sequences", "--data", tmp_path, "--logs", "a", "--seeds", "1")
    assert code == 0
    assert "a.xes, mean of seeds 1: skip 1.7%" in told


def test_a_folder_without_the_log_is_told(tmp_path: Path, run: Run) -> None:
    """One line, exit code 1."""
    code, _, told = run("bench", "sequences", "--data", tmp_path, "--logs", "none")

    assert code == 1
    assert "holds no none.xes.gz" in told
