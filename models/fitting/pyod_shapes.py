"""PyOD detectors that want something else than rows, made to take rows.

What has no default gets one here; what takes one column gets each column by itself; what scores
only the rows it was fitted on is fitted again with the new rows behind the old ones. Detectors of
time series take the rows as instants of one series, in the order of the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np

from features.contracts.vectors import Matrix, Vector
from models.fitting.pyod_catalog import catalogue

_NEIGHBOURS: Final = (10, 20, 30)


class PyodScorer(Protocol):
    """What is used of a PyOD detector."""

    def fit(self, X: Any) -> object:  # noqa: ANN401, N803  (PyOD's name; rows, or a dict of them)
        """Fit on rows."""

    def decision_function(self, X: Any) -> Vector:  # noqa: ANN401, N803  (PyOD's name)
        """Higher is more unusual."""


@dataclass(eq=False)
class ByColumn:
    """One detector a column; the largest of their scores counts."""

    make: Callable[[], PyodScorer]

    def fit(self, rows: Matrix) -> None:
        """Fit each column by itself."""
        self.fitted = [self.make() for _ in rows.T]
        for detector, column in zip(self.fitted, rows.T, strict=True):
            detector.fit(column.reshape(-1, 1))

    def decision_function(self, rows: Matrix) -> Vector:
        """The largest score of a row's columns."""
        if rows.shape[1] != len(self.fitted):
            raise ValueError(f"rows have {rows.shape[1]} columns, must have {len(self.fitted)}")
        scores = [
            detector.decision_function(column.reshape(-1, 1))
            for detector, column in zip(self.fitted, rows.T, strict=True)
        ]
        largest: Vector = np.max(scores, axis=0)
        return largest


@dataclass(eq=False)
class FittedAgain:
    """A detector that scores only what it was fitted on: fitted again with the new rows behind."""

    make: Callable[[], PyodScorer]

    def fit(self, rows: Matrix) -> None:
        """Keep the rows, and see that they can be fitted."""
        self.rows = rows
        self.make().fit(rows)

    def decision_function(self, rows: Matrix) -> Vector:
        """Scores of the last rows of the whole."""
        detector: Any = self.make()
        detector.fit(np.concatenate([self.rows, rows]))
        scores: Vector = detector.decision_scores_[len(self.rows) :]
        return scores


@dataclass(eq=False)
class OneModality:
    """A detector of several modalities, of which the rows are the only one."""

    make: Callable[[], PyodScorer]

    def fit(self, rows: Matrix) -> None:
        """Fit the one modality."""
        self.fitted = self.make()
        self.fitted.fit({"rows": rows})

    def decision_function(self, rows: Matrix) -> Vector:
        """Scores of the one modality."""
        return self.fitted.decision_function({"rows": rows})


def as_they_are(rows: Any) -> Matrix:  # noqa: ANN401  (an encoder is handed what fit was handed)
    """Rows as their own embedding."""
    return np.asarray(rows, dtype=np.float64)


def _made(class_name: str, **parameters: object) -> Any:  # noqa: ANN401  (PyOD is untyped)
    return catalogue()[class_name].load()(**parameters)


DEFAULTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = MappingProxyType(
    {
        "EmbeddingOD": lambda: {"encoder": as_they_are, "detector": "KNN"},
        "LSCP": lambda: {"detector_list": [_made("LOF", n_neighbors=n) for n in _NEIGHBOURS]},
        "MultiModalOD": lambda: {
            "modalities": {"rows": _made("EmbeddingOD", encoder=as_they_are, detector="KNN")}
        },
        "RGraph": lambda: {"verbose": False},
    }
)
"""Arguments that PyOD leaves to the caller, or that would make it talk."""

SHAPES: Final[Mapping[str, Callable[[Callable[[], PyodScorer]], PyodScorer]]] = MappingProxyType(
    {"MAD": ByColumn, "MatrixProfile": FittedAgain, "MultiModalOD": OneModality}
)
"""What takes rows on behalf of a detector that does not."""
