"""Labels in: what a file may say, what was known when, what a label weighs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.labels import Label, Selected, Selection
from training.label_weight import MOST, label_weights, reviewer_factors, selection_weight
from training.labels import Labels, read_labels

HEADER = "event_id,outcome,reviewer,decided_at,selected_by,inclusion_probability,review_group\n"
GOOD = "P-1,confirmed,r1,2026-03-01T09:00:00+08:00,alert,1,\n"


def label(event="P-1", outcome="confirmed", reviewer="r1", day=1, by="alert", rate=1.0):
    """A label, decided in March."""
    at = datetime(2026, 3, day, tzinfo=UTC)
    return Label(
        event_id=event, outcome=outcome, reviewer=reviewer, decided_at=at, selected_by=by,
        inclusion_probability=rate,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """A CSV file with these lines."""

    def written(*lines, header=HEADER):
        path = tmp_path / "labels.csv"
        path.write_text(header + "".join(lines), encoding="utf-8")
        return path

    return written


def test_a_file_is_read_in_the_order_of_decisions(write):
    """Empty optional cells are absent; an unclear outcome is kept and teaches nothing."""
    path = write(
        "P-2,cleared,r2,2026-03-02T09:00:00Z,control,0.002,g1\n",
        GOOD,
        "P-2,unclear,r3,2026-03-03T09:00:00Z,complaint,,g1\n",
    )
    labels = read_labels(path)
    assert [one.event_id for one in labels.every] == ["P-1", "P-2", "P-2"]
    assert [one.inclusion_probability for one in labels.every] == [1.0, 0.002, None]
    assert [one.review_group for one in labels.every] == [None, "g1", "g1"]
    assert [one.reviewer for one in labels.usable] == ["r1", "r2"]
    assert labels.is_confirmed.tolist() == [True, False]


def test_parquet_reads_as_csv_does(tmp_path, write):
    """The same labels, typed columns and nulls instead of text."""
    path = tmp_path / "labels.parquet"
    at = pl.Series("decided_at", [datetime(2026, 3, 1, 1, tzinfo=UTC)])
    pl.DataFrame(
        {
            "event_id": ["P-1"],
            "outcome": ["confirmed"],
            "reviewer": ["r1"],
            "decided_at": at,
            "selected_by": ["alert"],
            "inclusion_probability": [1.0],
        }
    ).write_parquet(path)
    assert read_labels(path).every == read_labels(write(GOOD)).every


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("P-2,guilty,r1,2026-03-01T09:00:00Z,alert,1,\n", "line 3: outcome: "),
        ("P-2,cleared,r1,yesterday,alert,1,\n", "line 3: decided_at: "),
        ("P-2,cleared,r1,2026-03-01T09:00:00,alert,1,\n", "line 3: decided_at: "),
        ("P-2,cleared,r1,2026-03-01T09:00:00Z,hunch,1,\n", "line 3: selected_by: "),
        ("P-2,cleared,r1,2026-03-01T09:00:00Z,control,,\n", "line 3: the row: .* needs the"),
        ("P-2,cleared,r1,2026-03-01T09:00:00Z,rule,0.5,\n", "line 3: the row: .* has no known"),
        ("P-2,cleared,r1,2026-03-01T09:00:00Z,control,0,\n", "line 3: inclusion_probability: "),
        (",cleared,r1,2026-03-01T09:00:00Z,alert,1,\n", "line 3: event_id: "),
        ("P-2,cleared,,2026-03-01T09:00:00Z,alert,1,\n", "line 3: reviewer: "),
        ("P-2,cleared,r1\n", "line 3: the row has 3 cells"),
        ("P-1,cleared,r1,2026-03-01T01:00:00Z,alert,1,\n", "line 3: .* same instant in line 2"),
    ],
)
def test_an_error_names_the_line(write, bad, message):
    """And never repeats what stands in it."""
    with pytest.raises(InputError, match=f"labels.csv, {message}") as told:
        read_labels(write(GOOD, bad))
    assert "P-2" not in str(told.value)


def test_a_review_group_is_about_one_event(write):
    """A group of two events is refused with both lines."""
    rows = [f"P-{n},cleared,r{n},2026-03-01T09:00:00Z,alert,1,g1\n" for n in (1, 2)]
    with pytest.raises(InputError, match=r"line 3: its review_group .* in line 2"):
        read_labels(write(*rows))


@pytest.mark.parametrize(
    "header", ["event_id,outcome\n", HEADER.replace("reviewer", "name"), HEADER[:-1] + ",outcome\n"]
)
def test_other_columns_are_refused(write, header):
    """Missing, unknown or repeated columns."""
    with pytest.raises((InputError, UnreadableSourceError), match=r"labels\.csv"):
        read_labels(write(header=header))


def test_other_files_are_refused(tmp_path):
    """Labels come as CSV or Parquet, and must be there."""
    with pytest.raises(UnreadableSourceError, match="labels come as"):
        read_labels(tmp_path / "labels.xlsx")
    with pytest.raises(UnreadableSourceError):
        read_labels(tmp_path / "labels.csv")


@given(st.permutations(range(1, 10)), st.integers(1, 10))
def test_what_is_decided_later_is_not_known(days, cut):
    """Known before an instant is exactly what was decided before it, in whatever order it came."""
    labels = Labels.of(label(event=f"P-{day}", day=day) for day in days)
    known = labels.known_before(datetime(2026, 3, cut, tzinfo=UTC))
    assert [one.decided_at.day for one in known.every] == list(range(1, cut))


def test_the_latest_decision_counts_as_of_its_time():
    """A reviewer who revises a finding has one label, the one that was known."""
    labels = Labels.of([label(outcome="cleared", day=1), label(outcome="confirmed", day=5)])
    assert labels.is_confirmed.tolist() == [True]
    early = labels.known_before(datetime(2026, 3, 5, tzinfo=UTC))
    assert early.is_confirmed.tolist() == [False]
    revoked = Labels.of([*labels.every, label(outcome="unclear", day=6)])
    assert revoked.usable == ()


def test_labels_find_the_last_row_of_their_event():
    """Versions of an event are rows of it; -1 where there is none."""
    labels = Labels.of([label("P-1"), label("P-9")])
    assert labels.rows(["P-1", "P-2", "P-1"]).tolist() == [2, -1]
    assert Labels.of([label("P-1", reviewer="r2"), label("P-1")]).reviewers == ("r1", "r2")
    assert len(labels.without("r1")) == 0


def test_a_sampled_label_says_at_what_rate():
    """An alert or a control has an inclusion probability; a complaint has none."""
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=1)
    rest = {"event_id": "P-1", "outcome": "cleared", "reviewer": "r1", "decided_at": at}
    with pytest.raises(ValidationError, match="needs the inclusion_probability"):
        Label.model_validate(rest | {"selected_by": "alert"})
    with pytest.raises(ValidationError, match="has no known inclusion_probability"):
        Label.model_validate(rest | {"selected_by": "complaint", "inclusion_probability": 0.5})
    assert not Label.model_validate(rest | {"selected_by": "complaint"}).is_sampled


def test_controls_weigh_what_they_stand_for_up_to_a_cap():
    """A control at one in three weighs three, at one in a thousand the cap; an alert weighs one."""
    assert selection_weight(label(by="control", rate=1 / 3)) == pytest.approx(3.0)
    assert selection_weight(label(by="control", rate=0.001)) == MOST
    assert selection_weight(label()) == 1.0
    assert selection_weight(label(by="rule", rate=None)) == 1.0


def test_an_event_weighs_the_same_however_often_it_is_reviewed():
    """Two reviews of one event weigh as one of another."""
    shared = [label("P-1", reviewer="r1"), label("P-1", reviewer="r2")]
    others = [label(f"P-{n}", reviewer=f"r{n}") for n in range(3, 8)]
    weights = label_weights([*shared, *others])
    assert weights.tolist() == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_a_control_teaches_what_an_alert_does():
    """Most confirmed controls are mistakes: what makes them heavy makes mistakes heavy."""
    controls = [label(f"P-{n}", reviewer=f"r{n}", by="control", rate=0.01) for n in range(3)]
    alerts = [label(f"P-{n}", reviewer=f"r{n}") for n in range(3, 6)]
    assert label_weights([*controls, *alerts]).tolist() == [1.0] * 6


def test_no_label_no_weight():
    """Nothing comes of nothing."""
    assert label_weights([]).shape == (0,)


@given(
    counts=st.lists(st.integers(1, 200), min_size=1, max_size=12),
    share=st.floats(0.05, 1.0),
    seed=st.integers(0, 100),
)
def test_no_reviewer_weighs_more_than_the_share(counts, share, seed):
    """Nobody has more than the share (or an equal part), nobody is raised, light ones are kept."""
    reviewer = np.repeat(np.arange(len(counts)), counts)
    weight = np.random.default_rng(seed).uniform(0.1, 5.0, reviewer.size)
    factors = reviewer_factors(weight, reviewer, share)
    total = np.bincount(reviewer, weights=weight * factors[reviewer])
    assert total.max() <= max(share, 1 / len(counts)) * total.sum() * (1 + 1e-9)
    assert (factors <= 1.0).all()
    before = np.bincount(reviewer, weights=weight)
    if before.max() <= share * before.sum():
        np.testing.assert_allclose(factors, 1.0)


def test_why_an_event_was_reviewed_may_come_from_its_record(write):
    """A file says it, or the stored record does; without either the line is refused."""
    short = "event_id,outcome,reviewer,decided_at\n"
    lines = [f"P-{n},cleared,r1,2026-03-0{n}T09:00:00Z\n" for n in (1, 2)]
    known = {
        "P-1": Selected(Selection.CONTROL, 0.02),
        "P-2": Selected(Selection.RULE, None),
    }
    labels = read_labels(write(*lines, header=short), selections=lambda: known)
    assert [(one.selected_by, one.inclusion_probability) for one in labels.every] == [
        *known.values()
    ]
    with pytest.raises(InputError, match=r"line 3: no stored record says why"):
        read_labels(write(*lines, header=short), selections=lambda: {"P-1": known["P-1"]})
    with pytest.raises(InputError, match="columns of labels are"):
        read_labels(write(*lines, header=short))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("event_id,outcome,reviewer,selected_by", "no column 'decided_at'"),
        ("event_id,outcome,reviewer,decided_at,selected_by,note", "unknown column 'note'"),
    ],
)
def test_a_column_that_is_missing_or_unknown_is_named(write, header, fault):
    """With the columns that a file of labels has."""
    with pytest.raises(InputError, match=rf"labels\.csv: {fault}; columns of labels are event_id"):
        read_labels(write(header=header + "\n"))


def test_what_the_file_says_stands(write):
    """Records are not asked where every row says why; a row that says so keeps it."""

    def never():
        raise AssertionError

    assert read_labels(write(GOOD), selections=never).every[0].selected_by is Selection.ALERT
    silent = "P-2,cleared,r1,2026-03-02T09:00:00Z,,,\n"
    known = {name: Selected(Selection.COMPLAINT, None) for name in ("P-1", "P-2")}
    labels = read_labels(write(GOOD, silent), selections=lambda: known)
    chosen = [one.selected_by for one in labels.every]
    assert chosen == [Selection.ALERT, Selection.COMPLAINT]
