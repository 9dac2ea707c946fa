"""The model of one period: large peer groups are held against themselves, or all against all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from features.table import FeatureTable
from training.period import LEAST, PeriodModel


def test_a_group_is_held_against_itself_only_where_groups_are_apart(
    make_table: Callable[..., FeatureTable],
) -> None:
    """What is ordinary in its own large group is far out among all, and only then."""
    plain = make_table(2 * LEAST + 500, 2)
    few = np.arange(len(plain)) < 500
    far = np.arange(len(plain)) >= 500 + LEAST
    values = np.nan_to_num(plain.values)
    values[far] += 6.0
    groups = np.where(far, "B", np.where(few, "few", "A")).astype(np.str_)
    table = replace(plain, values=values, peer_group=groups)

    apart = PeriodModel.fit(table)
    together = PeriodModel.fit(table, peers_apart=False)

    assert set(apart.ensembles) == {"", "A", "B"}
    assert set(together.ensembles) == {""}
    assert abs(np.median(apart.p[groups == "B"]) - 0.5) < 0.05
    assert set(np.unique(together.kind)) == {""}
