"""A small feature table that a test shapes by its arguments."""

from collections.abc import Callable

import numpy as np
import pytest

from features.contracts.vectors import FeatureInfo
from features.table import FeatureTable

DAY_US = 86_400_000_000


def _info(name: str) -> FeatureInfo:
    return FeatureInfo(
        name=name,
        title_zh=name,
        title_en=name,
        unit="count",
        unit_zh="次",
        family="volume",
        tail="high",
        window_days=90,
        why_zh="",
        why_en="",
        false_alarm_zh="",
        false_alarm_en="",
        source="",
    )


def _table(
    n_rows: int = 10, n_features: int = 3, *, seed: int = 0, days: float = 1.0
) -> FeatureTable:
    random = np.random.default_rng(seed)
    values = random.normal(size=(n_rows, n_features))
    status = (random.random(values.shape) < 0.1).astype(np.int8) * np.int8(2)
    values[status != 0] = np.nan
    at = np.arange(n_rows, dtype=np.int64)
    return FeatureTable(
        scenario="payouts",
        spec_hash="5" * 64,
        kernel_version="1",
        currency="CNY",
        infos=tuple(_info(f"f{at}") for at in range(n_features)),
        values=values,
        status=status,
        effective_us=(1_700_000_000_000_000 + at * days * DAY_US).astype(np.int64),
        seq=at + 1,
        kind=np.array(["payout_requested"] * n_rows, dtype=np.str_),
        event_id=np.array([f"P-{row}" for row in at], dtype=np.str_),
        version=np.ones(n_rows, dtype=np.int64),
        subject=np.array([f"E-{row % 7}" for row in at], dtype=np.str_),
        peer_group=np.array(["all"] * n_rows, dtype=np.str_),
        unit=np.array([f"P-{row}" for row in at], dtype=np.str_),
        amount_minor=at * 100 + 100,
        rules={"over_cap": (random.random(n_rows) < 0.05).astype(np.int8)},
    )


@pytest.fixture(scope="session")
def make_table() -> Callable[..., FeatureTable]:
    """`make_table(n_rows, n_features, seed=0, days=1.0)`: ordinary rows, one every `days`."""
    return _table
