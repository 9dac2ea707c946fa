"""Labels joined with the rows of a feature table, each event explained once for many fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.contracts.events import from_us
from features.contracts.labels import SAMPLED, Label
from features.contracts.vectors import Integers, Matrix, Vector
from features.table import FeatureTable
from models.fitting.labelled import CROWD_ROWS, Explained, Findings
from training.fitted import Fitted
from training.label_weight import label_weights, selection_weight
from training.labels import Labels


@dataclass(frozen=True, eq=False)
class LabelRows:
    """The labels that a fit may use, the events they are about, and a crowd of unreviewed events.

    A label counts when it was decided, and its event happened, before the split's `until`.
    """

    labels: tuple[Label, ...]
    event: Integers
    """For each label the position of its event among `rows`."""
    rows: Integers
    """Of the table, one a reviewed event, in time order."""
    events: Explained
    crowd: Explained
    n_unknown: int
    """Labels known in time whose events the table does not hold, or only later."""
    n_later: int
    """Labels that were decided too late to count."""

    @classmethod
    def of(cls, fitted: Fitted, table: FeatureTable, labels: Labels) -> Self:
        """Join; the crowd is drawn from the fit slice by the fit's own seed."""
        until_us = fitted.split.until_us
        known = labels.known_before(from_us(until_us))
        row = known.rows(table.event_id.tolist())
        is_there = (row >= 0) & (table.effective_us[row] < until_us)
        rows, event = np.unique(row[is_there], return_inverse=True)
        is_crowd = fitted.split.is_fit(table.effective_us)
        is_crowd[rows] = False
        rng = np.random.default_rng(fitted.seed)
        unreviewed = np.flatnonzero(is_crowd)
        drawn = rng.choice(unreviewed, min(CROWD_ROWS, unreviewed.size), replace=False)
        return cls(
            labels=known.chosen(is_there).usable,
            event=event.astype(np.int64),
            rows=rows,
            events=explained(fitted, table, rows),
            crowd=explained(fitted, table, np.sort(drawn)),
            n_unknown=int((~is_there).sum()),
            n_later=len(labels) - len(known),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def is_confirmed(self) -> NDArray[np.bool_]:
        """Which labels confirm."""
        return Labels(self.labels).is_confirmed

    @cached_property
    def everything(self) -> NDArray[np.bool_]:
        """All labels."""
        return np.ones(len(self), dtype=np.bool_)

    @cached_property
    def is_sampled(self) -> NDArray[np.bool_]:
        """Which events an alert or a control chose: they stand for a known part of all events."""
        sampled = [label.selected_by in SAMPLED for label in self.labels]
        return np.bincount(self.event, weights=sampled, minlength=len(self.rows)) > 0

    @cached_property
    def selection_weight(self) -> Vector:
        """Of each event: its inverse inclusion probability, capped."""
        weight = np.zeros(len(self.rows))
        np.maximum.at(weight, self.event, [selection_weight(label) for label in self.labels])
        return weight

    def weights(self, kept: NDArray[np.bool_]) -> Vector:
        """The weights of the labels that are kept, 0 for the others."""
        weight = np.zeros(len(self))
        chosen = [label for label, is_kept in zip(self.labels, kept, strict=True) if is_kept]
        weight[kept] = label_weights(chosen)
        return weight

    def findings(self, kept: NDArray[np.bool_] | None = None) -> Findings:
        """One finding an event that keeps a label, in the order of `rows`."""
        weight = self.weights(self.everything if kept is None else kept)
        n = len(self.rows)
        total = np.bincount(self.event, weights=weight, minlength=n).astype(np.float64)
        confirming = np.bincount(self.event, weights=weight * self.is_confirmed, minlength=n)
        has_label = total > 0.0
        return Findings(
            events=self.events.rows(has_label),
            confirmed=confirming[has_label] / total[has_label],
            weight=total[has_label],
        )

    def reviewers(self) -> tuple[tuple[str, ...], Integers]:
        """The reviewers' pseudonyms, and each label's position among them."""
        return coded([label.reviewer for label in self.labels])


def coded(words: Sequence[str]) -> tuple[tuple[str, ...], Integers]:
    """The distinct words, sorted, and the position of each among them.

    >>> names, codes = coded(["b", "a", "b"])
    >>> names, codes.tolist()
    (('a', 'b'), [1, 0, 1])
    """
    names, codes = np.unique(np.array(words, dtype=np.str_), return_inverse=True)
    return tuple(names.tolist()), codes.astype(np.int64)


def explained(fitted: Fitted, table: FeatureTable, rows: Integers) -> Explained:
    """The rows with the columns that the model takes, and the ensemble's contributions."""
    ensemble = fitted.bundle.ensemble
    used = [table.names.index(name) for name in ensemble.feature_names]
    x: Matrix = np.ascontiguousarray(table.values[rows][:, used])
    return Explained.of(ensemble, x)
