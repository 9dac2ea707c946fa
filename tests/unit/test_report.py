"""Fit, plots and report: one input gives one bundle, and the page needs nothing from elsewhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from features.contracts.errors import InputError
from features.contracts.tables import TRUTH
from features.contracts.vectors import STATUS_CODES
from features.contracts.verdicts import Status
from training.coverage import cover
from training.evaluate import judge_fitted
from training.fit import fit
from training.plots import draw
from training.report import render

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def table(make_table):
    return make_table(600, 4)


@pytest.fixture(scope="module")
def fitted(table):
    return fit(table, created_at=CREATED, budget=0.02)


@pytest.fixture(scope="module")
def truth():
    rows = [("P-590", "split", "blatant", "A", False), ("P-595", "rush", "none", "B", True)]
    frame = pl.DataFrame(
        rows,
        schema=["event_id", "typology", "severity", "case_id", "look_alike"],
        orient="row",
    )
    return frame.with_columns(
        pl.lit("payouts").alias("scenario"),
        pl.lit("amount_minor").alias("telling_features"),
        pl.lit(value=False).alias("rule_sees"),
        pl.lit(value=False).alias("adaptive"),
        pl.lit(CREATED).dt.cast_time_unit("us").alias("onset"),
    ).select(list(TRUTH))


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.outside = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in {"src", "href"} and not value.startswith("data:"):
                self.outside.append((tag, value))


def test_what_is_held_out_has_no_part_in_the_bundle(table, fitted):
    """Other values from `until` on give the same bundle, byte for byte."""
    values = table.values.copy()
    values[fitted.split.is_holdout(table.effective_us)] += 5.0
    again = fit(replace(table, values=values), created_at=CREATED, budget=0.02)
    assert again.bundle.digest == fitted.bundle.digest


def test_features_that_tell_nothing_are_left_out(table):
    """A constant, a rarely known and a rules-only feature are seen by no detector."""
    values, status = table.values.copy(), table.status.copy()
    values[:, 0], status[:, 0] = 1.0, 0
    values[1:, 1], status[1:, 1] = np.nan, 1
    values[0, 1], status[0, 1] = 1.0, 0
    shaped = replace(table, values=values, status=status)
    coverage = cover(shaped, left_out=["f2"])
    assert coverage.used == ("f3",)
    assert coverage.left_out == {
        "f0": "constant",
        "f1": "rarely known",
        "f2": "not for the model",
    }
    fitted = fit(shaped, created_at=CREATED, left_out=["f2"])
    assert fitted.bundle.manifest.model_features == ("f3",)
    assert (fitted.contributions(shaped)[:, :3] == 0).all()


def test_what_a_declared_value_stands_in_for_is_known(table):
    """One event in 600 differs from a fill, and a model sees it; without a fill it does not."""
    values, status = table.values.copy(), table.status.copy()
    values[:, 0], status[:, 0] = 0.0, STATUS_CODES.index(Status.IMPUTED)
    values[0, 0], status[0, 0] = 1.0, STATUS_CODES.index(Status.OK)
    filled = replace(table, values=values, status=status)
    assert "f0" in cover(filled).used

    empty, why = values.copy(), status.copy()
    empty[1:, 0], why[1:, 0] = np.nan, STATUS_CODES.index(Status.INSUFFICIENT)
    assert cover(replace(table, values=empty, status=why)).left_out["f0"] == "rarely known"


def test_nothing_to_learn_from_is_refused(table):
    """A table of constants has no model."""
    flat = replace(table, values=np.ones_like(table.values), status=np.zeros_like(table.status))
    with pytest.raises(InputError, match="no feature is known often enough"):
        fit(flat, created_at=CREATED)


def test_without_a_holdout_the_calibration_slice_judges(table):
    """With `until` behind the last event the evaluation says what it was judged on."""
    until = datetime.fromtimestamp(int(table.effective_us[-1]) / 1e6, UTC) + timedelta(days=30)
    fitted = fit(table, created_at=CREATED, until=until)
    _, evaluation = judge_fitted(fitted, table)
    assert evaluation.judged_on == "calibrate"
    assert "proves nothing" in render(fitted, evaluation)


def test_the_report_stands_alone(table, fitted, truth, tmp_path):
    """Five pictures are inside the page, which loads nothing and claims nothing about fault."""
    reads = {"f1": frozenset({"amount_minor"})}
    judged, evaluation = judge_fitted(fitted, table, truth=truth, reads=reads)
    plots = draw(fitted, judged, evaluation, tmp_path)
    assert [path.read_bytes()[:4] for path in plots] == [PNG] * 5
    page = render(fitted, evaluation, plots)
    links = _Links()
    links.feed(page)
    assert links.outside == []
    assert page.count("data:image/png;base64,") == 5
    for text in (fitted.bundle.digest, "split", "over_cap", "take turns", "differs from its peers"):
        assert text in page
    for word in ("fraud", "guilty", "violation"):
        assert word not in page.lower()


def test_without_planted_cases_the_report_claims_no_finds(table, fitted, tmp_path):
    """Three pictures, no precision."""
    judged, evaluation = judge_fitted(fitted, table)
    plots = draw(fitted, judged, evaluation, tmp_path)
    assert len(plots) == 3
    assert "no share of finds is claimed" in render(fitted, evaluation, plots)


def test_a_feature_tells_when_it_reads_a_telling_field(table, fitted):
    """A truth that names a field is met by each feature computed from it."""
    judged, _ = judge_fitted(fitted, table, reads={"f1": frozenset({"amount_minor"})})
    assert judged.tells("f1", {"amount_minor"})
    assert judged.tells("f2", {"f2"})
    assert not judged.tells("f2", {"amount_minor"})
