"""The loop from findings to a bundle: what is learned, by when it was known, and who moved it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.contracts.events import from_us
from features.contracts.labels import Label, Outcome, Selection
from features.contracts.settings import Settings
from features.contracts.verdicts import Band
from features.scenarios import catalog
from features.store.ledger import Ledger
from models.bundle import Bundle
from models.fitting.labelled import CAUTIONS
from training.evaluate import evaluate
from training.fit import fit
from training.gate import refusals
from training.label_rows import LabelRows
from training.labels import OPTIONAL, REQUIRED, Labels, read_labels
from training.learn import learn
from training.promote import bundle_folder, promote
from training.report import render
from training.train import train_table

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIRMED, CLEARED = Outcome.CONFIRMED, Outcome.CLEARED
N_ROWS = 1_500
REVIEWERS = ("r0", "r1", "r2", "r3", "r4")
DRAWS = 3


@pytest.fixture(scope="module")
def table(make_table):
    """One event in ten is far in column 0 (to be confirmed) or in column 1 (harmless)."""
    made = make_table(N_ROWS, 4, days=0.5)
    values = np.where(np.isnan(made.values), 0.0, made.values)
    at = np.arange(N_ROWS)
    values[at % 20 == 3, 0] += 4.0
    values[at % 20 == 13, 1] += 5.0
    return replace(made, values=values, status=np.zeros_like(made.status))


@pytest.fixture(scope="module")
def fitted(table):
    """What there is before labels."""
    return fit(table, created_at=CREATED, budget=0.05)


def reviewed(table, fitted, n_alerts=120, *, flips=(), names=REVIEWERS):
    """Reviews of what scores highest and of 40 controls before `until`, every third by two.

    Events in `flips` get the wrong outcome from the first reviewer.
    """
    known = np.flatnonzero(table.effective_us < fitted.split.until_us - 5 * 86_400_000_000)
    score = fitted.score(table.rows(known))
    rng = np.random.default_rng(0)
    chosen = known[np.argsort(-score, kind="stable")[:n_alerts]]
    controls = rng.choice(np.setdiff1d(known, chosen), 40, replace=False)
    labels = []
    for place, row in enumerate([*chosen.tolist(), *controls.tolist()]):
        is_control = place >= n_alerts
        first = place % len(names)
        seers = (first, (first + 1) % len(names)) if place % 3 == 0 else (first,)
        for seer in dict.fromkeys(seers):
            is_wrong = seer == 0 and place in flips
            labels.append(
                Label(
                    event_id=str(table.event_id[row]),
                    outcome=CONFIRMED if (row % 20 == 3) ^ is_wrong else CLEARED,
                    reviewer=names[seer],
                    decided_at=from_us(int(table.effective_us[row])) + DAY,
                    selected_by=Selection.CONTROL if is_control else Selection.ALERT,
                    inclusion_probability=0.05 if is_control else 1.0,
                )
            )
    return Labels.of(labels)


@pytest.fixture(scope="module")
def labels(table, fitted):
    """Honest reviews."""
    return reviewed(table, fitted)


@pytest.fixture(scope="module")
def lesson(table, fitted, labels):
    """What they came to."""
    found = learn(fitted, table, labels, draws=DRAWS)
    assert found is not None
    return found


def test_confirmed_kinds_rise_and_cleared_kinds_fall(table, fitted, lesson):
    """Of held-out events those like the confirmed ones come first."""
    judged = table.rows(fitted.split.is_holdout(table.effective_us))
    at = np.array([int(name[2:]) for name in judged.event_id.tolist()])
    before, after = fitted.score(judged), lesson.fitted.score(judged)
    assert before[at % 20 == 3].mean() < before[at % 20 == 13].mean()
    assert (after[at % 20 == 3][:, None] > after[at % 20 == 13][None, :]).mean() > 0.9


def test_the_bundle_says_what_it_learned_from(tmp_path, lesson, labels):
    """Counts, trees and reviews stand in the manifest; saved and loaded it is the same."""
    bundle = lesson.fitted.bundle
    info = bundle.manifest.learned
    assert info is not None
    assert (info.n_labels, info.n_reviewers) == (len(labels), 5)
    assert info.n_confirmed >= 20
    assert info.n_trees == 100
    assert info.n_calibrated >= 100
    again = Bundle.load(tmp_path, digest=bundle.save(tmp_path))
    assert again.score(bundle.golden).tobytes() == bundle.score(bundle.golden).tobytes()
    base, parts = again.contributions(bundle.golden)
    np.testing.assert_allclose(base + parts.sum(axis=1), again.score(bundle.golden), rtol=1e-9)
    assert again.confirmed is not None


def test_what_was_found_later_changes_nothing(table, fitted, labels, lesson):
    """Decisions from `until` on are counted, and leave every byte of the bundle as it was."""
    until = from_us(fitted.split.until_us)
    turned = [
        label.model_copy(update={"outcome": Outcome.UNCLEAR, "decided_at": until + DAY})
        for label in labels.every
    ]
    again = learn(fitted, table, Labels.of([*labels.every, *turned]), draws=DRAWS)
    assert again is not None
    assert again.fitted.bundle.digest == lesson.fitted.bundle.digest
    assert again.review.n_later == len(turned)
    assert learn(fitted, table, Labels.of(turned), draws=DRAWS) is None


def test_labels_of_events_from_until_on_are_left_out(table, fitted, labels):
    """A finding about an event that judges the model, or that is unknown, teaches nothing."""
    held_out = str(table.event_id[-1])
    early = from_us(fitted.split.until_us) - DAY
    extra = [
        Label(event_id=name, outcome=CONFIRMED, reviewer="r0", decided_at=early,
              selected_by=Selection.COMPLAINT)
        for name in (held_out, "P-unknown")
    ]  # fmt: skip
    rows = LabelRows.of(fitted, table, Labels.of([*labels.every, *extra]))
    assert (rows.n_unknown, len(rows)) == (2, len(labels))


def test_without_a_confirmed_event_the_bundle_is_as_it_was(table, fitted, labels):
    """Cleared events alone teach no weights; they are reported all the same."""
    cleared = [one.model_copy(update={"outcome": CLEARED}) for one in labels.every]
    found = learn(fitted, table, Labels.of(cleared), draws=DRAWS)
    assert found is not None
    assert found.fitted.bundle.digest == fitted.bundle.digest
    assert found.review.n_confirmed == 0
    assert found.review.p_confirmed.startswith("all 160 reviews are cleared")
    assert "followed: not, nothing was confirmed" in found.review.lines()


def test_p_confirmed_comes_with_the_hundredth_review(table, fitted):
    """With 99 reviewed events severity goes by percentile, with 100 by P(confirmed)."""
    for n_alerts, is_there in ((59, False), (60, True)):
        found = learn(fitted, table, reviewed(table, fitted, n_alerts), draws=DRAWS)
        assert found is not None
        bundle = found.fitted.bundle
        assert (bundle.confirmed is not None) == is_there
        high = float(bundle.calibration.scores[-1])
        scores = bundle.scores_of(high, is_alert=True)
        plain = bundle.calibration.scores_of(high, is_alert=True)
        if is_there:
            assert scores.p_confirmed is not None
            assert scores.p_confirmed.n_reviews == 100
            assert scores.p_confirmed.low < scores.p_confirmed.value < scores.p_confirmed.high
            low = bundle.scores_of(float(bundle.calibration.scores[0]), is_alert=False)
            assert low.band is Band.INFO
        else:
            assert scores == plain
            assert found.review.p_confirmed.startswith("99 reviews")
            assert found.review.followed in {caution.told() for caution in CAUTIONS}


def gated(table, lesson):
    """What the gate says of a lesson."""
    evaluation = evaluate(lesson.fitted, table)
    rate = evaluation.alert_rate.model_copy(update={"low": 0.0, "high": 1.0})
    evaluation = evaluation.model_copy(update={"labels": lesson.review, "alert_rate": rate})
    reasons = refusals(lesson.fitted.bundle, evaluation, spec_hash=table.spec_hash)
    return evaluation, reasons


def test_honest_reviewers_pass_the_gate(table, lesson):
    """And the report says what they found."""
    evaluation, reasons = gated(table, lesson)
    assert reasons == ()
    page = render(lesson.fitted, evaluation)
    assert "What reviewers found" in page
    assert all(f"<td>{name}</td>" in page for name in REVIEWERS)
    assert evaluation.to_markdown().count("labels: ") == 1
    assert evaluation.metrics()["n_labels"] == lesson.review.n_labels


def test_one_reviewer_who_flips_cannot_move_the_champion_alone(table, fitted):
    """Every third outcome of one reviewer is turned: named, and refused."""
    flips = frozenset(range(0, 160, 15))
    found = learn(fitted, table, reviewed(table, fitted, flips=flips), draws=DRAWS)
    assert found is not None
    evaluation, reasons = gated(table, found)
    assert any("reviewer r0 " in reason for reason in reasons)
    assert not any(f"reviewer {name} " in reason for name in REVIEWERS[1:] for reason in reasons)
    assert any("reviewer r0 " in line for line in evaluation.label_lines())


def test_labels_of_one_reviewer_alone_are_refused(table, fitted):
    """Nobody could tell whether they are right."""
    found = learn(fitted, table, reviewed(table, fitted, names=("r0",)), draws=DRAWS)
    assert found is not None
    assert found.review.influences == ()
    assert "all labels are one reviewer's" in gated(table, found)[1][0]


def test_a_bundle_whose_labels_nobody_checked_is_refused(table, lesson):
    """The evaluation must speak of them."""
    evaluation, _ = gated(table, lesson)
    silent = evaluation.model_copy(update={"labels": None})
    reasons = refusals(lesson.fitted.bundle, silent, spec_hash=table.spec_hash)
    assert "nobody checked" in reasons[0]


@pytest.mark.slow
def test_from_a_file_of_labels_to_the_bundle_that_serves(tmp_path, table, labels):
    """Read, trained, registered, through the gate, loaded by digest: score, reasons, chance."""
    path = tmp_path / "labels.csv"
    columns = (*REQUIRED, *OPTIONAL[:1])
    lines = [",".join(str(getattr(one, name)) for name in columns) for one in labels.every]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
    settings = Settings(home=tmp_path, alert_budget=0.05)
    scenario, ledger = catalog.load("payouts"), Ledger.in_memory()
    of_now = replace(table, spec_hash=scenario.spec_hash(ledger.profile("payouts")[1]))
    result = train_table(settings, of_now, labels=read_labels(path))
    assert result.evaluation.label_lines()[0].startswith(f"labels: {len(labels)} on 160 events")
    assert "What reviewers found" in result.report.read_text(encoding="utf-8")
    promotion = promote(settings, ledger, scenario, by="ann")
    assert promotion.reasons == ()
    folder = bundle_folder(settings, "payouts", promotion.digest)
    bundle = Bundle.load(folder, digest=promotion.digest, spec_hash=of_now.spec_hash)
    score = bundle.score_row(table.values[3])
    base, parts = bundle.explain_row(table.values[3])
    assert base + parts.sum() == pytest.approx(score, rel=1e-9)
    assert int(parts.argmax()) == 0
    told = bundle.scores_of(score, is_alert=True).p_confirmed
    assert told is not None
    assert told.n_reviews == 160
