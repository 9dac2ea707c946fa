"""Fits the detectors of an ensemble and what brings their scores together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from features.contracts.vectors import Matrix, PatternInfo, Vector
from models.detector import Detector
from models.ensemble import Ensemble
from models.fitting.ecdf import fit_ecdf
from models.fitting.families import Columns, fit_families
from models.fitting.forest import fit_forest
from models.fitting.mahalanobis import fit_mahalanobis
from models.fitting.neighbours import fit_neighbours
from models.fitting.panel import fit_panel, places_of

FITTERS: Final[Mapping[str, Callable[..., Detector]]] = MappingProxyType(
    {
        "forest": fit_forest,
        "ecdf": fit_ecdf,
        "neighbours": fit_neighbours,
        "mahalanobis": fit_mahalanobis,
        "families": fit_families,
    }
)
"""One fitter `(x, *, seed) -> Detector` for each registered detector."""
DEFAULT: Final = ("forest", "ecdf", "neighbours", "mahalanobis")
"""The detectors of an ensemble where no others are asked for."""
VIEWS: Final[Mapping[str, int]] = MappingProxyType({"neighbours": 2})
"""How many views of the rows a detector joins, where it is not one: it weighs as many times."""
STANDARD_ROWS: Final = 20_000
"""Training rows whose scores give a detector's mean and deviation."""
USUAL_ROWS: Final = 1_000
"""Training rows whose contributions give what a column usually contributes."""
_FEWEST_ROWS: Final = 2


def fit_ensemble(
    x: Matrix,
    names: Sequence[str],
    *,
    seed: int,
    detectors: Sequence[str] = DEFAULT,
    columns: Columns | None = None,
    patterns: Sequence[PatternInfo] = (),
) -> Ensemble:
    """Fit the named detectors on the rows of `x` (NaN is missing); every view weighs alike.

    With `patterns`, whose features are among `names`, the average is one view of a panel. `columns`
    is what is declared of the columns, for the detector that asks (`families`). Same rows, names
    and seed give the same ensemble bit for bit.
    """
    if x.shape[0] < _FEWEST_ROWS or x.shape[1] != len(names):
        raise InputError(
            f"rows have shape {x.shape}; fitting takes 2 rows or more of {len(names)} columns"
        )
    if np.isinf(x).any():
        worst = names[int(np.flatnonzero(np.isinf(x).any(axis=0))[0])]
        raise InputError(f"feature {worst!r} is infinite; a value is finite or missing (NaN)")
    median = np.array([_median(column) for column in x.T])
    filled = np.ascontiguousarray(np.where(np.isnan(x), median, x))
    fitted = tuple(
        fit_families(filled, seed=seed, columns=columns)
        if name == "families"
        else FITTERS[name](filled, seed=seed)
        for name in detectors
    )
    views = np.array([VIEWS.get(name, 1) for name in detectors], np.float64)
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(len(x), min(STANDARD_ROWS, len(x)), replace=False))
    scores = [detector.score(filled[drawn]) for detector in fitted]
    plain = Ensemble(
        feature_names=tuple(names),
        detectors=fitted,
        median=median,
        mu=np.array([score.mean() for score in scores]),
        sigma=np.array([_deviation(score) for score in scores]),
        weights=views / views.sum(),
        usual=np.zeros(len(names)),
    )
    explained = filled[drawn[:: max(1, len(drawn) // USUAL_ROWS)]]
    told = replace(plain, usual=plain.contributions(explained)[1].mean(axis=0))
    if not patterns:
        return told
    return replace(told, panel=fit_panel(filled, told.score(filled), places_of(patterns, names)))


def _median(column: Vector) -> float:
    """Median of what is not missing; 0 for a column that is missing throughout."""
    present = column[~np.isnan(column)]
    return float(np.median(present)) if present.size else 0.0


def _deviation(score: Vector) -> float:
    """Standard deviation, or 1 where all rows score alike."""
    deviation = float(score.std())
    return deviation if deviation > 0.0 else 1.0
