"""Learning from labels: a fitted model weighed anew by what reviewers found, and who found it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contracts.labels import Label, Selection
from features.contracts.vectors import Integers, Vector
from features.table import FeatureTable
from models.bundle import Bundle
from models.calibrate import Calibration
from models.confirmed import Confirmed
from models.fitting.confirmed import Calibrated, fit_confirmed
from models.fitting.labelled import Caution, Explained, crossfit, fit_labelled, trusted
from models.labelled import Labelled
from models.learned import Learned
from models.manifest import Facts
from training.fitted import Fitted
from training.influence import DRAWS, influences
from training.label_review import LabelReview
from training.label_rows import LabelRows, explained
from training.labels import Labels
from training.poison import Reviews, check_reviewers
from training.rank import n_reviews

_FEWEST_TOP: Final = 20
"""Rows at the head of the queue that influence is measured on, at least."""


_HALF: Final = 0.5


class Lesson(NamedTuple):
    """What labels came to: the fit that learned from them, and how far they can be trusted."""

    fitted: Fitted
    review: LabelReview


def learn(
    fitted: Fitted, table: FeatureTable, labels: Labels, *, draws: int = DRAWS
) -> Lesson | None:
    """Let `fitted`, which was fitted on `table`, learn from what was known before its `until`.

    None where no label is known in time; without a confirmed event the fit stays as it was.
    Percentiles are of scores that no finding about the event itself went into: events of the
    calibration slice that were reviewed are scored by models that were fitted without them.
    """
    rows = LabelRows.of(fitted, table, labels)
    if len(rows) == 0:
        return None
    findings = rows.findings()
    ensemble, seed = fitted.bundle.ensemble, fitted.seed
    held_out = np.flatnonzero(fitted.split.is_calibrate(table.effective_us))
    judged = explained(fitted, table, held_out)
    caution = trusted(ensemble, findings, rows.crowd, seed=seed)
    unseen = crossfit(ensemble, findings, rows.crowd, seed=seed, caution=caution)
    calibrated = _calibrated(rows, unseen)
    if findings.n_confirmed > 0:
        labelled = labelled_model(fitted, rows, caution)
        score = labelled.margin(judged.x, judged.parts)
        _, at, of_event = np.intersect1d(held_out, rows.rows, return_indices=True)
        score[at] = unseen[of_event]
        part = _learned(rows, labelled, calibrated.confirmed)
        fitted = replace(fitted, bundle=_rebuilt(fitted.bundle, part, score))
    return Lesson(fitted, _review(fitted, rows, judged, calibrated, caution, draws))


def labelled_model(fitted: Fitted, rows: LabelRows, caution: Caution | None = None) -> Labelled:
    """The ensemble of `fitted`, weighed by all labels in `rows` as far as they can be trusted."""
    ensemble, findings, seed = fitted.bundle.ensemble, rows.findings(), fitted.seed
    if caution is None:
        caution = trusted(ensemble, findings, rows.crowd, seed=seed)
    return fit_labelled(ensemble, findings, rows.crowd, seed=seed, caution=caution)


def _calibrated(rows: LabelRows, unseen: Vector) -> Calibrated:
    """P(confirmed) from the events that stand for a known part of all; a tie says nothing."""
    findings = rows.findings()
    is_tie = findings.is_confirmed == (findings.confirmed < _HALF)
    usable = np.flatnonzero(rows.is_sampled & ~is_tie)
    weight = rows.selection_weight[usable]
    return fit_confirmed(unseen[usable], findings.is_confirmed[usable], weight)


def _learned(rows: LabelRows, labelled: Labelled, confirmed: Confirmed | None) -> Learned:
    names, _ = rows.reviewers()
    return Learned.of(
        labelled,
        confirmed,
        n_labels=len(rows),
        n_confirmed=rows.findings().n_confirmed,
        n_reviewers=len(names),
        labels_sha256=digest(rows.labels),
    )


def digest(labels: Sequence[Label]) -> str:
    """SHA-256 of labels in their order, field by field."""
    text = "\n".join(label.model_dump_json() for label in labels)
    return hashlib.sha256(text.encode()).hexdigest()


def _rebuilt(bundle: Bundle, part: Learned, score: Vector) -> Bundle:
    """The bundle with the labelled part, and the calibration of its scores."""
    return Bundle.build(
        Facts(**{name: getattr(bundle.manifest, name) for name in Facts.model_fields}),
        ensemble=bundle.ensemble,
        calibration=Calibration.fit(score),
        typical=bundle.typical,
        golden=bundle.golden,
        learned=part,
        patterns=bundle.manifest.patterns,
    )


def _review(
    fitted: Fitted,
    rows: LabelRows,
    judged: Explained,
    calibrated: Calibrated,
    caution: Caution,
    draws: int,
) -> LabelReview:
    names, reviewer = rows.reviewers()
    ensemble, seed = fitted.bundle.ensemble, fitted.seed

    def refit(kept: NDArray[np.bool_]) -> Vector:
        found = rows.findings(kept)
        model = fit_labelled(ensemble, found, rows.crowd, seed=seed, caution=caution)
        return model.margin(judged.x, judged.parts)

    n_top = min(len(judged), max(_FEWEST_TOP, n_reviews(len(judged), fitted.budget)))
    is_alone = len(names) == 1
    found = calibrated.confirmed
    return LabelReview(
        n_labels=len(rows),
        n_events=len(rows.rows),
        n_confirmed=rows.findings().n_confirmed,
        n_double=int((np.bincount(rows.event) > 1).sum()),
        n_unknown=rows.n_unknown,
        n_later=rows.n_later,
        reviewers=check_reviewers(reviews_of(fitted, rows), names, seed=seed),
        influences=()
        if is_alone or rows.findings().n_confirmed == 0
        else influences(refit, reviewer, names, n_top=n_top, seed=seed, draws=draws),
        p_confirmed=calibrated.refusal if found is None else f"from {found.n} reviews",
        followed=caution.told() if rows.findings().n_confirmed else "not, nothing was confirmed",
    )


def reviews_of(fitted: Fitted, rows: LabelRows) -> Reviews:
    """The labels with what a model expects of them that saw no event of the same reviewer."""
    _, reviewer = rows.reviewers()
    expected = _expected(fitted, rows, reviewer)
    stratum = np.zeros(len(rows.rows), dtype=np.int64)
    codes = [list(Selection).index(label.selected_by) for label in rows.labels]
    np.maximum.at(stratum, rows.event, codes)
    return Reviews(rows.event, reviewer, rows.is_confirmed, expected, stratum[rows.event])


def _expected(fitted: Fitted, rows: LabelRows, reviewer: Integers) -> Vector:
    """P(confirmed) of each label's event; the share confirmed where it cannot be calibrated yet."""
    margin = np.empty(len(rows))
    for at in np.unique(reviewer):
        touched = np.isin(rows.event, rows.event[reviewer == at])
        model = fit_labelled(
            fitted.bundle.ensemble, rows.findings(~touched), rows.crowd, seed=fitted.seed
        )
        events = rows.events.rows(rows.event[reviewer == at])
        margin[reviewer == at] = model.margin(events.x, events.parts)
    curve = fit_confirmed(margin, rows.is_confirmed, np.ones(len(rows))).confirmed
    if curve is None:
        return np.full(len(rows), rows.is_confirmed.mean())
    return np.array([curve.chance(value).value for value in margin.tolist()])
