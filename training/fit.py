"""Fitting: check the data, see what they support, split in time, fit, calibrate, bundle."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import numpy as np

from features.contracts.errors import InputError
from features.contracts.events import from_us
from features.contracts.tables import check_features
from features.contracts.vectors import Matrix, Vector
from features.frames import to_polars
from features.table import FeatureTable
from models.bundle import Bundle
from models.calibrate import Calibration
from models.fitting.ensemble import fit_ensemble
from models.manifest import Facts, TrainingWindow, library_versions
from models.typical import Typical
from training.coverage import Coverage, cover
from training.fitted import Fitted
from training.split import Split, by_time

N_GOLDEN: Final = 16
"""Rows of the calibration slice that a bundle re-scores at every load."""
BUDGET: Final = 0.01


def fit(
    table: FeatureTable,
    *,
    created_at: datetime,
    until: datetime | None = None,
    seed: int = 0,
    budget: float = BUDGET,
    gap_days: int = 7,
    left_out: Collection[str] = (),
) -> Fitted:
    """Fit a model on the rows of `table` before `until` and calibrate it on the last of them.

    Features in `left_out` are not for the model. Nothing from `until` on has a part in the bundle.
    One table, seed and `created_at` give one bundle, byte for byte.

    Raises
    ------
    InputError
        The table breaks its schema, a slice is empty, or no feature is known often enough.
    """
    check_features(to_polars(table))
    split = by_time(table.effective_us, until=until, gap_days=gap_days)
    rows = table.rows(split.is_fit(table.effective_us))
    coverage = cover(rows, left_out=left_out)
    if not coverage.used:
        raise InputError(
            f"{table.scenario}: no feature is known often enough and varies; ingest more events"
        )
    bundle = _bundle(table, split, coverage, budget=budget, seed=seed, created_at=created_at)
    return Fitted(bundle=bundle, split=split, coverage=coverage, seed=seed)


def _bundle(
    table: FeatureTable,
    split: Split,
    coverage: Coverage,
    *,
    budget: float,
    seed: int,
    created_at: datetime,
) -> Bundle:
    rows = table.rows(split.is_fit(table.effective_us))
    calibrate = table.rows(split.is_calibrate(table.effective_us))
    used = [table.names.index(name) for name in coverage.used]
    x, held_out = _matrix(rows), _matrix(calibrate)
    kept = (pattern.within(coverage.used) for pattern in table.patterns)
    patterns = tuple(pattern for pattern in kept if pattern is not None)
    ensemble = fit_ensemble(
        np.ascontiguousarray(x[:, used]), coverage.used, seed=seed, patterns=patterns
    )
    score = ensemble.score(np.ascontiguousarray(held_out[:, used]))
    return Bundle.build(
        _facts(table, split, budget=budget, created_at=created_at),
        ensemble=ensemble,
        calibration=Calibration.fit(score),
        typical=Typical.fit(x, rows.peer_group.tolist()),
        golden=_golden(held_out, score),
        patterns=patterns,
    )


def _facts(table: FeatureTable, split: Split, *, budget: float, created_at: datetime) -> Facts:
    is_seen = split.is_fit(table.effective_us) | split.is_calibrate(table.effective_us)
    at = table.effective_us[split.is_fit(table.effective_us)]
    return Facts(
        scenario=table.scenario,
        spec_hash=table.spec_hash,
        kernel_version=table.kernel_version,
        features=table.infos,
        alert_budget=budget,
        training=TrainingWindow(
            start=from_us(int(at[0])).isoformat(), end=from_us(int(at[-1])).isoformat()
        ),
        rows=split.n_fit,
        data_sha256=table.rows(is_seen).digest,
        currency=table.currency,
        libraries=library_versions(),
        created_at=created_at.isoformat(),
    )


def _matrix(table: FeatureTable) -> Matrix:
    return table.values


def _golden(held_out: Matrix, score: Vector) -> Matrix:
    """Rows spread evenly from the most ordinary to the least, in spec order."""
    order = np.argsort(score, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, num=min(N_GOLDEN, len(order)), dtype=np.int64)]
    return np.ascontiguousarray(held_out[np.unique(chosen)])
